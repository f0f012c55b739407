"""PGGAN: generator and discriminator that grow from 4² to their size (Karras et al. 2018)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.upsampled import upsampled_conv2d

EMBEDDING = 32


class EqualizedConv2d(nn.Module):
    """A convolution whose weights are N(0, 1) and scaled at run time, so that all learn at one speed (section 4.1).

    With `upsample`, a 3×3 convolution of the doubled map.
    """

    def __init__(
        self,
        before: int,
        after: int,
        side: int,
        padding: int = 0,
        gain: float = math.sqrt(2),
        upsample: bool = False,
    ) -> None:
        super().__init__()
        self.upsample = upsample
        self.weight = nn.Parameter(torch.randn(after, before, side, side))
        self.bias = nn.Parameter(torch.zeros(after))
        self.padding = padding
        self.scale = gain / math.sqrt(before * side * side)

    def forward(self, x: Tensor) -> Tensor:
        if self.upsample:
            return upsampled_conv2d(x, self.weight * self.scale, self.bias)
        return F.conv2d(x, self.weight * self.scale, self.bias, padding=self.padding)


class PixelNorm(nn.Module):
    """Every pixel's feature vector to unit length (section 4.2)."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


class MinibatchStddev(nn.Module):
    """One more map that tells how much a group of pictures varies (section 3): how D sees a collapse."""

    def __init__(self, group: int = 4) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        count, _, height, width = x.shape
        group = next(size for size in range(min(self.group, count), 0, -1) if count % size == 0)
        # Groups of neighbours by stride, so that the first and the last picture differ as much as any two.
        spread = x.reshape(group, -1, *x.shape[1:]).var(0, unbiased=False).add(1e-8).sqrt().mean((1, 2, 3))
        return torch.cat([x, spread.repeat(group)[:, None, None, None].expand(count, 1, height, width)], 1)


