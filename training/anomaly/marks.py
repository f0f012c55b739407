"""Small flaws drawn in light and shade: spots and cracks, which patches and clouds do not stand in for."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from training.anomaly.cutpaste import Mask, Picture

#: Radii of spots and widths of cracks, px.
RADII, WIDTHS = (1.2, 9.0), (1, 4)
#: Light is multiplied by one of the first range, or, of one flaw in four, by one of the second.
DARKER, BRIGHTER = (0.25, 0.8), (1.2, 1.8)
#: A pixel is marked where its value changed by so much.
SEEN = 10
#: Drawings until one can be seen; on a black picture none can.
TRIES = 8


def mark(picture: Picture, rng: np.random.Generator) -> tuple[Picture, Mask]:
    """The picture (H×W×3) with spots or a crack on it, and where (H×W); the mask is empty where none can be seen."""
    mask: Mask = np.zeros(picture.shape[:2], dtype=bool)
    height, width = mask.shape
    for _ in range(TRIES):
        shape = _shape(height, width, rng)[..., None]
        gain = rng.uniform(*(DARKER if rng.random() < 0.75 else BRIGHTER))
        grain = rng.normal(1, 0.1, mask.shape)[..., None]
        drawn = (picture * (1 - shape + shape * gain * grain)).clip(0, 255).astype(np.uint8)
        mask = np.asarray((np.abs(drawn.astype(int) - picture).max(2) > SEEN) & (shape[..., 0] > 0.25))
        if mask.any():
            return np.where(mask[..., None], drawn, picture), mask
    return picture.copy(), mask


def _shape(height: int, width: int, rng: np.random.Generator) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """H×W, 0 to 1: one to three spots, or a line that turns a little at each of its corners."""
    canvas = Image.new("L", (width, height))
    draw = ImageDraw.Draw(canvas)
    if rng.random() < 0.5:
        for _ in range(int(rng.integers(1, 4))):
            radius, stretch = np.exp(rng.uniform(*np.log(RADII))), rng.uniform(0.5, 2)
            x, y = rng.uniform(0, width), rng.uniform(0, height)
            across, along = radius * stretch, radius / stretch
            draw.ellipse((x - across, y - along, x + across, y + along), fill=255)
    else:
        corners = int(rng.integers(4, 21))
        angles = rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.35, corners).cumsum()
        steps = rng.uniform(3, 9, corners) * np.stack([np.cos(angles), np.sin(angles)])
        points = steps.cumsum(1).T + rng.uniform(0, (width, height))
        draw.line([(x, y) for x, y in points.tolist()], fill=255, width=int(rng.integers(WIDTHS[0], WIDTHS[1] + 1)))
    return np.asarray(canvas.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.4, 1.6)))), dtype=np.float64) / 255
