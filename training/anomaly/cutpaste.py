"""Anomalies made of the picture itself: a part is cut out and pasted elsewhere.

CutPaste (Li, Sohn, Yoon and Pfister 2021), section 2.2 and its appendix for the numbers.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]

#: Of a patch: part of the picture's area, and its longer side by its shorter one.
AREA, ASPECT = (0.02, 0.15), (1.0, 3.3)
#: Of a scar in a picture of `SIDE` pixels: width, length, and degrees that it is turned by.
WIDTH, LENGTH, TURN, SIDE = (2, 16), (10, 25), 45.0, 256
#: Strength of the change in brightness, contrast, saturation and hue.
JITTER = 0.1


def cut_paste(picture: Picture, rng: np.random.Generator) -> tuple[Picture, Mask]:
    """Paste a rectangle of the picture (H×W×3) elsewhere, lit a little differently; the result and where that is."""
    height, width = picture.shape[:2]
    area, aspect = rng.uniform(*AREA) * height * width, rng.uniform(*ASPECT)
    aspect = aspect if rng.random() < 0.5 else 1 / aspect
    patch = _cut(picture, math.sqrt(area * aspect), math.sqrt(area / aspect), rng)
    return _paste(picture, jittered(patch, rng), np.ones(patch.shape[:2], dtype=bool), rng)


def scar(picture: Picture, rng: np.random.Generator) -> tuple[Picture, Mask]:
    """Paste a thin, turned rectangle of the picture (H×W×3) elsewhere; the result and where that is."""
    scale = min(picture.shape[:2]) / SIDE
    patch = _cut(picture, rng.uniform(*LENGTH) * scale, rng.uniform(*WIDTH) * scale, rng)
    patch, angle = jittered(patch, rng), float(rng.uniform(-TURN, TURN))
    turned = Image.fromarray(patch).rotate(angle, Image.Resampling.BILINEAR, expand=True)
    shape = Image.new("L", patch.shape[1::-1], 255).rotate(angle, expand=True)
    return _paste(picture, np.asarray(turned), np.asarray(shape) > 0, rng)


def jittered(patch: Picture, rng: np.random.Generator, strength: float = JITTER) -> Picture:
    """Brightness, contrast, saturation and hue changed by up to `strength` each; grey stays grey."""
    gain, contrast, saturation = rng.uniform(1 - strength, 1 + strength, 3)
    # A turn about the axis of greys (Rodrigues' formula) changes the hue alone.
    angle, third = rng.uniform(-strength, strength) * 2 * math.pi, np.full((3, 3), 1 / 3)
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    turn = math.cos(angle) * np.eye(3) + (1 - math.cos(angle)) * third + math.sin(angle) * across
    pixels = patch.astype(np.float64) @ (saturation * turn + (1 - saturation) * third).T * gain
    mean = pixels.mean()
    result: Picture = ((pixels - mean) * contrast + mean).round().clip(0, 255).astype(np.uint8)
    return result


def _cut(picture: Picture, high: float, wide: float, rng: np.random.Generator) -> Picture:
    height, width = picture.shape[:2]
    high, wide = min(max(round(high), 1), height), min(max(round(wide), 1), width)
    top, left = int(rng.integers(height - high + 1)), int(rng.integers(width - wide + 1))
    return picture[top : top + high, left : left + wide]


def _paste(picture: Picture, patch: Picture, shape: Mask, rng: np.random.Generator) -> tuple[Picture, Mask]:
    """The patch where `shape` says so, at a random place; what would not fit into a small picture is cut off."""
    height, width = picture.shape[:2]
    patch, shape = patch[:height, :width], shape[:height, :width]
    high, wide = shape.shape
    top, left = int(rng.integers(height - high + 1)), int(rng.integers(width - wide + 1))
    result, mask = picture.copy(), np.zeros((height, width), dtype=bool)
    result[top : top + high, left : left + wide][shape] = patch[shape]
    mask[top : top + high, left : left + wide] = shape
    return result, mask
