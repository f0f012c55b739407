"""What the kiosk shows while nobody is there: the bundled generator on a walk, rendered once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.files import atomic_path
from steelgui.settings import Settings, weights_folder

#: Nine pictures of the generator's classes side by side, each on a way of its own.
ROWS, CELL, GAP = 3, 192, 6
SEEDS = 5
FRAMES, FRAME_MS = 150, 80
#: Goes up when the same generator is to be drawn otherwise.
VERSION = 1


def walk_path(settings: Settings) -> Path:
    """Where the walk of this generator is kept, rendered or not."""
    about = _generator().stat()
    return settings.cache / f"walk-{VERSION}-{about.st_size:x}-{int(about.st_mtime):x}.webp"


def render_walk(settings: Settings, frames: int = FRAMES) -> Path:
    """Render it unless it is there; half a minute on a laptop.

    Raises:
        CheckpointError: the generator cannot be loaded.
        OSError: the disk is full, or the folder cannot be written.
    """
    path = walk_path(settings)
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *rest = map(Image.fromarray, mosaics(frames))
    with atomic_path(path) as temporary:
        first.save(
            temporary, "WEBP", save_all=True, append_images=rest, duration=FRAME_MS, loop=0, quality=70, method=2
        )
    for older in path.parent.glob("walk-*.webp"):
        if older != path:
            older.unlink(missing_ok=True)
    return path


def mosaics(frames: int) -> Iterator[NDArray[np.uint8]]:
    """Frames of a walk that ends where it began, S×S uint8 each."""
    from steelgui.services.synthesis import Synthesiser

    synthesiser = Synthesiser(_generator())
    positions = [SEEDS * number / frames for number in range(frames)]
    cells = [
        synthesiser.walk(range(1 + cell * SEEDS, 1 + (cell + 1) * SEEDS), positions, label, truncation=0.9)
        for cell, label in enumerate(_labels(synthesiser.classes))
    ]
    step = CELL + GAP
    for pictures in zip(*cells, strict=True):
        whole = np.full((ROWS * step - GAP,) * 2, 12, dtype=np.uint8)
        for number, picture in enumerate(pictures):
            top, left = number // ROWS * step, number % ROWS * step
            grey = Image.fromarray(picture.image).convert("L").resize((CELL, CELL), Image.Resampling.BICUBIC)
            whole[top : top + CELL, left : left + CELL] = np.asarray(grey)
        yield whole


def _labels(classes: tuple[str, ...]) -> list[str]:
    """One for each cell; of six classes each is there, and none beside or below itself."""
    return [classes[number % len(classes)] for number in (0, 1, 2, 3, 4, 5, 2, 0, 1)]


def _generator() -> Path:
    return weights_folder() / "neu-generator.safetensors"
