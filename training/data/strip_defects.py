"""The four defect classes of rendered strips, each drawn as how strongly (alpha) and how much lighter (shade).

A painter fills a :class:`Layer` over the steel columns only. The pixel becomes ``grey × (1 + alpha × shade)``, and the
mask is where alpha reaches :data:`VISIBLE`; below it alpha is set to 0, so a mask marks exactly what was changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from training.data.strip_textures import Field, cloud_noise, smooth_noise, smoothstep

VISIBLE = 0.16
"""Alpha from which a change stands out of the grain; at a shade of −0.5 it is 8 % of the grey value."""


@dataclass(frozen=True)
class Layer:
    """One defect class on one strip.

    Attributes:
        alpha: H×W float32, 0–1.
        shade: H×W float32 relative change of grey at alpha 1, −1 (black) upwards.
    """

    alpha: Field
    shade: Field

    @classmethod
    def empty(cls, height: int, width: int) -> Layer:
        """A layer that changes nothing."""
        return cls(np.zeros((height, width), np.float32), np.zeros((height, width), np.float32))

    def paint(self, top: int, left: int, alpha: Field, shade: Field | float) -> None:
        """Lay a window on at (top, left), which may reach over the border; the stronger alpha wins a pixel."""
        rows, cols = self.alpha.shape
        up, down = max(0, -top), min(alpha.shape[0], rows - top)
        near, far = max(0, -left), min(alpha.shape[1], cols - left)
        if up >= down or near >= far:
            return
        place = (slice(top + up, top + down), slice(left + near, left + far))
        cut = alpha[up:down, near:far]
        tone = np.broadcast_to(np.asarray(shade, dtype=np.float32), alpha.shape)[up:down, near:far]
        wins = cut > self.alpha[place]
        self.alpha[place] = np.where(wins, cut, self.alpha[place])
        self.shade[place] = np.where(wins, tone, self.shade[place])

    def apply(self, grey: Field, steel: slice) -> tuple[Field, NDArray[np.bool_]]:
        """Blend into ``grey`` within the ``steel`` columns.

        Returns:
            The H×W float32 picture, equal to ``grey`` wherever the H×W bool mask is False, and that mask.
        """
        mask = np.zeros(self.alpha.shape, dtype=bool)
        mask[:, steel] = self.alpha[:, steel] >= VISIBLE
        changed = np.clip(grey * (1 + self.alpha * self.shade), 0, 255)
        return np.where(mask, changed, grey).astype(np.float32), mask


def _more(rng: np.random.Generator, low: float, high: float, width: int) -> int:
    """How many defects: a number for a 1600-pixel strip, fewer on a tile, at least 1."""
    return max(1, round(float(rng.uniform(low, high)) * min(1.0, 0.25 + width / 1600)))


def paint_pitted_surface(rng: np.random.Generator, layer: Layer, steel: slice) -> None:
    """Clusters of small dark pits, each with a light rim on the side away from the lamp."""
    height = layer.alpha.shape[0]
    width = steel.stop - steel.start
    lamp = float(rng.uniform(0, 2 * np.pi))
    for _ in range(_more(rng, 1, 3.4, width)):
        middle = (rng.uniform(0.15, 0.85) * height, steel.start + rng.uniform(0.08, 0.92) * width)
        spread = (rng.uniform(0.1, 0.32) * height, min(rng.uniform(10, 46), width / 5))
        size = rng.uniform(1.2, 2.5)
        for number in range(int(rng.integers(30, 120))):
            # The first pit sits in the middle, so that a cluster is never wholly off the strip.
            y, x = rng.normal(middle, spread) if number else middle
            _pit(rng, layer, float(y), float(x), float(size * rng.lognormal(0, 0.42)), lamp)


def _pit(rng: np.random.Generator, layer: Layer, y: float, x: float, radius: float, lamp: float) -> None:
    radius = float(np.clip(radius, 0.9, 6.0))
    reach = int(radius * 2.6) + 2
    dy = np.arange(-reach, reach + 1, dtype=np.float32)[:, None] - np.float32(y % 1)
    dx = np.arange(-reach, reach + 1, dtype=np.float32)[None, :] - np.float32(x % 1)
    angle = np.arctan2(dy, dx)
    waves = rng.uniform(-0.26, 0.26, 2)
    outline = (
        1 + waves[0] * np.cos(2 * angle + rng.uniform(0, 6.3)) + waves[1] * np.cos(3 * angle + rng.uniform(0, 6.3))
    )
    distance = np.sqrt((dy / rng.uniform(0.9, 1.9)) ** 2 + dx**2) / (radius * outline)
    soft = 0.5 / radius
    core = smoothstep(distance, 1.15 + soft, 0.35)
    rim = np.exp(-(((distance - 1.4) / 0.28) ** 2)) * np.clip(np.cos(angle - lamp), 0, 1) * np.float32(0.7)
    depth, glint = -rng.uniform(0.3, 0.68), rng.uniform(0.12, 0.3)
    layer.paint(int(y) - reach, int(x) - reach, np.maximum(core, rim), np.where(core >= rim, depth, glint))


def paint_crazing(rng: np.random.Generator, layer: Layer, steel: slice) -> None:
    """A net of hairline cracks: edges of stretched cells, bent by noise and broken up."""
    rows, cols = layer.alpha.shape[0], steel.stop - steel.start
    for _ in range(_more(rng, 1, 2.4, cols)):
        height, width = min(rows, int(rng.integers(120, 257))), min(cols, int(rng.integers(90, 230)))
        top, left = int(rng.integers(0, rows - height + 1)), steel.start + int(rng.integers(0, cols - width + 1))
        # Cracks run mostly across the rolling direction, as in NEU's crazing.
        cell = (rng.uniform(8, 15), rng.uniform(18, 34))
        gap = _cell_edges(rng, height, width, cell)
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
        x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
        field = smoothstep(x**2 + y**2 - 0.35 * cloud_noise(rng, height, width, (60, 50), 2), 1.0, 0.1)
        unbroken = smoothstep(cloud_noise(rng, height, width, (14, 22), 2), -0.7, 0.7)
        weight = np.maximum(unbroken, np.exp(-60 * (x**2 + y**2))) * field
        breadth = rng.uniform(0.7, 1.0) * (0.6 + 0.7 * weight)
        hair = np.exp(-((gap / breadth) ** 2)) * np.sqrt(weight)
        # A faint shadow along the crack where scale has lifted.
        shadow = 0.24 * np.exp(-((gap / 2.4) ** 2)) * weight
        layer.paint(top, left, np.maximum(hair, shadow).astype(np.float32), -float(rng.uniform(0.42, 0.62)))


def _cell_edges(rng: np.random.Generator, height: int, width: int, cell: tuple[float, float]) -> Field:
    """Distance in pixels to the nearest border between randomly placed cells of about ``cell`` size."""
    rows, cols = int(height / cell[0]) + 4, int(width / cell[1]) + 4
    corners = np.indices((rows, cols)).reshape(2, -1).T
    seeds = corners - 1.5 + rng.uniform(-0.5, 0.5, corners.shape)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    y = y / cell[0] + 0.24 * cloud_noise(rng, height, width, (18, 18), 4)
    x = x / cell[1] + 0.12 * cloud_noise(rng, height, width, (18, 18), 3)
    found = cKDTree(seeds).query(np.stack((y.ravel(), x.ravel()), axis=1), k=2)
    near, which = np.asarray(found[0]), np.asarray(found[1])
    # Exact distance to the bisector, back in pixels: the plain difference of distances swells where cells meet.
    apart = seeds[which[:, 1]] - seeds[which[:, 0]]
    slope = np.sqrt((apart[:, 0] / cell[0]) ** 2 + (apart[:, 1] / cell[1]) ** 2)
    gap = (near[:, 1] ** 2 - near[:, 0] ** 2) / (2 * slope)
    return np.asarray(gap, dtype=np.float32).reshape(height, width)


def paint_scratches(rng: np.random.Generator, layer: Layer, steel: slice) -> None:
    """Bundles of thin streaks with tapered ends: mostly along the strip, some across or aslant."""
    rows, cols = layer.alpha.shape[0], steel.stop - steel.start
    for _ in range(_more(rng, 1, 5.5, cols)):
        style = rng.random()
        turn = (
            rng.normal(0, 0.02)
            if style < 0.72
            else (np.pi / 2 + rng.normal(0, 0.05) if style < 0.86 else rng.uniform(0.2, 1.3))
        )
        turn = float(turn * rng.choice((-1, 1)))
        length = float(rng.uniform(0.25, 1.15) * rows * (1.5 if abs(turn) > 1 else 1.0))
        shade = float(rng.uniform(0.4, 1.0)) if rng.random() < 0.62 else -float(rng.uniform(0.35, 0.6))
        y, x = rng.uniform(0.1, 0.9) * rows, steel.start + rng.uniform(0.05, 0.95) * cols
        for number in range(int(rng.choice((1, 1, 2, 3, 5, 9, 14)))):
            aside, along = (rng.normal(0, 14), rng.normal(0, 0.2) * length) if number else (0.0, 0.0)
            at = (y + along * np.cos(turn) - aside * np.sin(turn), x + along * np.sin(turn) + aside * np.cos(turn))
            part = 1.0 if not number else float(rng.uniform(0.2, 0.9))
            breadth = float(rng.uniform(0.7, 1.7) if number else rng.uniform(1.0, 3.0))
            _streak(rng, layer, at, length * part, breadth, turn, shade)


def _streak(
    rng: np.random.Generator,
    layer: Layer,
    at: tuple[float, float],
    length: float,
    breadth: float,
    turn: float,
    shade: float,
) -> None:
    """One streak centred ``at`` (y, x), ``turn`` radians from the vertical, ``breadth`` its half width in pixels."""
    half = length / 2
    margin = breadth * 3 + 8
    reach_y = int(half * abs(np.cos(turn)) + margin * abs(np.sin(turn)) + margin)
    reach_x = int(half * abs(np.sin(turn)) + margin * abs(np.cos(turn)) + margin)
    dy = np.arange(-reach_y, reach_y + 1, dtype=np.float32)[:, None]
    dx = np.arange(-reach_x, reach_x + 1, dtype=np.float32)[None, :]
    along = dy * np.float32(np.cos(turn)) + dx * np.float32(np.sin(turn))
    aside = dx * np.float32(np.cos(turn)) - dy * np.float32(np.sin(turn))
    steps = int(length) + 2
    stations = np.linspace(-half, half, steps)
    ends = np.clip((1 - np.abs(np.linspace(-1, 1, steps))) / rng.uniform(0.2, 0.6), 0, 1)
    wander = cloud_noise(rng, steps, 1, (110, 1), 4)[:, 0] * rng.uniform(0.4, 2.2)
    chatter = cloud_noise(rng, steps, 1, (11, 1), 4)[:, 0]
    # Contact comes and goes; the middle always touches, so a streak is never wholly absent.
    contact = smoothstep(smooth_noise(rng, steps, 1, (40, 1))[:, 0], -1.8, 0.6)
    contact = np.maximum(contact, np.exp(-((stations / 9) ** 2)))
    thick = breadth * (0.3 + 0.7 * ends) * (1 + 0.16 * chatter)
    force = np.clip(ends * 1.3, 0, 1) * contact * np.clip(0.74 + 0.2 * chatter, 0.3, 1)
    offset = np.interp(along, stations, wander)
    profile = np.exp(-(((aside - offset) / np.maximum(np.interp(along, stations, thick), 0.5)) ** 2))
    alpha = profile * np.interp(along, stations, force, left=0, right=0)
    layer.paint(int(at[0]) - reach_y, int(at[1]) - reach_x, alpha.astype(np.float32), shade)


def paint_patches(rng: np.random.Generator, layer: Layer, steel: slice) -> None:
    """Blotches of flaked scale: ragged soft outline, streaky interior, black crumbs; darker or paler than the steel."""
    rows, cols = layer.alpha.shape[0], steel.stop - steel.start
    pale = rng.random() < 0.25
    for _ in range(_more(rng, 1, 4.2, cols)):
        height, width = min(rows, int(rng.integers(100, 330))), min(int(0.8 * cols), int(rng.integers(70, 330)))
        top = int(rng.integers(-height // 5, rows - height + height // 5 + 1))
        left = steel.start + int(rng.integers(0, cols - width + 1))
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
        x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
        ground = 0.68 - np.sqrt(x**2 + y**2) + 0.24 * cloud_noise(rng, height, width, (80, 46), 6)
        ground = np.maximum(ground, 0.25 - 2 * np.sqrt(x**2 + y**2))
        ground = ground - 1.4 * smoothstep(np.maximum(np.abs(x), np.abs(y)), 0.82, 1.0)
        body = smoothstep(ground, 0.0, float(rng.uniform(0.13, 0.48)))
        weave = 0.7 * cloud_noise(rng, height, width, (46, 22), 4) + 0.6 * cloud_noise(rng, height, width, (7, 2), 2)
        depth = rng.uniform(0.32, 0.6)
        tone = np.float32(depth) * (1 + 0.2 * weave)
        shade = np.clip(tone * 0.75, 0.14, 0.7) if pale else -np.clip(tone, 0.14, 0.85)
        layer.paint(top, left, (0.94 * body).astype(np.float32), shade.astype(np.float32))
        if not pale and rng.random() < 0.5:
            crumbs = smoothstep(cloud_noise(rng, height, width, (7, 6), 2), 1.5, 2.1)
            near_edge = np.exp(-(((ground - 0.12) / 0.2) ** 2))
            layer.paint(top, left, (crumbs * near_edge).astype(np.float32), -0.72)


PAINTERS: dict[str, Callable[[np.random.Generator, Layer, slice], None]] = {
    "pitted_surface": paint_pitted_surface,
    "crazing": paint_crazing,
    "scratches": paint_scratches,
    "patches": paint_patches,
}
"""Class name → painter, in the order of Severstal's ClassId 1–4."""
