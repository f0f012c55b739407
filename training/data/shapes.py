"""Masks as shapes: polygons and COCO's run lengths, drawn at a picture's size when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

#: x and y of each corner in turn, in pixels; (0, 0) is the picture's upper left corner.
Polygon = tuple[float, ...]
_OTHER_SIZE = "the run lengths are for a picture of another size"


@dataclass(frozen=True)
class Runs:
    """COCO's run lengths: pixels outside and inside in turn, column by column, to the picture's last pixel."""

    height: int
    width: int
    counts: tuple[int, ...]


Shape = Polygon | Runs


def polygon(numbers: Sequence[float], width: int, height: int) -> Polygon:
    """Checked corners of a polygon on a picture of `width`×`height`.

    Raises:
        ValueError: an odd count, fewer than three corners, or one that lies further outside than the picture is large.
    """
    if len(numbers) % 2:
        raise ValueError("a polygon has a number without a partner")
    if len(numbers) < 6:
        raise ValueError("a polygon has fewer than three points")
    # A little outside is what tools write at the border, and is cut off; far outside would cost memory without end.
    far = any(not -side <= value <= 2 * side for at, side in ((0, width), (1, height)) for value in numbers[at::2])
    if far:
        raise ValueError("a polygon leaves the picture")
    return tuple(map(float, numbers))


def runs(counts: Sequence[int] | str, size: tuple[int, int], width: int, height: int) -> Runs:
    """Checked run lengths, plain or as COCO's compressed text.

    Args:
        size: height and width that they were made for.

    Raises:
        ValueError: they are for another size than the picture's, do not fill it, or the text is none of COCO's.
    """
    if size != (height, width):
        raise ValueError(_OTHER_SIZE)
    plain = _unpacked(counts) if isinstance(counts, str) else list(counts)
    if min(plain, default=0) < 0 or sum(plain) != height * width:
        raise ValueError("the run lengths do not fill the picture")
    return Runs(height, width, tuple(plain))


def run_lengths(mask: NDArray[np.bool_]) -> Runs:
    """Of an H×W bool mask."""
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff(np.concatenate(([0], edges, [flat.size]))).tolist()
    height, width = mask.shape
    return Runs(height, width, (0, *lengths) if flat[0] else tuple(lengths))


def draw(shapes: Sequence[Shape], height: int, width: int) -> NDArray[np.bool_]:
    """H×W bool, inside any of the shapes; polygons cover the pixels that COCO's own code says.

    Raises:
        ValueError: run lengths are for another size.
    """
    drawn = np.zeros((height, width), dtype=bool)
    polygons = [list(shape) for shape in shapes if not isinstance(shape, Runs)]
    if polygons:
        found = coco.frPyObjects(polygons, height, width)  # type: ignore[arg-type]  # its stubs know whole numbers only
        drawn |= coco.decode(coco.merge(found)).astype(bool)
    for shape in shapes:
        if isinstance(shape, Runs):
            if (shape.height, shape.width) != (height, width):
                raise ValueError(_OTHER_SIZE)
            inside = np.arange(len(shape.counts)) % 2 == 1
            drawn |= np.repeat(inside, shape.counts).reshape(width, height).T
    return drawn


def _unpacked(text: str) -> list[int]:
    """COCO's compressed counts: 5 bits a character, low ones first; from the fourth on, the difference to the second
    last. Written out, since pycocotools reads past the end of a text that is cut off."""
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            raise ValueError("the run lengths are no text of COCO's")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError("the run lengths are cut off")
    return counts
