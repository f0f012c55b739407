"""LabelMe: one JSON a picture, beside it with polygons, rectangles, circles, lines and masks."""

from __future__ import annotations

import base64
import binascii
import io
import math
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, Field, ValidationError

from training.data.listing import Pictures, json_files
from training.data.marks import Marks, Told, gathered, json_layout, marks_of, read_json, usable_name
from training.data.record import DataError, DataSet
from training.data.shapes import Shape, polygon, run_lengths

Finite = Annotated[float, Field(allow_inf_nan=False)]
#: Width of a line, px, and corners of a circle: as LabelMe's own export draws them.
LINE, CORNERS = 10.0, 64


class _Shape(BaseModel):
    label: str = Field(min_length=1)
    points: list[tuple[Finite, Finite]]
    shape_type: str = "polygon"
    mask: str | None = None


class _File(BaseModel):
    shapes: list[_Shape]
    image_path: str = Field(alias="imagePath", min_length=1)
    width: int | None = Field(None, alias="imageWidth")
    height: int | None = Field(None, alias="imageHeight")


def read_labelme(root: Path) -> DataSet:
    """Pictures with any number of classes each; a file without shapes says that its picture is free of defects.

    `imageData` is passed over: the picture is looked for. A picture without a file is not known to be good and is left
    out, and so is one with a shape that cannot be used. A folder called train, val or test is a split.

    Raises:
        DataError: there is no LabelMe file, or none can be used.
    """
    files = [file for file in json_files(root) if json_layout(file) == "labelme"]
    if not files:
        raise DataError(f"{root}: there is no LabelMe file; it saves one JSON beside each picture")
    pictures, told, marks, named = Pictures(root), Told(), dict[Path, Marks](), set[Path]()
    for file in files:
        try:
            content = _File.model_validate(read_json(file))
            image = _picture(file, content.image_path, pictures)
            if image in named:
                raise ValueError("another file is of the same picture")
            named.add(image)
            one = marks_of(image, root, (content.width, content.height))
            for shape in content.shapes:
                one.shapes[usable_name(shape.label)].append(_drawn(shape, one))
            marks[image] = one
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"])
            told.add(root.name, "not as LabelMe saves it", f"{file.name}, {where}")
        except ValueError as error:
            told.add(root.name, str(error).removeprefix(f"{file.name}: "), file.name)
    for image in pictures.paths:
        if image not in named:
            told.add(root.name, "a picture has no LabelMe file, so that nobody knows whether it is good", image.name)
    return gathered(root, "labelme", marks, told)


def _picture(file: Path, name: str, pictures: Pictures) -> Path:
    """By the path inside, or else by the JSON's own name: files are moved together."""
    try:
        return pictures.find(name, file.parent)
    except ValueError:
        beside = [path for path in pictures.paths if path.parent == file.parent and path.stem == file.stem]
        if len(beside) != 1:
            raise
        return beside[0]


def _drawn(shape: _Shape, marks: Marks) -> Shape:
    """As a polygon or run lengths; ValueError where it has no area or is of a kind that nobody knows."""
    points, kind = shape.points, shape.shape_type
    if kind == "mask":
        return run_lengths(_pasted(shape, marks))
    if kind == "rectangle" and len(points) == 2:
        (left, top), (right, bottom) = points
        points = [(left, top), (right, top), (right, bottom), (left, bottom)]
    elif kind == "circle" and len(points) == 2:
        (x, y), edge = points
        radius = math.dist((x, y), edge)
        turns = [2 * math.pi * corner / CORNERS for corner in range(CORNERS)]
        points = [(x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns]
    elif kind in ("line", "linestrip") and len(points) > 1:
        points = _stroke(points)
    elif kind == "point":
        raise ValueError("a point has no area")
    elif kind not in ("polygon", "rectangle"):
        raise ValueError(f"a shape of the kind {kind} is unknown here, or lacks points")
    return polygon([value for point in points for value in point], marks.width, marks.height)


def _stroke(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """There along one side of a line and back along the other, half of `LINE` away."""
    line = np.array(points)
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True).clip(min=1e-9)
    aside = along[:, ::-1] * (-LINE / 2, LINE / 2)
    return [(float(x), float(y)) for x, y in [*(line + aside), *(line - aside)[::-1]]]


def _pasted(shape: _Shape, marks: Marks) -> NDArray[np.bool_]:
    """The picture's mask from a small one whose upper left corner is the first point."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(shape.mask or "", validate=True))) as opened:
            small = np.asarray(opened.convert("L")) > 0
        left, top = map(round, shape.points[0])
    except (binascii.Error, OSError, IndexError):
        raise ValueError("a mask inside cannot be read") from None
    whole = np.zeros((marks.height, marks.width), dtype=bool)
    high, wide = small.shape
    if left < 0 or top < 0 or left + wide > marks.width + 1 or top + high > marks.height + 1:
        raise ValueError("a mask inside leaves the picture")
    part = whole[top : top + high, left : left + wide]
    part[:] = small[: part.shape[0], : part.shape[1]]
    return whole
