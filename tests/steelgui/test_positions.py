"""Position maps against masks drawn here."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models import rle
from steelgui.services.positions import GRIDS, covered, shape_of


def by_pixels(mask: NDArray[np.bool_], grid: tuple[int, int]) -> NDArray[np.float64]:
    """Slow and plain: each pixel cut into so many parts that no cell's border cuts one."""
    rows, columns = grid
    height, width = mask.shape
    fine = np.kron(mask.astype(float), np.ones((rows, columns)))
    return fine.reshape(rows, height, columns, width).mean(axis=(1, 3))


@pytest.mark.parametrize(("width", "height"), [(64, 16), (40, 30), (13, 7), (200, 3), (5, 50)])
def test_a_map_is_exact_without_the_mask(width: int, height: int) -> None:
    mask = np.random.default_rng(width).random((height, width)) < 0.4
    mask[:, :2] = True  # a run that goes on in the next column
    for grid in ((4, 8), (3, 5)):
        np.testing.assert_allclose(covered(rle.encode(mask), width, height, grid), by_pixels(mask, grid), atol=1e-12)


def test_a_drawn_mask_lies_where_it_was_drawn() -> None:
    mask = np.zeros((256, 1600), dtype=bool)
    mask[:16, 1575:] = True  # one cell of 16×25 px, in the upper right corner
    found = covered(rle.encode(mask), 1600, 256, GRIDS["strip"])
    assert found[0, 63] == pytest.approx(1.0)
    assert found.sum() == pytest.approx(1.0)
    assert not covered("", 1600, 256, GRIDS["strip"]).any()
    assert (shape_of(1600, 256), shape_of(200, 200), shape_of(100, 300)) == ("strip", "square", "upright")
    with pytest.raises(ValueError, match="leaves the image"):
        covered("1 999", 4, 4, (2, 2))
