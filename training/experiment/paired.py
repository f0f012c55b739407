"""Two models judged on the same pictures, and their difference with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from models.checkpoint import Checkpoint
from models.sidecar import CheckpointError, seen_by
from models.spec import FIGURE_NAMES, FIGURES, NetworkSpec
from training.classifier import stream_scores, targets_of
from training.data.record import DataError, DataSet, Sample, load_image
from training.data.seen import digests
from training.data.splits import group_key, grouped, select
from training.experiment.compare import Bootstrap, Figure, Interval, label_figures, mean_figures
from training.segmenter import evaluate_segmenter

#: With fewer pictures that are unlike one another the draws of a bootstrap are too much alike to tell anything.
FEWEST = 10


@dataclass(frozen=True)
class Comparison:
    """What two models, A and B, reached on one split.

    Attributes:
        pictures: that both were judged on; `groups` of them are unlike one another.
        main: the figure that decides: `macro_f1`, or `dice_positive` (mean dice where a class is).
        a: figure → A's value and interval; `b` likewise. Classes that the split does not show have none.
        change: figure → B's less A's, both looked at in the same draws of pictures.
        warnings: what makes the comparison unfair.
    """

    names: tuple[str, str]
    split: str
    pictures: int
    groups: int
    main: str
    a: dict[str, Interval]
    b: dict[str, Interval]
    change: dict[str, Interval]
    warnings: tuple[str, ...]

    @property
    def verdict(self) -> Literal["a", "b", "no_difference"]:
        change = self.change[self.main]
        return "b" if change.above_zero else "a" if change.below_zero else "no_difference"

    @property
    def sentence(self) -> str:
        (first, second), change, figure = self.names, self.change[self.main], FIGURE_NAMES[self.main]
        if self.verdict == "no_difference":
            return (
                f"no difference that these {self.pictures} pictures could show: {_signed(change)} in {figure} from "
                f"{first} to {second}"
            )
        better = second if self.verdict == "b" else first
        gain = change if self.verdict == "b" else Interval(-change.value, -change.high, -change.low)
        return f"{better} is better by {_signed(gain)} in {figure} on these {self.pictures} pictures"


def check_alike(names: tuple[str, str], a: NetworkSpec, b: NetworkSpec) -> None:
    """CheckpointError where two models do not answer the same question."""
    for name, spec in zip(names, (a, b), strict=True):
        if spec.kind in ("generator", "anomaly"):
            what = "a generator" if spec.kind == "generator" else "an anomaly detector"
            raise CheckpointError(f"{name} is {what}; compare two classifiers or two segmenters")
    if a.kind != b.kind:
        raise CheckpointError(f"{names[0]} is a {a.kind}, {names[1]} a {b.kind}; compare two of one kind")
    if only := sorted(set(a.classes) ^ set(b.classes)):
        raise CheckpointError(
            f"{names[0]} and {names[1]} do not know the same classes: only one of them has {', '.join(only)}; compare "
            "two that were trained on the same classes"
        )
    if a.multi_label != b.multi_label:
        one, several = names if b.multi_label else names[::-1]
        raise CheckpointError(
            f"{one} gives a picture one class, {several} several; compare two that were trained alike"
        )


def judged_split(dataset: DataSet, split: str | None) -> tuple[str, tuple[Sample, ...]]:
    """Name and samples of the split to judge on: as asked, else test, else validation.

    Raises:
        DataError: there is no such split, or none was asked for and the data names neither.
    """
    there = {sample.split for sample in dataset.samples}
    name = split or next((name for name in ("test", "validation") if name in there), None)
    if name is None:
        known = ", ".join(["all", *sorted(found for found in there if found)])
        raise DataError(
            f"{dataset.root.name} names neither a test nor a validation split; say with --split which pictures neither "
            f"model has learned from: {known}"
        )
    return name, select(dataset, name)


def compare(a: Checkpoint, b: Checkpoint, names: tuple[str, str], split: str, samples: Sequence[Sample]) -> Comparison:
    """Judge A and B on the same samples, near-duplicates drawn together.

    Args:
        names: what the two are called in sentences.
        split: what the samples are called.

    Raises:
        CheckpointError: they do not answer the same question.
        DataError: a sample has a class that they do not know, or several where they know of one; nothing to judge a
            segmenter on; or too few pictures.
        ImageError: a picture cannot be read.
    """
    check_alike(names, a.spec, b.spec)
    if a.spec.kind == "segmenter":
        samples = [sample for sample in samples if sample.mask is not None]
    elif not a.spec.multi_label and (mixed := next((s for s in samples if len(s.labels) != 1), None)):
        raise DataError(f"{mixed.image.name} has {len(mixed.labels)} classes; {names[0]} gives each picture one")
    samples = grouped(samples)
    keys = [group_key(sample) for sample in samples]
    if len(set(keys)) < FEWEST:
        what = "unlike pictures with a mask" if a.spec.kind == "segmenter" else "unlike pictures"
        raise DataError(
            f"the {split} split has {len(set(keys))} {what}, near-duplicates counted once; a comparison needs "
            f"{FEWEST} or more, better 100"
        )
    bootstrap = Bootstrap(keys, 1)
    judge = _dice if a.spec.kind == "segmenter" else _rates
    first, second = (judge(bootstrap, one, a.spec.classes, samples) for one in (a, b))
    return Comparison(
        names,
        split,
        len(samples),
        len(set(keys)),
        FIGURES[a.spec.kind],
        {name: figure.interval() for name, figure in first.items()},
        {name: figure.interval() for name, figure in second.items()},
        {name: figure.minus(first[name]) for name, figure in second.items()},
        tuple(_known(names, (a, b), samples)),
    )


def _rates(
    bootstrap: Bootstrap, model: Checkpoint, classes: Sequence[str], samples: Sequence[Sample]
) -> dict[str, Figure]:
    """F1 and recall of a classifier."""
    order, spec = [model.spec.classes.index(name) for name in classes], model.spec
    truth = targets_of(samples, spec)
    scores = torch.stack([*stream_scores(model.network, spec, map(load_image, samples))])
    if spec.multi_label:
        rows, found = truth.bool(), scores >= 0.5
    else:
        rows, found = (torch.nn.functional.one_hot(one, len(order)).bool() for one in (truth, scores.argmax(1)))
    return label_figures(bootstrap, rows[:, order].numpy(), found[None, :, order].numpy(), classes, ())


def _dice(
    bootstrap: Bootstrap, model: Checkpoint, classes: Sequence[str], samples: Sequence[Sample]
) -> dict[str, Figure]:
    """Dice of a segmenter: `dice_positive` where a class is, `dice` also where its empty mask should stay empty."""
    rows = [evaluate_segmenter(model.network, model.spec, [sample])["per_class"] for sample in samples]

    def table(key: str) -> NDArray[np.float64]:
        cells: list[list[Any]] = [[row.get(name, {}).get(key) for name in classes] for row in rows]
        return np.array(cells, dtype=np.float64)  # None becomes NaN

    return {
        name: figure
        for key in ("dice_positive", "dice")
        for name, figure in mean_figures(bootstrap, key, table(key)[None], classes, {key: classes}).items()
    }


def _known(names: tuple[str, str], models: tuple[Checkpoint, Checkpoint], samples: Sequence[Sample]) -> list[str]:
    """A sentence on each model that knows the pictures from its training, or may."""
    judged = digests(sample.image for sample in samples).keys()
    sentences = []
    for name, model in zip(names, models, strict=True):
        seen = seen_by(model.card)
        if seen is None:
            sentences.append(
                f"mind: the card of {name} does not say what it has learned from; it may know some of these"
            )
        elif overlap := len(seen & judged):
            sentences.append(
                f"mind: {name} has learned from {overlap} of these {len(judged)} pictures, so its figures say less "
                "than they seem to"
            )
    return sentences


def _signed(interval: Interval) -> str:
    return f"{interval.value:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})"
