"""Losses that plain torch does not have."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def soft_dice_loss(logits: Tensor, target: Tensor, known: Tensor, smooth: float = 1.0) -> Tensor:
    """1 − dice over the batch (Milletari et al. 2016, section 3, with plain sums), the mean over classes it shows.

    A class that no image of the batch shows is left to cross-entropy. Its dice could only be lowered by predicting
    nothing at all, and a rare class that has learnt to say nothing is not heard of again.

    Args:
        logits: N×C×H×W float.
        target: N×C×H×W float, 0 or 1.
        known: N×C float, 0 where the class's mask is unknown and must not count.

    Returns:
        A scalar from 0 to 1; 0 where the batch shows nothing.
    """
    weight = known[:, :, None, None]
    probability = logits.float().sigmoid() * weight
    target = target * weight
    overlap = (probability * target).sum((0, 2, 3))
    total = probability.sum((0, 2, 3)) + target.sum((0, 2, 3))
    shown = (target.amax((0, 2, 3)) > 0).float()
    return ((1 - (2 * overlap + smooth) / (total + smooth)) * shown).sum() / shown.sum().clamp(min=1)


def bce_dice_loss(logits: Tensor, target: Tensor, known: Tensor, dice_weight: float) -> Tensor:
    """`dice_weight` · dice loss + the rest · binary cross-entropy, both over known masks only; shapes as above."""
    each = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="none").mean((2, 3))
    bce = (each * known).sum() / known.sum().clamp(min=1)
    return dice_weight * soft_dice_loss(logits, target, known) + (1 - dice_weight) * bce
