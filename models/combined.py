"""CutPaste and a reconstruction autoencoder together: one sees what looks different, the other what is new."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from models.anomaly import Detector
from models.autoencoder import Autoencoder
from models.cutpaste import CutPaste


class Combined(Detector):
    """The sum of both answers, each in the unit of how much it varies on good pictures.

    Attributes:
        spread: 2×2, CutPaste's and the autoencoder's standard deviations of scores and of map values.
    """

    spread: Tensor

    def __init__(
        self, calibration: int, encoder: str = "mobilenetv2_100", layers: Sequence[int] = (2, 3), size: int = 224
    ) -> None:
        """Arguments are those of `CutPaste` and `Autoencoder`."""
        super().__init__(calibration)
        self.cutpaste = CutPaste(0, encoder, layers)
        self.autoencoder = Autoencoder(0, encoder, layers, size)
        self.register_buffer("spread", torch.ones(2, 2))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return self.join(self.cutpaste(images), self.autoencoder(images))

    def join(self, first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Scores (N) and maps (N×h×w) of both parts → those of the whole, maps as fine as the finer one."""
        size = max(first[1].shape[-2:], second[1].shape[-2:])
        maps = [F.interpolate(one[1][:, None], size, mode="bilinear")[:, 0] for one in (first, second)]
        scores, cells = self.spread.T
        return first[0] / scores[0] + second[0] / scores[1], maps[0] / cells[0] + maps[1] / cells[1]
