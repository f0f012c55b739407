"""The one sample record that every reader yields, and how its mask becomes pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models import rle
from models.imagefile import ImageError, image_size, read_image
from models.spec import is_defect_free
from models.tiling import Box
from training.data.shapes import Shape, draw

#: A class with less than this part of the largest one's pictures is scarce.
SCARCE = 0.25


class DataError(ValueError):
    """A data set cannot be used; the message names the file or folder, what is wrong and what would be right."""


@dataclass(frozen=True)
class MaskFile:
    """A mask picture; `values` says which pixel value is which class, 0 (or "not above 127") is background.

    With the single key -1 the mask is binary: everything above half of its range is that class.
    """

    path: Path
    values: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class MaskRuns:
    """Severstal's masks: class → run lengths (1-based, column-major). Classes not named are known to be absent."""

    runs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class MaskShapes:
    """Polygons and COCO's run lengths: class → shapes. Classes not named are known to be absent."""

    shapes: tuple[tuple[str, tuple[Shape, ...]], ...]


Mask = MaskFile | MaskRuns | MaskShapes


@dataclass(frozen=True)
class Sample:
    """One labelled picture, or the part `crop` of one.

    Attributes:
        image: the picture.
        labels: its classes; one for single-label data, several on a Severstal strip.
        mask: where they are, if that is known to the pixel.
        boxes: (class, box) where it is known roughly (Pascal VOC); stands in for a missing mask in training only.
        group: near-duplicates share it and never cross a split.
        split: `train`, `validation`, `test`, `fold0` … or None where the data does not say.
        crop: the part that this sample is; the whole picture if None.
    """

    image: Path
    labels: tuple[str, ...]
    mask: Mask | None = None
    boxes: tuple[tuple[str, Box], ...] = ()
    group: str | None = None
    split: str | None = None
    crop: Box | None = None


@dataclass(frozen=True)
class DataSet:
    """What a reader found.

    Attributes:
        format: key of `training.data.READERS`.
        classes: all labels, sorted, the defect-free one first.
        problems: one sentence each for what was left out and why.
    """

    root: Path
    format: str
    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    problems: tuple[str, ...] = field(default=())

    def counts(self) -> dict[str, int]:
        """Pictures by class, in the order of `classes`; a strip with two defects counts for both."""
        counted = Counter(label for sample in self.samples for label in sample.labels)
        return {name: counted[name] for name in self.classes}

    def training_counts(self) -> dict[str, int]:
        """As `counts`, of what a training may learn from: all pictures but those that are held out by name."""
        held_out = ("validation", "test")
        counted = Counter(label for one in self.samples if one.split not in held_out for label in one.labels)
        return {name: counted[name] for name in self.classes}


def order_classes(names: set[str]) -> tuple[str, ...]:
    return tuple(sorted(names, key=lambda name: (not is_defect_free(name), name)))


def scarce_classes(counts: Mapping[str, int]) -> tuple[str, ...]:
    """Defect classes with less than `SCARCE` of the largest one's pictures."""
    defects = {name: count for name, count in counts.items() if not is_defect_free(name)}
    most = max(defects.values(), default=0)
    return tuple(name for name, count in defects.items() if count < SCARCE * most)


def load_image(sample: Sample) -> NDArray[np.uint8]:
    """H×W×3 uint8 of the sample (its crop); ImageError where it cannot be read."""
    image = read_image(sample.image)
    return image if sample.crop is None else image[_slices(sample.crop)]


def known_classes(sample: Sample, classes: Sequence[str]) -> NDArray[np.bool_]:
    """Which of `classes` have a known mask here (C bool): all but those that are present without one."""
    if sample.mask is not None:
        return np.ones(len(classes), dtype=bool)
    return np.array([name not in sample.labels for name in classes], dtype=bool)


def masked_classes(sample: Sample) -> set[str]:
    """Classes that its mask shows to the pixel."""
    if isinstance(sample.mask, MaskRuns):
        return {name for name, _ in sample.mask.runs}
    if isinstance(sample.mask, MaskShapes):
        return {name for name, _ in sample.mask.shapes}
    if isinstance(sample.mask, MaskFile):
        return {name for _, name in sample.mask.values} & set(sample.labels)
    return set()


def is_marked(sample: Sample) -> bool:
    """Whether all that it shows is known to the pixel: it has a mask, or nothing that would need one."""
    return sample.mask is not None or all(map(is_defect_free, sample.labels))


def load_masks(sample: Sample, classes: Sequence[str], height: int, width: int) -> NDArray[np.bool_]:
    """Masks of `classes` on the whole picture, cropped like the sample.

    Args:
        height: of the whole picture, in pixels; likewise `width`.

    Returns:
        C×H×W bool, H and W those of the sample's crop.

    Raises:
        DataError: the mask's file is unreadable or of another size than the picture.
        ValueError: its run lengths are for another size.
    """
    masks = np.zeros((len(classes), height, width), dtype=bool)
    if isinstance(sample.mask, MaskRuns):
        for name, runs in sample.mask.runs:
            if name in classes:
                masks[classes.index(name)] |= rle.decode(runs, height, width)
    elif isinstance(sample.mask, MaskShapes):
        for name, shapes in sample.mask.shapes:
            if name in classes:
                masks[classes.index(name)] |= draw(shapes, height, width)
    elif isinstance(sample.mask, MaskFile):
        indices = read_mask(sample.mask.path)
        if indices.shape != (height, width):
            found = indices.shape[1], indices.shape[0]
            raise DataError(f"{sample.mask.path.name}: {_wrong_size(found, sample.image, (width, height))}")
        for value, name in sample.mask.values:
            if name in classes:
                masks[classes.index(name)] |= (indices > _half(indices)) if value < 0 else indices == value
    else:
        for name, box in sample.boxes:
            if name in classes:
                masks[classes.index(name)][_slices(box)] = True
    return masks if sample.crop is None else masks[:, *_slices(sample.crop)]


def read_mask(path: Path) -> NDArray[np.int32]:
    """Pixel values of a mask picture, H×W; a palette gives its indices, colour its brightest channel."""
    try:
        with Image.open(path) as opened:
            values = np.asarray(opened)
    except Exception as error:  # Pillow raises nearly anything on damage
        raise DataError(f"{path.name}: the mask cannot be read ({error}); save it again as PNG") from error
    if values.ndim == 3:  # a second or fourth channel is transparency
        values = values[..., : 1 if values.shape[2] == 2 else 3].max(axis=2)
    return values.astype(np.int32)


def mask_problem(image: Path, mask: Path) -> str | None:
    """What is wrong with a mask by its header, as a sentence; None where nothing is, or the picture is to blame."""
    try:
        width, height = image_size(image)
    except ImageError:
        return None  # told where pictures are read
    try:
        found = image_size(mask)
    except ImageError as error:
        return f"mask {error}"
    if found == (width, height):
        return None
    return f"{mask.name}: {_wrong_size(found, image, (width, height))}"


def _wrong_size(found: tuple[int, int], image: Path, right: tuple[int, int]) -> str:
    return f"the mask is {found[0]}×{found[1]}, but {image.name} is {right[0]}×{right[1]}; they must be of one size"


def _half(values: NDArray[np.int32]) -> float:
    return 127 if values.max(initial=0) > 1 else 0


def _slices(box: Box) -> tuple[slice, slice]:
    return slice(box.top, box.bottom), slice(box.left, box.right)


__all__ = ["DataError", "DataSet", "ImageError", "MaskFile", "MaskRuns", "MaskShapes", "Sample"]
