"""What files of annotations say of pictures, gathered by picture, and what of it had to be left out."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.imagefile import ImageError, image_size
from models.spec import is_defect_free
from models.tiling import Box
from training.data.listing import named_split
from training.data.record import DataError, DataSet, MaskShapes, Sample, order_classes
from training.data.shapes import Shape, draw

#: Parts of a pixel that come of writing six digits.
ROUNDING = 1e-3


@dataclass
class Marks:
    """What is marked on one picture.

    Attributes:
        shapes: class → where it is to the pixel.
        boxes: (class, box) of what has a box alone; the picture's mask as a whole is not known then.
        split: as the files say.
    """

    width: int
    height: int
    shapes: dict[str, list[Shape]] = field(default_factory=lambda: defaultdict(list))
    boxes: list[tuple[str, Box]] = field(default_factory=list)
    split: str | None = None

    def box(self, left: float, top: float, width: float, height: float) -> Box:
        """The part of a box that lies on the picture, in whole pixels; ValueError where it is none."""
        right, bottom = (math.ceil(value - ROUNDING) for value in (left + width, top + height))
        left, top = (math.floor(value + ROUNDING) for value in (left, top))
        box = Box(max(0, left), max(0, top), min(self.width, right), min(self.height, bottom))
        if width <= 0 or height <= 0 or box.left >= box.right or box.top >= box.bottom:
            raise ValueError("a box has no area on the picture")
        return box

    def sample(self, image: Path, clean: str) -> Sample:
        """As a sample; `clean` is its class where nothing is marked, or what is marked is free of defects."""
        marked = {*self.shapes, *(name for name, _ in self.boxes)}
        labels = tuple(sorted(name for name in marked if not is_defect_free(name))) or (clean,)
        if self.boxes:
            around = [(name, self._around(shape)) for name in labels for shape in self.shapes.get(name, ())]
            boxes = [(name, box) for name, box in (*self.boxes, *around) if box and not is_defect_free(name)]
            return Sample(image, labels, None, tuple(boxes), split=self.split)
        shapes = tuple((name, tuple(self.shapes[name])) for name in labels if name in self.shapes)
        return Sample(image, labels, MaskShapes(shapes), split=self.split)

    def _around(self, shape: Shape) -> Box | None:
        rows, columns = np.nonzero(draw([shape], self.height, self.width))
        if not len(rows):
            return None
        return Box(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)


class Told:
    """Why something was left out: a sentence for each reason in each file, how often, and the first."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[str]] = defaultdict(list)

    def add(self, file: str, reason: object, name: str) -> None:
        names = self._found[file, str(reason)]
        if name not in names[-1:]:  # a picture with two such marks is one picture
            names.append(name)

    def sentences(self) -> tuple[str, ...]:
        return tuple(
            f"{file}: {reason}; left out: {len(names)} (first {names[0]})"
            for (file, reason), names in self._found.items()
        )


def gathered(root: Path, format: str, marks: dict[Path, Marks], told: Told) -> DataSet:
    """The data set of what was gathered.

    Raises:
        DataError: nothing was; the sentence says why.
    """
    sentences = list(told.sentences())
    if not marks:
        why = sentences[0] if sentences else "there is no picture"
        raise DataError(f"{root}: nothing of it can be used; {why}")
    marked = sorted({name for one in marks.values() for name in one.shapes if is_defect_free(name)})
    clean = marked[0] if marked else "none"
    samples = tuple(one.sample(image, clean) for image, one in sorted(marks.items()))
    if bare := sum(bool(one.boxes) for one in marks.values()):
        sentences.append(
            f"{root.name}: pictures with boxes instead of masks: {bare}; a segmenter may learn from the boxes, but "
            "is not judged by them"
        )
    return DataSet(
        root, format, order_classes({name for one in samples for name in one.labels}), samples, tuple(sentences)
    )


def marks_of(image: Path, root: Path, said: tuple[int | None, int | None] = (None, None)) -> Marks:
    """Empty marks of a picture, its split by the folders that it lies in.

    Args:
        said: width and height by the file of annotations, as far as it says.

    Raises:
        ValueError: the picture cannot be read, or is of another size.
    """
    try:
        width, height = image_size(image)
    except ImageError:
        raise ValueError("the picture cannot be read") from None
    if said[0] not in (None, width) or said[1] not in (None, height):
        raise ValueError("the picture has another size than the file says")
    return Marks(width, height, split=named_split(image.relative_to(root).parts[:-1]))


def read_json(path: Path) -> Any:
    """DataError where it is no JSON."""
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except UnicodeDecodeError:
        raise DataError(f"{path.name}: not JSON in UTF-8; export it again") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path.name}: not JSON, or cut off ({error}); export it again") from None
    except OSError as error:
        raise DataError(f"{path.name}: it cannot be read ({error.strerror})") from None


def json_layout(path: Path) -> str | None:
    """`coco` or `labelme` by the keys at the start of a JSON file, which may be too large to be read for this."""
    try:
        with path.open("rb") as file:
            keys = {key.decode() for key in re.findall(rb'"(\w+)"\s*:', file.read(2**16))}
    except OSError:
        return None
    if {"shapes", "imagePath"} <= keys:
        return "labelme"
    known = {"images", "annotations", "categories", "file_name", "image_id", "category_id"}
    return "coco" if len(known & keys) > 1 else None


def usable_name(name: str) -> str:
    """A class name that can be a folder's name; what cannot stand in one becomes `_`."""
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", name).strip().lstrip(".") or "class"
