"""Castings: two classes of any names, drawn as discs with and without a pore."""

from __future__ import annotations

import copy
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from models.checkpoint import load_checkpoint
from models.registry import build
from models.sidecar import CheckpointError, read_sidecar
from models.spec import NetworkSpec, Preprocess
from models.start import Start, start_from
from training.classifier import evaluate_classifier, train_classifier
from training.config import ClassifierConfig, ConfigError, SegmenterConfig, parse
from training.data import read_dataset
from training.data.record import DataError, Sample
from training.events import Event
from training.loop import Task, fit, settle
from training.material import gather
from training.views import View, segmenter_input


def casting(rng: np.random.Generator, pore: bool) -> NDArray[np.uint8]:
    """64×64 grey: a disc with a hub, and a dark pore somewhere on it."""
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    radius = np.hypot(x, y)
    picture = np.where(radius < 0.9, 150, 220) - 40.0 * (radius < 0.25)
    if pore:
        angle, away = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 0.7)
        picture[np.hypot(x - away * np.cos(angle), y - away * np.sin(angle)) < 0.18] = 20
    noisy: NDArray[np.uint8] = (picture + rng.normal(0, 8, picture.shape)).clip(0, 255).astype(np.uint8)
    return noisy


def castings(root: Path, good: str, defective: str, each: int = 24) -> Path:
    rng = np.random.default_rng(0)
    for label in (good, defective):
        (root / label).mkdir(parents=True)
        for number in range(each):
            Image.fromarray(casting(rng, label == defective)).save(root / label / f"{number:02d}.png")
    # Noise is all that tells these apart, so that near-duplicates are not to be looked for.
    lines = [
        f"{label}/{number:02d}.png,{label},{label}{number},{'validation' if number % 4 == 0 else 'train'}"
        for label in (good, defective)
        for number in range(each)
    ]
    (root / "split.csv").write_text("\n".join(["image,label,group,split", *lines]), encoding="utf-8")
    return root


def config(data: Path, out: Path, **more: Any) -> ClassifierConfig:
    small = {"size": 64, "batch_size": 8, "epochs": 6, "zoom": 0.0, "device": "cpu", "precision": "fp32"}
    return ClassifierConfig(data=data, out=out, **{**small, **more})


def test_a_good_class_of_any_name(tmp_path: Path) -> None:
    data = castings(tmp_path / "data", "A", "B")
    wanted = config(data, tmp_path / "out", normal="A")
    events = list(train_classifier(wanted))
    checkpoint = load_checkpoint(wanted.best)
    assert checkpoint.spec.classes == ("good", "B")
    # The data still says A; the model knows what that is.
    figures = evaluate_classifier(checkpoint.network, checkpoint.spec, read_dataset(data).samples)
    assert figures["accuracy"] > 0.9
    assert figures["per_class"]["good"]["n"] == figures["per_class"]["B"]["n"] == 24
    assert figures["caught_at_0_alarms"] > 0.9
    assert not [note for note in events[0].notes if "good parts" in note]  # type: ignore[union-attr]


@pytest.mark.parametrize(("good", "defective"), [("okay", "def_front"), ("양품", "불량")])
def test_a_good_class_that_says_so_needs_no_word(good: str, defective: str, tmp_path: Path) -> None:
    material = gather(config(castings(tmp_path / "data", good, defective, 4), tmp_path / "out"))
    assert (material.classes, material.notes) == ((good, defective), ())


def test_two_classes_of_which_none_is_good_are_told(tmp_path: Path) -> None:
    material = gather(config(castings(tmp_path / "data", "A", "B", 4), tmp_path / "out"))
    assert material.classes == ("A", "B")
    assert [note for note in material.notes if "neither A nor B" in note and "--normal" in note]


def test_a_good_class_that_is_not_there(tmp_path: Path) -> None:
    data = castings(tmp_path / "data", "A", "B", 4)
    with pytest.raises(DataError, match="normal: data has no class C; it has A, B"):
        gather(config(data, tmp_path / "out", normal="C"))


