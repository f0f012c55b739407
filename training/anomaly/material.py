"""Good pictures to learn from, and what they are tried on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.imagefile import image_size
from models.spec import is_defect_free
from training.anomaly.config import AnomalyConfig
from training.data import read_dataset
from training.data.clean_crops import clean_crops
from training.data.listing import list_images, subfolders
from training.data.record import DataError, DataSet, Sample, load_image
from training.data.seen import digests
from training.data.splits import grouped, with_splits
from training.material import readable, training_part

#: Fewer good pictures tell nothing about how much good ones vary.
FEWEST = 8
#: What crops of good texture, and the pictures of a folder without classes, are called.
GOOD = "good"


@dataclass(frozen=True)
class GoodMaterial:
    """What an anomaly detector learns from.

    Attributes:
        good: pictures of good parts, or defect-free crops, each with its group.
        validation: good and bad ones that it does not learn from; empty where the data has no bad ones to try it on.
        normal: the class of the good ones.
        seen: digests of the pictures that are learned from; for the card.
    """

    good: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    normal: str
    notes: tuple[str, ...]
    seen: frozenset[str]


def gather_good(config: AnomalyConfig) -> GoodMaterial:
    """Read the data and take the good pictures of its training part.

    Where nothing but good pictures is open (a test split never is), all of them are learned from; else the split is
    as everywhere.

    Raises:
        DataError: the data cannot be read, no class is known to be good, or there are fewer than `FEWEST`.
    """
    dataset = _read(config)
    normal = _normal(dataset, config)
    if all(is_good(sample, normal) for sample in dataset.samples if sample.split != "test"):
        train = [sample for sample in dataset.samples if sample.split in (None, "train")]
        validation = [sample for sample in dataset.samples if sample.split == "validation"]
    else:
        dataset = with_splits(dataset, seed=config.seed)
        train, validation, _ = training_part(dataset, config.fold)
    notes = list(dataset.problems)
    good = readable([sample for sample in train if is_good(sample, normal)], notes)
    if config.clean_crops:
        masked = readable([sample for sample in train if not is_good(sample, normal)], notes)
        good += clean_crops(masked, config.clean_crops, config.seed, normal)
    if len(good) < FEWEST:
        raise DataError(
            f"{config.data}: {len(good)} good pictures to learn from; a detector needs {FEWEST}, better 30 or more"
        )
    seen = frozenset(digests(sample.image for sample in good))
    return GoodMaterial(tuple(grouped(good)), tuple(readable(validation, notes)), normal, tuple(notes), seen)


def is_good(sample: Sample, normal: str) -> bool:
    return all(label == normal or is_defect_free(label) for label in sample.labels)


def load_good(sample: Sample) -> NDArray[np.uint8]:
    """H×W×3 uint8; a crop is continued by mirroring to the size of its picture, so that the texture keeps its scale.

    Raises:
        ImageError: it cannot be read.
    """
    image = load_image(sample)
    if sample.crop is None:
        return image
    width, height = image_size(sample.image)
    missing = height - image.shape[0], width - image.shape[1]
    return np.pad(image, [(0, missing[0]), (0, missing[1]), (0, 0)], mode="symmetric")


def folds_of(samples: Sequence[Sample], count: int, seed: int) -> NDArray[np.int64]:
    """Number of the fold of each of N samples, from 0; near-duplicates share one, and folds are of about one size.

    Where there are fewer groups than folds, there are fewer folds; a single group is dealt picture by picture.
    """
    keys = [sample.group or str(number) for number, sample in enumerate(samples)]
    if len(set(keys)) == 1:
        keys = [str(number) for number in range(len(samples))]
    names, members = np.unique(keys, return_inverse=True)
    sizes = np.bincount(members)
    count = min(count, len(names))
    filled, fold = np.zeros(count), np.zeros(len(names), dtype=np.int64)
    order = np.random.default_rng(seed).permutation(len(names))
    for name in order[np.argsort(-sizes[order], kind="stable")]:  # the largest first, each to the emptiest fold
        fold[name] = filled.argmin()
        filled[fold[name]] += sizes[name]
    return fold[members]


def _read(config: AnomalyConfig) -> DataSet:
    if config.format == "auto" and not subfolders(config.data) and (pictures := list_images(config.data)):
        return DataSet(config.data, "folders", (GOOD,), tuple(Sample(path, (GOOD,)) for path in pictures))
    return read_dataset(config.data, config.format)


def _normal(dataset: DataSet, config: AnomalyConfig) -> str:
    if config.normal is not None:
        if config.normal not in dataset.classes and not config.clean_crops:
            raise DataError(
                f"{config.data}: there is no class {config.normal!r}; the classes are {', '.join(dataset.classes)}"
            )
        return config.normal
    if free := [name for name in dataset.classes if is_defect_free(name)]:
        return free[0]
    if config.clean_crops:
        return GOOD
    raise DataError(
        f"{config.data}: none of the classes {', '.join(dataset.classes)} is known to be good; name it with --normal, "
        "or cut good texture from outside the masks with --clean-crops"
    )
