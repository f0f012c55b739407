"""DCGAN: a generator of strided or resized convolutions and its discriminator, optionally conditioned on a class."""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from models.upsampled import UpsampledConv2d

#: Sides that the networks can be built for, px; each is 4 times a power of two.
SIDES = (32, 64, 128, 256)
#: Ways in which a generator doubles the side.
UPSAMPLES = ("transposed", "smoothed", "nearest")
EMBEDDING = 32


class DCGenerator(nn.Module):
    """z and class → picture (Radford et al. 2016, section 3).

    Args:
        size: side of the picture, px, one of `SIDES`.
        channels: 1 grey, 3 RGB; one more where a mask is made along.
        classes: how many classes it is conditioned on; 1 means none.
        nz: length of z.
        ngf: width of the last hidden layer; each layer before it is twice as wide, up to 8·ngf.
        upsample: `transposed` convolutions as in the paper; `smoothed`, the same with a filter behind the last one that
            takes their checkerboard away; or `nearest` resizing before a convolution, which makes none.
        conditioned: keep a class vector although there is one class: what it was taken from had several.
    """

    def __init__(
        self,
        size: int,
        channels: int = 1,
        classes: int = 1,
        nz: int = 100,
        ngf: int = 64,
        upsample: str = "transposed",
        conditioned: bool = False,
    ) -> None:
        super().__init__()
        _check_size(size)
        if upsample not in UPSAMPLES:
            raise ValueError(f"upsample is {upsample!r}; it must be one of {', '.join(UPSAMPLES)}")
        self.size, self.nz, self.classes = size, nz, classes
        conditioned = conditioned or classes > 1
        self.embedding = nn.Embedding(classes, EMBEDDING) if conditioned else None
        doublings = int(math.log2(size)) - 3
        widths = [ngf * min(8, 2**i) for i in reversed(range(doublings + 1))]
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(nz + (EMBEDDING if conditioned else 0), widths[0], 4, 1, 0, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        ]
        for before, after in itertools.pairwise(widths):
            layers += [_doubled(before, after, upsample, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        layers.append(_doubled(widths[-1], channels, upsample, bias=True))
        layers += [Binomial(), nn.Tanh()] if upsample == "smoothed" else [nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.apply(_initialise)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """z N×nz float, standard normal; labels N int64 → N×channels×size×size float, −1 to 1."""
        if z.ndim != 2 or z.shape[1] != self.nz:
            raise ValueError(f"z has the shape {tuple(z.shape)}; it must be (N, {self.nz})")
        if self.embedding is not None:
            z = torch.cat([z, self.embedding(labels)], 1)
        pictures: Tensor = self.layers(z[:, :, None, None])
        return pictures


class Binomial(nn.Module):
    """A mean with the weights 1 2 1 along both axes: nothing that changes sign from pixel to pixel comes through.

    Transposed convolutions leave a checkerboard there (Odena et al. 2016, "Deconvolution and Checkerboard Artifacts").
    """

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W float → the same shape; the edge is repeated."""
        # Sums of shifted pictures: a convolution or a pooling of one channel takes four times as long on a CPU.
        x = F.pad(x, (1, 1, 1, 1), mode="replicate")
        x = (x[..., :-2] + 2 * x[..., 1:-1] + x[..., 2:]) / 4
        return (x[..., :-2, :] + 2 * x[..., 1:-1, :] + x[..., 2:, :]) / 4


class DCDiscriminator(nn.Module):
    """Picture and class → one logit; the mirror image of the generator.

    Args:
        norm: `batch` as in the paper, or `none`, which regularisers that look at one picture's gradient need.
        spectral: spectral normalisation of every layer (Miyato et al. 2018, section 2).
        conditioned: as in the generator.

    The class enters as a projection (Miyato and Koyama 2018, equation 3).
    """

    def __init__(
        self,
        size: int,
        channels: int = 1,
        classes: int = 1,
        ndf: int = 64,
        norm: str = "batch",
        spectral: bool = False,
        conditioned: bool = False,
    ) -> None:
        super().__init__()
        _check_size(size)
        if norm not in ("batch", "none"):
            raise ValueError(f"norm is {norm!r}; it must be batch or none")
        doublings = int(math.log2(size)) - 3
        widths = [ndf * min(8, 2**i) for i in range(doublings + 1)]
        layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 4, 2, 1), nn.LeakyReLU(0.2)]
        for before, after in itertools.pairwise(widths):
            layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=norm == "none"))
            layers += [nn.BatchNorm2d(after)] if norm == "batch" else []
            layers.append(nn.LeakyReLU(0.2))
        self.features = nn.Sequential(*layers)
        self.head = nn.Conv2d(widths[-1], 1, 4)
        self.projection = nn.Embedding(classes, widths[-1]) if conditioned or classes > 1 else None
        # Without batch norm the paper's N(0, 0.02) shrinks the signal to nothing within three layers.
        self.apply(_initialise if norm == "batch" else _initialise_by_fan)
        if spectral:
            for module in [*self.features, self.head]:
                if isinstance(module, nn.Conv2d):
                    spectral_norm(module)

    def early_layers(self) -> list[nn.Module]:
        """From the picture on, each a convolution and what follows it; without the head."""
        starts = [index for index, module in enumerate(self.features) if isinstance(module, nn.Conv2d)]
        return [self.features[start:end] for start, end in itertools.pairwise([*starts, len(self.features)])]

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """N×channels×size×size float, −1 to 1, and labels N int64 → N float logits, higher for real."""
        features = self.features(images)
        logits: Tensor = self.head(features).flatten()
        if self.projection is not None:
            logits = logits + (self.projection(labels) * features.mean((2, 3))).sum(1)
        return logits


def _doubled(before: int, after: int, upsample: str, bias: bool) -> nn.Module:
    if upsample == "nearest":
        return UpsampledConv2d(before, after, 3, 1, 1, bias=bias)
    return nn.ConvTranspose2d(before, after, 4, 2, 1, bias=bias)


def _initialise(module: nn.Module) -> None:
    """Radford et al. 2016, section 4: weights from N(0, 0.02)."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


def _initialise_by_fan(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, 0.2)
    elif isinstance(module, nn.Embedding):
        nn.init.zeros_(module.weight)


def _check_size(size: int) -> None:
    if size not in SIDES:
        raise ValueError(f"size is {size}; it must be one of {', '.join(map(str, SIDES))}")
