"""Generated anomalies: masks that are true, the same from the same seed, pictures of any shape."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from training.anomaly.cutpaste import JITTER, Mask, Picture, cut_paste, jittered, scar
from training.anomaly.generated import anomaly
from training.anomaly.marks import mark
from training.anomaly.perlin import LEAST, perlin_mask, perlin_noise, texture_anomaly

Make = Callable[[Picture, np.random.Generator], tuple[Picture, Mask]]


def texture(picture: Picture, rng: np.random.Generator) -> tuple[Picture, Mask]:
    return texture_anomaly(picture, picture, rng)


def any_of_them(picture: Picture, rng: np.random.Generator) -> tuple[Picture, Mask]:
    return anomaly(picture, picture, rng)


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(params=[cut_paste, scar, texture, mark, any_of_them], ids=lambda make: make.__name__)
def make(request: pytest.FixtureRequest) -> Make:
    return request.param  # type: ignore[no-any-return]


@pytest.mark.parametrize("shape", [(128, 128), (64, 400), (9, 200), (200, 3)])
def test_what_changed_is_marked_and_nothing_else(make: Make, shape: tuple[int, int]) -> None:
    picture = noise(*shape)
    before = picture.copy()
    for seed in range(20):
        result, mask = make(picture, np.random.default_rng(seed))
        assert (result.shape, result.dtype) == (picture.shape, np.uint8)
        assert (mask.shape, mask.dtype) == (shape, bool)
        assert mask.any()
        changed = (result != picture).any(2)
        assert not (changed & ~mask).any()
        assert changed[mask].mean() > 0.5 or mask.sum() < 20
    assert np.array_equal(picture, before), "the picture itself was drawn on"


def test_the_same_seed_gives_the_same_and_another_another(make: Make) -> None:
    picture = noise(96, 128)
    first, again, other = (make(picture, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[1], other[1])


def test_patches_and_scars_are_as_large_as_the_paper_says() -> None:
    picture = noise(256, 256)
    patches = [cut_paste(picture, np.random.default_rng(seed))[1] for seed in range(200)]
    parts = [mask.mean() for mask in patches]
    assert min(parts) > 0.018
    assert max(parts) < 0.155
    sides = np.array([(mask.any(1).sum(), mask.any(0).sum()) for mask in patches])
    ratios = sides[:, 0] / sides[:, 1]
    assert 0.28 < ratios.min() < 0.5 < 2 < ratios.max() < 3.5
    scars = [scar(picture, np.random.default_rng(seed))[1].sum() for seed in range(200)]
    assert min(scars) > 2 * 10 * 0.7
    assert max(scars) < 16 * 25 * 1.4


def test_a_patch_is_a_part_of_the_picture_lit_differently() -> None:
    """Each row of a ramp has its own level; a patch keeps the order of its rows, and its light changes little."""
    ramp = np.repeat(np.arange(60, 188, dtype=np.uint8)[:, None, None], 96, 1).repeat(3, 2)
    for seed in range(10):
        result, mask = cut_paste(ramp, np.random.default_rng(seed))
        rows, columns = np.nonzero(mask)
        pasted = result[rows.min() : rows.max() + 1, columns.min()].astype(int)
        assert (np.diff(pasted[:, 0]) >= 0).all()
        assert (np.ptp(pasted, axis=1) == 0).all(), "grey became coloured"


def test_jitter_keeps_within_its_strength() -> None:
    flat = np.full((4, 4, 3), 100, dtype=np.uint8)
    levels = [int(jittered(flat, np.random.default_rng(seed))[0, 0, 0]) for seed in range(100)]
    assert 100 * (1 - JITTER) <= min(levels) < 95 < 105 < max(levels) <= 100 * (1 + JITTER)
    colour = np.full((4, 4, 3), (200, 40, 40), dtype=np.uint8)
    assert np.array_equal(jittered(colour, np.random.default_rng(0), 0), colour)
    hues = [jittered(colour, np.random.default_rng(seed))[0, 0].argmax() for seed in range(50)]
    assert set(hues) == {0}, "red stays red"


def test_noise_is_smooth_and_turns() -> None:
    values = perlin_noise(128, 96, (4, 4), 0.3, np.random.default_rng(0))
    assert values.shape == (128, 96)
    assert 0.5 < np.abs(values).max() < 1.5
    assert abs(values.mean()) < 0.25
    assert max(np.abs(np.diff(values, axis=axis)).max() for axis in (0, 1)) < 0.3, "a lattice line shows"
    stripes = perlin_noise(96, 96, (1, 32), 0.0, np.random.default_rng(0))
    turned = perlin_noise(96, 96, (1, 32), np.pi / 2, np.random.default_rng(0))
    across = [
        np.abs(np.diff(noise, axis=1)).mean() / np.abs(np.diff(noise, axis=0)).mean() for noise in (stripes, turned)
    ]
    assert across[0] > 3
    assert across[1] < 1 / 3


def test_clouds_are_never_empty() -> None:
    parts = [perlin_mask(64, 64, np.random.default_rng(seed)).mean() for seed in range(200)]
    assert min(parts) >= LEAST * 0.99
    assert np.mean(parts) < 0.3


def test_a_texture_is_the_other_pictures() -> None:
    flat, other = np.full((64, 64, 3), 20, dtype=np.uint8), noise(64, 64)
    for seed in range(10):
        own, lent = (texture_anomaly(flat, source, np.random.default_rng(seed)) for source in (flat, other))
        assert np.array_equal(own[1], lent[1])
        assert lent[0][lent[1]].std() > own[0][own[1]].std()


def test_no_mark_can_be_seen_on_black() -> None:
    black = np.zeros((32, 32, 3), dtype=np.uint8)
    result, mask = mark(black, np.random.default_rng(0))
    assert not mask.any()
    assert not result.any()
