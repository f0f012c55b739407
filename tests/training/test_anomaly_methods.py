"""The trained methods on drawn plates: events, resuming, checkpoints, and that defects are told from good parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from plates import plates_folder

from models.anomaly import Detector
from models.checkpoint import load_checkpoint
from models.combined import Combined
from models.memory_bank import MemoryBank
from models.sidecar import read_sidecar
from training.anomaly.config import AnomalyConfig
from training.anomaly.evaluate import evaluate_detector
from training.anomaly.material import gather_good
from training.anomaly.pretext import three_way
from training.anomaly.tiles import Tiles
from training.anomaly.train import train_anomaly
from training.config import ConfigError
from training.data import read_dataset
from training.data.record import DataError
from training.data.splits import select
from training.events import Event

METHODS = ("cutpaste", "autoencoder", "combined", "discriminative")


@pytest.fixture(scope="module")
def plates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plates_folder(tmp_path_factory.mktemp("plates") / "plates", good=24, tested=8)


def config(data: Path, out: Path, method: str, **more: Any) -> AnomalyConfig:
    small = {"size": 96, "steps": 2, "batch_size": 2, "device": "cpu", "precision": "fp32", "false_alarms": 0.2}
    return AnomalyConfig(data=data, out=out, method=method, **{**small, **more})


@pytest.mark.parametrize(
    ("method", "more"),
    [*((method, {}) for method in METHODS), ("combined", {"parts": ("cutpaste", "discriminative")})],
)
def test_events_and_checkpoint(method: str, more: dict[str, Any], plates: Path, tmp_path: Path) -> None:
    asked = config(plates, tmp_path / "net", method, **more)
    events: list[Event] = list(train_anomaly(asked))
    kinds = [event.kind for event in events]
    halves, looks, kept = (2, 3, 6) if method == "combined" else (1, 1, 6)
    assert [kind for kind in kinds if kind != "note"] == [
        "started", *["step"] * (2 * halves + kept * looks), "saved", "finished"
    ]  # fmt: skip
    steps = [event for event in events if event.kind == "step"]
    assert [step.step for step in steps] == list(range(1, len(steps) + 1))
    assert {step.steps for step in steps} == {len(steps)}
    assert steps[0].losses["loss"] > 0
    checkpoint = load_checkpoint(asked.best)
    assert checkpoint.spec.architecture == method
    assert isinstance(checkpoint.network, Detector)
    assert checkpoint.network.good.shape == (kept, 2)
    assert checkpoint.card["calibration"]["good"] == kept


def test_a_memory_bank_can_be_a_part(plates: Path, tmp_path: Path) -> None:
    """It remembers what the other part learns from, judges as it does alone, and comes back from the file."""
    asked = config(plates, tmp_path / "net", "combined", parts=("cutpaste", "memory-bank"), bank=200)
    events = list(train_anomaly(asked))
    steps = [event for event in events if event.kind == "step"]
    assert [step.step for step in steps] == sorted(step.step for step in steps)
    assert steps[-1].step == steps[-1].steps
    network = load_checkpoint(asked.best).network
    assert isinstance(network, Combined) and network.good.shape == (6, 2)
    alone = network.part("memory-bank")
    assert isinstance(alone, MemoryBank) and alone.bank.shape[0] == 200
    assert {sample.image.name for sample in Tiles(asked, gather_good(asked)).learned}.isdisjoint(
        sample.image.name for sample in Tiles(asked, gather_good(asked)).held
    )
    images = torch.rand(2, 3, 96, 96)
    scores = torch.stack([network.part(name)(images)[0] for name in network.parts])
    torch.testing.assert_close(network(images)[0], (scores / network.spread[:, :1]).sum(0))
    samples = select(read_dataset(plates), "test")
    assert evaluate_detector(network, load_checkpoint(asked.best).spec, samples, 0.2)["image_auroc"] >= 0.9


@pytest.mark.parametrize("method", METHODS)
def test_a_resumed_training_ends_with_the_same_weights(
    method: str, plates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.anomaly.steps.SAVE_EVERY", 1)
    whole, broken = (config(plates, tmp_path / name, method, steps=3) for name in ("whole", "broken"))
    list(train_anomaly(whole))
    events = train_anomaly(broken)
    while (event := next(events)).kind != "step" or event.step < 2:
        pass
    events.close()  # type: ignore[attr-defined]
    assert not list(broken.out.glob("*.safetensors"))
    rest = list(train_anomaly(broken.model_copy(update={"resume": True})))
    assert next(event.step for event in rest if event.kind == "step") == 3
    states = [load_checkpoint(one.best).network.state_dict() for one in (whole, broken)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_state_of_another_plan_is_refused(plates: Path, tmp_path: Path) -> None:
    list(train_anomaly(config(plates, tmp_path / "net", "autoencoder")))
    with pytest.raises(ConfigError, match=r"autoencoder\.pt does not fit this training \(it was planned for 2 steps"):
        list(train_anomaly(config(plates, tmp_path / "net", "autoencoder", steps=5, resume=True)))


@pytest.mark.parametrize(("method", "steps"), [("cutpaste", 12), ("autoencoder", 60), ("discriminative", 60)])
def test_a_tiny_training_tells_defects_from_good_parts(method: str, steps: int, plates: Path, tmp_path: Path) -> None:
    asked = config(plates, tmp_path / "net", method, steps=steps, batch_size=4)
    list(train_anomaly(asked))
    checkpoint = load_checkpoint(asked.best)
    assert isinstance(checkpoint.network, Detector)
    samples = select(read_dataset(plates), "test")
    figures = evaluate_detector(checkpoint.network, checkpoint.spec, samples, 0.2)
    assert figures["image_auroc"] >= 0.9
    assert figures["pixel_auroc"] >= 0.8


def test_pictures_that_are_kept_back_are_not_learned_from(plates: Path, tmp_path: Path) -> None:
    asked = config(plates, tmp_path, "cutpaste")
    tiles = Tiles(asked, gather_good(asked))
    assert len(tiles.held) == 6
    assert len(tiles) == 18


def test_a_batch_shows_each_tile_three_times(plates: Path, tmp_path: Path) -> None:
    asked = config(plates, tmp_path, "cutpaste")
    tiles = Tiles(asked, gather_good(asked))
    images, kinds = three_way(tiles, 0, asked)
    assert images.shape == (6, 3, 96, 96)
    assert kinds.tolist() == [0, 0, 1, 1, 2, 2]
    assert torch.equal(images, three_way(tiles, 0, asked)[0]), "the same step, another batch"
    assert not torch.equal(images, three_way(tiles, 1, asked)[0])


def test_pictures_that_cannot_be_read(plates: Path, tmp_path: Path) -> None:
    """Their headers are whole, so that nobody notices before."""
    cut_off(plates, tmp_path / "data", all_of_them=True)
    with pytest.raises(DataError, match=r"good pictures cannot be read; the first: left out: \d+\.jpg"):
        list(train_anomaly(config(tmp_path / "data", tmp_path / "out", "cutpaste")))
    cut_off(plates, tmp_path / "data", all_of_them=False)
    asked = config(tmp_path / "data", tmp_path / "out", "autoencoder")
    list(train_anomaly(asked))
    notes = read_sidecar(asked.best)[1]["trained_on"]["notes"]
    assert sum(note.startswith("left out: 000.jpg: ") for note in notes) == 1


def cut_off(plates: Path, folder: Path, all_of_them: bool) -> None:
    (folder / "good").mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(sorted((plates / "train" / "good").iterdir())):
        jpeg = folder / "good" / f"{path.stem}.jpg"
        Image.open(path).save(jpeg)
        if all_of_them or not number:
            jpeg.write_bytes(jpeg.read_bytes()[: jpeg.stat().st_size // 2])
