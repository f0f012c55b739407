"""A looping GIF or WebP from pictures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.files import atomic_path
from training.config import ConfigError

FORMATS = {".gif": "GIF", ".webp": "WEBP"}
#: A picture of 64 px is a stamp on any screen; each pixel becomes a whole number of pixels, so nothing is invented.
SIDE = 256
#: GIF counts in hundredths of a second.
FRAME_MS = 50
FRAMES = range(2, 601)


def check_animation(path: Path, frames: int) -> None:
    """ConfigError in one sentence for another kind of file, or a length that is none."""
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"{path.name}: a walk is written as {' or '.join(FORMATS)}; name the file so")
    if frames not in FRAMES:
        raise ConfigError(f"frames is {frames}; it must be from {FRAMES.start} to {FRAMES.stop - 1}")


def write_animation(pictures: Iterable[NDArray[np.uint8]], path: Path) -> Path:
    """Write H×W or H×W×3 uint8 pictures as frames that repeat for ever; whole or not at all.

    Raises:
        ConfigError: the file's name ends in neither `.gif` nor `.webp`.
        OSError: the disk is full, or the folder cannot be written.
    """
    first, *rest = [_enlarged(picture) for picture in pictures]
    check_animation(path, 1 + len(rest))
    kind = FORMATS[path.suffix.lower()]
    options = {"quality": 90} if kind == "WEBP" else {"optimize": False}
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        first.save(temporary, kind, save_all=True, append_images=rest, duration=FRAME_MS, loop=0, **options)
    return path


def _enlarged(picture: NDArray[np.uint8]) -> Image.Image:
    factor = max(1, -(-SIDE // max(picture.shape[:2])))
    return Image.fromarray(picture.repeat(factor, 0).repeat(factor, 1))
