"""A defect on another background: no seam, all of the defect, and none of its old surroundings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from training.data import read_dataset
from training.data.clean_crops import clean_crops
from training.data.record import load_image, load_masks
from training.inpaint import inpaint

SIDE = 64
MASK: NDArray[np.bool_] = np.zeros((SIDE, SIDE), dtype=bool)
MASK[:, 28:34] = True  # from edge to edge, as scratches go


def steel(level: float, seed: int, slope: float = 0.0) -> NDArray[np.float64]:
    noise = np.random.default_rng(seed).normal(level, 3, (SIDE, SIDE))
    return noise + slope * np.linspace(-1, 1, SIDE)


def bytes_of(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return values.round().clip(0, 255).astype(np.uint8)


def test_a_bright_line_on_darker_steel_has_its_height_and_no_seam() -> None:
    picture = bytes_of(steel(150, 1) + 60 * MASK)
    background = bytes_of(steel(70, 2, slope=20))
    made, mask = inpaint(picture, MASK, background)
    assert np.array_equal(mask, MASK)
    far = np.ones(SIDE, dtype=bool)
    far[24:38] = False
    assert np.array_equal(made[:, far], background[:, far]), "what is not near the defect is the background's own"
    columns = made.astype(float).mean(0) - steel(70, 2, slope=20).mean(0)
    assert columns[29:33].mean() == pytest.approx(60, abs=8), "as much brighter than its surroundings as it was"
    assert np.abs(columns[24:27]).max() < 8 and np.abs(columns[35:38]).max() < 8
    assert np.array_equal(inpaint(picture, MASK, background)[0], made)


def test_a_defect_stays_within_black_and_white() -> None:
    picture = bytes_of(steel(40, 1) + 200 * MASK)
    picture[:, 30] = 140  # a structure inside it, which clipping would flatten
    background = bytes_of(steel(190, 2))
    made, _ = inpaint(picture, MASK, background)
    assert (made == 255).mean() < 0.02
    assert made[:, 29].mean() - made[:, 30].mean() > 10
    assert made[:, 29].mean() > 230


def test_colours_are_joined_each_for_itself() -> None:
    picture = np.stack([bytes_of(steel(level, 1) + 50 * MASK) for level in (90, 120, 150)], 2)
    background = np.stack([bytes_of(steel(level, 2)) for level in (160, 80, 120)], 2)
    made, _ = inpaint(picture, MASK, background)
    assert made.shape == background.shape
    rim = made[:, 24:27].mean((0, 1)) - background[:, 24:27].mean((0, 1))
    assert np.abs(rim).max() < 8
    inside = made[:, 29:33].mean((0, 1)) - background[:, 29:33].mean((0, 1))
    assert inside == pytest.approx(50, abs=10)


def test_what_cannot_be_joined_is_named() -> None:
    grey = bytes_of(steel(100, 1))
    with pytest.raises(ValueError, match="marks nothing"):
        inpaint(grey, MASK & False, grey)
    with pytest.raises(ValueError, match="covers nearly the whole picture"):
        inpaint(grey, MASK | True, grey)
    with pytest.raises(ValueError, match=r"the background \(32, 32\)"):
        inpaint(grey, MASK, grey[:32, :32])


def test_real_defects_on_real_steel_leave_no_seam(realdata: Path) -> None:
    """Across the rim of the region that changed, neighbours differ no more than in the background itself."""
    samples = read_dataset(realdata / "neu-det").samples
    masked = [s for s in samples if s.labels == ("scratches",) and s.mask is not None][:60]
    crops = [c for c in clean_crops(masked, 2, 0) if c.crop is not None and c.crop.right - c.crop.left >= 120]
    seams, naive, usual = [], [], []
    for sample, crop in zip(masked[:12], crops * 12, strict=False):
        clean = load_image(crop)[..., 0]
        side = min(clean.shape)
        picture = load_image(sample)[:side, :side, 0]
        mask = load_masks(sample, ("scratches",), 200, 200)[0][:side, :side]
        if not mask.any() or mask.mean() > 0.5:
            continue
        made, _ = inpaint(picture, mask, clean)
        changed = made != clean
        pasted = np.where(mask, picture, clean)
        rim, edge = (area[:, 1:] ^ area[:, :-1] for area in (changed, mask))
        for found, values, where in ((seams, made, rim), (naive, pasted, edge), (usual, clean, rim)):
            found.append(np.abs(np.diff(values.astype(float), axis=1))[where].mean())
    assert len(seams) >= 6
    assert np.mean(seams) < 1.5 * np.mean(usual) + 1
    assert np.mean(seams) < 0.5 * np.mean(naive), "cutting and pasting is what this must beat"
