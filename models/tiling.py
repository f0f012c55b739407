"""Where an image is looked at: whole, in overlapping square tiles along a strip, or cut in six. Needs no torch."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from models.spec import Tiles

#: An image longer than this many times its short side is a strip and is looked at in square tiles.
STRIP_ASPECT = 2.0
#: Neighbouring tiles share this part of their side, so that a defect on a border is whole in one of them.
OVERLAP = 1 / 8
#: Pieces that `six` cuts the length into, as the thesis did with its strips of 1600 × 256.
PIECES = 6


class Box(NamedTuple):
    """A rectangle in pixels, end exclusive."""

    left: int
    top: int
    right: int
    bottom: int


def plan_tiles(height: int, width: int, *, tiles: Tiles = "strip") -> list[Box]:
    """The parts that an image is looked at in: itself, evenly spaced overlapping squares along a strip, or `PIECES`
    beside one another."""
    side, length = min(height, width), max(height, width)
    if tiles == "six":
        edges = np.linspace(0, length, min(PIECES, length) + 1).round().astype(int).tolist()
        if width >= height:
            return [Box(start, 0, end, height) for start, end in itertools.pairwise(edges)]
        return [Box(0, start, width, end) for start, end in itertools.pairwise(edges)]
    if tiles == "whole" or length <= STRIP_ASPECT * side:
        return [Box(0, 0, width, height)]
    count = int(np.ceil((length - side * OVERLAP) / (side * (1 - OVERLAP))))
    starts = np.linspace(0, length - side, count).round().astype(int).tolist()
    if width >= height:
        return [Box(start, 0, start + side, height) for start in starts]
    return [Box(0, start, width, start + side) for start in starts]
