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
#: Part of a picture's cells whose mean is its score. On magnetic tiles, folds 0 to 2, each judged by the other two:
#: AUROC 0.813; 0.810 by the strangest cell alone. The paper's re-weighting of that (equation 7) changes nothing.
STRANGEST = 0.01
#: Standard deviation of the map's smoothing, as a part of the map's side: 12 px of 224. The paper's 4 px left more of
#: single cells' noise: AUROC of pixels 0.746 there, 0.773 with 12.
BLUR = 12 / 224


class MemoryBank(Detector):
    """Features of a backbone's middle stages, each averaged over its 3×3 neighbours, against a bank of good ones.

    Some places vary more than others: the rim of a part does, and the rim of every picture, where the encoder looks at
    nothing. So a place's distances are taken in the unit of how good parts vary there (as by PaDiM, Defard et al. 2021,
    section III.B). Without that the same tiles gave an AUROC of 0.738; from 30 good ones 0.708 instead of 0.767.

    Attributes:
        bank: B×C, what is remembered; written as fp16 like all parameters, but never trained.
        gain, shift: side×side, what distances at each place are multiplied with, and what is added.
    """

    gain: Tensor
    shift: Tensor

    def __init__(
        self,
        calibration: int,
        bank: int,
        encoder: str = "mobilenetv2_100",
        layers: Sequence[int] = (2, 3),
        side: int | None = None,
    ) -> None:
        """
        Args:
            calibration: good pictures that thresholds come from.
            bank: patches that are remembered.
            encoder: any timm network that gives feature maps.
            layers: its stages to take, from 0; the finest one's resolution is the map's.
            side: of the map, cells.

        Raises:
            ValueError: timm has no such network, or the network no such stage; or there is no side.
        """
        if side is None:
            raise ValueError("this memory bank is of an earlier version; learn it again, it takes a minute")
        super().__init__(calibration)
        self.encoder = feature_encoder(encoder, layers)
        channels: int = sum(self.encoder.feature_info.channels())  # type: ignore[union-attr, operator]
        self.bank = nn.Parameter(torch.zeros(bank, channels), requires_grad=False)
        self.register_buffer("gain", torch.ones(side, side))
        self.register_buffer("shift", torch.zeros(side, side))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return judge_cells(distances(self.patches(images), self.bank), self.gain, self.shift)

    def patches(self, images: Tensor) -> Tensor:
        """N×3×S×S → N×C×h×w, one vector a patch: each stage averaged locally, at the finest one's resolution."""
        # Channels last: the encoder takes 16 instead of 29 ms a picture (MobileNetV2 at 224, one core).
        return local_patches(self.encoder(images.contiguous(memory_format=torch.channels_last)))


def distances(patches: Tensor, bank: Tensor) -> Tensor:
    """N×C×h×w patches and a B×C bank → N×h×w distances to the nearest remembered patch."""
    count, channels, height, width = patches.shape
    flat = patches.float().permute(0, 2, 3, 1).reshape(-1, channels)
    return nearest(flat, bank)[0].reshape(count, height, width)


def judge_cells(cells: Tensor, gain: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """N×h×w distances → N scores and N×h×w smoothed maps, in the unit of each place."""
    cells = (cells * gain + shift).clamp(min=0)
    most = max(1, round(cells[0].numel() * STRANGEST))
    return cells.flatten(1).topk(most).values.mean(1), smooth(cells, BLUR * cells.shape[-1])


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
