"""Each trainer on rendered strips: the order of its events, its checkpoint, and that resuming changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from models.checkpoint import load_checkpoint
from training.classifier import train_classifier
from training.config import ClassifierConfig, ConfigError, SegmenterConfig, TrainConfig, parse
from training.events import Event, to_json
from training.gan.config import GanConfig
from training.losses import SMOOTH, DiceOf, bce_dice_loss, soft_dice_loss
from training.segmenter import train_segmenter

SMALL: dict[str, Any] = {
    "size": 64, "batch_size": 8, "max_per_epoch": 16, "epochs": 2,
    "init": "random", "device": "cpu", "precision": "fp32",
}  # fmt: skip


def run(config: TrainConfig) -> list[Event]:
    train = train_classifier(config) if isinstance(config, ClassifierConfig) else train_segmenter(config)  # type: ignore[arg-type]
    return list(train)


def small(kind: str, data: Path, out: Path, **more: Any) -> TrainConfig:
    if kind == "segmenter":
        return SegmenterConfig(data=data, out=out, encoder="mobilenetv2_050", crop=64, **{**SMALL, **more})
    return ClassifierConfig(data=data, out=out, arch="mobilenetv2_050", multi_label=True, **{**SMALL, **more})


@pytest.mark.parametrize("kind", ["classifier", "segmenter"])
def test_events_and_checkpoint(kind: str, strips_folder: Path, tmp_path: Path) -> None:
    config = small(kind, strips_folder, tmp_path / "out")
    events = run(config)
    kinds = [event.kind for event in events]
    assert kinds == ["started", *["step", "step", "metric", "saved"] * 2, "finished"]
    assert [to_json(event)["kind"] for event in events] == kinds
    checkpoint = load_checkpoint(config.best)
    assert checkpoint.spec.kind == kind
    assert checkpoint.card["config"]["seed"] == 0
    assert set(checkpoint.spec.classes) <= {"crazing", "patches", "pitted_surface", "scratches"}


@pytest.mark.parametrize(("kind", "average"), [("classifier", 0.0), ("segmenter", 1.0)])
def test_a_resumed_training_ends_with_the_same_weights(
    kind: str, average: float, strips_folder: Path, tmp_path: Path
) -> None:
    whole, broken = (small(kind, strips_folder, tmp_path / name, average=average) for name in ("whole", "broken"))
    run(whole)
    events = iter(train_classifier(broken) if isinstance(broken, ClassifierConfig) else train_segmenter(broken))  # type: ignore[arg-type]
    while next(events).kind != "saved":
        pass
    next(events)  # one step into the second epoch
    events.close()  # type: ignore[attr-defined]
    assert [e.kind for e in run(broken.model_copy(update={"resume": True}))].count("metric") == 1
    first, second = (torch.load(c.out / "resume.pt", weights_only=True)["parts"] for c in (whole, broken))
    for number in (0, -1) if average else (0,):
        assert all(torch.equal(first[number][name], second[number][name]) for name in first[number])
    assert load_file(whole.best).keys() == load_file(broken.best).keys()


@pytest.mark.parametrize(("average", "averaged"), [(1.0, [1, 2, 3]), (0.5, [2, 3]), (0.0, [3])])
def test_the_last_epochs_are_averaged(
    average: float, averaged: list[int], strips_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is judged and kept is the mean of them; what is trained goes on from where it was."""
    judged: list[dict[str, torch.Tensor]] = []

    def judge(network: torch.nn.Module, *_: Any) -> dict[str, Any]:
        judged.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
        return {"dice_positive": len(judged) / 3}

    monkeypatch.setattr("training.segmenter.evaluate_segmenter", judge)
    config = small("segmenter", strips_folder, tmp_path / "out", epochs=3, average=average)
    trained = {}
    for event in train_segmenter(config):  # type: ignore[arg-type]
        if event.kind == "saved":
            trained[event.epoch] = torch.load(config.out / "resume.pt", weights_only=True)["parts"][0]
    for name, tensor in judged[-1].items():
        if tensor.is_floating_point():
            mean = torch.stack([trained[epoch][name] for epoch in averaged]).mean(0)
            torch.testing.assert_close(tensor, mean, msg=name)
            torch.testing.assert_close(load_file(config.best)[name].float(), mean, atol=1e-3, rtol=1e-3, msg=name)


