"""Generators and their discriminators by name."""

from __future__ import annotations

from typing import Any

from torch import nn

from models.dcgan import DCDiscriminator, DCGenerator
from models.progressive import ProgressiveDiscriminator, ProgressiveGenerator
from models.spec import NetworkSpec

GENERATORS: dict[str, type[nn.Module]] = {"dcgan": DCGenerator, "pggan": ProgressiveGenerator}
DISCRIMINATORS: dict[str, type[nn.Module]] = {"dcgan": DCDiscriminator, "pggan": ProgressiveDiscriminator}


def build_generator(spec: NetworkSpec) -> nn.Module:
    """A generator with random weights: (z N×nz, labels N int64) → N×C×S×S, −1 to 1.

    Raises:
        ValueError: the architecture is unknown, or its size is impossible.
    """
    if spec.architecture not in GENERATORS:
        raise ValueError(f"there is no generator called {spec.architecture!r}; choose from {', '.join(GENERATORS)}")
    return GENERATORS[spec.architecture](spec.preprocess.size, classes=len(spec.classes), **spec.arguments)


def build_discriminator(spec: NetworkSpec, **arguments: Any) -> nn.Module:
    """The discriminator that trains `spec`'s generator; `arguments` are its own (width, norm)."""
    channels = int(spec.arguments["channels"])
    return DISCRIMINATORS[spec.architecture](
        spec.preprocess.size,
        channels=channels,
        classes=len(spec.classes),
        conditioned=bool(spec.arguments.get("conditioned", False)),
        **arguments,
    )
