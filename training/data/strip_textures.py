"""The sound surface of a rendered strip: grain, uneven light, black ends, and the harmless marks that mimic defects.

Grey values are float32 in 0–255; noise has mean 0 and standard deviation 1. The rolling direction is vertical, as in
Severstal's pictures, so every streak and stain is longer down than across.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Field = NDArray[np.float32]

DARKEST_STEEL, LIGHTEST_STEEL = 34.0, 205.0


def smooth_noise(rng: np.random.Generator, height: int, width: int, cell: tuple[float, float]) -> Field:
    """Noise whose blobs are about ``cell`` pixels (down, across) in size.

    Returns:
        height×width float32 of mean about 0 and standard deviation about 1.
    """
    # Drawn coarse and enlarged: a hundredth of the time that filtering full-size noise takes.
    across, down = width / cell[1], height / cell[0]
    coarse = rng.standard_normal((int(down) + 4, int(across) + 4), dtype=np.float32)
    left, top = rng.random(2)
    box = (1 + left, 1 + top, 1 + left + across, 1 + top + down)
    fine = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC, box=box))
    # Bicubic enlargement averages neighbours; 1.3 gives back the spread that this takes away.
    return fine * np.float32(1.3)


def cloud_noise(rng: np.random.Generator, height: int, width: int, cell: tuple[float, float], octaves: int) -> Field:
    """Several sizes of :func:`smooth_noise`, each half the size and weight of the last; standard deviation about 1."""
    total = np.zeros((height, width), dtype=np.float32)
    for octave in range(octaves):
        scale = 0.5**octave
        total += np.float32(scale) * smooth_noise(
            rng, height, width, (max(cell[0] * scale, 1), max(cell[1] * scale, 1))
        )
    return total / np.float32(np.sqrt((1 - 0.25**octaves) / 0.75))


def smoothstep(values: Field, low: float, high: float) -> Field:
    """0 below ``low``, 1 above ``high``, an S between; ``low`` > ``high`` turns it round."""
    t: Field = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return t * t * (3 - 2 * t)


def steel_surface(rng: np.random.Generator, height: int, width: int) -> tuple[Field, slice]:
    """Draw a sound strip with its light, grain, harmless marks and perhaps a black end.

    Returns:
        height×width float32 grey, 0–255, and the columns that are steel and not black background (at least 60 % of
        the width).
    """
    light = _light(rng, height, width)
    relief = _relief(rng, height, width)
    for chance, mark in HARMLESS:
        if rng.random() < chance:
            relief = mark(rng, relief)
    surface = np.clip(light * (1 + relief), DARKEST_STEEL * 0.6, None)
    # A soft shoulder: sparkles still saturate as on a real camera, but plain steel leaves room for light defects.
    surface = np.where(
        surface > LIGHTEST_STEEL, LIGHTEST_STEEL + (surface - LIGHTEST_STEEL) * np.float32(0.45), surface
    )
    surface, columns = _black_ends(rng, surface)
    return np.clip(surface, 0, 255).astype(np.float32), columns


def _light(rng: np.random.Generator, height: int, width: int) -> Field:
    """Uneven lighting: a level, a slow swell, dark flanks, and at times a slanted shadow."""
    level = float(np.clip(rng.normal(114, 27), 68, 170))
    # Light has no detail, so a quarter of the resolution each way does.
    rows, cols = -(-height // 4), -(-width // 4)
    swell = smooth_noise(rng, rows, cols, (50, 80)) * np.float32(rng.uniform(0.07, 0.19))
    x = np.linspace(-1, 1, cols, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    tilt = x * rng.uniform(-0.22, 0.22) + y * rng.uniform(-0.1, 0.1)
    flank = np.abs(x - np.float32(rng.uniform(-0.4, 0.4))) ** 2 * np.float32(rng.uniform(0.0, 0.42))
    light = 1 + swell + tilt - flank
    if rng.random() < 0.4:
        slope, offset = rng.uniform(0.5, 2.2) * rng.choice((-1, 1)), rng.uniform(-0.6, 0.6)
        away = np.abs(y + x * slope * width / 1600 - offset + 0.12 * cloud_noise(rng, rows, cols, (22, 40), 4))
        light = light * (1 - np.float32(rng.uniform(0.06, 0.2)) * np.exp(-((away / rng.uniform(0.15, 0.45)) ** 2)))
    light = np.clip(level * light, DARKEST_STEEL, LIGHTEST_STEEL - 20).astype(np.float32)
    return np.asarray(Image.fromarray(light).resize((width, height), Image.Resampling.BICUBIC))


def _relief(rng: np.random.Generator, height: int, width: int) -> Field:
    """Grain as a share of the light: fine brushed noise, rolling streaks, and mottled scale."""
    # One factor for the whole strip: coils differ from mirror-smooth to sandy.
    rough = rng.uniform(0.6, 1.25)
    fine = rng.standard_normal((height, width), dtype=np.float32)
    # Mostly brushed along the strip; some coils are shot-blasted and show the camera's line grain instead.
    brushed = ndimage.uniform_filter1d(fine, int(rng.integers(2, 6)), axis=0 if rng.random() < 0.6 else 1)
    brushed /= brushed.std()
    pebble = smooth_noise(rng, height, width, (2.4, 2.2))
    mottle = cloud_noise(rng, height, width, (90, 44), 5)
    # Fine lines the length of the strip; where they lie they also roughen the grain.
    lines = smooth_noise(rng, height, width, (300, 2.2)) + smooth_noise(rng, height, width, (500, rng.uniform(5, 12)))
    broad = smooth_noise(rng, height, width, (900, 60))
    presence = smoothstep(cloud_noise(rng, height, width, (160, 120), 2), -0.9, 1.6)
    relief: Field = rough * (0.05 * brushed + 0.022 * fine + 0.045 * pebble) * (0.7 + 0.6 * presence)
    relief += rng.uniform(0.025, 0.06) * mottle
    relief += rng.uniform(0.015, 0.05) * lines * presence
    relief += rng.uniform(0.01, 0.03) * broad
    return relief


def _black_ends(rng: np.random.Generator, surface: Field) -> tuple[Field, slice]:
    """Blacken the left or right end on some strips, with the ragged bright edge a sheared strip shows."""
    height, width = surface.shape
    if rng.random() > 0.22:
        return surface, slice(0, width)
    share = float(rng.uniform(0.05, 0.36))
    edge = share * width + rng.uniform(-0.04, 0.04) * np.linspace(-1, 1, height) * height
    edge = edge + smooth_noise(rng, height, 1, (30, 1))[:, 0] * 0.8
    inward = (np.arange(width, dtype=np.float32)[None, :] - edge[:, None]).astype(np.float32)
    right = rng.random() < 0.5
    if right:
        inward = inward[:, ::-1]
    background = 3 + 2.2 * np.abs(rng.standard_normal(surface.shape, dtype=np.float32))
    steel = smoothstep(inward, -1.2, 1.2)
    # The last millimetres bend away from the lamp.
    bent = surface * (0.72 + 0.28 * smoothstep(inward, 0, 26)) + rng.uniform(0, 22) * np.exp(
        -(((inward - 2) / 1.4) ** 2)
    )
    first = min(int(np.ceil(edge.max())) + 4, int(0.4 * width))
    columns = slice(0, width - first) if right else slice(first, width)
    return (background * (1 - steel) + bent * steel).astype(np.float32), columns


def _window(
    rng: np.random.Generator, relief: Field, height: int, width: int
) -> tuple[tuple[slice, slice], int, int, Field, Field]:
    """A random place for a mark: its slices, clipped size, and coordinates running −1 to 1 over the unclipped mark."""
    rows, cols = relief.shape
    height, width = max(4, min(height, rows)), max(4, min(width, cols))
    top, left = int(rng.integers(0, rows - height + 1)), int(rng.integers(0, cols - width + 1))
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    return (slice(top, top + height), slice(left, left + width)), height, width, y, x


def oil_stain(rng: np.random.Generator, relief: Field) -> Field:
    """A wet dark film with a crisp edge, a darker rim, calm grain inside, and drips that run with the strip."""
    relief = relief.copy()
    place, height, width, y, x = _window(rng, relief, int(rng.integers(70, 200)), int(rng.integers(80, 330)))
    shape = 0.62 - np.sqrt(x**2 + (y * 1.05) ** 2) + 0.2 * cloud_noise(rng, height, width, (55, 38), 4)
    # Drips: columns reach down by different lengths.
    drip = smooth_noise(rng, 1, width, (1, 13)) * np.float32(0.22)
    shape = shape + drip * smoothstep(y, -0.3, 0.8)
    shape *= smoothstep(np.maximum(np.abs(x), np.abs(y)) + 0 * x, 1.0, 0.86)
    film = smoothstep(shape, 0.0, 0.035)
    rim = film * np.exp(-((shape / 0.07) ** 2))
    depth = rng.uniform(0.3, 0.58)
    wet = relief[place] * 0.45 - depth - 0.16 * rim + 0.025 * cloud_noise(rng, height, width, (40, 12), 2)
    relief[place] = relief[place] * (1 - film) + wet * film
    return relief


def water_drops(rng: np.random.Generator, relief: Field) -> Field:
    """Dried drops: pale rings with a slightly dark inside."""
    relief = relief.copy()
    for _ in range(int(rng.integers(3, 12))):
        size = int(rng.integers(10, 36))
        place, height, width, y, x = _window(rng, relief, size, size)
        radius = np.sqrt(x**2 + y**2) + 0.06 * smooth_noise(rng, height, width, (9, 9))
        ring = np.exp(-(((radius - 0.72) / 0.1) ** 2))
        relief[place] += rng.uniform(0.08, 0.2) * ring - 0.07 * smoothstep(radius, 0.75, 0.6)
    return relief


def roll_marks(rng: np.random.Generator, relief: Field) -> Field:
    """The same faint smudge again and again at the roll's pitch, across the whole strip."""
    rows, cols = relief.shape
    pitch = float(rng.uniform(70, 190))
    x = np.arange(cols, dtype=np.float32)[None, :]
    phase = (x / pitch + rng.random()) % 1 - 0.5
    width = rng.uniform(3, 9) / pitch
    y = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    down = np.exp(-(((y - rng.uniform(-0.6, 0.6)) / rng.uniform(0.12, 0.6)) ** 2))
    smudge = np.exp(-((phase / width) ** 2)) * down * (0.7 + 0.3 * smooth_noise(rng, rows, cols, (14, 9)))
    strength = float(rng.choice((-1, 1))) * rng.uniform(0.05, 0.11)
    return relief + np.asarray(strength * smudge, dtype=np.float32)