def test_a_good_class_with_masks_is_clean_to_a_segmenter(tmp_path: Path) -> None:
    data = castings(tmp_path / "data", "A", "B", 4)
    for number in range(4):
        (data / "masks" / "A").mkdir(parents=True, exist_ok=True)
        Image.new("L", (64, 64), 255).save(data / "masks" / "A" / f"{number:02d}.png")
    material = gather(SegmenterConfig(data=data, out=tmp_path / "out", crop=64, size=64, normal="A"))
    assert material.classes == ("good", "B")
    assert all(sample.mask is None for sample in material.train if sample.labels == ("good",))


def test_training_stops_early_and_keeps_the_best(tmp_path: Path) -> None:
    """By figures that are given: the third epoch is the best, and two without progress end it."""
    network = torch.nn.Linear(2, 2)
    given = iter([0.5, 0.6, 0.7, 0.7, 0.65, 0.9])
    task = Task(
        batches=lambda epoch: iter([(torch.ones(2, 2),)]),
        loss=lambda network, batch: {"loss": network(batch[0]).square().mean()},
        evaluate=lambda network: {"reached": next(given)},
        score=lambda figures: float(figures["reached"]),
        steps_per_epoch=1,
        counts={},
        notes=(),
    )
    wanted = config(tmp_path, tmp_path / "out", patience=2, epochs=6)
    events: list[Event] = list(
        fit(wanted, network, NetworkSpec("classifier", "any", ("ok", "B")), Start("given"), task)
    )
    assert [event.epoch for event in events if event.kind == "metric"] == [1, 2, 3, 4, 5]
    assert events[-1].reason == "no progress for 2 epochs"  # type: ignore[union-attr]
    card = read_sidecar(wanted.best)[1]
    assert (card["epoch"], card["metrics"]) == (3, {"reached": 0.7})


def test_without_a_mistake_the_surest_epoch_is_the_best(tmp_path: Path) -> None:
    """A small validation split has no mistake left after an epoch or two."""
    data = castings(tmp_path / "data", "ok", "B")
    wanted = config(data, tmp_path / "out", epochs=8)
    figures = [event.values for event in train_classifier(wanted) if event.kind == "metric"]
    flawless = [number for number, values in enumerate(figures, 1) if values["macro_f1"] == 1.0]
    assert len(flawless) > 1
    surest = min(flawless, key=lambda number: figures[number - 1]["log_loss"])
    assert read_sidecar(wanted.best)[1]["epoch"] == surest


