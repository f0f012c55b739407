"""Tiles cover a strip, and stitching them back leaves no seam."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.imaging import stitch, to_input
from models.spec import Preprocess
from models.tiling import OVERLAP, plan_tiles


@pytest.mark.parametrize(
    ("height", "width"), [(256, 1600), (1600, 256), (200, 200), (16, 500), (300, 601), (100, 201), (480, 640), (17, 35)]
)
def test_tiles_are_squares_that_cover_everything_and_overlap(height: int, width: int) -> None:
    boxes = plan_tiles(height, width)
    seen = np.zeros((height, width), dtype=int)
    for box in boxes:
        assert 0 <= box.left < box.right <= width
        assert 0 <= box.top < box.bottom <= height
        seen[box.top : box.bottom, box.left : box.right] += 1
    assert seen.min() == 1
    if len(boxes) > 1:
        side = min(height, width)
        assert all(box.right - box.left == box.bottom - box.top == side for box in boxes)
        starts = sorted(max(box.left, box.top) for box in boxes)
        assert max(np.diff(starts)) <= np.ceil(side * (1 - OVERLAP)) + 1


def test_a_strip_of_severstal_has_seven_tiles() -> None:
    assert len(plan_tiles(256, 1600)) == 7


@pytest.mark.parametrize(("height", "width"), [(256, 1600), (200, 200), (1600, 256), (9, 4)])
def test_six_pieces_lie_beside_one_another(height: int, width: int) -> None:
    boxes = plan_tiles(height, width, tiles="six")
    assert len(boxes) == 6
    seen = np.zeros((height, width), dtype=int)
    for box in boxes:
        seen[box.top : box.bottom, box.left : box.right] += 1
    assert (seen == 1).all()
    lengths = [max(box.right - box.left, box.bottom - box.top) for box in boxes]
    assert max(lengths) - min(lengths) <= 1 or height == width


def test_whole_is_one_box() -> None:
    assert plan_tiles(256, 1600, tiles="whole") == [(0, 0, 1600, 256)]


@pytest.mark.parametrize(("height", "width"), [(256, 1600), (700, 90)])
def test_stitching_a_smooth_field_shows_no_seam(height: int, width: int) -> None:
    """Each tile sees its part of one gradient; put together it must be that gradient within rounding."""
    boxes = plan_tiles(height, width)
    field = torch.linspace(0, 1, height)[:, None] * 0.5 + torch.linspace(0, 1, width)[None] * 0.5
    tiles = torch.stack([field[b.top : b.bottom, b.left : b.right] for b in boxes])[:, None]
    whole = stitch(tiles, boxes, height, width)
    assert whole.shape == (1, height, width)
    assert np.abs(whole[0].astype(int) - (field * 255).round().numpy().astype(int)).max() <= 1


def test_a_step_between_tiles_becomes_a_ramp() -> None:
    boxes = plan_tiles(256, 1600)
    tiles = torch.tensor([0.0, 1.0] * 4)[: len(boxes), None, None, None].expand(-1, 1, 8, 8)
    whole = stitch(tiles, boxes, 256, 1600)[0].astype(int)
    assert np.abs(np.diff(whole, axis=1)).max() < 255 / 8


def test_input_has_the_network_s_range() -> None:
    image = np.full((20, 50, 3), 255, dtype=np.uint8)
    prepare = Preprocess(32, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    batch = to_input(image, plan_tiles(20, 50), prepare)
    assert batch.shape == (len(plan_tiles(20, 50)), 3, 32, 32)
    torch.testing.assert_close(batch, torch.full_like(batch, 2.0))
