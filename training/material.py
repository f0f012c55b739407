"""From a configuration to training and validation samples: split, defect-free crops, rendered strips, order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from models.imagefile import ImageError, image_size
from training.config import RunConfig, TrainConfig
from training.data import read_dataset
from training.data.clean_crops import clean_crops
from training.data.record import DataError, DataSet, Sample, order_classes
from training.data.severstal import read_severstal
from training.data.splits import with_splits
from training.data.strips import EVEN_COUNTS, SEVERSTAL_COUNTS, render_dataset


@dataclass(frozen=True)
class Material:
    """What a training works on; `classes` has the defect-free class first."""

    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    classes: tuple[str, ...]
    notes: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        counted = Counter(label for sample in self.train for label in sample.labels)
        return {name: counted[name] for name in self.classes}


def gather(config: TrainConfig) -> Material:
    """Read, split and enrich the data of a training.

    Demo strips go into the training split only; defect-free crops go into both, each cut from its own split's
    pictures, so that validation knows the class too.

    Raises:
        DataError: the data cannot be read, or a split is empty.
    """
    dataset, train, validation, held_out = split_samples(config)
    notes = list(dataset.problems)
    train, validation = (readable(samples, notes) for samples in (train, validation))
    if not train or not validation:
        raise DataError(
            f"{config.data}: {len(train)} pictures to train and {len(validation)} to validate ({held_out}); "
            "each split needs at least one"
        )
    if config.clean_crops:
        train += clean_crops(train, config.clean_crops, config.seed)
        validation += clean_crops(validation, min(config.clean_crops, 2), config.seed)
    if config.demo_strips:
        train += _demo_strips(config)
    classes = order_classes({label for sample in train for label in sample.labels})
    if len(classes) < 2:
        raise DataError(f"{config.data}: only the class {classes[0]}; a training needs two or more")
    return Material(tuple(train), tuple(validation), classes, tuple(notes))


def split_samples(config: RunConfig) -> tuple[DataSet, list[Sample], list[Sample], str]:
    """The data set, what trains, what is held out, and the name of the latter's split; DataError if unreadable."""
    dataset = with_splits(read_dataset(config.data, config.format), seed=config.seed)
    held_out = "validation" if config.fold is None else f"fold{config.fold}"
    folds = sorted({s.split for s in dataset.samples if s.split and s.split.startswith("fold")})
    if folds and config.fold is None:
        held_out = folds[0]
    validation = [sample for sample in dataset.samples if sample.split == held_out]
    # Without folds only "train" trains: a test split is not to be looked at.
    train = [s for s in dataset.samples if (s.split in folds and s.split != held_out if folds else s.split == "train")]
    return dataset, train, validation, held_out


def epoch_order(
    samples: Sequence[Sample], config: TrainConfig, epoch: int
) -> Iterator[tuple[int, np.random.Generator]]:
    """Sample numbers of one epoch with the random numbers for each: a function of (seed, epoch) alone."""
    rng = np.random.default_rng([config.seed, epoch])
    count = (
        min(config.max_per_epoch or len(samples), len(samples))
        if not config.balanced
        else config.max_per_epoch or len(samples)
    )
    if config.balanced:
        frequency = Counter(label for sample in samples for label in sample.labels)
        weights = np.array([max(1 / frequency[label] for label in sample.labels) for sample in samples])
        order = rng.choice(len(samples), count, p=weights / weights.sum())
    else:
        order = rng.permutation(len(samples))[:count]
    for index in order.tolist():
        yield index, np.random.default_rng([config.seed, epoch, index])


def batches_of(
    order: Iterator[tuple[int, np.random.Generator]], size: int
) -> Iterator[list[tuple[int, np.random.Generator]]]:
    """Full batches only: batch norm fails on a single image, and a short batch would weigh more."""
    batch: list[tuple[int, np.random.Generator]] = []
    for item in order:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []


def steps_per_epoch(config: TrainConfig, samples: int) -> tuple[int, int]:
    """Batch size (never larger than the data) and full batches an epoch."""
    count = config.max_per_epoch or samples
    count = count if config.balanced else min(count, samples)
    size = min(config.batch_size, count)
    return size, count // size


def readable(samples: list[Sample], notes: list[str]) -> list[Sample]:
    """Leave out what is no picture, before an epoch is spent on finding it."""
    kept = []
    for sample in samples:
        try:
            image_size(sample.image)
            kept.append(sample)
        except ImageError as error:
            notes.append(f"left out: {error}")
    return kept


def _demo_strips(config: TrainConfig) -> list[Sample]:
    """Rendered beside the checkpoint, once: a resumed training finds them there."""
    kind, counts = ("even", EVEN_COUNTS) if config.demo_even else ("strips", SEVERSTAL_COUNTS)
    folder = config.out / f"{kind}-{config.demo_strips}-{config.seed}"
    if not (folder / "train.csv").is_file():
        for _ in render_dataset(folder, config.demo_strips, config.seed, counts):
            pass
    return list(read_severstal(folder).samples)
