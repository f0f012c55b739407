"""Measure a trained generator anew, on more pictures than a check draws, against its training pictures."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch
import torch.nn.functional as F

from models.checkpoint import Checkpoint
from training.config import parse
from training.gan.config import GanConfig
from training.gan.measure import Features, kernel_distance, likeness
from training.gan.patches import load_patches
from training.loop import pick_device


@torch.inference_mode()
def report_on(checkpoint: Checkpoint, config: dict[str, Any], count: int) -> dict[str, Any]:
    """Figures of `Likeness`, and `floor`: the KID between two halves of the real pictures, below which none can tell.

    Args:
        config: of the run that trained it; its data must still be there.
        count: pictures to draw.

    Raises:
        ConfigError, DataError: the configuration or its data cannot be used.
    """
    settings = parse(GanConfig, config)
    patches = load_patches(settings)
    random = torch.Generator().manual_seed(10**6 + settings.seed)  # not the seed that picked the best snapshot
    labels = patches.labels[torch.randint(len(patches.labels), (count,), generator=random)]
    z = torch.randn(count, int(checkpoint.spec.arguments["nz"]), generator=random)
    device = pick_device(settings.device)
    network = checkpoint.network.to(device)
    parts = []
    for start in range(0, count, 64):
        drawn = network(z[start : start + 64].to(device), labels[start : start + 64].to(device))
        drawn = drawn.float().clamp(-1, 1).cpu()
        parts.append(F.interpolate(drawn, (settings.size, settings.size)) if drawn.shape[-1] < settings.size else drawn)
    measure = Features(settings.features, device)
    real, fake = measure.look(patches.images.float() / 127.5 - 1), measure.look(torch.cat(parts))
    order = torch.randperm(len(real.features), generator=random)
    half = len(order) // 2
    figures = {name: round(value, 5) for name, value in asdict(likeness(real, fake)).items()}
    one, other = real.features[order[:half]], real.features[order[half : 2 * half]]
    figures["floor"] = round(kernel_distance(one, other), 5)
    return {**figures, "n": count, "real": len(order), "features": settings.features}
