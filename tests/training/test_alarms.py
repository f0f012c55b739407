"""The health line on measured pictures: a planted collapse and planted copies are named, real pictures are not."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from benchmarks.gan_alarms import collapsed, memorised, neu, verdict
from training.gan.config import gan_config
from training.gan.measure import Features, Look, likeness
from training.gan.patches import load_patches


@pytest.fixture(scope="module")
def features() -> Features:
    return Features()


def assert_alarms(features: Features, real: torch.Tensor, look: Look) -> None:
    for pictures, wanted in (
        (collapsed(real, count=48), "collapsing"),
        (memorised(real, count=48), "memorising"),
        (memorised(real, count=48).flip(2), "memorising"),
    ):
        found = likeness(look, features.look(pictures))
        assert verdict(found) == wanted, asdict(found)


@pytest.mark.realdata
@pytest.mark.parametrize("label", ["crazing", "inclusion", "scratches"])
def test_on_steel(label: str, realdata: Path, features: Features) -> None:
    """Inclusion has the least contrast, and crazing the most alike pictures: thresholds have the least margin there."""
    real, new = neu(label, 64)
    look = features.look(real[:120])
    assert_alarms(features, real[:120], look)
    assert verdict(likeness(look, features.look(new))) == "learning"


def test_on_rendered_strips(strips_folder: Path, features: Features, tmp_path: Path) -> None:
    config = gan_config({"data": strips_folder, "out": tmp_path, "class": "scratches", "size": 64})
    pictures = load_patches(config).images.float() / 127.5 - 1
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(0))
    real, new = pictures[order].chunk(2)
    look = features.look(real)
    assert_alarms(features, real, look)
    assert verdict(likeness(look, features.look(new))) == "learning"
