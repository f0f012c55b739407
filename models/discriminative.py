"""A network that marks what was drawn on good parts, and with it what else looks out of place.

The discriminative half of DRAEM (Zavrtanik, Kristan and Skočaj 2021, section 3.2 on), on the picture itself, as in NSA
(Schlüter et al. 2022).
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.anomaly import Detector, smooth
from models.libraries import smp

#: Standard deviation of the map's smoothing, as a part of the map's side.
BLUR = 2 / 224
#: Part of a picture's pixels whose mean is its score: a defect may be that small.
STRANGEST = 0.005


class Discriminative(Detector):
    """A U-Net with one map: how sure it is of each pixel that it does not belong there, 0 to 1."""

    def __init__(self, calibration: int, encoder: str = "mobilenetv2_100") -> None:
        """
        Args:
            calibration: good pictures that thresholds come from.
            encoder: any timm network that gives feature maps.

        Raises:
            ValueError: it cannot serve as an encoder.
        """
        super().__init__(calibration)
        try:
            self.unet = smp.Unet(
                f"tu-{encoder}", encoder_weights=None, classes=1, decoder_channels=(128, 64, 32, 24, 16)
            )
        except RuntimeError as error:
            raise ValueError(f"{encoder!r} cannot serve as an encoder: {str(error).splitlines()[0]}") from error

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.logits(images).float().sigmoid()
        maps = smooth(maps, BLUR * maps.shape[-1])
        cells = maps.flatten(1)
        return cells.topk(max(1, round(cells.shape[1] * STRANGEST))).values.mean(1), maps

    def logits(self, images: Tensor) -> Tensor:
        """N×3×S×S → N×S×S."""
        found: Tensor = self.unet(images.contiguous(memory_format=torch.channels_last))
        return found[:, 0]
