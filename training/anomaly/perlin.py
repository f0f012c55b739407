"""Anomalies of another texture in the shape of clouds: Perlin noise says where.

DRAEM (Zavrtanik, Kristan and Skočaj 2021), section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from training.anomaly.cutpaste import Mask, Picture

#: Noise above this is anomalous, and at least so much of a picture.
LEVEL, LEAST = 0.5, 0.02
#: Cells of noise along a side: two to the power of a number up to, exclusive.
POWERS = 6
#: How much of the new texture is seen.
OPACITY = (0.1, 1.0)
#: Parts a side of a picture that is shuffled to make a texture of it.
PARTS = 8


def perlin_noise(
    height: int, width: int, cells: tuple[int, int], angle: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """H×W gradient noise (Perlin 1985, with the fade of 2002), about −1 to 1.

    Args:
        cells: along height and width, before the lattice is turned.
        angle: of the lattice, in radians.
    """
    rows, columns = np.meshgrid(np.linspace(-0.5, 0.5, height), np.linspace(-0.5, 0.5, width), indexing="ij")
    y = (rows * np.cos(angle) - columns * np.sin(angle) + 1) * cells[0]
    x = (rows * np.sin(angle) + columns * np.cos(angle) + 1) * cells[1]
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    turns = rng.uniform(0, 2 * np.pi, (2 * cells[0] + 2, 2 * cells[1] + 2))
    y, x = y - top, x - left

    def corner(down: int, right: int) -> NDArray[np.float64]:
        turn = turns[top + down, left + right]
        return np.asarray(np.sin(turn) * (y - down) + np.cos(turn) * (x - right))

    fade_y, fade_x = (t**3 * (t * (t * 6 - 15) + 10) for t in (y, x))
    above = corner(0, 0) + fade_x * (corner(0, 1) - corner(0, 0))
    below = corner(1, 0) + fade_x * (corner(1, 1) - corner(1, 0))
    noise: NDArray[np.float64] = np.sqrt(2) * (above + fade_y * (below - above))
    return noise


def perlin_mask(height: int, width: int, rng: np.random.Generator) -> Mask:
    """H×W, clouds of a random size and direction; never empty."""
    rows, columns = (2 ** rng.integers(0, POWERS, 2)).tolist()
    noise = perlin_noise(height, width, (rows, columns), float(rng.uniform(-np.pi / 2, np.pi / 2)), rng)
    mask: Mask = noise >= min(LEVEL, float(np.quantile(noise, 1 - LEAST)))
    return mask


def texture_anomaly(picture: Picture, source: Picture, rng: np.random.Generator) -> tuple[Picture, Mask]:
    """Another texture on parts of the picture, more or less opaque; the result and where that is.

    Args:
        picture: H×W×3.
        source: of the texture: any picture of that shape, this one too, since it is shuffled and changed.
    """
    mask = perlin_mask(picture.shape[0], picture.shape[1], rng)
    texture, opacity = _changed(_shuffled(source, rng), rng), rng.uniform(*OPACITY)
    result = picture.copy()
    result[mask] = (picture[mask] * (1 - opacity) + texture[mask] * opacity).round().astype(np.uint8)
    return result, mask


def _shuffled(picture: Picture, rng: np.random.Generator) -> Picture:
    """Its parts in another order; what the parts leave over stays."""
    down, right = (min(PARTS, side) for side in picture.shape[:2])
    height, width = picture.shape[0] // down, picture.shape[1] // right
    whole = picture[: height * down, : width * right]
    parts = whole.reshape(down, height, right, width, 3).swapaxes(1, 2).reshape(-1, height, width, 3)
    mixed = rng.permutation(parts).reshape(down, right, height, width, 3).swapaxes(1, 2)
    result = picture.copy()
    result[: height * down, : width * right] = mixed.reshape(whole.shape)
    return result


def _changed(picture: Picture, rng: np.random.Generator) -> Picture:
    """Three of the paper's changes, each another one."""
    level = float(rng.uniform(0.3, 1.7))
    bits, bound = int(rng.integers(2, 5)), int(rng.integers(32, 224))
    changes: list[Callable[[Image.Image], Image.Image]] = [
        lambda image: ImageOps.posterize(image, bits),
        lambda image: ImageOps.solarize(image, bound),
        ImageOps.equalize,
        ImageOps.autocontrast,
        ImageOps.invert,
        lambda image: ImageEnhance.Sharpness(image).enhance(4 * level),
        lambda image: ImageEnhance.Brightness(image).enhance(level),
        lambda image: ImageEnhance.Color(image).enhance(level),
    ]
    image = Image.fromarray(picture)
    for number in rng.choice(len(changes), 3, replace=False).tolist():
        image = changes[number](image)
    return np.asarray(image)
