"""Generators and discriminators: shapes, growth, checkpoints, and what a wrong argument says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from models.checkpoint import load_checkpoint, save_checkpoint
from models.dcgan import Binomial
from models.generators import build_discriminator
from models.progressive import MinibatchStddev, ProgressiveDiscriminator, ProgressiveGenerator
from models.registry import build
from models.spec import NetworkSpec, Preprocess

HALF = (0.5, 0.5, 0.5)
CASES: list[tuple[str, int, dict[str, Any], dict[str, Any]]] = [
    ("dcgan", 32, {"channels": 1, "nz": 16, "ngf": 8}, {"ndf": 8}),
    ("dcgan", 64, {"channels": 3, "nz": 16, "ngf": 8, "upsample": "nearest"}, {"ndf": 8, "norm": "none"}),
    ("dcgan", 64, {"channels": 2, "nz": 16, "ngf": 8}, {"ndf": 8, "norm": "none", "spectral": True}),
    ("dcgan", 32, {"channels": 2, "nz": 16, "ngf": 8, "upsample": "smoothed"}, {"ndf": 8}),
    ("pggan", 32, {"channels": 1, "nz": 16, "width": 8}, {"width": 8}),
    ("pggan", 64, {"channels": 2, "nz": 16, "width": 8, "widest": 32}, {"width": 8, "widest": 32}),
]


def spec_of(name: str, size: int, arguments: dict[str, Any], classes: tuple[str, ...]) -> NetworkSpec:
    return NetworkSpec("generator", name, classes, arguments, preprocess=Preprocess(size, HALF, HALF))


@pytest.mark.parametrize("classes", [("crazing",), ("crazing", "scratches", "patches")])
@pytest.mark.parametrize(("name", "size", "arguments", "others"), CASES)
def test_forward_backward(
    name: str, size: int, arguments: dict[str, Any], others: dict[str, Any], classes: tuple[str, ...]
) -> None:
    spec = spec_of(name, size, arguments, classes)
    generator, discriminator = build(spec), build_discriminator(spec, **others)
    z, labels = torch.randn(4, 16), torch.arange(4) % len(classes)
    pictures = generator(z, labels)
    assert pictures.shape == (4, arguments["channels"], size, size)
    logits = discriminator(pictures, labels)
    assert logits.shape == (4,)
    logits.sum().backward()
    for network in (generator, discriminator):
        unused = [n for n, p in network.named_parameters() if p.grad is None]
        # A fully grown network no longer looks at what smaller stages were shown through.
        assert all("picture" in name for name in unused), unused


def test_smoothing_takes_away_what_alternates_and_nothing_else() -> None:
    smooth, rows = Binomial(), torch.arange(8)
    checkerboard = (1 - 2.0 * ((rows[:, None] + rows) % 2)).expand(1, 1, 8, 8)
    assert smooth(checkerboard)[..., 1:-1, 1:-1].abs().max() == 0
    stripes = (1 - 2.0 * (rows % 2)).expand(1, 1, 8, 8)
    assert smooth(stripes)[..., 1:-1].abs().max() == 0
    plane = torch.full((2, 3, 8, 8), 0.25)
    assert torch.equal(smooth(plane), plane)


def test_the_class_matters() -> None:
    generator = build(spec_of("dcgan", 32, {"channels": 1, "nz": 16, "ngf": 8}, ("a", "b"))).eval()
    z = torch.randn(1, 16)
    assert not torch.equal(generator(z, torch.tensor([0])), generator(z, torch.tensor([1])))


def test_growing_starts_from_what_was_there() -> None:
    """At the very start of a fade the picture is the coarser one enlarged, and at its end the new stage's alone."""
    generator = ProgressiveGenerator(32, nz=16, width=8).eval()
    z, labels = torch.randn(2, 16), torch.zeros(2, dtype=torch.long)
    generator.grow(1)
    coarse = generator(z, labels)
    generator.grow(1.0001)
    assert generator.side == 16
    fading = generator(z, labels)
    torch.testing.assert_close(fading, coarse.repeat_interleave(2, 2).repeat_interleave(2, 3), atol=1e-2, rtol=0)


def test_a_checkpoint_carries_the_stage(tmp_path: Path) -> None:
    spec = spec_of("pggan", 32, {"channels": 1, "nz": 16, "width": 8}, ("crazing",))
    generator = build(spec)
    generator.grow(1.25)  # type: ignore[operator]
    again = load_checkpoint(save_checkpoint(tmp_path / "g", generator, spec, {})).network
    assert again(torch.randn(1, 16), torch.tensor([0])).shape[-1] == 16
    assert float(again.depth) == 1.25  # type: ignore[arg-type]


def test_minibatch_stddev_sees_a_collapse() -> None:
    layer = MinibatchStddev()
    alike = torch.randn(1, 3, 4, 4).repeat(8, 1, 1, 1)
    assert layer(alike)[:, -1].max() < 1e-3
    assert layer(torch.randn(8, 3, 4, 4))[:, -1].min() > 0.5
    assert layer(torch.randn(3, 3, 4, 4)).shape == (3, 4, 4, 4)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="size is 48; it must be one of 32, 64"):
        build(spec_of("dcgan", 48, {"channels": 1}, ("a",)))
    with pytest.raises(ValueError, match="choose from dcgan, pggan"):
        build(spec_of("stylegan", 64, {"channels": 1}, ("a",)))
    with pytest.raises(ValueError, match=r"must be \(N, 16\)"):
        ProgressiveGenerator(32, nz=16)(torch.randn(2, 8), torch.zeros(2, dtype=torch.long))
    with pytest.raises(ValueError, match="must be 8"):
        network = ProgressiveDiscriminator(32)
        network.grow(1)
        network(torch.randn(2, 1, 32, 32), torch.zeros(2, dtype=torch.long))
    with pytest.raises(ValueError, match="from 0 to 3"):
        ProgressiveGenerator(32).grow(4)
