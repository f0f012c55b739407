"""What discriminator and generator minimise, and the penalties on D's gradient."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Critic = Callable[[Tensor], Tensor]


def discriminator_loss(name: str, real: Tensor, fake: Tensor) -> Tensor:
    """Scalar from N logits on real and N on generated pictures.

    `bce`: Goodfellow et al. 2014, section 3; `hinge`: Lim and Ye 2017; `wgan-gp`: Gulrajani et al. 2017, without its
    penalty; `relativistic`: the paired logistic loss of Jolicoeur-Martineau 2018, as R3GAN uses it.
    """
    if name == "bce":
        return F.softplus(-real).mean() + F.softplus(fake).mean()
    if name == "hinge":
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    if name == "wgan-gp":
        # The small square keeps D's output from drifting away from zero (Karras et al. 2018, appendix A.1).
        return fake.mean() - real.mean() + 1e-3 * real.square().mean()
    if name == "relativistic":
        return F.softplus(fake - real).mean()
    raise ValueError(f"there is no loss called {name!r}; choose from bce, hinge, wgan-gp, relativistic")


def generator_loss(name: str, real: Tensor, fake: Tensor) -> Tensor:
    """Scalar from the same logits; only the relativistic loss looks at the real ones."""
    if name == "bce":
        return F.softplus(-fake).mean()
    if name == "relativistic":
        return F.softplus(real - fake).mean()
    return -fake.mean()


def r1_penalty(critic: Critic, images: Tensor) -> Tensor:
    """Half the squared norm of D's gradient on real pictures (Mescheder et al. 2018, equation 9), to be scaled."""
    images = images.detach().requires_grad_()
    gradient = _gradient(critic, images)
    return gradient.square().sum((1, 2, 3)).mean() / 2


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """WGAN-GP's penalty at points between real and generated pictures.

    Args:
        mix: N float from 0 to 1, where between the two.
    """
    between = torch.lerp(real, fake, mix[:, None, None, None]).detach().requires_grad_()
    return (_gradient(critic, between).square().sum((1, 2, 3)).sqrt() - 1).square().mean()


def _gradient(critic: Critic, images: Tensor) -> Tensor:
    gradient: Tensor = torch.autograd.grad(critic(images).sum(), images, create_graph=True)[0]
    return gradient.float()
