"""Anomaly detectors: networks that learned from good parts only and say how strange a picture is, and where."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from models.spec import NetworkSpec


class Detector(nn.Module):
    """What every detector shares: it answers in a unit of its own, and remembers how good parts answer in it.

    Attributes:
        good: G×2 float32: score and highest map value of G good pictures, none of which it had learned from when it
            judged them. Thresholds come from it, see `threshold`.
    """

    good: Tensor

    def __init__(self, calibration: int) -> None:
        super().__init__()
        self.register_buffer("good", torch.zeros(calibration, 2))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """N×3×S×S float, normalised → N scores and N×h×w maps, higher is stranger, both from 0 upwards."""
        raise NotImplementedError


def threshold(values: Tensor, false_alarms: float) -> float:
    """The value that at most the part `false_alarms` of good pictures is expected to exceed.

    The split-conformal quantile (Vovk et al. 2005; Angelopoulos & Bates 2021, section 1): of G good values the
    ⌈(G + 1)(1 − rate)⌉-th smallest. Fewer than 1/rate − 1 good pictures cannot vouch for a rate; the highest then.

    Args:
        values: G values of good pictures, a column of `Detector.good`.
        false_alarms: 0 to 1, exclusive.
    """
    ordered = values.sort().values
    rank = math.ceil((len(ordered) + 1) * (1 - false_alarms) - 1e-9)  # a rounding error is no further picture
    return float(ordered[min(rank, len(ordered)) - 1])


def surest_rate(count: int) -> float:
    """The lowest rate of false alarms that this many good pictures can vouch for."""
    return 1 / (count + 1)


#: Architecture → class; each is made with the arguments of the spec.
DETECTORS: dict[str, type[Detector]] = {}


def build_detector(spec: NetworkSpec) -> nn.Module:
    """A detector that has learned nothing yet; ValueError for an unknown architecture."""
    if spec.architecture not in DETECTORS:
        raise ValueError(f"there is no detector called {spec.architecture!r}; choose from {', '.join(DETECTORS)}")
    return DETECTORS[spec.architecture](**spec.arguments)
