"""From a configuration to training and validation samples: split, defect-free crops, rendered strips, order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.imagefile import ImageError, image_size
from models.spec import is_defect_free
from training.anomaly.extra import with_anomalies
from training.config import RunConfig, SegmenterConfig, TrainConfig
from training.data import read_dataset
from training.data.clean_crops import clean_crops
from training.data.record import DataError, DataSet, Sample, is_marked, order_classes
from training.data.seen import digests
from training.data.severstal import read_severstal
from training.data.splits import with_splits
from training.data.strips import EVEN_COUNTS, SEVERSTAL_COUNTS, render_dataset
from training.data.synthetic import SYNTHETIC, Filters, choose, read_synthetic
from training.data.workspace import relabelled


@dataclass(frozen=True)
class Material:
    """What a training works on; `classes` has the defect-free class first.

    Attributes:
        train: real samples, then synthetic ones, whose split says so.
        seen: digests of the pictures that the training, or what made its synthetic ones, learns from; for the card.
    """

    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    seen: frozenset[str] = frozenset()

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
    real = [*train]
    filters = Filters(config.min_confidence, config.min_distance)
    pool = synthetic_pool(config.synthetic, filters, real, isinstance(config, SegmenterConfig), notes)
    if config.clean_crops:
        train += clean_crops(train, config.clean_crops, config.seed)
        validation += clean_crops(validation, min(config.clean_crops, 2), config.seed)
    if config.demo_strips:
        train += _demo_strips(config)
    extra: list[Sample] = []
    if isinstance(config, SegmenterConfig) and config.anomalies:
        folder = config.out / f"anomalies-{config.anomalies}-{config.seed}"
        extra = with_anomalies(real, config.anomalies, config.seed, folder)
    classes = order_classes({label for sample in (*train, *extra) for label in sample.labels})
    if len(classes) < 2 and not isinstance(config, SegmenterConfig):  # a mask has its background beside it
        raise DataError(f"{config.data}: only the class {classes[0]}; a training needs two or more")
    if len(classes) == 2 and not any(map(is_defect_free, classes)):
        notes.append(
            f"neither {classes[0]} nor {classes[1]} is known as the class of good parts, so every picture will be "
            "called a defect; name it with --normal"
        )
    train += choose(pool, real, config.ratio, config.seed) + extra
    return Material(tuple(train), tuple(validation), classes, tuple(notes), frozenset(digests(s.image for s in real)))


def synthetic_pool(
    folders: Sequence[Path], filters: Filters, real: Sequence[Sample], masked: bool, notes: list[str]
) -> list[Sample]:
    """All pictures of the sets.

    Args:
        real: training samples, whose classes the pictures must show.
        masked: for a segmenter: pictures without a mask are left out, and told in `notes`.

    Raises:
        DataError: a set is empty, no picture is left, or one shows a class that the training split does not know.
    """
    pool = [sample for folder in folders for sample in read_synthetic(folder, filters)]
    if masked:
        pool = _masked(pool, notes)
    known = {label for sample in real for label in sample.labels}
    if strangers := sorted({sample.labels[0] for sample in pool} - known):
        raise DataError(
            f"the synthetic pictures show {', '.join(strangers)}, which the training split does not have; it has "
            f"{', '.join(sorted(known))}"
        )
    return pool


def _masked(pool: Sequence[Sample], notes: list[str]) -> list[Sample]:
    kept = [sample for sample in pool if is_marked(sample)]
    if pool and not kept:
        raise DataError(
            f"none of the {len(pool)} synthetic pictures has a mask, so that a segmenter can learn nothing from them; "
            "sample from a generator that was trained with --masks"
        )
    if len(kept) < len(pool):
        notes.append(f"left out, since a segmenter needs masks: {len(pool) - len(kept)} synthetic pictures without one")
    return kept


def split_samples(config: RunConfig) -> tuple[DataSet, list[Sample], list[Sample], str]:
    """The data set, what trains, what is held out, and the name of the latter's split; DataError if unreadable."""
    dataset = with_splits(with_normal(read_dataset(config.data, config.format), config.normal), seed=config.seed)
    return dataset, *training_part(dataset, config.fold)


def with_normal(dataset: DataSet, name: str | None) -> DataSet:
    """The data set with the class `name` called what good parts are called; as it is without a name.

    Raises:
        DataError: there is no such class.
    """
    if not name:
        return dataset
    if name not in dataset.classes:
        raise DataError(f"normal: {dataset.root.name} has no class {name}; it has {', '.join(dataset.classes)}")
    good = next(filter(is_defect_free, dataset.classes), "good")
    samples = tuple(
        relabelled(sample, tuple(dict.fromkeys(good if label == name else label for label in sample.labels)))
        for sample in dataset.samples
    )
    return replace(dataset, samples=samples, classes=order_classes(set(dataset.classes) - {name} | {good}))


def training_part(dataset: DataSet, fold: int | None = None) -> tuple[list[Sample], list[Sample], str]:
    """What trains, what is held out, and the latter's name, of a data set with splits.

    Args:
        fold: number of the fold to hold out; the first if left out.
    """
    held_out = "validation" if fold is None else f"fold{fold}"
    folds = sorted({s.split for s in dataset.samples if s.split and s.split.startswith("fold")})
    if folds and fold is None:
        held_out = folds[0]
    validation = [sample for sample in dataset.samples if sample.split == held_out]
    # Without folds only "train" trains: a test split is not to be looked at.
    train = [s for s in dataset.samples if (s.split in folds and s.split != held_out if folds else s.split == "train")]
    return train, validation, held_out


def epoch_order(
    samples: Sequence[Sample], config: TrainConfig, epoch: int
) -> Iterator[tuple[int, np.random.Generator]]:
    """Sample numbers of one epoch, full batches of them, with the random numbers for each: a function of (seed, epoch)
    alone. The last `config.real_last` of the epochs pass over synthetic samples."""
    rng = np.random.default_rng([config.seed, epoch])
    size, steps = steps_per_epoch(config, len(samples))
    real_only = config.in_last(config.real_last, epoch)
    eligible = np.array([i for i, sample in enumerate(samples) if not (real_only and sample.split == SYNTHETIC)])
    if config.balanced:
        frequency = Counter(label for index in eligible for label in samples[index].labels)
        weights = np.array([max(1 / frequency[label] for label in samples[index].labels) for index in eligible])
        order = rng.choice(eligible, size * steps, p=weights / weights.sum())
    else:
        # Real pictures alone may be fewer than the steps that were planned for all.
        rounds = -(-size * steps // len(eligible))
        order = np.concatenate([rng.permutation(eligible) for _ in range(rounds)])[: size * steps]
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
