"""Small pictures and masks that the readers' tests put into folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.data.record import DataSet

SQUARE: NDArray[np.bool_] = np.zeros((20, 30), dtype=bool)
SQUARE[4:9, 10:20] = True


def picture(path: Path, size: tuple[int, int] = (30, 20)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, 90).save(path)
    return path


def mask(path: Path, values: NDArray[np.generic], mode: str = "L") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(values))
    if mode == "P":
        image = image.convert("P")
        image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    image.save(path)
    return path


def by_name(dataset: DataSet) -> dict[str, tuple[str, ...]]:
    return {sample.image.name: sample.labels for sample in dataset.samples}