def weld_seam(rng: np.random.Generator, relief: Field) -> Field:
    """A band across the strip with the fish-scale ripple of a weld bead and a heat-tinted margin."""
    rows, cols = relief.shape
    centre = rng.uniform(0.1, 0.9) * cols + smooth_noise(rng, rows, 1, (60, 1)) * 1.5
    half = rng.uniform(5, 11)
    across = (np.arange(cols, dtype=np.float32)[None, :] - centre) / np.float32(half)
    down = np.arange(rows, dtype=np.float32)[:, None]
    bead = smoothstep(np.abs(across), 1.05, 0.8)
    ripple = np.sin((down + 5 * across**2) * np.float32(2 * np.pi / rng.uniform(6, 10)))
    tint = np.exp(-((across / 3.2) ** 2)) * np.float32(-0.12)
    ridge = bead * (0.1 + 0.09 * ripple - 0.1 * across)
    return relief + np.asarray(tint + ridge, dtype=np.float32)


def tread_pattern(rng: np.random.Generator, relief: Field) -> Field:
    """A faint lattice of lens-shaped bumps, lit from one side, as on embossed sheet."""
    rows, cols = relief.shape
    y = np.arange(rows, dtype=np.float32)[:, None]
    x = np.arange(cols, dtype=np.float32)[None, :]
    pitch = np.float32(rng.uniform(26, 44))
    u, v = (x + y) / pitch, (x - y) / pitch
    du, dv = u - np.round(u), v - np.round(v)
    # Neighbours lie crosswise, as on a chequer plate.
    turned = (np.round(u) + np.round(v)) % 2 > 0
    along, aside = np.where(turned, du, dv), np.where(turned, dv, du)
    bump = np.exp(-((along / 0.3) ** 2) - (aside / 0.11) ** 2)
    return (relief + np.float32(rng.uniform(0.08, 0.18)) * bump * (0.35 - aside * 9)).astype(np.float32)