class _Growing(nn.Module):
    """What both networks share: the sides of their stages, and how far they have grown.

    `depth` is stage + alpha in one number: 2.25 shows stage 3 faded in to a quarter over stage 2. It is a buffer, so
    that a checkpoint carries it.
    """

    depth: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        if size < 8 or size & (size - 1):
            raise ValueError(f"size is {size}; it must be a power of two from 8")
        self.sides = [4 * 2**i for i in range(int(math.log2(size)) - 1)]
        self.register_buffer("depth", torch.tensor(float(len(self.sides) - 1)))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move or cast all but the depth: each step reads it, and on a GPU it would have to wait for it."""
        depth = self.depth
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.depth = depth
        return self

    def grow(self, depth: float) -> None:
        """Set how far the network has grown; ValueError outside 0 … number of stages − 1."""
        if not 0 <= depth <= len(self.sides) - 1:
            raise ValueError(f"depth is {depth}; it must be from 0 to {len(self.sides) - 1}")
        self.depth.fill_(depth)

    @property
    def stage(self) -> int:
        return math.ceil(self.depth.item())

    @property
    def alpha(self) -> float:
        """How much of the newest stage shows; 1 once it is faded in."""
        return float(self.depth) - self.stage + 1 if self.stage else 1.0

    @property
    def side(self) -> int:
        """Side of the pictures at the present stage, px."""
        return int(self.sides[self.stage])


class ProgressiveGenerator(_Growing):
    """z and class → picture of the present stage's side.

    Args:
        size: side when fully grown, px.
        channels: 1 grey, 3 RGB; one more where a mask is made along.
        classes: how many classes it is conditioned on; 1 means none.
        nz: length of z.
        width: feature maps of the stage at full size; each stage before it has twice as many, up to `widest`.
        conditioned: keep a class vector although there is one class: what it was taken from had several.
    """

    def __init__(
        self,
        size: int,
        channels: int = 1,
        classes: int = 1,
        nz: int = 128,
        width: int = 16,
        widest: int = 256,
        conditioned: bool = False,
    ) -> None:
        super().__init__(size)
        self.size, self.nz, self.classes = size, nz, classes
        conditioned = conditioned or classes > 1
        self.embedding = nn.Embedding(classes, EMBEDDING) if conditioned else None
        widths = stage_widths(len(self.sides), width, widest)
        leaky, norm = nn.LeakyReLU(0.2), PixelNorm()
        self.start = nn.Sequential(
            norm,
            # A padding of 3 makes a 4×4 map of one pixel.
            EqualizedConv2d(nz + (EMBEDDING if conditioned else 0), widths[0], 4, 3, math.sqrt(2) / 4),
            leaky,
            norm,
            EqualizedConv2d(widths[0], widths[0], 3, 1),
            leaky,
            norm,
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(
                EqualizedConv2d(before, after, 3, upsample=True),
                leaky,
                norm,
                EqualizedConv2d(after, after, 3, 1),
                leaky,
                norm,
            )
            for before, after in itertools.pairwise(widths)
        )
        self.to_picture = nn.ModuleList(EqualizedConv2d(width, channels, 1, gain=1.0) for width in widths)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """z N×nz float, standard normal; labels N int64 → N×channels×side×side float, about −1 to 1."""
        if z.ndim != 2 or z.shape[1] != self.nz:
            raise ValueError(f"z has the shape {tuple(z.shape)}; it must be (N, {self.nz})")
        if self.embedding is not None:
            z = torch.cat([z, self.embedding(labels)], 1)
        x = before = self.start(z[:, :, None, None])
        for block in self.blocks[: self.stage]:
            before, x = x, block(x)
        picture: Tensor = self.to_picture[self.stage](x)
        if (alpha := self.alpha) < 1:
            old = F.interpolate(self.to_picture[self.stage - 1](before), scale_factor=2.0)
            picture = old + alpha * (picture - old)
        return picture


class ProgressiveDiscriminator(_Growing):
    """Picture of the present stage's side and class → one logit; the class enters as a projection."""

    def __init__(
        self,
        size: int,
        channels: int = 1,
        classes: int = 1,
        width: int = 16,
        widest: int = 256,
        conditioned: bool = False,
    ) -> None:
        super().__init__(size)
        widths = stage_widths(len(self.sides), width, widest)
        leaky = nn.LeakyReLU(0.2)
        self.from_picture = nn.ModuleList(
            nn.Sequential(EqualizedConv2d(channels, width, 1), nn.LeakyReLU(0.2)) for width in widths
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(
                EqualizedConv2d(after, after, 3, 1),
                leaky,
                EqualizedConv2d(after, before, 3, 1),
                leaky,
                nn.AvgPool2d(2),
            )
            for before, after in itertools.pairwise(widths)
        )
        self.end = nn.Sequential(
            MinibatchStddev(),
            EqualizedConv2d(widths[0] + 1, widths[0], 3, 1),
            leaky,
            EqualizedConv2d(widths[0], widths[0], 4),
            leaky,
        )
        self.head = EqualizedConv2d(widths[0], 1, 1, gain=1.0)
        self.projection = nn.Embedding(classes, widths[0]) if conditioned or classes > 1 else None
        if self.projection is not None:
            nn.init.zeros_(self.projection.weight)

    def early_layers(self) -> list[nn.Module]:
        """From the picture on: what reads it, then a block for each stage, the finest first; without the end."""
        return [self.from_picture, *reversed(self.blocks)]

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """N×channels×side×side float, −1 to 1, and labels N int64 → N float logits, higher for real."""
        if images.shape[-1] != self.side:
            raise ValueError(f"the pictures are {images.shape[-1]} px wide; at this stage they must be {self.side}")
        x = self.from_picture[self.stage](images)
        for index in reversed(range(self.stage)):
            newest = index == self.stage - 1
            x = self.blocks[index](x)
            if newest and (alpha := self.alpha) < 1:
                old = self.from_picture[index](F.avg_pool2d(images, 2))
                x = old + alpha * (x - old)
        features = self.end(x)
        logits: Tensor = self.head(features).flatten()
        if self.projection is not None:
            logits = logits + (self.projection(labels) * features.flatten(1)).sum(1) / math.sqrt(features.shape[1])
        return logits


def stage_widths(stages: int, width: int, widest: int) -> list[int]:
    """Feature maps of each stage, 4² first."""
    return [min(widest, width * 2**i) for i in reversed(range(stages))]
