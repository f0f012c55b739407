"""A small plain CNN under timm's roof, for data sets and machines that carry no more."""

from __future__ import annotations

import itertools
from typing import Any

from torch import Tensor, nn

from models.libraries import timm

#: Channels after each halving of the side.
WIDTHS = (16, 32, 64, 128, 256)


class SmallCNN(nn.Module):
    """Five times convolution, batch norm, ReLU and max pooling, then the mean of the map and one linear layer.

    The kind of network that the thesis drew up itself beside ResNet and EfficientNet (its section 3.5.1 tells the
    layers' kinds, not their widths). 0.39 million weights, a quarter of a MobileNetV2's time, and less to lose
    where there is no pretrained start.

    Args:
        num_classes: logits.
        in_chans: channels of the pictures.
        drop_rate: of the dropout before the last layer.
    """

    def __init__(self, num_classes: int = 1000, in_chans: int = 3, drop_rate: float = 0.2) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise((in_chans, *WIDTHS)):
            layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(drop_rate))
        self.classifier = nn.Linear(WIDTHS[-1], num_classes)

    def forward_features(self, images: Tensor) -> Tensor:
        """N×3×h×w float, normalised, both ≥ 32 → N×256×h/32×w/32."""
        features: Tensor = self.features(images)
        return features

    def forward_head(self, features: Tensor) -> Tensor:
        """N×256×h×w → N×K logits."""
        logits: Tensor = self.classifier(self.head(features))
        return logits

    def forward(self, images: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(images))


@timm.models.register_model
def small_cnn(
    pretrained: bool = False, num_classes: int = 1000, in_chans: int = 3, drop_rate: float = 0.2, **_: Any
) -> SmallCNN:
    """What timm calls; ValueError for a pretrained one, which there is not."""
    if pretrained:
        raise ValueError("small_cnn has no pretrained weights; start it with --init random")
    return SmallCNN(num_classes, in_chans, drop_rate)
