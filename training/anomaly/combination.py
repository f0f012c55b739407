"""Train several detectors on the same pictures, one after the other, and join them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

import torch

from models.autoencoder import Autoencoder
from models.combined import Combined
from models.cutpaste import CutPaste
from models.discriminative import Discriminative
from models.memory_bank import MemoryBank
from models.spec import NetworkSpec, Preprocess
from models.start import Start, start_from
from training.anomaly.config import AnomalyConfig
from training.anomaly.discrimination import train_discriminative
from training.anomaly.learned import Learned
from training.anomaly.material import GoodMaterial
from training.anomaly.memory import learn_memory_bank, steps_for
from training.anomaly.pretext import train_cutpaste
from training.anomaly.reconstruction import train_autoencoder
from training.anomaly.steps import Progress
from training.anomaly.tiles import Tiles, answers, judge_held
from training.events import Event, Started, Step

MEMORY = "memory-bank"


def learn_combined(
    config: AnomalyConfig, material: GoodMaterial, device: torch.device
) -> Generator[Event, None, Learned]:
    """All parts, then the pictures that were kept back say how much each varies, and where the threshold lies."""
    torch.manual_seed(config.seed)
    network = Combined(0, config.encoder, config.layers, config.size, config.parts).to(device)
    arguments = {
        "encoder": config.encoder,
        "layers": sorted(set(config.layers)),
        "size": config.size,
        "parts": list(config.parts),
    }
    spec = NetworkSpec("anomaly", config.method, (material.normal,), arguments, preprocess=Preprocess(config.size))
    # Before any of them learns: each begins where it would begin alone.
    starts = {name: _start(network, name, spec, config) for name in config.parts}
    start = starts[config.parts[0]]
    tiles = Tiles(config, material)
    steps = [steps_for(config, len(tiles.learned)) if name == MEMORY else config.steps for name in config.parts]
    progress = Progress(sum(steps) + (len(steps) + 1) * len(tiles.held))
    yield Started(progress.total, 1, start.sentence, {material.normal: len(material.good)}, str(device), material.notes)
    for name, own in starts.items():
        if name == MEMORY:
            bank = yield from _remember(config, replace(material, good=tuple(tiles.learned)), device, progress)
            network.add_module(MEMORY, bank)
            arguments |= {"bank": len(bank.bank), "side": len(bank.gain)}
        else:
            yield from _train(config, network, name, spec, own, tiles, progress)
    network.eval()
    yield from measure_spread(network, spec, tiles, progress)
    judged = yield from judge_held(network, spec, tiles, progress)
    spec = replace(spec, arguments={**arguments, "calibration": len(judged)})
    return Learned(network, spec, start, judged, tuple(tiles.notes))


def _remember(
    config: AnomalyConfig, material: GoodMaterial, device: torch.device, progress: Progress
) -> Generator[Event, None, MemoryBank]:
    """A bank of what the other parts learn from, too; the pictures that are kept back stay unknown to it.

    What cannot be read the tiles have noted already.
    """
    learning = learn_memory_bank(config, material, device)
    while True:
        try:
            event = next(learning)
        except StopIteration as done:
            progress.done += steps_for(config, len(material.good))
            bank: MemoryBank = done.value.network
            bank.good = bank.good[:0]  # the whole has its own
            return bank
        if isinstance(event, Step):
            yield replace(event, step=progress.done + event.step, steps=progress.total)


def _start(network: Combined, name: str, spec: NetworkSpec, config: AnomalyConfig) -> Start:
    part = network.part(name)
    return start_from(part.unet if isinstance(part, Discriminative) else part.encoder, spec, config.init)  # type: ignore[arg-type]


def _train(
    config: AnomalyConfig,
    network: Combined,
    name: str,
    spec: NetworkSpec,
    start: Start,
    tiles: Tiles,
    progress: Progress,
) -> Iterator[Event]:
    part = network.part(name)
    if isinstance(part, CutPaste):
        yield from train_cutpaste(config, part, spec, start, tiles, progress)
    elif isinstance(part, Autoencoder):
        yield from train_autoencoder(config, part, spec, tiles, progress)
    elif isinstance(part, Discriminative):
        yield from train_discriminative(config, part, spec, start, tiles, progress)


def measure_spread(network: Combined, spec: NetworkSpec, tiles: Tiles, progress: Progress) -> Iterator[Event]:
    """How much each part's scores and map values vary on the pictures that were kept back."""
    for row, name in enumerate(network.parts):
        scores, cells = [], []
        for _, (score, strange) in answers(network.part(name), spec, tiles.held):
            scores.append(score)
            cells.append(strange.flatten())
            yield progress.step(1)
        if sum(map(len, scores)) > 1:
            network.spread[row] = torch.stack([torch.cat(scores).std(), torch.cat(cells).std()]).clamp(min=1e-6)
