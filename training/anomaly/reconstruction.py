"""Train the reconstruction autoencoder: draw the good picture again, from itself or from a spoiled one."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from models.anomaly import round_parameters
from models.autoencoder import Autoencoder, dissimilarity, evenly_lit
from models.imaging import normalise
from models.spec import NetworkSpec, Preprocess
from models.start import Start
from training.anomaly.config import AnomalyConfig
from training.anomaly.cutpaste import Mask, Picture
from training.anomaly.generated import anomaly
from training.anomaly.learned import Learned
from training.anomaly.material import GoodMaterial
from training.anomaly.steps import Progress, train_steps
from training.anomaly.tiles import Tiles, answers, as_floats, highest
from training.events import Event, Started

RANDOM = Start("random weights")
#: Part of the pictures that are spoiled before they are drawn again.
SPOILED = 0.5
#: Weight of structure beside squared difference.
STRUCTURE = 0.5


def learn_autoencoder(
    config: AnomalyConfig, material: GoodMaterial, device: torch.device
) -> Generator[Event, None, Learned]:
    """Train, and judge the good pictures that were kept back; `config.init` is not asked, it starts from nothing."""
    torch.manual_seed(config.seed)
    network = Autoencoder(0, config.size).to(device)
    spec = NetworkSpec(
        "anomaly", config.method, (material.normal,), {"size": config.size}, preprocess=Preprocess(config.size)
    )
    tiles = Tiles(config, material)
    progress = Progress(config.steps + len(tiles.held))
    yield Started(
        progress.total, 1, RANDOM.sentence, {material.normal: len(material.good)}, str(device), material.notes
    )
    yield from train_autoencoder(config, network, spec, tiles, progress)
    judged, rows = [], []
    for sample, answer in answers(network, spec, tiles.held):
        judged.append(sample)
        rows.append(highest(answer))
        yield progress.step(1)
    network.good = torch.stack(rows).to(device)
    spec = replace(spec, arguments={**spec.arguments, "calibration": len(rows)})
    return Learned(network, spec, RANDOM, tuple(judged), tuple(tiles.notes))


def train_autoencoder(
    config: AnomalyConfig, network: Autoencoder, spec: NetworkSpec, tiles: Tiles, progress: Progress
) -> Iterator[Event]:
    """Squared difference and structure; then what differs on good pictures anyway. `network` lacks but `good`."""
    device = network.good.device
    network.to(memory_format=torch.channels_last)

    def loss(step: int) -> tuple[dict[str, Tensor], int]:
        drawn = [*tiles.draw(step, 2 * config.batch_size, config.flips)]
        wanted = as_floats([tile for tile, _ in drawn])
        given = as_floats([spoiled(tile, drawn[number - 1][0], rng)[0] for number, (tile, rng) in enumerate(drawn)])
        wanted, given = (normalise(images, spec.preprocess).to(device) for images in (wanted, given))
        wanted, given = evenly_lit(wanted), evenly_lit(given)
        rebuilt = network.rebuild(given.contiguous(memory_format=torch.channels_last)).float()
        squares, structure = (rebuilt - wanted).square().mean(), dissimilarity(rebuilt, wanted).mean()
        return {"loss": squares + STRUCTURE * structure, "mse": squares, "structure": structure}, len(drawn)

    yield from train_steps(config, network, RANDOM, loss, progress, "autoencoder")
    round_parameters(network)
    with torch.inference_mode():
        maps = [network.differences(normalise(images, spec.preprocess).to(device)) for images in tiles.plain(16)]
        network.usual.copy_(torch.cat(maps).mean(0).clamp(min=1e-3))


def spoiled(picture: Picture, other: Picture, rng: np.random.Generator) -> tuple[Picture, Mask]:
    """The picture, or with `SPOILED` probability one with a patch, a scar or another picture's texture; and where."""
    if rng.random() >= SPOILED:
        return picture, np.zeros(picture.shape[:2], dtype=bool)
    return anomaly(picture, other, rng)
