"""Train the discriminative detector: mark what was drawn on good pictures, and nothing on the others."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.anomaly import round_parameters
from models.discriminative import Discriminative
from models.imaging import normalise
from models.spec import NetworkSpec, Preprocess
from models.start import Start, start_from
from training.anomaly.config import AnomalyConfig
from training.anomaly.cutpaste import Mask, Picture
from training.anomaly.generated import anomaly
from training.anomaly.learned import Learned
from training.anomaly.marks import mark
from training.anomaly.material import GoodMaterial
from training.anomaly.steps import Progress, train_steps
from training.anomaly.tiles import Tiles, as_floats, judge_held
from training.events import Event, Started

#: Part of the pictures that stay good, and of the spoiled ones those with small flaws.
GOOD, SMALL = 0.25, 0.5
#: Exposure and gamma differ by this much before a picture is spoiled: light is no defect.
LIGHT = 1.35
#: Of the focal loss (Lin et al. 2017, section 3), and its weight beside dice.
GAMMA, FOCAL = 2, 5.0


def learn_discriminative(
    config: AnomalyConfig, material: GoodMaterial, device: torch.device
) -> Generator[Event, None, Learned]:
    """Train, and judge the good pictures that were kept back."""
    torch.manual_seed(config.seed)
    network = Discriminative(0, config.encoder).to(device)
    spec = NetworkSpec(
        "anomaly", config.method, (material.normal,), {"encoder": config.encoder}, preprocess=Preprocess(config.size)
    )
    start = start_from(network.unet, spec, config.init)
    tiles = Tiles(config, material)
    progress = Progress(config.steps + len(tiles.held))
    counts = {material.normal: len(material.good)}
    yield Started(progress.total, 1, start.sentence, counts, str(device), material.notes)

    yield from train_discriminative(config, network, spec, start, tiles, progress)
    judged = yield from judge_held(network, spec, tiles, progress)
    spec = replace(spec, arguments={"encoder": config.encoder, "calibration": len(judged)})
    return Learned(network, spec, start, judged, tuple(tiles.notes))


def train_discriminative(
    config: AnomalyConfig, network: Discriminative, spec: NetworkSpec, start: Start, tiles: Tiles, progress: Progress
) -> Iterator[Event]:
    """Mark what is drawn; `network` is ready but for `good`."""
    network.to(memory_format=torch.channels_last)
    device = network.good.device

    def loss(step: int) -> tuple[dict[str, Tensor], int]:
        pictures, masks = batch(tiles, step, config)
        logits = network.logits(normalise(pictures, spec.preprocess).to(device))
        return marking_loss(logits.float(), masks.to(device)), len(pictures)

    yield from train_steps(config, network.unet, start, loss, progress, "discriminative")
    network.eval()
    round_parameters(network)


def batch(tiles: Tiles, step: int, config: AnomalyConfig) -> tuple[Tensor, Tensor]:
    """N×3×S×S float from 0 to 255 and N×S×S float masks: a function of the seed and the step."""
    drawn = [*tiles.draw(step, config.batch_size, config.flips)]
    pairs = [spoiled(tile, drawn[number - 1][0], rng) for number, (tile, rng) in enumerate(drawn)]
    return as_floats([picture for picture, _ in pairs]), torch.from_numpy(np.stack([m for _, m in pairs])).float()


def spoiled(tile: Picture, other: Picture, rng: np.random.Generator) -> tuple[Picture, Mask]:
    """The tile in another light, most often with a flaw, and where that is."""
    gain, gamma = LIGHT ** rng.uniform(-1, 1, 2)
    lit = ((tile / 255 * gain).clip(0, 1) ** gamma * 255).astype(np.uint8)
    if rng.random() < GOOD:
        return lit, np.zeros(lit.shape[:2], dtype=bool)
    return mark(lit, rng) if rng.random() < SMALL else anomaly(lit, other, rng)


def marking_loss(logits: Tensor, masks: Tensor) -> dict[str, Tensor]:
    """Focal loss, for most pixels are good and easy, and dice over the batch; N×S×S each."""
    chances = logits.sigmoid()
    missed = torch.where(masks > 0, 1 - chances, chances)
    focal = (F.binary_cross_entropy_with_logits(logits, masks, reduction="none") * missed**GAMMA).mean()
    dice = 1 - (2 * (chances * masks).sum() + 1) / (chances.sum() + masks.sum() + 1)
    return {"loss": FOCAL * focal + 0.5 * dice, "focal": focal, "dice": dice}
