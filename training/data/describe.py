"""What a data set holds and what is wrong with it, before anything is trained on it."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.imagefile import ImageError, read_image
from training.data import detect_format
from training.data.duplicates import Fingerprint, Progress, exact_groups, fingerprint, group_fingerprints
from training.data.record import DataError, DataSet, masked_classes, scarce_classes

#: So many groups of duplicates, and files in one of them, are listed; totals are always complete.
LISTED = 20
BAR = 30


@dataclass(frozen=True)
class Sizes:
    """Pixels; the median of widths and of heights need not be those of one picture."""

    smallest: tuple[int, int]
    median: tuple[int, int]
    largest: tuple[int, int]
    most_common: tuple[int, int]
    most_common_count: int


@dataclass(frozen=True)
class Duplicates:
    """Pictures alike: `groups` lists relative paths, at most LISTED groups of LISTED; the totals count all."""

    total_groups: int
    total_images: int
    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Description:
    """A data set in numbers.

    Attributes:
        found_by: why the format was taken.
        images: picture files; one with two classes counts once here and twice in `classes`.
        imbalance: pictures in the largest class for one in the smallest.
        scarce: defect classes with fewer than a quarter of the largest defect class's pictures.
        sizes: of the pictures that can be read; None if there is none.
        masks: class → pictures whose mask shows it to the pixel.
        splits: split → class → pictures; empty where the data names no splits.
        near: groups alike, also flipped, rotated or relit; those alike to the byte are among them.
        unreadable: (relative path, what is wrong).
    """

    root: str
    format: str
    found_by: str
    images: int
    classes: dict[str, int]
    imbalance: float
    scarce: tuple[str, ...]
    sizes: Sizes | None
    masks: dict[str, int]
    splits: dict[str, dict[str, int]]
    exact: Duplicates
    near: Duplicates
    unreadable: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[str]:
        """Readable text, one bar a class; no line ends in it."""
        lines = [f"{self.root}: {_many(self.images, 'picture')} in {_many(len(self.classes), 'class', 'classes')}"]
        lines += [f"Format: {self.format} ({self.found_by})"]
        if self.sizes:
            small, middle, large, common = (
                f"{width}×{height}"
                for width, height in (
                    self.sizes.smallest,
                    self.sizes.median,
                    self.sizes.largest,
                    self.sizes.most_common,
                )
            )
            if small == large:
                lines.append(f"Size: {small}")
            else:
                often = _many(self.sizes.most_common_count, "picture")
                lines.append(f"Size: {small} to {large}, median {middle}, most often {common} ({often})")
        lines += ["", *self._bars(), ""]
        if len(self.classes) > 1:
            lines.append(f"The largest class has {self.imbalance:.1f} times the pictures of the smallest.")
        if self.scarce:
            lines.append(f"Scarce (under a quarter of the largest defect class): {', '.join(self.scarce)}")
        for split, counts in self.splits.items():
            lines.append(f"{split}: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
        for title, found in (("Same to the byte", self.exact), ("Near-duplicates", self.near)):
            if found.total_groups:
                groups = _many(found.total_groups, "group")
                lines.append(f"{title}: {_many(found.total_images, 'picture')} in {groups}")
                lines += [f"  {' = '.join(group)}" for group in found.groups[:5]]
        lines += [f"Unreadable: {path}: {reason}" for path, reason in self.unreadable]
        lines += [f"Problem: {problem}" for problem in self.problems]
        return lines

    def _bars(self) -> list[str]:
        longest, most = max(map(len, self.classes), default=0), max(self.classes.values(), default=1)
        return [
            f"{name:<{longest}} {count:>6} {'█' * max(count > 0, round(BAR * count / most)):<{BAR}} "
            f"{_many(self.masks.get(name, 0), 'mask')}".rstrip()
            for name, count in self.classes.items()
        ]


def describe(dataset: DataSet, progress: Progress | None = None) -> Description:
    """Decode every picture and count.

    Args:
        progress: called with (pictures read, all).
    """
    images = list(dict.fromkeys(sample.image for sample in dataset.samples))
    shapes: dict[Path, tuple[int, int]] = {}
    prints: list[Fingerprint | None] = []
    unreadable: list[tuple[str, str]] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, found in zip(images, pool.map(_look, images), strict=True):
            if isinstance(found, str):
                unreadable.append((_relative(dataset, path), found))
                prints.append(None)
            else:
                shapes[path] = found[0]
                prints.append(found[1])
            if progress:
                progress(len(prints), len(images))
    exact = exact_groups(prints)
    near = _members(group_fingerprints(prints))
    counts = dataset.counts()
    splits = split_counts(dataset)
    problems = [*dataset.problems, *_leaks(dataset, images, near)]
    return Description(
        root=str(dataset.root),
        format=dataset.format,
        found_by=_found_by(dataset),
        images=len(images),
        classes=counts,
        imbalance=round(max(counts.values()) / max(1, min(counts.values())), 2) if counts else 1.0,
        scarce=scarce_classes(counts),
        sizes=_sizes(list(shapes.values())),
        masks=mask_counts(dataset),
        splits=splits,
        exact=_duplicates(dataset, images, exact),
        near=_duplicates(dataset, images, near),
        unreadable=tuple(unreadable),
        problems=tuple(problems),
    )


def _look(path: Path) -> tuple[tuple[int, int], Fingerprint] | str:
    """Width and height as shown with the fingerprint, or why the picture cannot be read."""
    try:
        content = path.read_bytes()
        height, width, _ = read_image(content, path.name).shape
        return (width, height), fingerprint(content)
    except ImageError as error:
        return str(error).removeprefix(f"{path.name}: ")
    except OSError as error:
        return str(error.strerror or error)


def _found_by(dataset: DataSet) -> str:
    try:
        found, why = detect_format(dataset.root)
    except DataError:
        return "as asked for"
    return why if found == dataset.format else "as asked for"


def _sizes(sizes: Sequence[tuple[int, int]]) -> Sizes | None:
    if not sizes:
        return None
    (common, count) = Counter(sizes).most_common(1)[0]
    by_area = sorted(sizes, key=lambda size: (size[0] * size[1], size))
    width, height = np.median(np.array(sizes), axis=0).astype(int).tolist()
    return Sizes(by_area[0], (width, height), by_area[-1], common, count)


def mask_counts(dataset: DataSet) -> dict[str, int]:
    """Class → pictures whose mask shows it; classes without any are left out."""
    counted = Counter(name for sample in dataset.samples for name in masked_classes(sample))
    return {name: counted[name] for name in dataset.classes if counted[name]}


def split_counts(dataset: DataSet) -> dict[str, dict[str, int]]:
    """Split → class → pictures, by the splits' names; empty where the data names none."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for sample in dataset.samples:
        if sample.split:
            counted[sample.split].update(sample.labels)
    return {split: {name: counted[split][name] for name in dataset.classes} for split in sorted(counted)}


