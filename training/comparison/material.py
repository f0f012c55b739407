"""What the models of a comparison learn from and are judged on: one split in three, as each kind can use it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.imagefile import image_size
from models.spec import is_defect_free
from models.tiling import PIECES, STRIP_ASPECT
from training.comparison.config import ComparisonConfig, preset_of
from training.data.record import DataError, Sample, is_marked, masked_classes, order_classes
from training.data.seen import digests
from training.experiment.material import fingerprint, three_splits, unlike
from training.material import Material, readable
from training.presets import Kind


@dataclass(frozen=True)
class Splits:
    """Of one kind of model; `classes` are what it answers with, in that order."""

    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    test: tuple[Sample, ...]
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    fingerprint: str

    def material(self) -> Material:
        seen = frozenset(digests(sample.image for sample in self.train))
        return Material(self.train, self.validation, order_classes(_labels(self.train)), self.notes, seen)


def prepare(config: ComparisonConfig) -> dict[Kind, Splits | str]:
    """For each kind of model that is asked for its splits, or the sentence that says why there are none.

    All kinds share one split: what trains the one is not the test of the other.

    Raises:
        DataError: the data cannot be read, or is of no use to any of them.
    """
    notes: list[str] = []
    parts = three_splits(config, notes)
    train, validation, test = (readable(samples, notes) for samples in parts)
    test = unlike(test, (*train, *validation), notes)
    found: dict[Kind, Splits | str] = {}
    for kind in dict.fromkeys(preset_of(name).kind for name in config.models):
        try:
            found[kind] = _of_kind(kind, config, (train, validation, test), notes)
        except DataError as error:
            found[kind] = str(error)
    if not any(isinstance(splits, Splits) for splits in found.values()):
        raise DataError(str(next(iter(found.values()))))
    return found


def _of_kind(kind: Kind, config: ComparisonConfig, parts: Sequence[list[Sample]], told: Sequence[str]) -> Splits:
    notes = [*told]
    if kind == "segmenter":
        train, *others = ([sample for sample in samples if is_marked(sample)] for samples in parts)
        parts = [train, *([sample for sample in samples if sample.mask is not None] for samples in others)]
        classes = order_classes({name for sample in train for name in masked_classes(sample)})
    else:
        several = sum(len(sample.labels) > 1 for samples in parts for sample in samples)
        if several and not config.multi_label:
            notes.append(f"left out of classifiers, since they show several classes: {several} pictures")
        parts = [[sample for sample in samples if _classifiable(sample, config)] for samples in parts]
        defects = {name for name in _labels(parts[0]) if not is_defect_free(name)}
        classes = order_classes(defects if config.multi_label else _labels(parts[0]))
    known = _labels(parts[0])
    train, validation, test = parts[0], *([s for s in samples if known.issuperset(s.labels)] for samples in parts[1:])
    if strange := len(parts[1]) + len(parts[2]) - len(validation) - len(test):
        notes.append(
            f"left out of validation and test, since no training picture shows their class: {strange} pictures"
        )
    if not classes or not (train and validation and test) or (kind == "classifier" and len(known) < 2):
        what = "masks" if kind == "segmenter" else "two classes or more"
        raise DataError(
            f"{config.data}: a {kind} needs {what}, and pictures to train on, to validate and to test; there are "
            f"{len(train)}, {len(validation)} and {len(test)}"
        )
    if missing := [name for name in classes if not any(name in sample.labels for sample in test)]:
        notes.append(f"the test has no picture of {', '.join(missing)}, so that nothing is said of it")
    notes += _stretched(kind, config, image_size(train[0].image))
    marks = kind == "segmenter"
    print_of = fingerprint(train, validation, test, with_masks=marks)
    return Splits(tuple(train), tuple(validation), tuple(test), classes, tuple(notes), print_of)


def _classifiable(sample: Sample, config: ComparisonConfig) -> bool:
    if not config.multi_label and len(sample.labels) != 1:
        return False
    return config.clean or not all(map(is_defect_free, sample.labels))


def _stretched(kind: Kind, config: ComparisonConfig, size: tuple[int, int]) -> list[str]:
    """What becomes of pictures that are no strips where a model was made for those."""
    width, height = size
    if max(size) > STRIP_ASPECT * min(size):
        return []
    notes = []
    for name in config.models:
        values = preset_of(name).values
        side = values.get("size", 0)
        if preset_of(name).kind != kind:
            continue
        if values.get("tiles") == "six":
            notes.append(
                f"{name} is made for strips: it cuts a picture of {width}×{height} into {PIECES} pieces of "
                f"{width // PIECES}×{height}, each stretched to {side}×{side}"
            )
        elif wide := values.get("width"):
            notes.append(f"{name} is made for strips: it stretches a picture of {width}×{height} to {wide}×{side}")
    return notes


def _labels(samples: Sequence[Sample]) -> set[str]:
    return {name for sample in samples for name in sample.labels}
