"""A classifier that looks at a picture eight ways, turned by quarters and mirrored: for parts that lie as they come."""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: Quarter turns and mirrorings of a square.
WAYS = 8


def look_eight_ways(network: nn.Module) -> nn.Module:
    """Let a timm classifier's features be, in inference mode, the mean of those of all eight views, each brought back
    to where it belongs; where the head is a mean and a linear layer its logits are then the mean of eight.

    It takes eight times as long. The inputs must be square. Weights and their names stay as they are, and training
    looks at each picture as it is.

    Raises:
        ValueError: the network takes pictures apart into patches; its features are tokens, or maps of another order.
    """
    if hasattr(network, "patch_embed"):
        raise ValueError("a network that takes pictures apart into patches cannot look eight ways; leave turns out")
    kind = type(network)
    network.__class__ = type(kind.__name__, (_EightWays, kind), {})
    return network


class _EightWays(nn.Module):
    """Stands before a network's own class: so a copy of the network looks with its own weights, not the original's."""

    def forward_features(self, images: Tensor) -> Tensor:
        plain = super().forward_features  # type: ignore[misc]
        if self.training:
            return plain(images)  # type: ignore[no-any-return]
        return torch.stack([_back(plain(_view(images, way)), way) for way in range(WAYS)]).mean(0)


def _view(images: Tensor, way: int) -> Tensor:
    quarters, mirrored = divmod(way, 2)
    return torch.rot90(images.flip(-1) if mirrored else images, quarters, (-2, -1)).contiguous(
        memory_format=torch.channels_last
    )


def _back(maps: Tensor, way: int) -> Tensor:
    quarters, mirrored = divmod(way, 2)
    maps = torch.rot90(maps, -quarters, (-2, -1))
    return maps.flip(-1) if mirrored else maps