def test_a_single_label_training_on_folders_learns(tmp_path: Path) -> None:
    """Bright against dark pictures from the bundled start: a few dozen steps must tell them apart."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for label, level in (("good", 60), ("bad", 180)):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(24):
            pixels = rng.normal(level, 20, (64, 64)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / label / f"{number}.png")
    config = ClassifierConfig(
        data=tmp_path / "data", out=tmp_path / "out", photometric=0.0,
        **{**SMALL, "max_per_epoch": 32, "epochs": 6, "init": "bundled"},
    )  # fmt: skip
    finished = run(config)[-1]
    assert finished.kind == "finished"
    assert finished.metrics["accuracy"] >= 0.9
    assert load_checkpoint(config.best).spec.classes == ("good", "bad")


def test_resume_without_a_state_says_so(strips_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"resume\.pt is not there"):
        run(small("classifier", strips_folder, tmp_path / "out", resume=True))


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("epochs", 0, "epochs"),
        ("size", 100, "multiple of 32"),
        ("crop", 256, "must not exceed size"),
        ("colour", 1, "colour"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: int, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=says):
        parse(SegmenterConfig, {"data": tmp_path, "out": tmp_path, field: value})


def test_fields_that_do_not_fit_together_are_told_in_one_sentence(tmp_path: Path) -> None:
    """Without all the others."""
    with pytest.raises(ConfigError) as said:
        parse(ClassifierConfig, {"data": tmp_path, "out": tmp_path, "size": 300})
    assert str(said.value) == "size is 300; it must be a multiple of 32 (any will do with --tiles six or whole)"


def test_unknown_masks_do_not_count() -> None:
    logits, target = torch.randn(2, 3, 8, 8), torch.randint(0, 2, (2, 3, 8, 8)).float()
    known = torch.tensor([[1.0, 0.0, 1.0]] * 2)
    changed = logits.clone()
    changed[:, 1] += 5
    assert torch.equal(bce_dice_loss(logits, target, known, 0.5), bce_dice_loss(changed, target, known, 0.5))
    right = (target * 2 - 1) * 20
    assert bce_dice_loss(right, target, torch.ones(2, 3), 0.5) < 1e-3


def test_dice_leaves_a_class_that_the_batch_does_not_show_alone() -> None:
    """Or a rare class learns to say nothing at all: measured on crazing and pitted surface of the bundled U-Net."""
    logits = torch.zeros(2, 2, 8, 8, requires_grad=True)
    target = torch.zeros(2, 2, 8, 8)
    target[0, 0, :4] = 1
    soft_dice_loss(logits, target, torch.ones(2, 2)).backward()
    assert logits.grad is not None
    assert logits.grad[:, 0].abs().min() > 0
    assert not logits.grad[:, 1].any()


RECIPES = sorted((Path(__file__).parents[2] / "training" / "recipes").glob("*.json"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_are_configurations(path: Path) -> None:
    values = json.loads(path.read_text("utf-8"))
    if "generator" in path.stem:  # `train gan` makes a run's folder itself
        assert parse(GanConfig, {**values, "out": "."}).class_name is None
        return
    kind = ClassifierConfig if "classifier" in path.stem else SegmenterConfig
    assert parse(kind, values).best.stem == path.stem


def test_dice_of_each_picture_weighs_a_small_defect_as_a_large_one() -> None:
    """Two pictures, one with a defect of 2,304 px that is found, one with 256 px that is missed."""
    target = torch.zeros(2, 1, 48, 48)
    target[0], target[1, 0, :16, :16] = 1, 1
    logits = torch.full_like(target, -20.0)
    logits[0] = 20
    known = torch.ones(2, 1)
    assert soft_dice_loss(logits, target, known).item() == pytest.approx(1 - 4609 / 4865, abs=1e-4)
    missed = soft_dice_loss(logits, target, known, "picture").item()
    assert missed == pytest.approx((0 + 1 - 50 / 306) / 2, abs=1e-4)
    unknown = torch.tensor([[1.0], [0.0]])
    assert soft_dice_loss(logits, target, unknown, "picture").item() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("of", ["batch", "picture"])
def test_dice_of_what_is_not_there_counts_where_asked(of: DiceOf) -> None:
    """One class is found, the other is nowhere and marked all the same."""
    target = torch.zeros(1, 2, 48, 48)
    target[0, 0] = 1
    logits = torch.full_like(target, 20.0)
    known = torch.ones(1, 2)
    assert soft_dice_loss(logits, target, known, of).item() == pytest.approx(0, abs=1e-4)
    missed = 1 - SMOOTH[of] / (48 * 48 + SMOOTH[of])
    assert soft_dice_loss(logits, target, known, of, 0.25).item() == pytest.approx(0.25 * missed / 1.25, abs=1e-4)
    unknown = torch.tensor([[1.0, 0.0]])
    assert soft_dice_loss(logits, target, unknown, of, 0.25).item() == pytest.approx(0, abs=1e-4)
