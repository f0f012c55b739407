"""What an experiment learns from and is judged on: three splits that share nothing, and synthetic pictures."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from models.imagefile import image_size
from models.sidecar import CheckpointError, read_sidecar, seen_by
from models.spec import is_defect_free
from models.start import WEIGHTS_FOLDER, start_has_seen
from training.config import RunConfig
from training.data.duplicates import near_duplicate_groups
from training.data.record import (
    DataError,
    MaskFile,
    MaskRuns,
    MaskShapes,
    Sample,
    is_marked,
    load_masks,
    order_classes,
    scarce_classes,
)
from training.data.seen import digest, digests
from training.data.splits import group_key, with_splits
from training.data.synthetic import Filters, manifest
from training.experiment.config import WITH_SYNTHETIC, ExperimentConfig
from training.material import Material, readable, split_samples, synthetic_pool
from training.views import strip_tiles

#: Part of the training pictures that become validation where the data names but two splits.
VALIDATION = 0.2
#: Part of a class's test pictures from which on one group is worth a note, and pictures of it.
LUMP, A_FEW = 0.1, 5


@dataclass(frozen=True)
class Splits:
    """What every arm shares.

    Attributes:
        train: for a segmenter strips are cut into their tiles, each a sample.
        pool: synthetic pictures, all that pass the filters.
        classes: a segmenter's are defects alone.
        scarce: the classes that the experiment is about.
        notes: what the user should know.
        fingerprint: of the three splits: the same for the same files and labels.
    """

    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    test: tuple[Sample, ...]
    pool: tuple[Sample, ...]
    classes: tuple[str, ...]
    scarce: tuple[str, ...]
    notes: tuple[str, ...]
    fingerprint: str

    def material(self, synthetic: Sequence[Sample]) -> Material:
        """What one training learns from."""
        seen = frozenset(digests(sample.image for sample in self.train))
        return Material((*self.train, *synthetic), self.validation, self.classes, self.notes, seen)


def prepare(config: ExperimentConfig) -> Splits:
    """Read and split the data, and refuse what would make the answer worthless.

    Where the data names a test split, that is the test, and validation is its own or cut from training. Where it names
    training and validation alone, or nothing, the held-out part is the test and validation is cut from the rest, near-
    duplicates on one side each time.

    Raises:
        DataError: a split lacks a class, a classifier's picture has several, a segmenter has no masks, or a synthetic
            set is empty, shows a class that is not there, or comes from a generator that has seen a test picture, or
            may have.
    """
    segmenter = config.task == "segmenter"
    notes: list[str] = []
    train, validation, test = three_splits(config, notes)
    train, validation, test = (readable(samples, notes) for samples in (train, validation, test))
    if segmenter:
        train, validation, test = _masked((train, validation, test), config.data, notes)
    elif mixed := next((sample for sample in (*train, *validation, *test) if len(sample.labels) != 1), None):
        raise DataError(
            f"{mixed.image.name} has {len(mixed.labels)} classes ({', '.join(mixed.labels) or 'none'}); an experiment "
            "with a classifier needs pictures of one class each"
        )
    test = unlike(test, (*train, *validation), notes)
    classes = order_classes({name for s in train for name in s.labels if not (segmenter and is_defect_free(name))})
    for name, samples in (("validation", validation), ("test", test)):
        _complete(name, [_shown(s) if segmenter else s.labels for s in samples], classes)
    notes += _lumps(test, classes)
    scarce = config.scarce or scarce_classes(Counter(label for sample in train for label in sample.labels))
    if strangers := sorted(set(config.scarce) - set(classes)):
        raise DataError(f"scarce: the data has no class {', '.join(strangers)}; it has {', '.join(classes)}")
    if not scarce:
        notes.append("no class is scarce here; the figures are means over all classes")
        scarce = classes
    pool: list[Sample] = []
    if WITH_SYNTHETIC & set(config.arms):
        filters = Filters(config.min_confidence, config.min_distance)
        pool = synthetic_pool(config.synthetic, filters, train, segmenter, notes)
        _refuse_leaks(config.synthetic, pool, test, validation, config.out, notes)
    if overlap := (start_has_seen(config.init, config.task) or frozenset()) & digests(s.image for s in test).keys():
        raise DataError(
            f"init: the start has learned from {len(overlap)} of the {len(test)} test pictures, so that every arm "
            "would know them; use --init imagenet, random, or a FILE that has not"
        )
    return Splits(
        tuple(train),
        tuple(validation),
        tuple(test),
        tuple(pool),
        classes,
        tuple(scarce),
        tuple(notes),
        fingerprint(train, validation, test, with_masks=segmenter),
    )


def three_splits(config: RunConfig, notes: list[str]) -> tuple[list[Sample], list[Sample], list[Sample]]:
    dataset, train, held_out, name = split_samples(config)
    notes += dataset.problems
    test = [sample for sample in dataset.samples if sample.split == "test"]
    if test:
        return train, held_out, test
    notes.append(f"the data names no test split: its {name} split is the test, {VALIDATION:.0%} of training validates")
    rest = replace(dataset, samples=tuple(replace(sample, split=None) for sample in train), problems=())
    cut = with_splits(rest, VALIDATION, config.seed)
    train, validation = ([sample for sample in cut.samples if sample.split == name] for name in ("train", "validation"))
    return train, validation, held_out


def unlike(test: Sequence[Sample], known: Sequence[Sample], notes: list[str]) -> list[Sample]:
    """Test pictures without those that show the same spot as one of training or validation."""
    images = list(dict.fromkeys(sample.image for sample in (*test, *known)))
    groups = dict(zip(images, near_duplicate_groups(images), strict=True))
    taken = {groups[sample.image] for sample in known}
    kept = [sample for sample in test if groups[sample.image] not in taken]
    if len(kept) < len(test):
        notes.append(
            f"left out of the test, since training has near-duplicates of them: {len(test) - len(kept)} pictures"
        )
    return kept


def _lumps(test: Sequence[Sample], classes: Sequence[str]) -> list[str]:
    """A sentence where a tenth or more of a class's test pictures are one group.

    That may be near-duplicates, or what the data keeps together, as NEU's pictures of like illumination. It is drawn
    as one: whichever arm happens to be right on it is so on all of its pictures.
    """
    found = []
    for name in classes:
        groups = Counter(group_key(sample) for sample in test if name in sample.labels)
        largest, count = max(groups.values(), default=0), groups.total()
        if largest >= max(A_FEW, LUMP * count):
            found.append(f"{name} {largest}/{count}")
    if not found:
        return []
    return [
        f"test pictures of a class that are one group: {', '.join(found)}; its figures hang on them, and intervals are "
        "wide; pictures of other groups would narrow them"
    ]


def _masked(splits: Sequence[list[Sample]], data: Path, notes: list[str]) -> tuple[list[Sample], ...]:
    """The samples whose masks are known, strips of the first split in tiles; DataError where that has no defect."""
    train, *others = kept = [[sample for sample in samples if is_marked(sample)] for samples in splits]
    defects = sorted({name for sample in train for name in sample.labels if not is_defect_free(name)})
    if not defects:
        raise DataError(
            f"{data}: no masks to learn from; a segmenter needs run lengths, polygons or pictures in masks/"
        )
    if missing := sum(map(len, splits)) - sum(map(len, kept)):
        notes.append(f"left out, since a segmenter needs masks: {missing} pictures without one")
    return strip_tiles(train, defects, multi_label=True), *others


def _shown(sample: Sample) -> list[str]:
    """Those of its labels that its mask shows: only they have a dice."""
    width, height = image_size(sample.image)
    masks = load_masks(sample, sample.labels, height, width)
    return [name for name, mask in zip(sample.labels, masks, strict=True) if mask.any()]


def _complete(name: str, shown: Sequence[Sequence[str]], classes: Sequence[str]) -> None:
    """DataError where no picture of a split shows one of the classes, or one shows another."""
    counts = Counter(label for labels in shown for label in labels)
    if missing := [label for label in classes if not counts[label]]:
        raise DataError(
            f"the {name} split has no picture of {', '.join(missing)}, so nothing could be said of it; put one or more "
            "there, better 20"
        )
    if strangers := sorted(counts.keys() - set(classes)):
        raise DataError(f"the {name} split has {', '.join(strangers)}, which the training split lacks")


def _refuse_leaks(
    folders: Sequence[Path],
    pool: Sequence[Sample],
    test: Sequence[Sample],
    validation: Sequence[Sample],
    out: Path,
    notes: list[str],
) -> None:
    """DataError where a synthetic picture, or the generator behind it, knows the test."""
    tested, validated = (digests(sample.image for sample in samples) for samples in (test, validation))
    for key, path in digests(sample.image for sample in pool).items():
        if key in tested:
            raise DataError(f"{path.parent.name}/{path.name} of the synthetic set is the test picture "
                            f"{tested[key].name}; take it out")  # fmt: skip
    for folder in folders:
        rows = manifest(folder)
        for row in rows:
            if known := tested.keys() & (row.get("pictures") or "").split():
                raise DataError(
                    f"{folder.name}: {row['file']} holds a part of the test picture {tested[known.pop()].name}; put "
                    "synthetic pictures together from the training split alone"
                )
        makers = [row.get("run") or row.get("generator") or "" for row in rows]
        # Without a generator, what it was put together of is all that a picture can know.
        runs = sorted({maker for maker, row in zip(makers, rows, strict=True) if maker or not row.get("pictures")})
        if not rows:
            notes.append(f"{folder.name} has no record of where its pictures come from; none of them is a test picture")
        for run in runs:
            # Accepted samples lie in the home folder of their run; others were written from the one we run in.
            seen = generator_has_seen(run, [folder.resolve().parent.parent, out.resolve().parent.parent])
            if seen is None:
                raise DataError(
                    f"{folder.name}: nothing says which pictures its generator {run} has learned from, so it may know "
                    "the test; train one on this data's training split and sample from that"
                )
            if overlap := seen & tested.keys():
                raise DataError(
                    f"{folder.name}: its generator {run} has learned from {len(overlap)} of the {len(test)} test "
                    "pictures, so the test would be no test; train it on the training split alone"
                )
            if seen & validated.keys():
                notes.append(f"{folder.name}: its generator has seen validation pictures; the test is untouched")


def generator_has_seen(generator: str, homes: Sequence[Path]) -> frozenset[str] | None:
    """Digests of what a generator has learned from, by the card of its run or model in one of the home folders; None
    where there is none, or it does not say."""
    cards = [home / "runs" / generator / f"{generator}.safetensors" for home in homes]
    cards += [models / f"{generator}.safetensors" for models in (*(home / "models" for home in homes), WEIGHTS_FOLDER)]
    for card in cards:
        try:
            return seen_by(read_sidecar(card)[1])
        except CheckpointError:
            continue
    return None


def fingerprint(*splits: Sequence[Sample], with_masks: bool) -> str:
    listed = [
        "\n".join(sorted(f"{digest(s.image)} {','.join(s.labels)}{_mask(s) if with_masks else ''}" for s in samples))
        for samples in splits
    ]
    return hashlib.sha256("\n\n".join(listed).encode()).hexdigest()[:16]


def _mask(sample: Sample) -> str:
    if isinstance(sample.mask, MaskFile):
        return f" {digest(sample.mask.path)}"
    if isinstance(sample.mask, MaskShapes):
        return f" {sample.mask.shapes}"
    return f" {sample.mask.runs}" if isinstance(sample.mask, MaskRuns) else ""
