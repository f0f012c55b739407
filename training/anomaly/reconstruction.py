"""Train the reconstruction autoencoder: give back a good picture's features, from itself or from a spoiled one."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from models.anomaly import round_parameters
from models.autoencoder import Autoencoder
from models.imaging import normalise
from models.spec import NetworkSpec, Preprocess
from models.start import Start, start_from
from training.anomaly.config import AnomalyConfig
from training.anomaly.generated import anomaly
from training.anomaly.learned import Learned
from training.anomaly.material import GoodMaterial
from training.anomaly.steps import Progress, train_steps
from training.anomaly.tiles import Tiles, as_floats, judge_held
from training.events import Event, Started

#: Part of the pictures that are spoiled before they are rebuilt: with none of them it learns to copy.
SPOILED = 0.5
#: Its learning rate, as a multiple of the one for fine-tuning a backbone; it is small and starts from nothing.
FASTER = 3
#: Tiles that are looked at together outside of the training.
BATCH = 16
#: Good pictures' spread of a feature is taken for at least this: a dead channel must not drown the others.
LEAST = 1e-3


def learn_autoencoder(
    config: AnomalyConfig, material: GoodMaterial, device: torch.device
) -> Generator[Event, None, Learned]:
    """Train, and judge the good pictures that were kept back."""
    torch.manual_seed(config.seed)
    arguments = {"encoder": config.encoder, "layers": sorted(set(config.layers)), "size": config.size}
    network = Autoencoder(0, config.encoder, config.layers, config.size).to(device)
    spec = NetworkSpec("anomaly", config.method, (material.normal,), arguments, preprocess=Preprocess(config.size))
    start = start_from(network.encoder, spec, config.init)
    tiles = Tiles(config, material)
    progress = Progress(config.steps + len(tiles.held))
    counts = {material.normal: len(material.good)}
    yield Started(progress.total, 1, start.sentence, counts, str(device), material.notes)
    yield from train_autoencoder(config, network, spec, tiles, progress)
    judged = yield from judge_held(network, spec, tiles, progress)
    spec = replace(spec, arguments={**arguments, "calibration": len(judged)})
    return Learned(network, spec, start, judged, tuple(tiles.notes))


def train_autoencoder(
    config: AnomalyConfig, network: Autoencoder, spec: NetworkSpec, tiles: Tiles, progress: Progress
) -> Iterator[Event]:
    """Rebuild what good pictures' features are; then how much these leave over. `network` lacks but `good`."""
    device = network.good.device
    network.eval()

    def inputs(pictures: Tensor) -> Tensor:
        return normalise(pictures, spec.preprocess).to(device)

    sums = torch.zeros(2, len(network.mean), device=device)
    for images in tiles.plain(BATCH):
        found = network.features(inputs(images))  # mean and deviation are still 0 and 1
        sums += torch.stack([found.mean((2, 3)).sum(0), found.square().mean((2, 3)).sum(0)]) / len(tiles)
    network.deviation.copy_((sums[1] - sums[0].square()).clamp(min=LEAST**2).sqrt())
    network.mean.copy_(sums[0])

    def loss(step: int) -> tuple[dict[str, Tensor], int]:
        drawn = [*tiles.draw(step, 2 * config.batch_size, config.flips)]
        wanted = network.features(inputs(as_floats([tile for tile, _ in drawn])))
        given, chosen = wanted.clone(), [number for number, (_, rng) in enumerate(drawn) if rng.random() < SPOILED]
        if chosen:
            spoiled = [anomaly(drawn[number][0], drawn[number - 1][0], drawn[number][1])[0] for number in chosen]
            given[chosen] = network.features(inputs(as_floats(spoiled)))
        return {"loss": F.mse_loss(network.rebuild(given).float(), wanted)}, len(drawn)

    faster = config.model_copy(update={"learning_rate": config.learning_rate * FASTER})
    yield from train_steps(faster, network, Start("random weights"), loss, progress, "autoencoder")
    round_parameters(network)
    left = torch.zeros(len(network.usual), *network.place.shape, device=device)
    with torch.no_grad():
        for images in tiles.plain(BATCH):
            left += network.left(network.features(inputs(images))).sum(0) / len(tiles)
        network.usual.copy_(left.mean((1, 2)).clamp(min=1e-6))
        network.place.copy_((left / network.usual[:, None, None]).mean(0).clamp(min=1e-6))
