"""A small data set of drawn discs with their masks in three splits, one class with few training pictures."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 64
#: Grey level of a class's discs, on steel of level 120.
LEVELS = {"dark": 60, "rare": 180}
DARK, VALIDATION, TEST = 40, 8, 20

Pair = tuple[NDArray[np.uint8], NDArray[np.bool_]]


def disc(label: str, random: np.random.Generator) -> Pair:
    """A noisy picture of one disc (S×S uint8) and its mask (S×S bool)."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    row, column = random.uniform(16, SIDE - 16, 2)
    mask = (rows - row) ** 2 + (columns - column) ** 2 < random.uniform(7, 13) ** 2
    grey = np.where(mask, LEVELS[label], 120) + random.normal(0, 30, mask.shape)
    return np.clip(grey, 0, 255).astype(np.uint8), mask


def write_pair(folder: Path, label: str, name: str, pair: Pair) -> None:
    """`folder/<label>/<name>.png` and `folder/masks/<label>/<name>.png`."""
    for path, pixels in zip((folder / label, folder / "masks" / label), pair, strict=True):
        path.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path / f"{name}.png")


def discs_folder(folder: Path, rare: int) -> Path:
    """`folder` with <class>/, masks/<class>/ and split.csv; `rare` pictures of that class train."""
    random = np.random.default_rng(0)
    rows = []
    for split, counts in {"train": (DARK, rare), "validation": (VALIDATION,) * 2, "test": (TEST,) * 2}.items():
        for label, count in zip(LEVELS, counts, strict=True):
            for number in range(count):
                name = f"{split}-{number}"
                write_pair(folder, label, name, disc(label, random))
                rows.append((f"{label}/{name}.png", label, f"{split}{label}{number}", split))
    with (folder / "split.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "label", "group", "split"), *rows])
    return folder


def add_steel(folder: Path) -> Path:
    """To `folder` pictures of class none: of level 100 and 150 to train with, of 30 in the test, 120 in validation."""
    random = np.random.default_rng(5)
    (folder / "none").mkdir()
    with (folder / "split.csv").open("a", newline="") as file:
        for number, (level, split) in enumerate(
            [(100, "train"), (150, "train"), (30, "test"), (120, "validation")] * 3
        ):
            grey = np.clip(random.normal(level, 30, (SIDE, SIDE)), 0, 255).astype(np.uint8)
            Image.fromarray(grey).save(folder / f"none/{number}.png")
            csv.writer(file).writerow((f"none/{number}.png", "none", f"none{number}", split))
    return folder
