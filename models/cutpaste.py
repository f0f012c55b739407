"""A network that learned to find what was pasted into good pictures, and Gaussians around its features of good ones.

CutPaste (Li, Sohn, Yoon and Pfister 2021), sections 2.1 and 2.3.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from models.anomaly import Detector, smooth
from models.features import feature_encoder, local_patches
from models.gaussian import Gaussian

#: What the pretext task tells apart: an untouched picture, one with a patch, one with a scar.
KINDS = 3
#: Standard deviation of the map's smoothing, as a part of the map's side.
BLUR = 4 / 224


class CutPaste(Detector):
    """Backbone, projection head for the pretext task, and the densities that detection uses instead of the head.

    Attributes:
        whole: of the deepest stage's mean over the picture; its distance is the score.
        patches: of the finer stages' patches, wherever they are; its distances are the map.
    """

    def __init__(
        self, calibration: int, encoder: str = "mobilenetv2_100", layers: Sequence[int] = (2, 3), deepest: int = 4
    ) -> None:
        """
        Args:
            calibration: good pictures that thresholds come from.
            encoder: any timm network that gives feature maps.
            layers: its stages for the map, from 0; the finest one's resolution is the map's.
            deepest: its stage for the score.

        Raises:
            ValueError: timm has no such network, or the network no such stage.
        """
        super().__init__(calibration)
        stages = sorted({*layers, deepest})
        self.encoder = feature_encoder(encoder, stages)
        widths: list[int] = self.encoder.feature_info.channels()  # type: ignore[union-attr, operator]
        self._places = [stages.index(layer) for layer in sorted(set(layers))]
        self._deepest = stages.index(deepest)
        width = widths[self._deepest]
        self.head = nn.Sequential(
            nn.Linear(width, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, KINDS)
        )
        self.whole = Gaussian(width)
        self.patches = Gaussian(sum(widths[place] for place in self._places))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        whole, patches = self.features(images)
        distances = self.patches(patches)
        return self.whole(whole), smooth(distances, BLUR * distances.shape[-1])

    def features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """N×3×S×S → N×D of the whole picture, N×h×w×C of its patches."""
        maps = self.encoder(images)
        patches = local_patches([maps[place] for place in self._places])
        return maps[self._deepest].float().mean((2, 3)), patches.float().permute(0, 2, 3, 1)

    def pretext(self, images: Tensor) -> Tensor:
        """N×3×S×S → N×`KINDS` logits."""
        logits: Tensor = self.head(self.encoder(images)[self._deepest].mean((2, 3)))
        return logits
