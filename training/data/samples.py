"""The twelve pictures in ``assets/samples``: rendered steel that a person can try the program on at once.

Remake them with ``python -m training.data.samples assets/samples``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from training.data.strips import STRIP_HEIGHT, STRIP_WIDTH, render_strip

TILE = 256
SAMPLE_QUALITY = 90

SAMPLES: tuple[tuple[str, tuple[str, ...], int, int], ...] = (
    ("01-strip-scratches", ("scratches",), STRIP_WIDTH, 40),
    ("02-strip-patches", ("patches",), STRIP_WIDTH, 43),
    ("03-strip-pitted-surface", ("pitted_surface",), STRIP_WIDTH, 45),
    ("04-strip-scratches-and-patches", ("scratches", "patches"), STRIP_WIDTH, 44),
    ("05-strip-clean", (), STRIP_WIDTH, 42),
    ("06-tile-crazing", ("crazing",), TILE, 1),
    ("07-tile-scratches", ("scratches",), TILE, 9),
    ("08-tile-patches", ("patches",), TILE, 7),
    ("09-tile-pitted-surface", ("pitted_surface",), TILE, 4),
    ("10-tile-clean-oil-stain", (), TILE, 13),
    ("11-tile-clean", (), TILE, 15),
    ("12-tile-clean-weld-seam", (), TILE, 34),
)
"""File name without ending, classes, width, and a seed picked by eye for a picture that shows its class well."""


def render_samples(folder: Path) -> list[Path]:
    """Render the samples into ``folder``, created if missing; files of the same names are replaced.

    Returns:
        The twelve JPEG files: five strips of 1600×256 and seven tiles of 256×256 pixels, grey.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, classes, width, seed in SAMPLES:
        strip = render_strip(np.random.default_rng(seed), classes, width, STRIP_HEIGHT)
        paths.append(folder / f"{name}.jpg")
        Image.fromarray(strip.image).save(paths[-1], quality=SAMPLE_QUALITY)
    return paths


if __name__ == "__main__":
    render_samples(Path(sys.argv[1]))
