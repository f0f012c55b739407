"""Figures of anomaly detection against plain counting; picking good, odd and few patches."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from training.anomaly.coreset import coreset
from training.anomaly.figures import pro
from training.anomaly.material import folds_of
from training.anomaly.odd import odd_ones
from training.data.record import Sample


def pro_by_counting(maps: list[NDArray[np.float32]], masks: list[NDArray[np.bool_]], limit: float) -> float:
    """Each threshold in turn, then the area by trapezoids."""
    points = [(0.0, 0.0)]
    regions = [
        (index, numbers == number)
        for index, mask in enumerate(masks)
        for numbers, count in [ndimage.label(mask, np.ones((3, 3)))]
        for number in range(1, count + 1)
    ]
    for value in sorted({float(v) for values in maps for v in values.ravel()}, reverse=True):
        marked = [values >= value for values in maps]
        false = sum((m & ~mask).sum() for m, mask in zip(marked, masks, strict=True)) / sum((~m).sum() for m in masks)
        points.append((float(false), float(np.mean([marked[index][region].mean() for index, region in regions]))))
    area = 0.0
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 < limit:
            end = min(x1, limit)
            y_end = y0 + (y1 - y0) * (end - x0) / (x1 - x0) if x1 > x0 else y1
            area += (end - x0) * (y0 + y_end) / 2
    return area / limit


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), levels=st.sampled_from([3, 12, 10_000]), limit=st.sampled_from([0.05, 0.3, 1.0]))
def test_pro_is_what_counting_gives(seed: int, levels: int, limit: float) -> None:
    random = np.random.default_rng(seed)
    maps = [random.integers(0, levels, (9, 7)).astype(np.float32) for _ in range(3)]
    masks = [random.random((9, 7)) < 0.2, random.random((9, 7)) < 0.05, np.zeros((9, 7), dtype=bool)]
    masks[0][2:4, 2:4] = True
    found = pro(maps, masks, limit)
    assert found == pytest.approx(pro_by_counting(maps, masks, limit), abs=1e-6)


def test_pro_of_perfect_and_of_no_regions() -> None:
    mask = np.zeros((8, 8), dtype=bool)
    mask[1:3, 1:3] = mask[5:7, 5:8] = True
    assert pro([mask.astype(np.float32)], [mask]) == pytest.approx(1)
    assert pro([mask.astype(np.float32)], [np.zeros_like(mask)]) is None
    assert pro([mask.astype(np.float32)], [np.ones_like(mask)]) is None


def test_a_coreset_leaves_no_patch_far_away() -> None:
    random = torch.Generator().manual_seed(0)
    centres = torch.randn(10, 8, generator=random) * 20
    patches = (centres[:, None] + torch.randn(10, 50, 8, generator=random)).flatten(0, 1)
    chosen = _chosen(patches, 10)
    assert sorted((chosen // 50).tolist()) == list(range(10)), "one of each cluster"
    assert torch.equal(_chosen(patches, 10), chosen), "the same seed, another choice"
    assert _chosen(patches, 900).tolist() == list(range(500))
    wide = torch.randn(300, 200, generator=random)
    assert len(set(_chosen(wide, 280).tolist())) == 280


def _chosen(patches: torch.Tensor, count: int) -> torch.Tensor:
    choosing = coreset(patches, count, seed=3)
    while True:
        try:
            next(choosing)
        except StopIteration as done:
            chosen: torch.Tensor = done.value
            return chosen


def test_folds_keep_groups_together_and_are_even() -> None:
    samples = [Sample(Path(f"{n}.png"), ("good",), group=f"g{n // 3}") for n in range(31)]
    folds = folds_of(samples, 4, seed=0)
    assert np.ptp(np.bincount(folds)) <= 3
    for start in range(0, 30, 3):
        assert len(set(folds[start : start + 3].tolist())) == 1
    alone = [Sample(Path(f"{n}.png"), ("good",), group="same") for n in range(8)]
    assert sorted(np.bincount(folds_of(alone, 4, seed=0))) == [2, 2, 2, 2]


def test_odd_ones_are_named_and_even_ones_are_not() -> None:
    random = np.random.default_rng(0)
    samples = [Sample(Path(f"{n}.png"), ("good",)) for n in range(40)]
    scores = torch.from_numpy(np.exp(random.normal(2, 0.1, 40))).float()
    assert odd_ones(samples, scores) == []
    scores[[7, 11]] = torch.tensor([30.0, 50.0])
    (sentence,) = odd_ones(samples, scores)
    assert sentence.startswith("beside the other good pictures these look strange (2): 11.png, 7.png;")
