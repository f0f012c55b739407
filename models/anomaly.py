"""Anomaly detectors: networks that learned from good parts only and say how strange a picture is, and where."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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


def smooth(maps: Tensor, sigma: float) -> Tensor:
    """N×h×w maps under a Gaussian of `sigma` cells; the rim's values go on beyond it."""
    reach = max(1, math.ceil(3 * sigma))
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=maps.device) / sigma) ** 2)
    weights = (weights / weights.sum()).to(maps.dtype)
    padded = F.pad(maps[:, None], (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, weights[None, None, None]), weights[None, None, :, None])[:, 0]


def round_parameters(network: nn.Module) -> None:
    """To what fp16 holds, so that a checkpoint answers exactly as the network did that was calibrated."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.half())
