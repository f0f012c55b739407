"""Few patches that stand for many."""

from __future__ import annotations

from collections.abc import Generator

import torch
from torch import Tensor

#: Dimensions in which distances are compared while choosing.
PROJECTED = 64
#: Choices between two signs of life.
EVERY = 256


def coreset(patches: Tensor, count: int, seed: int) -> Generator[int, None, Tensor]:
    """Choose patches so that none is far from the nearest chosen one; tells how many it has.

    Greedy k-center (Roth et al. 2022, algorithm 1; Sener & Savarese 2018): each time the patch that is farthest from
    all chosen ones, by distances under a random projection (Johnson & Lindenstrauss 1984).

    Args:
        patches: P×C float.
        count: how many; all where there are fewer.
        seed: of projection and first patch.

    Returns:
        Numbers of the chosen, in the order of choice.
    """
    if count >= len(patches):
        return torch.arange(len(patches), device=patches.device)
    random = torch.Generator().manual_seed(seed)
    if patches.shape[1] > PROJECTED:
        projection = torch.randn(patches.shape[1], PROJECTED, generator=random) / PROJECTED**0.5
        patches = patches.float() @ projection.to(patches.device)
    lengths = (patches * patches).sum(1)
    chosen = torch.empty(count, dtype=torch.int64, device=patches.device)
    chosen[0] = int(torch.randint(len(patches), (1,), generator=random))
    distances = torch.full_like(lengths, torch.inf)
    for number in range(count):
        if number:
            chosen[number] = distances.argmax()
        last = patches[chosen[number]]
        # Squared; below 0 by rounding only.
        torch.minimum(distances, torch.addmv(lengths, patches, last, alpha=-2) + last @ last, out=distances)
        if number % EVERY == EVERY - 1:
            yield number + 1
    return chosen
