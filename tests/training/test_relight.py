"""A surface in other light: its texture stays, slow brightness is the other's."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from training.relight import relight

SIDE = 96


def surface(level: float, slope: float, seed: int, side: int = SIDE) -> NDArray[np.uint8]:
    """H×W×3: fine noise of a tenth of the light, which grows from left to right."""
    lit = level + slope * np.linspace(-1, 1, side)
    grey = lit * (1 + 0.1 * np.random.default_rng(seed).standard_normal((side, side)))
    return np.repeat(grey.round().clip(0, 255).astype(np.uint8)[..., None], 3, 2)


def fine(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    grey = picture[..., 0].astype(np.float64)
    return grey / ndimage.gaussian_filter(grey, 10) - 1


def test_the_texture_stays_and_the_light_is_the_others() -> None:
    picture, light = surface(180, 40, 1), surface(90, -40, 2)
    made = relight(picture, light)
    assert made.shape == picture.shape and made.dtype == np.uint8
    columns, wanted = made[..., 0].mean(0), light[..., 0].mean(0)
    assert np.corrcoef(columns, wanted)[0, 1] > 0.9, "dark where the other is dark"
    assert made.mean() == pytest.approx(light.mean(), rel=0.05)
    assert np.corrcoef(fine(made).ravel(), fine(picture).ravel())[0, 1] > 0.95
    assert abs(np.corrcoef(fine(made).ravel(), fine(light).ravel())[0, 1]) < 0.1, "nothing of the other's texture"


def test_its_own_light_changes_nothing() -> None:
    picture = surface(120, 60, 3)
    assert np.abs(relight(picture, picture).astype(int) - picture).max() <= 1


def test_contrast_is_the_textures_alone() -> None:
    picture, light = surface(120, 0, 4), surface(100, 0, 5)
    strong, weak = (fine(relight(picture, light, contrast)).std() for contrast in (1.2, 0.8))
    assert strong / weak == pytest.approx(1.5, rel=0.05)


def test_a_light_of_another_size_is_stretched() -> None:
    made = relight(surface(100, 0, 6)[:40], surface(150, 50, 7, side=200))
    assert made.shape == (40, SIDE, 3)
    assert made[:, -20:].mean() - made[:, :20].mean() > 50


def test_black_and_white_stay_within_bounds() -> None:
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    picture[::2] = 255
    made = relight(picture, np.full_like(picture, 250))
    assert made.min() < 10 and made.max() == 255


def test_grey_and_colour_do_not_go_together() -> None:
    with pytest.raises(ValueError, match="both must be grey or both RGB"):
        relight(surface(100, 0, 0), surface(100, 0, 0)[..., :1])


def test_a_large_picture_is_as_one_of_its_size() -> None:
    """Its light is looked for in a smaller one, which must not show."""
    picture, light = surface(120, 60, 8, side=700), surface(160, -60, 9, side=700)
    assert np.abs(relight(picture, picture).astype(int) - picture).max() <= 1
    made = relight(picture, light)
    assert made.shape == picture.shape
    assert np.corrcoef(made[..., 0].mean(0), light[..., 0].mean(0))[0, 1] > 0.9
    assert np.corrcoef(fine(made).ravel(), fine(picture).ravel())[0, 1] > 0.95
