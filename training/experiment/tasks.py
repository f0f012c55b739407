"""What differs between experiments with a classifier and with a segmenter: the training, and what the test shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from models.checkpoint import Checkpoint
from training.classifier import stream_scores, train_classifier
from training.data.record import Sample, load_image
from training.events import Event
from training.experiment.compare import Bootstrap, Figure, classification_figures, dice_by_picture, mean_figures
from training.experiment.material import Splits
from training.experiment.verdict import MEASURES, Measures
from training.segmenter import stream_areas, train_segmenter


@dataclass(frozen=True)
class Outcome:
    """What one arm's S trainings made of the N test pictures.

    Attributes:
        figures: paired with those of the other arms.
        confusion: K×K pictures, rows truth, means over the seeds; None for a segmenter.
        pictures: N×S; a classifier's are the classes it named, a segmenter's its mean dice over the classes that the
            picture shows, None where it shows none.
    """

    figures: dict[str, Figure]
    confusion: list[list[float]] | None
    pictures: list[list[Any]]


@dataclass(frozen=True)
class Task:
    """One kind of experiment.

    Attributes:
        train: (configuration, material) → events.
        score: (checkpoint, test) → what is kept of each picture in `scores.npz`, in their order; the last axis is the
            network's K classes.
        outcome: S×N×… of that, K in the order of the splits' classes → what an arm came to.
        pictures: what `Outcome.pictures` is called in `result.json`.
    """

    train: Callable[..., Iterator[Event]]
    score: Callable[[Checkpoint, Sequence[Sample]], Iterator[Tensor]]
    outcome: Callable[[NDArray[Any], Splits, Bootstrap], Outcome]
    pictures: str
    measures: Measures


def _class_scores(checkpoint: Checkpoint, samples: Sequence[Sample]) -> Iterator[Tensor]:
    """K scores of each picture."""
    return stream_scores(checkpoint.network, checkpoint.spec, map(load_image, samples))


def _mask_areas(checkpoint: Checkpoint, samples: Sequence[Sample]) -> Iterator[Tensor]:
    """3×K pixels of each picture, as `training.metrics.mask_areas`."""
    return stream_areas(checkpoint.network, checkpoint.spec, samples)


def _classified(scores: NDArray[np.float32], splits: Splits, bootstrap: Bootstrap) -> Outcome:
    truth = np.array([splits.classes.index(sample.labels[0]) for sample in splits.test])
    predicted = scores.argmax(2)
    return Outcome(
        classification_figures(bootstrap, truth, predicted, splits.classes, splits.scarce),
        _confusion(truth, predicted, len(splits.classes)),
        [[splits.classes[index] for index in seeds] for seeds in predicted.T],
    )


def _segmented(areas: NDArray[np.int64], splits: Splits, bootstrap: Bootstrap) -> Outcome:
    """`macro_dice`, `scarce_dice` (means over classes) and `dice:CLASS`.

    A class's dice is the mean over the pictures that show it, as `SegmentationMeter`'s `dice_positive`; it is not
    pooled over their pixels, where a few large defects would outweigh all others.
    """
    dice = dice_by_picture(areas)
    means = {"macro_dice": splits.classes, "scarce_dice": splits.scarce}
    figures = mean_figures(bootstrap, "dice", dice, splits.classes, means)
    pictures = [
        [round(float(found[np.isfinite(found)].mean()), 4) if np.isfinite(found).any() else None for found in seeds]
        for seeds in dice.swapaxes(0, 1)
    ]
    return Outcome(figures, None, pictures)


def _confusion(truth: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> list[list[float]]:
    cells = np.zeros((classes, classes))
    for row in predicted:
        np.add.at(cells, (truth, row), 1 / len(predicted))
    return [[round(float(value), 3) for value in row] for row in cells]


TASKS: dict[str, Task] = {
    "classifier": Task(train_classifier, _class_scores, _classified, "predicted", MEASURES["classifier"]),
    "segmenter": Task(train_segmenter, _mask_areas, _segmented, "dice", MEASURES["segmenter"]),
}
