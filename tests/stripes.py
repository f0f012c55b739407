"""A small data set of drawn stripes in three splits, one class with eight training pictures."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 32
#: Degrees that the stripes of a class have, give or take.
ANGLES = {"level": 0, "upright": 90, "rare": 45}
PICTURES = {"train": {"level": 40, "upright": 40, "rare": 8}, "validation": 12, "test": 40}


def stripes(angle: float, random: np.random.Generator) -> np.ndarray:
    """A noisy picture of stripes: S×S uint8."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    turned = np.deg2rad(angle + random.uniform(-12, 12))
    wave = np.sin((rows * np.cos(turned) + columns * np.sin(turned)) * random.uniform(0.5, 1.1) + random.uniform(0, 6))
    grey = 120 + 34 * wave + random.normal(0, 24, wave.shape)
    return np.clip(grey, 0, 255).astype(np.uint8)


def striped_folder(folder: Path) -> Path:
    """`folder` with images/<class>/ and split.csv."""
    random = np.random.default_rng(0)
    rows = []
    for split, counts in PICTURES.items():
        for label, angle in ANGLES.items():
            (folder / "images" / label).mkdir(parents=True, exist_ok=True)
            for number in range(counts if isinstance(counts, int) else counts[label]):
                name = f"images/{label}/{split}-{number}.png"
                Image.fromarray(stripes(angle, random)).save(folder / name)
                rows.append((name, label, f"{split}{label}{number}", split))
    with (folder / "split.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "label", "group", "split"), *rows])
    return folder
