"""Generated pictures as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

#: Pictures across and down a sheet of samples: as wide as the page shows it.
COLUMNS, ROWS = 16, 4


def to_bytes(pictures: Tensor) -> NDArray[np.uint8]:
    """N×C×S×S float, −1 to 1 → N×S×S×C uint8."""
    scaled = ((pictures + 1) * 127.5).round().clamp(0, 255)
    return scaled.permute(0, 2, 3, 1).numpy().astype(np.uint8)


def save_sheet(pictures: Tensor, path: Path, side: int) -> None:
    """PNG of `COLUMNS`×`ROWS` pictures, row by row, `side` px each; a mask that was made along is left out."""
    if pictures.shape[-1] != side:
        pictures = F.interpolate(pictures, (side, side))
    pixels = to_bytes(pictures[:, :3] if pictures.shape[1] >= 3 else pictures[:, :1])
    _, height, width, channels = pixels.shape
    rows = pixels.reshape(ROWS, COLUMNS, height, width, channels).transpose(0, 2, 1, 3, 4)
    sheet = rows.reshape(ROWS * height, COLUMNS * width, channels)
    Image.fromarray(sheet[..., 0] if channels == 1 else sheet).save(path, "PNG")
