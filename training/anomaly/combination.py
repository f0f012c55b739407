"""Train CutPaste, then the autoencoder, on the same pictures, and join them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
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
from training.anomaly.tiles import Tiles, answers, judge_held
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
    progress = Progress(2 * config.steps + 3 * len(tiles.held))
    yield Started(progress.total, 1, start.sentence, {material.normal: len(material.good)}, str(device), material.notes)
    yield from train_cutpaste(config, network.cutpaste, spec, start, tiles, progress)
    yield from train_autoencoder(config, network.autoencoder, spec, tiles, progress)
    network.eval()
    yield from measure_spread(network, spec, tiles, progress)
    judged = yield from judge_held(network, spec, tiles, progress)
    spec = replace(spec, arguments={**arguments, "calibration": len(judged)})
    return Learned(network, spec, start, judged, tuple(tiles.notes))


def measure_spread(network: Combined, spec: NetworkSpec, tiles: Tiles, progress: Progress) -> Iterator[Event]:
    """How much each part's scores and map values vary on the pictures that were kept back."""
    for row, part in enumerate((network.cutpaste, network.autoencoder)):
        scores, cells = [], []
        for _, (score, strange) in answers(part, spec, tiles.held):
            scores.append(score)
            cells.append(strange.flatten())
            yield progress.step(1)
        if sum(map(len, scores)) > 1:
            network.spread[row] = torch.stack([torch.cat(scores).std(), torch.cat(cells).std()]).clamp(min=1e-6)
