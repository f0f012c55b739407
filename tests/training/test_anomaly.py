"""Training a detector from good pictures: events, checkpoint, figures, and bad input in one sentence."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from plates import plate, plates_folder, write

from models.anomaly import Detector, threshold
from models.checkpoint import load_checkpoint
from models.memory_bank import judge_cells
from models.sidecar import read_sidecar, seen_by
from training.anomaly import memory
from training.anomaly.config import AnomalyConfig
from training.anomaly.evaluate import evaluate_detector, judge
from training.anomaly.material import FEWEST, folds_of, gather_good, load_good
from training.anomaly.train import train_anomaly
from training.data import read_dataset
from training.data.record import DataError, load_image
from training.data.seen import digest
from training.data.splits import select
from training.events import Event
from training.runs import Run
from training.worker import work


def config(data: Path, out: Path, **more: Any) -> AnomalyConfig:
    return AnomalyConfig(data=data, out=out, **{"size": 96, "bank": 300, "device": "cpu", **more})


@pytest.fixture(scope="module")
def plates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plates_folder(tmp_path_factory.mktemp("plates") / "plates")


@pytest.fixture(scope="module")
def trained(plates: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[AnomalyConfig, list[Event]]:
    asked = config(plates, tmp_path_factory.mktemp("trained") / "bank")
    return asked, list(train_anomaly(asked))


def test_events_and_checkpoint(trained: tuple[AnomalyConfig, list[Event]], plates: Path) -> None:
    asked, events = trained
    kinds = list(dict.fromkeys(event.kind for event in events))
    assert kinds == ["started", "step", "note", "saved", "finished"]
    started, steps = events[0], [event for event in events if event.kind == "step"]
    assert started.kind == "started"
    assert started.counts == {"good": 12}
    assert [step.step for step in steps] == sorted(step.step for step in steps)
    assert steps[-1].step == steps[-1].steps == started.steps
    assert sorted(path.name for path in asked.out.iterdir()) == ["bank.json", "bank.safetensors"]
    spec, card = read_sidecar(asked.best)
    assert (spec.kind, spec.architecture, spec.classes) == ("anomaly", "memory-bank", ("good",))
    assert spec.arguments["calibration"] == card["calibration"]["good"] == 12
    learned = {digest(path) for path in (plates / "train" / "good").iterdir()}
    assert learned <= (seen_by(card) or set())


def test_the_test_split_is_told_apart(trained: tuple[AnomalyConfig, list[Event]], plates: Path) -> None:
    checkpoint = load_checkpoint(trained[0].best)
    assert isinstance(checkpoint.network, Detector)
    samples = select(read_dataset(plates), "test")
    figures = evaluate_detector(checkpoint.network, checkpoint.spec, samples, 0.1)
    assert figures["image_auroc"] == 1
    assert figures["pixel_auroc"] > 0.9
    assert figures["pro"] > 0.6
    assert figures["recall"] == 1
    assert figures["n"] == 12
    assert figures["threshold"] == threshold(checkpoint.network.good[:, 0], 0.1)
    score, strange = judge(checkpoint.network, checkpoint.spec, load_image(samples[-1]))
    assert strange.shape == (96, 96)
    assert score > figures["threshold"]


def test_the_same_seed_gives_the_same_detector(
    trained: tuple[AnomalyConfig, list[Event]], plates: Path, tmp_path: Path
) -> None:
    again = config(plates, tmp_path / "bank")
    list(train_anomaly(again))
    assert again.best.read_bytes() == trained[0].best.read_bytes()


def test_calibration_is_of_pictures_that_were_not_known(
    trained: tuple[AnomalyConfig, list[Event]], plates: Path
) -> None:
    """Judged by the finished bank, which knows them, the same pictures look much less strange."""
    checkpoint = load_checkpoint(trained[0].best)
    network = checkpoint.network
    assert isinstance(network, Detector)
    scores = [judge(network, checkpoint.spec, load_image(s))[0] for s in select(read_dataset(plates), "train")]
    assert np.median(scores) < float(network.good[:, 0].min())
    assert float(network.good[:, 0].min()) > 0


def test_a_place_that_varies_on_good_pictures_is_no_alarm() -> None:
    """Along the rim distances are twice as high and five times as spread; and a strange picture is judged by places
    that have not learned from it."""
    random = torch.Generator().manual_seed(0)
    rim = torch.ones(8, 8, dtype=torch.bool)
    rim[1:-1, 1:-1] = False
    held = [
        torch.where(rim, 2.0, 1.0) + torch.where(rim, 0.5, 0.1) * torch.randn(1, 8, 8, generator=random)
        for _ in range(300)
    ]
    held[7][0, 4, 4] = 3.0
    (gain, shift), good = memory.judge_held(held)
    cells = torch.stack(held)[:, 0] * gain + shift
    assert abs(float(cells[:, rim].mean() - cells[:, ~rim].mean())) < 0.1
    assert 0.6 < float(cells[:, rim].std() / cells[:, ~rim].std()) < 2
    assert good[:, 0].argmax() == 7
    by_all = judge_cells(held[7], gain, shift)[0].max()
    assert good[7, 0] > 1.1 * by_all


def test_places_of_pictures_that_are_all_the_same() -> None:
    (gain, shift), good = memory.judge_held([torch.zeros(1, 4, 4)] * 3)
    assert torch.equal(gain, torch.ones(4, 4))
    assert not shift.any()
    assert not good.any()


def test_with_more_than_fits_into_memory_some_calibrate(
    plates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "KEPT", 0)
    asked = config(plates, tmp_path / "bank", false_alarms=0.2)
    list(train_anomaly(asked))
    network = load_checkpoint(asked.best).network
    assert isinstance(network, Detector)
    assert len(network.good) == FEWEST
    assert (network.good > 0).all()


def test_a_closed_training_leaves_nothing(plates: Path, tmp_path: Path) -> None:
    asked = config(plates, tmp_path / "bank")
    events = train_anomaly(asked)
    while next(events).kind != "step":
        pass
    events.close()  # type: ignore[attr-defined]
    assert not asked.out.exists()


def test_a_run_of_it(plates: Path, tmp_path: Path) -> None:
    run = Run.create(tmp_path, "anomaly", {"data": str(plates), "size": 96, "bank": 100, "device": "cpu"})
    assert work(run).state == "finished"
    assert load_checkpoint(run.folder / f"{run.id}.safetensors").spec.kind == "anomaly"
    assert [event["kind"] for event in run.events()][-2:] == ["saved", "finished"]
    stopped = Run.create(tmp_path, "anomaly", {"data": str(plates), "size": 96, "device": "cpu"})
    seen = []
    status = work(stopped, lambda event: (seen.append(event), stopped.say("stop"))[0])
    assert status.state == "stopped"
    assert not list(stopped.folder.glob("*.safetensors"))


# What is learned from


def test_good_folder_and_any_other(tmp_path: Path) -> None:
    """All but the defect-free folder are defects; figures come from what is held out."""
    random = np.random.default_rng(1)
    for number in range(20):
        write(tmp_path / "data" / "good" / f"{number}.png", plate(random, spot=False)[0])
        write(tmp_path / "data" / "other" / f"{number}.png", plate(random, spot=True)[0])
    events = list(train_anomaly(config(tmp_path / "data", tmp_path / "out")))
    metric = next(event for event in events if event.kind == "metric")
    assert metric.values["image_auroc"] > 0.95
    assert "pixel_auroc" not in metric.values
    assert gather_good(config(tmp_path / "data", tmp_path / "out")).normal == "good"


def test_a_folder_of_nothing_but_pictures(plates: Path, tmp_path: Path) -> None:
    material = gather_good(config(plates / "train" / "good", tmp_path))
    assert len(material.good) == 12
    assert material.validation == ()


def test_crops_of_good_texture_keep_their_scale(tmp_path: Path) -> None:
    data, plates = tmp_path / "data", plates_folder(tmp_path / "plates", good=1, tested=16)
    shutil.copytree(plates / "test" / "spot", data / "spot")
    for path in (plates / "ground_truth" / "spot").iterdir():
        (data / "masks").mkdir(exist_ok=True)
        shutil.copy(path, data / "masks" / path.name.replace("_mask", ""))
    with pytest.raises(DataError, match="none of the classes spot is known to be good; name it with --normal"):
        gather_good(config(data, tmp_path))
    material = gather_good(config(data, tmp_path, clean_crops=6))
    assert all(sample.crop is not None for sample in material.good)
    image, crop = load_good(material.good[0]), load_image(material.good[0])
    assert image.shape == (96, 96, 3)
    assert np.array_equal(image[: len(crop), : crop.shape[1]], crop)


# Bad input


def test_five_good_pictures(tmp_path: Path) -> None:
    plates_folder(tmp_path / "few", good=5)
    with pytest.raises(DataError, match="5 good pictures to learn from; a detector needs 8, better 30 or more"):
        next(train_anomaly(config(tmp_path / "few", tmp_path / "out")))


def test_few_pictures_say_what_they_can_vouch_for(trained: tuple[AnomalyConfig, list[Event]]) -> None:
    notes = [event.text for event in trained[1] if event.kind == "note"]
    assert notes == ["12 good pictures can vouch for 7.7% of false alarms at best, not for 5.0%; give 19 or more"]
    assert read_sidecar(trained[0].best)[1]["trained_on"]["notes"] == notes


def test_defects_among_the_good_are_named(plates: Path, tmp_path: Path) -> None:
    shutil.copytree(plates / "train", tmp_path / "data" / "train")
    shutil.copytree(plates / "test", tmp_path / "data" / "test")
    shutil.copy(plates / "test" / "spot" / "000.png", tmp_path / "data" / "train" / "good" / "wrong.png")
    asked = config(tmp_path / "data", tmp_path / "out", false_alarms=0.2)
    (note,) = [event.text for event in train_anomaly(asked) if event.kind == "note"]
    assert note.startswith("beside the other good pictures these look strange (1): wrong.png;")


def test_pictures_that_cannot_be_read_are_told(plates: Path, tmp_path: Path) -> None:
    shutil.copytree(plates / "train" / "good", tmp_path / "good" / "good")
    (tmp_path / "good" / "good" / "text.png").write_text("no picture")
    Image.open(plates / "train" / "good" / "000.png").save(tmp_path / "good" / "good" / "cut.jpg")
    whole = (tmp_path / "good" / "good" / "cut.jpg").read_bytes()
    (tmp_path / "good" / "good" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    events = list(train_anomaly(config(tmp_path / "good", tmp_path / "out", false_alarms=0.2)))
    assert any("text.png: this is not a picture" in note for note in events[0].notes)  # type: ignore[union-attr]
    assert any("cut.jpg: the picture is cut off" in event.text for event in events if event.kind == "note")
    assert torch.isfinite(load_checkpoint(tmp_path / "out" / "out.safetensors").network.good).all()  # type: ignore[arg-type]


def test_another_name_for_good(plates: Path, tmp_path: Path) -> None:
    shutil.copytree(plates / "train" / "good", tmp_path / "data" / "plates")
    assert len(gather_good(config(tmp_path / "data", tmp_path, normal="plates")).good) == 12
    with pytest.raises(DataError, match="there is no class 'plate'; the classes are plates"):
        gather_good(config(tmp_path / "data", tmp_path, normal="plate"))


# Real pictures


@pytest.mark.realdata
def test_what_is_learned_of_magnetic_tiles_is_good_and_not_of_the_fold_that_is_held_out(
    realdata: Path, tmp_path: Path
) -> None:
    material = gather_good(config(realdata / "magnetic-tile", tmp_path, fold=3))
    assert material.normal == "free"
    assert {(s.labels, s.split) for s in material.good} == {(("free",), f"fold{n}") for n in range(3)}
    assert {s.split for s in material.validation} == {"fold3"}
    assert not {s.group for s in material.good} & {s.group for s in material.validation}
    folds = folds_of(material.good, 4, seed=0)
    assert np.ptp(np.bincount(folds)) <= 5


@pytest.mark.realdata
def test_good_texture_of_neu_lies_outside_the_masks_of_its_training_split(realdata: Path, tmp_path: Path) -> None:
    material = gather_good(config(realdata / "neu-det", tmp_path, clean_crops=1))
    assert len(material.good) > 300
    assert {s.split for s in material.good} == {"train"}
    assert not material.seen & {digest(s.image) for s in material.validation}
