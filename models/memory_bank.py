"""A memory bank of good parts: how far is each patch of a picture from the nearest patch that was ever seen on one?

PatchCore (Roth et al., "Towards Total Recall in Industrial Anomaly Detection", CVPR 2022), sections 3.1 to 3.3.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.anomaly import Detector, smooth
from models.features import feature_encoder, local_patches

#: Patches that are compared with the bank at once: the distances of more would not fit into the cache.
CHUNK = 1024
#: Part of a picture's cells whose mean distance is its score. On magnetic tiles, folds 0 to 2, each judged by the other
#: two: AUROC 0.729; 0.699 by the farthest cell alone, 0.698 with the paper's re-weighting of it (equation 7).
STRANGEST = 0.02
#: Standard deviation of the map's smoothing, as a part of the map's side: 12 px of 224. The paper's 4 px left more of
#: single cells' noise: AUROC of pixels 0.746 there, 0.773 with 12.
BLUR = 12 / 224


class MemoryBank(Detector):
    """Features of a backbone's middle stages, each averaged over its 3×3 neighbours, against a bank of good ones.

    Attributes:
        bank: B×C, what is remembered; written as fp16 like all parameters, but never trained.
        scale: C, what each channel is multiplied with before distances are taken.
    """

    scale: Tensor

    def __init__(
        self, calibration: int, bank: int, encoder: str = "mobilenetv2_100", layers: Sequence[int] = (2, 3)
    ) -> None:
        """
        Args:
            calibration: good pictures that thresholds come from.
            bank: patches that are remembered.
            encoder: any timm network that gives feature maps.
            layers: its stages to take, from 0; the finest one's resolution is the map's.

        Raises:
            ValueError: timm has no such network, or the network no such stage.
        """
        super().__init__(calibration)
        self.encoder = feature_encoder(encoder, layers)
        channels: int = sum(self.encoder.feature_info.channels())  # type: ignore[union-attr, operator]
        self.bank = nn.Parameter(torch.zeros(bank, channels), requires_grad=False)
        self.register_buffer("scale", torch.ones(channels))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return judge_patches(self.patches(images), self.scale, self.bank)

    def patches(self, images: Tensor) -> Tensor:
        """N×3×S×S → N×C×h×w, one vector a patch: each stage averaged locally, at the finest one's resolution."""
        # Channels last: the encoder takes 16 instead of 29 ms a picture (MobileNetV2 at 224, one core).
        return local_patches(self.encoder(images.contiguous(memory_format=torch.channels_last)))


def judge_patches(patches: Tensor, scale: Tensor, bank: Tensor) -> tuple[Tensor, Tensor]:
    """N×C×h×w patches, C factors and a B×C bank of scaled patches → N scores and N×h×w smoothed distances."""
    count, channels, height, width = patches.shape
    flat = patches.float().permute(0, 2, 3, 1).reshape(-1, channels) * scale
    distances = nearest(flat, bank)[0].reshape(count, height, width)
    most = max(1, round(height * width * STRANGEST))
    return distances.flatten(1).topk(most).values.mean(1), smooth(distances, BLUR * width)


def nearest(patches: Tensor, bank: Tensor) -> tuple[Tensor, Tensor]:
    """P×C patches → P Euclidean distances to the nearest of a B×C bank, and its P numbers."""
    lengths, turned = (bank * bank).sum(1), bank.T.contiguous()
    squares, numbers = [], []
    for part in patches.split(CHUNK):  # type: ignore[no-untyped-call]
        # |p − b|² without |p|², which is the same for every b.
        least, number = torch.addmm(lengths, part, turned, alpha=-2).min(1)
        squares.append(least + (part * part).sum(1))
        numbers.append(number)
    return torch.cat(squares).clamp(min=0).sqrt(), torch.cat(numbers)
