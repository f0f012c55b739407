"""What a GAN learns from: pictures and tiles of strips that show the class, in memory, at one size."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from models.imagefile import read_image
from models.spec import is_defect_free
from models.tiling import STRIP_ASPECT, Box
from training.data.record import DataError, DataSet, Sample, known_classes, load_masks
from training.data.seen import digests
from training.gan.config import GanConfig
from training.material import readable, split_samples
from training.views import AMBIGUOUS_PIXELS

#: Fewer pictures than this teach nothing that copying them would not; below the second number they hardly do.
FLOOR, FEW = 4, 20


@dataclass(frozen=True)
class Patch:
    """A part of a picture, and whether it serves: `dark` is past the strip's edge, `other` does not show the class."""

    sample: Sample
    box: Box
    label: str | None
    verdict: Literal["kept", "dark", "other"]
    grey: float


@dataclass(frozen=True)
class Patches:
    """Training pictures.

    Attributes:
        images: N×C×S×S uint8; where masks are made along, the last channel is the mask, 255 in a defect and less at its
            rim.
        labels: N int64, index into `classes`.
        classes: the one class, or all of them.
        notes: what the user should know: left-out files, few pictures.
        seen: digests of the pictures that they come from.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    seen: frozenset[str] = frozenset()

    def counts(self) -> dict[str, int]:
        counted = Counter(self.labels.tolist())
        return {name: counted[index] for index, name in enumerate(self.classes)}


def load_patches(config: GanConfig) -> Patches:
    """Read the training split's pictures of the class, cut strips into tiles, and resize.

    Raises:
        DataError: no such class, too few pictures of it, a size larger than the tiles, or masks that are not there.
    """
    dataset, train, _, _ = split_samples(config)
    classes = _classes(dataset, config)
    notes = list(dataset.problems)
    images, labels, files = [], [], set()
    smallest = 10**9
    for patch, picture, mask in look_at_patches(readable(train, notes), classes, config.dark):
        if patch.verdict != "kept" or patch.label is None:
            continue
        smallest = min(smallest, *picture.shape[:2])
        images.append(_prepared(picture, mask, config))
        labels.append(classes.index(patch.label))
        files.add(patch.sample.image)
    counted = Counter(labels)
    for index, name in enumerate(classes):
        if counted[index] < FLOOR:
            raise DataError(
                f"{config.data}: {counted[index]} training pictures show {name}; a GAN needs at least {FLOOR}, "
                f"and {FEW} or more to make anything new"
            )
        if counted[index] < FEW:
            notes.append(
                f"only {counted[index]} pictures show {name}: expect near-copies of them; {FEW} are few already"
            )
    if config.size > smallest:
        raise DataError(
            f"size is {config.size}, but the smallest picture is {smallest} px; choose a size up to {smallest}"
        )
    return Patches(torch.stack(images), torch.tensor(labels), classes, tuple(notes), frozenset(digests(files)))


def look_at_patches(
    samples: Sequence[Sample], classes: Sequence[str], dark: float
) -> Iterator[tuple[Patch, NDArray[np.uint8], NDArray[np.bool_] | None]]:
    """Every part that a picture is cut into, H×W×3 uint8, with the verdict on it and its mask H×W, if that is known.

    Parts with a mean grey up to `dark` lie past the strip's edge.

    The thesis's preprocessing: a strip in equal, nearly square tiles (six of 266×256), without those that lie past
    its edge and those that do not show the class.
    """
    for sample in samples:
        if not set(sample.labels) & set(classes):
            continue
        whole = read_image(sample.image)
        boxes = equal_tiles(*whole.shape[:2]) if sample.crop is None else [sample.crop]
        masks = None
        if known_classes(sample, classes).all() and sample.mask is not None:
            masks = load_masks(sample, classes, *whole.shape[:2])
        for box in boxes:
            part = whole[box.top : box.bottom, box.left : box.right]
            inside = None
            if masks is not None:
                inside = masks if sample.crop is not None else masks[:, box.top : box.bottom, box.left : box.right]
            grey = float(part.mean())
            label = _label(sample, inside, classes, len(boxes) > 1)
            verdict: Literal["kept", "dark", "other"] = (
                "dark" if grey <= dark else "kept" if label is not None else "other"
            )
            mask = inside[classes.index(label)] if inside is not None and label is not None else None
            if mask is None and label is not None and is_defect_free(label):
                mask = np.zeros(part.shape[:2], dtype=bool)  # known without a file
            yield Patch(sample, box, label, verdict, grey), part, mask


def equal_tiles(height: int, width: int) -> list[Box]:
    """The picture itself, or a strip in as many equal tiles side by side as come nearest to squares."""
    side, length = min(height, width), max(height, width)
    if length <= STRIP_ASPECT * side:
        return [Box(0, 0, width, height)]
    count = round(length / side)
    edges = [length * index // count for index in range(count + 1)]
    spans = itertools.pairwise(edges)
    if width >= height:
        return [Box(start, 0, end, height) for start, end in spans]
    return [Box(0, start, width, end) for start, end in spans]


def _label(sample: Sample, masks: NDArray[np.bool_] | None, classes: Sequence[str], tile: bool) -> str | None:
    """The class that a part shows; None where it shows none of them, or too little to tell."""
    if masks is None or not tile:
        return next((name for name in sample.labels if name in classes), None)
    areas = masks.sum((1, 2))
    if areas.max(initial=0) >= AMBIGUOUS_PIXELS:
        return classes[int(areas.argmax())]
    return next((name for name in classes if is_defect_free(name)), None) if not areas.any() else None


def _classes(dataset: DataSet, config: GanConfig) -> tuple[str, ...]:
    if config.class_name is None:
        return dataset.classes
    if config.class_name not in dataset.classes:
        counts = ", ".join(f"{name} {count}" for name, count in dataset.counts().items())
        raise DataError(f"{config.data}: there is no class {config.class_name!r}; it has {counts}")
    return (config.class_name,)


def _prepared(picture: NDArray[np.uint8], mask: NDArray[np.bool_] | None, config: GanConfig) -> Tensor:
    """H×W×3 uint8 → C×S×S uint8."""
    pixels = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float()
    if not config.colour:
        pixels = pixels.mean(1, keepdim=True)
    if config.masks:
        if mask is None:
            raise DataError(f"{config.data}: not every picture of the class has a mask; leave --masks out")
        pixels = torch.cat([pixels, torch.from_numpy(mask.astype(np.float32) * 255)[None, None]], 1)
    pixels = F.interpolate(pixels, (config.size, config.size), mode="bilinear", antialias=True)
    return pixels[0].round().clamp(0, 255).to(torch.uint8)
