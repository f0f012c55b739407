"""Training throughput on this machine: our step over the same networks in a plain eager fp32 loop, in one run.

uv run python benchmarks/gan_speed.py [--compile]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from models.generators import build_discriminator
from models.registry import build
from models.upsampled import UpsampledConv2d
from training.gan.config import GanConfig, gan_config
from training.gan.patches import Patches
from training.gan.train import generator_spec
from training.gan.trainer import Trainer, discriminator_arguments


def plain(config: GanConfig, patches: Patches) -> Callable[[], object]:
    """The DCGAN tutorial's loop: one D step, one G step, NCHW, fp32, resizing and convolution one after the other."""
    spec = generator_spec(config, patches.classes)
    generator, discriminator = build(spec), build_discriminator(spec, **discriminator_arguments(config))
    for name, module in list(generator.named_modules()):
        if isinstance(module, UpsampledConv2d):
            conv = nn.Conv2d(module.in_channels, module.out_channels, 3, 1, 1, bias=module.bias is not None)
            generator.set_submodule(name, nn.Sequential(nn.Upsample(scale_factor=2), conv))
    adams = [torch.optim.Adam(n.parameters(), 2e-4, (0.5, 0.999)) for n in (discriminator, generator)]
    labels = torch.zeros(config.batch_size, dtype=torch.long)

    def step() -> None:
        real = patches.images[torch.randint(len(patches.images), (config.batch_size,))].float() / 127.5 - 1
        fake = generator(torch.randn(config.batch_size, config.nz), labels)
        loss = F.softplus(-discriminator(real, labels)).mean()
        loss = loss + F.softplus(discriminator(fake.detach(), labels)).mean()
        adams[0].zero_grad()
        loss.backward()
        adams[0].step()
        adams[1].zero_grad()
        F.softplus(-discriminator(fake, labels)).mean().backward()
        adams[1].step()

    return step


def images_per_s(step: Callable[[], object], batch: int, seconds: float = 12.0) -> float:
    for _ in range(3):
        step()
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        step()
        count += batch
    return count / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    for preset, size in (("quick", 64), ("good", 128)):
        with tempfile.TemporaryDirectory() as folder:
            values = {"data": Path(), "out": Path(folder), "class": "scratches", "compile": options.compile}
            config = gan_config(values, preset)
            images = torch.randint(0, 255, (240, config.channels, size, size), dtype=torch.uint8)
            patches = Patches(images, torch.zeros(240, dtype=torch.long), ("scratches",), ())
            trainer = Trainer(config, generator_spec(config, patches.classes), patches, torch.device("cpu"))
            found = [images_per_s(step, config.batch_size) for step in (trainer.step, plain(config, patches)) * 2]
            ours, theirs = max(found[::2]), max(found[1::2])
            print(f"DCGAN {size}²: ours {ours:.0f}, plain {theirs:.0f} images/s, ratio {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
