"""Losses that plain torch does not have."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

DiceOf = Literal["batch", "picture"]
#: Pixels added above and below the fraction. Of a single picture more, or one that shows the sliver of a defect in its
#: corner would weigh as much as one that shows a whole defect.
SMOOTH: dict[DiceOf, float] = {"batch": 1.0, "picture": 50.0}


def soft_dice_loss(logits: Tensor, target: Tensor, known: Tensor, of: DiceOf = "batch", absent: float = 0.0) -> Tensor:
    """1 − dice (Milletari et al. 2016, section 3, with plain sums), the mean over the classes that are shown.

    A class that is not shown is left to cross-entropy. Its dice could only be lowered by predicting nothing at all, and
    a rare class that has learnt to say nothing is not heard of again; where specks of it are left, raise `absent`.

    Args:
        logits: N×C×H×W float.
        target: N×C×H×W float, 0 or 1.
        known: N×C float, 0 where the class's mask is unknown and must not count.
        of: one dice a class over all pixels of the batch, where large defects outweigh small ones; or one for each
            picture that shows the class, as masks are judged.
        absent: weight of a class that is known not to be there, beside 1 of one that is.

    Returns:
        A scalar from 0 to 1; 0 where the batch shows nothing.
    """
    weight = known[:, :, None, None]
    probability = logits.float().sigmoid() * weight
    target = target * weight
    over = (0, 2, 3) if of == "batch" else (2, 3)
    overlap = (probability * target).sum(over)
    total = probability.sum(over) + target.sum(over)
    shown = target.amax(over)
    counts = shown + absent * (1 - shown) * (known.amax(0) if of == "batch" else known)
    return ((1 - (2 * overlap + SMOOTH[of]) / (total + SMOOTH[of])) * counts).sum() / counts.sum().clamp(min=1)


def bce_dice_loss(
    logits: Tensor,
    target: Tensor,
    known: Tensor,
    dice_weight: float,
    dice_of: DiceOf = "batch",
    dice_absent: float = 0.0,
) -> Tensor:
    """`dice_weight` · dice loss + the rest · binary cross-entropy, both over known masks only; shapes as above."""
    each = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="none").mean((2, 3))
    bce = (each * known).sum() / known.sum().clamp(min=1)
    return dice_weight * soft_dice_loss(logits, target, known, dice_of, dice_absent) + (1 - dice_weight) * bce
