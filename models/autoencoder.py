"""A reconstruction autoencoder: what it cannot draw again it has not seen on good parts."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.anomaly import Detector, smooth

#: Side of the windows in which structure is compared, px, and SSIM's constants for pictures of spread 1.
WINDOW, C1, C2 = 11, 0.01, 0.03
#: The map has so many times fewer cells a side than the picture, and is smoothed by this part of its side.
COARSER, BLUR = 4, 4 / 224
#: Structure is not compared in the dark: a spread below this, on the 0 to 255 scale divided by 255, counts as this.
FLAT = 0.02


class Autoencoder(Detector):
    """Four halvings, a narrow middle, four doublings; no shortcuts, or it would copy what it should not know.

    Attributes:
        usual: h×w, the difference that good pictures have at each place; the map is in its unit.
    """

    usual: Tensor

    def __init__(self, calibration: int, size: int = 224, width: int = 24, latent: int = 32) -> None:
        """
        Args:
            calibration: good pictures that thresholds come from.
            size: side of the picture, px.
            width: channels after the first halving; doubled by the next two.
            latent: channels of the middle.
        """
        super().__init__(calibration)
        widths = [3, width, 2 * width, 4 * width, 4 * width]
        down = [_block(a, b, 2) for a, b in pairwise(widths)]
        self.encode = nn.Sequential(*down, nn.Conv2d(widths[-1], latent, 1))
        up = [latent, *widths[:0:-1]]
        self.decode = nn.Sequential(
            *(nn.Sequential(_block(a, b, 1), nn.Upsample(scale_factor=2)) for a, b in pairwise(up)),
            nn.Conv2d(width, 3, 3, padding=1),
        )
        self.register_buffer("usual", torch.ones(size // COARSER, size // COARSER))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.differences(images) / self.usual
        return maps.flatten(1).amax(1), maps

    def rebuild(self, images: Tensor) -> Tensor:
        """N×3×S×S in their own light (see `evenly_lit`) → the same, as good parts look."""
        rebuilt: Tensor = self.decode(self.encode(images))
        return rebuilt

    def differences(self, images: Tensor) -> Tensor:
        """N×3×S×S as every detector takes them → N×h×w, smoothed, not yet in the unit of `usual`."""
        images = evenly_lit(images)
        maps = difference(images, self.rebuild(images).float())
        return smooth(maps, BLUR * maps.shape[-1])


def evenly_lit(images: Tensor) -> Tensor:
    """N×3×S×S, each picture less its mean and by its spread: a darker exposure is no anomaly."""
    mean, spread = images.mean((1, 2, 3), keepdim=True), images.std((1, 2, 3), keepdim=True)
    return (images - mean) / spread.clamp(min=FLAT)


def dissimilarity(a: Tensor, b: Tensor) -> Tensor:
    """1 − structural similarity (Wang et al. 2004) in windows of two N×3×S×S, both in grey, 0 to 2: N×S×S."""
    a, b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    reach = WINDOW // 2

    def local(values: Tensor) -> Tensor:  # rows, then columns: the same mean with far fewer sums
        rows = F.avg_pool2d(values, (WINDOW, 1), 1, (reach, 0), count_include_pad=False)
        return F.avg_pool2d(rows, (1, WINDOW), 1, (0, reach), count_include_pad=False)

    mean_a, mean_b = local(a), local(b)
    covariance = local(a * b) - mean_a * mean_b
    spreads = local(a * a) - mean_a**2 + local(b * b) - mean_b**2
    alike = (2 * mean_a * mean_b + C1) * (2 * covariance + C2)
    return 1 - (alike / ((mean_a**2 + mean_b**2 + C1) * (spreads + C2)))[:, 0]


def difference(a: Tensor, b: Tensor) -> Tensor:
    """N×h×w, in brightness and in structure, `COARSER` than the two N×3×S×S."""
    both = (a - b).abs().mean(1) + dissimilarity(a, b)
    return F.avg_pool2d(both[:, None], COARSER)[:, 0]


def _block(channels: int, out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.LeakyReLU(0.1, inplace=True)
    )