def dust(rng: np.random.Generator, relief: Field) -> Field:
    """Bright specks with a dark lee side, scattered and in columns and heaps, as scale dust glints under the lamp."""
    rows, cols = relief.shape
    count = max(3, int(rng.gamma(1.3, 90) * rows * cols / (256 * 1600)))
    heaps = max(1, count // 30)
    heap = rng.integers(0, heaps, count)
    x = rng.uniform(0, cols, heaps)[heap] + rng.normal(0, 1, count) * rng.uniform(2, 22, heaps)[heap]
    y = rng.uniform(0, rows, heaps)[heap] + rng.normal(0, 1, count) * rng.uniform(15, 130, heaps)[heap]
    astray = rng.random(count) < 0.35
    x = np.where(astray, rng.uniform(0, cols, count), x)
    y = np.where(astray, rng.uniform(0, rows, count), y)
    specks = np.zeros_like(relief)
    inside = (x >= 0) & (x < cols) & (y >= 0) & (y < rows)
    specks[y[inside].astype(int), x[inside].astype(int)] = rng.gamma(1.1, 3.4, count)[inside]
    glint = np.minimum(ndimage.gaussian_filter(specks, (0.95, 0.8), truncate=3), np.float32(1.1))
    lee = np.roll(np.minimum(glint, 0.5), 2, axis=0)
    return relief + np.asarray(glint - 0.55 * lee, dtype=np.float32)


def pale_smears(rng: np.random.Generator, relief: Field) -> Field:
    """Soft pale wipes down the strip: residue, not a scratch."""
    relief = relief.copy()
    for _ in range(int(rng.integers(1, 4))):
        place, height, width, y, x = _window(rng, relief, int(rng.integers(90, 256)), int(rng.integers(30, 120)))
        veil = np.clip(1 - x**2, 0, None) * np.clip(1 - y**2, 0, None)
        veil = veil * smoothstep(cloud_noise(rng, height, width, (120, 9), 3), -0.8, 1.6)
        relief[place] += np.float32(rng.uniform(0.08, 0.2)) * veil
    return relief


HARMLESS: tuple[tuple[float, Callable[[np.random.Generator, Field], Field]], ...] = (
    (0.45, dust),
    (0.25, pale_smears),
    (0.14, roll_marks),
    (0.05, tread_pattern),
    (0.05, weld_seam),
    (0.10, water_drops),
    (0.14, oil_stain),
)
"""Chance of each harmless mark on a strip, in the order in which they are laid on."""
