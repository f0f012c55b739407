"""Thresholds from good pictures, smoothing, and what every detector shares."""

from __future__ import annotations

import pytest
import torch

from models.anomaly import smooth, surest_rate, threshold
from models.detectors import build_detector
from models.spec import NetworkSpec


def test_threshold_is_the_conformal_quantile() -> None:
    values = torch.arange(1.0, 20.0).flip(0)  # 1 to 19
    assert threshold(values, 0.05) == 19
    assert threshold(values, 0.1) == 18
    assert threshold(values, 0.5) == 10
    assert threshold(values, 0.01) == 19, "too few to vouch for it: the highest"
    assert surest_rate(19) == 0.05


def test_new_good_pictures_exceed_the_threshold_no_more_often_than_asked() -> None:
    random = torch.Generator().manual_seed(0)
    draws = torch.rand(4000, 31, generator=random) ** 3
    above = [float(row[-1]) > threshold(row[:-1], 0.1) for row in draws]
    assert sum(above) / len(above) == pytest.approx(0.1, abs=0.015)


def test_smoothing_keeps_a_constant_and_the_sum_of_a_peak() -> None:
    torch.testing.assert_close(smooth(torch.full((2, 7, 9), 3.0), 0.5), torch.full((2, 7, 9), 3.0))
    peak = torch.zeros(1, 15, 15)
    peak[0, 7, 7] = 1
    blurred = smooth(peak, 1.0)[0]
    assert float(blurred.sum()) == pytest.approx(1, abs=1e-4)
    assert float(blurred[7, 7]) == pytest.approx(1 / (2 * torch.pi), rel=0.02)
    torch.testing.assert_close(blurred, blurred.T)


def test_an_unknown_detector_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no detector called 'oracle'; choose from memory-bank"):
        build_detector(NetworkSpec("anomaly", "oracle", ("good",)))
