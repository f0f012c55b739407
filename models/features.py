"""Feature maps of a backbone, and the patches that they describe."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.libraries import timm


def feature_encoder(encoder: str, layers: Sequence[int]) -> nn.Module:
    """A timm network that gives the feature maps of its stages `layers`, from 0, with random weights.

    Raises:
        ValueError: timm has no such network, or the network no such stage.
    """
    try:
        network: nn.Module = timm.create_model(
            encoder, pretrained=False, features_only=True, out_indices=tuple(sorted(layers))
        )
    except (RuntimeError, AssertionError, IndexError, KeyError, AttributeError) as error:
        raise ValueError(
            f"{encoder!r} cannot give the feature maps {', '.join(map(str, layers))} ({str(error).splitlines()[0]})"
        ) from error
    return network


def local_patches(maps: Sequence[Tensor]) -> Tensor:
    """Stages' N×C×h×w maps, the finest first → N×ΣC×h×w, one vector a patch: each stage averaged over 3×3 neighbours,
    at the finest one's resolution (Roth et al. 2022, section 3.1)."""
    averaged = [F.avg_pool2d(m, 3, 1, 1, count_include_pad=False) for m in maps]
    finest = averaged[0].shape[-2:]
    return torch.cat([averaged[0], *(F.interpolate(m, finest, mode="bilinear") for m in averaged[1:])], 1)