def test_imagenet_weights_that_cannot_be_had_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """At once, and without the hub's own complaints: it is asked nothing where it does not answer."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    spec = NetworkSpec("classifier", "resnet18", ("ok_front", "def_front"))
    since = time.monotonic()
    with pytest.raises(CheckpointError) as said:
        start_from(build(spec), spec, "pretrained")
    assert time.monotonic() - since < 20
    assert "timm's pretrained resnet18 could not be downloaded" in str(said.value)
    assert "offline, use --init bundled, imagenet, random, or a FILE" in str(said.value) and "\n" not in str(said.value)
    assert "Retry" not in capfd.readouterr().err


def test_settled_statistics_are_plain_means_over_batches() -> None:
    norm = torch.nn.BatchNorm2d(2)
    norm(torch.full((4, 2, 3, 3), 50.0))  # of weights that are long gone
    batches = [torch.randn(8, 2, 3, 3) + number for number in range(3)]
    settle(norm, batches)
    assert norm.running_mean is not None and norm.running_var is not None
    assert torch.allclose(norm.running_mean, torch.stack([one.mean((0, 2, 3)) for one in batches]).mean(0), atol=1e-5)
    assert torch.allclose(norm.running_var, torch.stack([one.var((0, 2, 3)) for one in batches]).mean(0), atol=1e-5)
    assert norm.momentum == 0.1, "the training goes on as before"


def test_a_network_is_judged_and_kept_with_settled_statistics(tmp_path: Path) -> None:
    data = castings(tmp_path / "data", "ok", "B", 12)
    kept = []
    for batches in (0, 2):
        wanted = config(
            data, tmp_path / f"out{batches}", epochs=1, init="random", arch="mobilenetv2_050", settle=batches
        )
        assert [event.kind for event in train_classifier(wanted)][-1] == "finished"
        kept.append(load_checkpoint(wanted.best).network.state_dict())
    same = {name: torch.equal(tensor, kept[1][name]) for name, tensor in kept[0].items()}
    assert all(same[name] for name in same if name.endswith("weight")), "weights do not change by it"
    assert not same["bn1.running_mean"]


def test_a_copy_looks_eight_ways_with_its_own_weights() -> None:
    spec = NetworkSpec("classifier", "mobilenetv2_050", ("ok", "B"), {"turns": True})
    network, picture = build(spec).eval(), torch.randn(1, 3, 64, 64)
    copied = copy.deepcopy(network)
    with torch.no_grad():
        before = network(picture)
        torch.testing.assert_close(copied(picture), before)
        for parameter in copied.parameters():
            parameter.zero_()
        assert not copied(picture).any()
        torch.testing.assert_close(network(picture), before)


def test_a_training_that_judges_eight_ways_keeps_that_in_its_checkpoint(tmp_path: Path) -> None:
    data = castings(tmp_path / "data", "ok", "B", 12)
    wanted = config(data, tmp_path / "out", epochs=1, init="random", arch="mobilenetv2_050", turns=True)
    list(train_classifier(wanted))
    checkpoint = load_checkpoint(wanted.best)
    picture = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        once, turned = checkpoint.network(picture), checkpoint.network(torch.rot90(picture, 1, (2, 3)))
    torch.testing.assert_close(once, turned, atol=1e-4, rtol=1e-4)
    with pytest.raises(ConfigError, match="turns need a square input"):
        parse(ClassifierConfig, {"data": data, "out": tmp_path, "turns": True, "tiles": "whole", "width": 128})


def lying(affine: float, seed: int, prepare: Preprocess) -> tuple[torch.Tensor, torch.Tensor]:
    """A bright square on grey and its mask, as a training of U-Nets sees them."""
    image = np.full((96, 96, 3), 60, dtype=np.uint8)
    image[30:60, 40:70] = 200
    view = View(Sample(Path(), ("pore",)), image, (image[None, ..., 0] == 200), np.ones(1, dtype=bool))
    plain = {"zoom": 0, "flips": False, "photometric": 0}
    config = SegmenterConfig(data=Path(), out=Path(), size=96, crop=96, tiles="whole", affine=affine, **plain)
    return segmenter_input(view, config, prepare, 96, np.random.default_rng(seed))


@pytest.mark.parametrize("shape", [Preprocess(96, tiles="whole"), Preprocess(96, width=160, tiles="whole")])
def test_a_picture_and_its_mask_lie_elsewhere_together(shape: Preprocess) -> None:
    still, mask = lying(0, 0, shape)
    places = []
    for seed in range(20):
        pixels, moved = lying(0.1, seed, shape)
        assert pixels.shape == still.shape and moved.shape == mask.shape
        assert 59.9 < pixels.min() <= pixels.max() < 200.1
        bright = pixels[:1] > 130
        assert (bright & (moved > 0)).sum() / (bright | (moved > 0)).sum() > 0.97
        assert 0.6 < moved.sum() / mask.sum() < 1.6
        places.append(moved[0].nonzero().float().mean(0))
    away = (torch.stack(places) - mask[0].nonzero().float().mean(0)).abs() / torch.tensor(mask.shape[1:])
    assert 0.03 < away.mean() < 0.12 and away.max() < 0.2
