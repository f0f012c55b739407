"""The thesis's U-Net: ELU, max pooling down, transposed convolutions up, no encoder taken from elsewhere."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

#: Channels of the five levels, and of the bottom below them.
WIDTHS, BOTTOM = (8, 16, 32, 64, 64), 128


class EluUNet(nn.Module):
    """Five levels of two convolutions with ELU each, halved by max pooling and doubled by transposed convolutions.

    The thesis (section 3.6.1) tells the levels, the operations, the four maps and that there are 38 layers: ten
    convolutions and five poolings down, two at the bottom, ten, five transposed ones and five joins up, and the last.
    The widths it does not tell; these have 0.69 million weights.

    Args:
        classes: logit maps.
        widths: channels of each level, from the top.
        bottom: channels below them.
    """

    def __init__(self, classes: int, widths: Sequence[int] = WIDTHS, bottom: int = BOTTOM) -> None:
        super().__init__()
        self.down = nn.ModuleList(_twice(before, after) for before, after in itertools.pairwise((3, *widths)))
        self.bottom = _twice(widths[-1], bottom)
        below = (*widths[1:], bottom)
        self.doubled = nn.ModuleList(nn.ConvTranspose2d(b, w, 2, 2) for w, b in zip(widths, below, strict=True))
        self.up = nn.ModuleList(_twice(2 * width, width) for width in widths)
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """N×3×h×w float, normalised, both multiples of 2 ** levels → N×C×h×w logits; ValueError for other sides."""
        step = 2 ** len(self.down)
        if images.shape[-2] % step or images.shape[-1] % step:
            raise ValueError(
                f"the input is {images.shape[-2]}×{images.shape[-1]}; an elu_unet needs multiples of {step}"
            )
        seen: list[Tensor] = []
        for level in self.down:
            images = level(images)
            seen.append(images)
            images = nn.functional.max_pool2d(images, 2)
        images = self.bottom(images)
        for doubled, level in zip(reversed(self.doubled), reversed(self.up), strict=True):
            images = level(torch.cat([doubled(images), seen.pop()], 1))
        logits: Tensor = self.head(images)
        return logits


def _twice(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1), nn.ELU(), nn.Conv2d(after, after, 3, padding=1), nn.ELU()
    )
