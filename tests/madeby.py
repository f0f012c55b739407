"""A run and a model whose generators are random networks: all that sampling needs, without a training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from models.checkpoint import save_checkpoint
from models.registry import build
from models.spec import NetworkSpec, Preprocess
from steelgui.services.jobs import Jobs
from steelgui.settings import Settings
from training.gan.config import GanConfig, gan_config
from training.runs import Run, Status

CLASSES = ("patches", "scratches")


def class_folder(root: Path, count: int = 12, side: int = 64) -> Path:
    """Pictures of two classes, each unlike the others: a level of its own and noise."""
    random = np.random.default_rng(0)
    for label in CLASSES:
        (root / label).mkdir(parents=True)
        for number in range(count):
            noise = random.normal(0, 25, (side, side))
            noise += np.sin(np.arange(side) * random.uniform(0.05, 1)) * random.uniform(10, 50)
            pixels = (noise + random.uniform(60, 200)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / label / f"{number}.png")
    return root


def random_generator(path: Path, classes: tuple[str, ...], config: GanConfig | None, seen: int, seed: int) -> Path:
    """A checkpoint of a random 32 px DCGAN."""
    torch.manual_seed(seed)
    half = (0.5, 0.5, 0.5)
    arguments = {"channels": 1 + bool(config and config.masks), "nz": 16, "ngf": 8, "upsample": "nearest"}
    spec = NetworkSpec("generator", "dcgan", classes, arguments, preprocess=Preprocess(32, half, half))
    network = build(spec)
    # Its last layer starts so small that every picture would be grey.
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(4)
    card = {"seen": seen, **({"config": config.model_dump(mode="json")} if config else {})}
    return save_checkpoint(path, network.eval(), spec, card)


def finished_run(
    settings: Settings, data: Path, label: str | None = "scratches", masks: bool = False, name: str = "mine"
) -> Run:
    """A finished run with two snapshots, the second of which is its best."""
    jobs = Jobs(settings)
    values = {"class_name": label, "size": 32, "nz": 16, "ngf": 8, "images": 2000, "masks": masks}
    config = gan_config({**values, "data": data, "out": jobs.root})
    run = jobs.create("gan", config.model_dump(mode="json", exclude={"out", "resume"}), name)
    classes = (label,) if label else CLASSES
    for seen in (1000, 2000):
        random_generator(run.folder / "checkpoints" / f"generator-{seen:010d}.safetensors", classes, config, seen, seen)
    random_generator(run.folder / f"{run.id}.safetensors", classes, config, 2000, 2000)
    run.write_status(Status("finished", 2000, 2000))
    return run
