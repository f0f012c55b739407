"""Brushed plates, good ones and some with a dark spot, drawn into MVTec AD's layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

SIDE = 96
SPOT = 9.0


def plate(random: np.random.Generator, spot: bool) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A grey picture (S×S uint8) and where it has a spot (S×S bool)."""
    grey = 130 + 60 * ndimage.gaussian_filter(random.normal(0, 1, (SIDE, SIDE)), (0.7, 6))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    row, column = random.uniform(20, SIDE - 20, 2)
    mask = (rows - row) ** 2 + (columns - column) ** 2 < SPOT**2 if spot else np.zeros(grey.shape, dtype=bool)
    grey = np.where(mask, grey - 45, grey) + random.normal(0, 3, grey.shape)
    return grey.clip(0, 255).astype(np.uint8), mask


def write(path: Path, pixels: NDArray[np.generic]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def plates_folder(root: Path, good: int = 12, tested: int = 6, seed: int = 0, masks: bool = True) -> Path:
    """`root` with train/good, test/good, test/spot and ground_truth/spot."""
    random = np.random.default_rng(seed)
    for number in range(good):
        write(root / "train" / "good" / f"{number:03}.png", plate(random, spot=False)[0])
    for number in range(tested):
        write(root / "test" / "good" / f"{number:03}.png", plate(random, spot=False)[0])
        grey, mask = plate(random, spot=True)
        write(root / "test" / "spot" / f"{number:03}.png", grey)
        if masks:
            write(root / "ground_truth" / "spot" / f"{number:03}_mask.png", mask.astype(np.uint8) * 255)
    return root