def _leaks(dataset: DataSet, images: Sequence[Path], near: list[list[int]]) -> list[str]:
    """Near-duplicates that the data's own splits put on both sides."""
    splits = {sample.image: sample.split for sample in dataset.samples}
    across = [group for group in near if len({splits[images[index]] for index in group}) > 1]
    if not across:
        return []
    one_a_split = {splits[images[index]]: images[index] for index in reversed(across[0])}
    first = " and ".join(sorted(_relative(dataset, path) for path in one_a_split.values())[:2])
    return [
        f"groups of near-duplicates in more than one split: {len(across)} (first {first}); "
        "scores on such splits are too good"
    ]


def _members(numbers: Sequence[int]) -> list[list[int]]:
    groups: dict[int, list[int]] = defaultdict(list)
    for index, number in enumerate(numbers):
        groups[number].append(index)
    return [group for group in groups.values() if len(group) > 1]


def _duplicates(dataset: DataSet, images: Sequence[Path], groups: list[list[int]]) -> Duplicates:
    listed = sorted(groups, key=len, reverse=True)[:LISTED]
    return Duplicates(
        len(groups),
        sum(map(len, groups)),
        tuple(tuple(_relative(dataset, images[index]) for index in group[:LISTED]) for group in listed),
    )


def _relative(dataset: DataSet, path: Path) -> str:
    if path.is_relative_to(dataset.root):
        return path.relative_to(dataset.root).as_posix()
    return "/".join(path.parts[-2:])  # of a data set of the workspace, whose pictures lie elsewhere


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count} {one if count == 1 else more or one + 's'}"
