"""What a user can do for a GAN that goes wrong, while it runs."""

from __future__ import annotations

from training.gan.trainer import Trainer

#: A learning rate is halved this often at most; below, a network as good as stands still.
LEAST_FACTOR = 1 / 16
#: Added to DiffAugment's strength, and the least that it is then.
MORE_AUGMENT, SOME_AUGMENT = 0.3, 0.5


def apply(trainer: Trainer, name: str) -> str:
    """Change how a training goes on; what was done, in one sentence.

    Args:
        name: `lower_g` or `lower_d` (half of that network's learning rate), or `augment` (DiffAugment changes more of
            the pictures, and adaptive augmentation does not fall below that any more).

    Raises:
        ValueError: there is no such remedy.
    """
    if name == "augment":
        if trainer.augment >= 1:
            return "every picture is augmented already; nothing was changed"
        trainer.augment = trainer.least_augment = min(1.0, max(trainer.augment + MORE_AUGMENT, SOME_AUGMENT))
        return f"stronger augmentation as asked: {trainer.augment:.0%} of the pictures"
    if name not in ("lower_g", "lower_d"):
        raise ValueError(f"there is no remedy {name!r}; known: lower_g, lower_d, augment")
    attribute = "g_factor" if name == "lower_g" else "d_factor"
    network = "generator" if name == "lower_g" else "discriminator"
    factor = getattr(trainer, attribute) / 2
    if factor < LEAST_FACTOR:
        return f"the {network}'s learning rate is at {2 * factor:g} of its setting already; nothing was changed"
    setattr(trainer, attribute, factor)
    return f"lower learning rate as asked: the {network} is at {factor:g} of its setting"
