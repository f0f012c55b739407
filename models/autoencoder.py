"""A reconstruction autoencoder: what it cannot draw again it has not seen on good parts.

It rebuilds a backbone's features of the picture instead of its pixels (Yang, Shi and Qi 2020, "DFR"; You et al. 2022,
"UniAD"): brushed steel is never brushed twice alike, so pixels differ most where nothing is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from models.anomaly import Detector, smooth
from models.features import feature_encoder, local_patches

#: Standard deviation of the map's smoothing, as a part of the map's side.
BLUR = 4 / 224


class Autoencoder(Detector):
    """Two halvings, a narrow middle, two doublings; no shortcuts, or it would copy what it should not know.

    Attributes:
        mean: C, of good pictures' features; likewise `deviation`, their standard deviation.
        usual: C, the squared difference that good pictures leave in each feature; the map is in its unit.
    """

    mean: Tensor
    deviation: Tensor
    usual: Tensor

    def __init__(
        self,
        calibration: int,
        encoder: str = "mobilenetv2_100",
        layers: Sequence[int] = (2, 3),
        width: int = 128,
        latent: int = 32,
    ) -> None:
        """
        Args:
            calibration: good pictures that thresholds come from.
            encoder: any timm network that gives feature maps; it is not trained.
            layers: its stages to rebuild, from 0; the finest one's resolution is the map's.
            width: channels within the autoencoder.
            latent: channels of its middle.

        Raises:
            ValueError: timm has no such network, or the network no such stage.
        """
        super().__init__(calibration)
        self.encoder = feature_encoder(encoder, layers).requires_grad_(False)
        channels: int = sum(self.encoder.feature_info.channels())  # type: ignore[union-attr, operator]
        self.narrow = nn.Sequential(
            _block(channels, width, 1), _block(width, width, 2), _block(width, width, 2), nn.Conv2d(width, latent, 1)
        )
        self.widen = nn.Sequential(
            _block(latent, width, 1),
            nn.Upsample(scale_factor=2),
            _block(width, width, 1),
            nn.Upsample(scale_factor=2),
            _block(width, width, 1),
            nn.Conv2d(width, channels, 1),
        )
