"""Generated pictures as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

#: Pictures along each side of a grid of samples.
GRID = 8


def to_bytes(pictures: Tensor) -> NDArray[np.uint8]:
    """N×C×S×S float, −1 to 1 → N×S×S×C uint8."""
    scaled = ((pictures + 1) * 127.5).round().clamp(0, 255)
    return scaled.permute(0, 2, 3, 1).numpy().astype(np.uint8)


def save_grid(pictures: Tensor, path: Path, side: int) -> None:
    """PNG of `GRID`×`GRID` pictures, `side` px each; a mask that was made along is left out."""
    if pictures.shape[-1] != side:
        pictures = F.interpolate(pictures, (side, side))
    pixels = to_bytes(pictures[:, :3] if pictures.shape[1] >= 3 else pictures[:, :1])
    count, height, width, channels = pixels.shape
    rows = pixels.reshape(count // GRID, GRID, height, width, channels).transpose(0, 2, 1, 3, 4)
    sheet = rows.reshape(count // GRID * height, GRID * width, channels)
    Image.fromarray(sheet[..., 0] if channels == 1 else sheet).save(path, "PNG")
