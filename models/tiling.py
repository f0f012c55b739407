"""Where an image is looked at: whole, or in overlapping square tiles along a strip. Needs no torch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

#: An image longer than this many times its short side is a strip and is looked at in square tiles.
STRIP_ASPECT = 2.0
#: Neighbouring tiles share this part of their side, so that a defect on a border is whole in one of them.
OVERLAP = 1 / 8


class Box(NamedTuple):
    """A rectangle in pixels, end exclusive."""

    left: int
    top: int
    right: int
    bottom: int


def plan_tiles(height: int, width: int) -> list[Box]:
    """The squares that an image is looked at in: itself, or evenly spaced overlapping tiles along a strip."""
    side, length = min(height, width), max(height, width)
    if length <= STRIP_ASPECT * side:
        return [Box(0, 0, width, height)]
    count = int(np.ceil((length - side * OVERLAP) / (side * (1 - OVERLAP))))
    starts = np.linspace(0, length - side, count).round().astype(int).tolist()
    if width >= height:
        return [Box(start, 0, start + side, height) for start in starts]
    return [Box(0, start, width, start + side) for start in starts]
