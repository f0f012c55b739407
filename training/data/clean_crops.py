"""Defect-free texture from pictures that all show a defect: squares cut from outside the masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.imagefile import image_size
from models.tiling import Box
from training.data.record import Sample, load_masks

#: Masks end where the eye ends; the flank of a defect reaches a little further.
MARGIN = 6
MIN_SIDE, MAX_SIDE = 56, 160


def clean_crops(samples: Sequence[Sample], per_image: int, seed: int, label: str = "none") -> list[Sample]:
    """Cut up to `per_image` squares of 56 to 160 px a picture that keep clear of its masks and boxes.

    Pictures without a mask give none: their surroundings are not known to be good.

    Args:
        samples: masked pictures of any class.
        seed: of the places; they are the same on every call.

    Returns:
        Samples of class `label` with `crop` set; group and split are their picture's.
    """
    crops: list[Sample] = []
    for index, sample in enumerate(samples):
        if sample.mask is None or sample.crop is not None:
            continue
        width, height = image_size(sample.image)
        taken: NDArray[np.bool_] = np.asarray(load_masks(sample, sample.labels, height, width).any(axis=0))
        for _, box in sample.boxes:
            taken[box.top : box.bottom, box.left : box.right] = True
        rng = np.random.default_rng([seed, index])
        free = ~ndimage.binary_dilation(taken, iterations=MARGIN)
        boxes = _free_squares(free, per_image, rng)
        crops.extend(replace(sample, labels=(label,), mask=None, boxes=(), crop=box) for box in boxes)
    return crops


def _free_squares(free: NDArray[np.bool_], count: int, rng: np.random.Generator) -> list[Box]:
    height, width = free.shape
    table = np.pad(free.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    boxes: list[Box] = []
    for side in rng.integers(MIN_SIDE, min(MAX_SIDE, height, width) + 1, size=count * 3).tolist():
        inside = table[side:, side:] - table[:-side, side:] - table[side:, :-side] + table[:-side, :-side]
        tops, lefts = np.nonzero(inside == side * side)
        if len(tops):
            pick = int(rng.integers(len(tops)))
            top, left = int(tops[pick]), int(lefts[pick])
            boxes.append(Box(left, top, left + side, top + side))
        if len(boxes) == count:
            break
    return boxes
