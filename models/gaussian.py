"""How far from the usual: a Gaussian around good features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: A feature's spread is taken for at least this part of all features' (their root mean square).
LEAST = 0.05


class Gaussian(nn.Module):
    """Mean and covariance of C features; to be fitted before it is asked.

    Attributes:
        mean: C.
        whiten: C×C; what good features are multiplied with to vary alike in every direction.
    """

    mean: Tensor
    whiten: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("whiten", torch.eye(channels))

    def forward(self, features: Tensor) -> Tensor:
        """…×C → … Mahalanobis distances, divided by √C so that good features are about 1 away."""
        away = (features.float() - self.mean) @ self.whiten.T
        return away.square().mean(-1).sqrt()

    @torch.no_grad()
    def fit(self, features: Tensor) -> None:
        """Take over mean and shrunk covariance of P×C good features; fewer than C are enough.

        The shrinkage is Ledoit and Wolf's (2004, section 3.2), towards features of one's own spread that do not hang
        together.
        """
        features = features.double()
        mean, spread = features.mean(0), features.std(0)
        # What hardly ever varied, a dead channel say, must not drown the others at its first stir.
        spread = spread.clamp(min=max(LEAST * float(spread.square().mean().sqrt()), 1e-6))
        scaled = (features - mean) / spread
        count, channels = scaled.shape
        covariance = scaled.T @ scaled / count
        level = covariance.diagonal().mean()
        target = level * torch.eye(channels, dtype=covariance.dtype, device=covariance.device)
        off = (covariance - target).square().sum()
        noise = (scaled.square().sum(1).square().mean() - covariance.square().sum()) / count
        part = float((noise / off.clamp(min=1e-12)).clamp(1e-3, 1))
        root = torch.linalg.cholesky(part * target + (1 - part) * covariance)
        self.mean.copy_(mean)
        self.whiten.copy_(torch.linalg.solve_triangular(root, torch.diag(1 / spread), upper=False))
