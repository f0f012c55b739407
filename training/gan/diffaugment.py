"""Differentiable augmentation of what D sees, real and generated alike (Zhao et al. 2020, "DiffAugment")."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BRIGHTNESS, CONTRAST = 0.5, 0.5
SHIFT, CUT = 1 / 8, 1 / 2


def diffaugment(images: Tensor, strength: float, random: torch.Generator, pictures: int | None = None) -> Tensor:
    """Brightness, contrast, translation and cutout, each on its own draw of the pictures.

    Args:
        images: N×C×S×S float, −1 to 1.
        strength: from 0 to 1, the chance of each change for each picture (ADA's p).
        random: on the CPU, so that a run draws the same numbers on any device.
        pictures: channels that are picture; the others are masks, which move with it and keep their values.

    Returns:
        The same shape; the gradient flows through.
    """
    if strength <= 0:
        return images
    count, channels, side, _ = images.shape
    pictures = channels if pictures is None else pictures
    # One copy to a GPU instead of ten.
    drawn = torch.rand(10, count, 1, 1, 1, generator=random).to(images.device)
    chosen, (brightness, contrast) = (drawn[:4] < strength).float(), drawn[4:6] * 2 - 1
    picture, masks = images[:, :pictures], images[:, pictures:]
    picture = picture + chosen[0] * brightness * BRIGHTNESS
    mean = picture.mean((1, 2, 3), keepdim=True)
    picture = mean + (picture - mean) * (1 + chosen[1] * contrast * CONTRAST)
    images = torch.cat([picture, masks], 1)
    places = drawn[6:, :, 0, 0, 0].T
    shift = ((places[:, :2] * 2 - 1) * SHIFT * side * chosen[2, :, :, 0, 0]).round().long()
    images = _translated(images, shift)
    length = max(1, round(side * CUT))
    corner = (places[:, 2:] * (side + 1)).long() - length // 2
    line = torch.arange(side, device=images.device)
    inside = (line >= corner[:, :, None]) & (line < corner[:, :, None] + length)
    hole = (inside[:, 0, :, None] & inside[:, 1, None, :])[:, None].float() * chosen[3]
    return images * (1 - hole)


def _translated(images: Tensor, shift: Tensor) -> Tensor:
    """Each picture by its own whole pixels; what comes in from outside is 0, mid-grey."""
    count, side = len(images), images.shape[-1]
    line = torch.arange(side, device=images.device)
    # The padded border is one pixel wide: whatever lies further out is the same nothing.
    rows = (line + shift[:, :1] + 1).clamp(0, side + 1)
    columns = (line + shift[:, 1:] + 1).clamp(0, side + 1)
    padded = F.pad(images, (1, 1, 1, 1))
    batch = torch.arange(count, device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
