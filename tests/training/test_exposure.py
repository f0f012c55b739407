"""Darker pictures: how they are made, that a training sees them, and what they cost a network that never did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoint import load_checkpoint
from models.spec import Preprocess
from models.start import WEIGHTS_FOLDER
from training.classifier import evaluate_classifier
from training.config import SegmenterConfig
from training.data import read_dataset
from training.data.record import Sample
from training.segmenter import evaluate_segmenter
from training.views import View, dimmed, segmenter_input


def test_dimmed_is_whole_numbers_in_range_and_nothing_at_1() -> None:
    image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    assert dimmed(image, 1) is image
    quarter = dimmed(image, 0.25)
    assert (quarter.dtype, quarter.max(), len(np.unique(quarter))) == (np.uint8, 64, 65)
    assert dimmed(image, 4)[8:].min() == 255


def brightnesses(exposure: float, count: int = 400) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Mean of the crops that a training sees, as parts of the picture's own."""
    config = SegmenterConfig(
        data=Path(), out=Path(), size=64, crop=64, zoom=0, flips=False, photometric=0, exposure=exposure
    )
    image = np.full((64, 64, 3), 100, dtype=np.uint8)
    masks = np.zeros((1, 64, 64), dtype=bool)
    view = View(Sample(Path(), ("none",)), image, masks, np.ones(1, dtype=bool))
    seen = [segmenter_input(view, config, Preprocess(64), 64, np.random.default_rng(seed))[0] for seed in range(count)]
    assert all(torch.equal(pixels, pixels.round()) for pixels in seen)
    return np.array([float(pixels.mean()) / 100 for pixels in seen])


def test_half_of_the_pictures_are_exposed_anew_from_a_quarter_up() -> None:
    seen = brightnesses(2)
    assert 0.4 < (seen == 1).mean() < 0.6
    assert 0.25 <= seen.min() < 0.27
    assert 1.3 < seen.max() <= 2**0.5
    assert 0.5 < (seen[seen != 1] < 0.75).mean() < 0.7  # even in stops: 1.6 of the 2.5 lie below
    assert (brightnesses(0) == 1).all()


@pytest.mark.realdata
def test_real_pictures_at_half_and_a_quarter_of_their_brightness(realdata: Path) -> None:
    """The bundled networks saw no dark pictures: they lose with each halving, and the figures say so."""
    scratches = [
        one for one in read_dataset(realdata / "neu-det").samples if one.labels == ("scratches",)
        and one.split == "validation"
    ][:6]  # fmt: skip
    for kind, judge, figure in (
        ("segmenter", evaluate_segmenter, "dice_positive"),
        ("classifier", evaluate_classifier, "accuracy"),
    ):
        model = load_checkpoint(WEIGHTS_FOLDER / f"neu-{kind}.safetensors")
        full, half, quarter = (judge(model.network, model.spec, scratches, part)[figure] for part in (1.0, 0.5, 0.25))
        assert full >= half >= quarter
        assert full > quarter
