"""Train CutPaste, then the autoencoder, on the same pictures, and join them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import torch

from models.combined import Combined
from models.spec import NetworkSpec, Preprocess
from models.start import start_from
from training.anomaly.config import AnomalyConfig
from training.anomaly.learned import Learned
from training.anomaly.material import GoodMaterial
from training.anomaly.pretext import train_cutpaste
from training.anomaly.reconstruction import train_autoencoder
from training.anomaly.steps import Progress
from training.anomaly.tiles import Tiles, answers, highest
from training.events import Event, Started


def learn_combined(
    config: AnomalyConfig, material: GoodMaterial, device: torch.device
) -> Generator[Event, None, Learned]:
    """Both parts, then the pictures that were kept back say how much each varies, and where the threshold lies."""
    torch.manual_seed(config.seed)
    network = Combined(0, config.encoder, config.layers, config.size).to(device)
    arguments = {"encoder": config.encoder, "layers": sorted(set(config.layers)), "size": config.size}
    spec = NetworkSpec("anomaly", config.method, (material.normal,), arguments, preprocess=Preprocess(config.size))
    start = start_from(network.cutpaste.encoder, spec, config.init)
    network.autoencoder.encoder.load_state_dict(
        {name: network.cutpaste.encoder.state_dict()[name] for name in network.autoencoder.encoder.state_dict()}
    )
    tiles = Tiles(config, material)
    progress = Progress(2 * config.steps + 2 * len(tiles.held))
    yield Started(progress.total, 1, start.sentence, {material.normal: len(material.good)}, str(device), material.notes)
    yield from train_cutpaste(config, network.cutpaste, spec, start, tiles, progress)
    yield from train_autoencoder(config, network.autoencoder, spec, tiles, progress)
    network.eval()
    parts: list[list[tuple[torch.Tensor, torch.Tensor]]] = []
    for part in (network.cutpaste, network.autoencoder):
        found = []
        for sample, answer in answers(part, spec, tiles.held):
            found.append((sample, answer))
            yield progress.step(1)
        parts.append([answer for _, answer in found])
        judged = tuple(sample for sample, _ in found)
    network.spread.copy_(
        torch.stack(
            [
                torch.stack([torch.cat([answer[which].flatten() for answer in answered]).std() for which in (0, 1)])
                for answered in parts
            ]
        ).clamp(min=1e-6)
    )
    network.good = torch.stack([highest(network.join(*pair)) for pair in zip(*parts, strict=True)]).to(device)
    spec = replace(spec, arguments={**arguments, "calibration": len(judged)})
    return Learned(network, spec, start, judged, tuple(tiles.notes))
