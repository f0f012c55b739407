"""The memory bank: distances, maps, and that a checkpoint answers as the network did."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.anomaly import round_parameters
from models.checkpoint import load_checkpoint, save_checkpoint
from models.memory_bank import CHUNK, MemoryBank, judge_cells, nearest
from models.registry import build
from models.sidecar import CheckpointError
from models.spec import NetworkSpec, Preprocess

SPEC = NetworkSpec(
    "anomaly",
    "memory-bank",
    ("good",),
    {"calibration": 5, "bank": 64, "encoder": "mobilenetv2_050", "layers": [2, 3], "side": 8},
    preprocess=Preprocess(64),
)


@pytest.fixture
def bank() -> MemoryBank:
    """It remembers all patches of one picture of noise."""
    torch.manual_seed(0)
    network = build(SPEC)
    assert isinstance(network, MemoryBank)
    network.eval()
    with torch.no_grad():
        patches = network.patches(torch.randn(1, 3, 64, 64))
        network.bank.copy_(patches.permute(0, 2, 3, 1).flatten(0, 2))
        network.good.copy_(torch.rand(5, 2))
    round_parameters(network)
    return network


def test_nearest_is_that_of_all_pairs() -> None:
    random = torch.Generator().manual_seed(1)
    patches, known = torch.randn(CHUNK + 70, 12, generator=random), torch.randn(33, 12, generator=random)
    distances, numbers = nearest(patches, known)
    pairs = torch.cdist(patches, known, compute_mode="donot_use_mm_for_euclid_dist")
    torch.testing.assert_close(distances, pairs.amin(1), atol=1e-4, rtol=1e-4)
    assert torch.equal(numbers, pairs.argmin(1))
    assert float(nearest(known, known)[0].max()) < 0.01, "rounding alone"


def test_what_is_remembered_is_no_stranger_and_a_change_is_found_in_its_place(bank: MemoryBank) -> None:
    torch.manual_seed(0)
    build(SPEC)  # draws what the fixture drew before its picture
    picture = torch.randn(1, 3, 64, 64)
    changed = picture.clone()
    changed[:, :, 40:56, 8:24] += 6
    scores, maps = bank(torch.cat([picture, changed]))
    assert scores.shape == (2,)
    assert maps.shape == (2, 8, 8)
    assert (maps >= 0).all()
    assert scores[1] > 5 * scores[0]
    row, column = divmod(int(maps[1].argmax()), 8)
    assert 4 <= row <= 7
    assert 0 <= column <= 3


def test_a_place_has_a_unit_of_its_own(bank: MemoryBank) -> None:
    """What is strange where good parts hardly vary counts for more than the same where they vary much."""
    cells = torch.full((2, 8, 8), 1.0)
    cells[0, 2, 2] = cells[1, 6, 6] = 2.0
    gain, shift = torch.ones(8, 8), torch.zeros(8, 8)
    alike, _ = judge_cells(cells, gain, shift)
    assert alike[0] == alike[1]
    gain[:4] = 3.0
    scores, maps = judge_cells(cells, gain, shift - 1)
    assert scores[0] > 2 * scores[1]
    assert (maps >= 0).all()


def test_a_bank_of_before_there_were_places_is_refused(bank: MemoryBank, tmp_path: Path) -> None:
    arguments = {name: value for name, value in SPEC.arguments.items() if name != "side"}
    path = save_checkpoint(tmp_path / "bank", bank, replace(SPEC, arguments=arguments), {})
    with pytest.raises(CheckpointError, match=r"of an earlier version; learn it again"):
        load_checkpoint(path)


def test_round_trip(bank: MemoryBank, tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "bank", bank, SPEC, {})
    again = load_checkpoint(path)
    assert again.spec == SPEC
    assert isinstance(again.network, MemoryBank)
    assert torch.equal(again.network.good, bank.good)
    assert not again.network.bank.requires_grad
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        for told, expected in zip(again.network(images), bank(images), strict=True):
            torch.testing.assert_close(told, expected)
    assert path.stat().st_size < 2.2 * sum(p.numel() for p in bank.parameters()) + 200_000, "not written as fp16"


@pytest.mark.parametrize(
    "arguments", [{"encoder": "no_such_net"}, {"layers": [2, 9]}, {"encoder": "vit_tiny_patch16_224", "layers": [40]}]
)
def test_a_bank_that_cannot_be_built(bank: MemoryBank, arguments: dict[str, object], tmp_path: Path) -> None:
    path = save_checkpoint(
        tmp_path / "bank", bank, NetworkSpec("anomaly", "memory-bank", ("good",), {**SPEC.arguments, **arguments}), {}
    )
    with pytest.raises(CheckpointError, match=r"bank\.json: .* cannot give the feature maps"):
        load_checkpoint(path)
