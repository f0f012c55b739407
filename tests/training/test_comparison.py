"""Comparisons on rendered strips: one split for all, a failing row among others, going on after a stop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.comparison.config import ComparisonConfig, preset_of
from training.comparison.judge import _unbeaten
from training.comparison.material import Splits, prepare
from training.comparison.plan import plan
from training.comparison.run import train_comparison
from training.config import ClassifierConfig, ConfigError, SegmenterConfig, parse
from training.data.record import DataError
from training.events import Event
from training.presets import PRESETS, preset_values

SMALL: dict[str, Any] = {
    "epochs": 1, "budget": 4, "batch_size": 2, "seeds": 1, "device": "cpu", "precision": "fp32", "at_once": 1,
}  # fmt: skip


def config(data: Path, out: Path, *models: str, **more: Any) -> ComparisonConfig:
    out.mkdir(exist_ok=True)
    return parse(ComparisonConfig, {"data": data, "out": out, "models": models, **SMALL, **more})


def run(asked: ComparisonConfig) -> tuple[list[Event], dict[str, Any]]:
    events = list(train_comparison(asked))
    return events, json.loads((asked.out / "result.json").read_text("utf-8"))


def test_every_preset_is_a_configuration() -> None:
    shapes = {}
    for name, preset in PRESETS.items():
        kind = ClassifierConfig if preset.kind == "classifier" else SegmenterConfig
        made = parse(kind, {"data": "d", "out": "o", **preset_values(name, preset.kind)})  # type: ignore[type-var]
        shapes[name] = (made.preprocess.shape, made.preprocess.tiles)
        if name.startswith("thesis"):
            assert made.flips and not made.rotations and not made.zoom and not made.photometric
    assert shapes["thesis-cnn"] == ((32, 200), "whole")
    assert {shapes[f"thesis-resnet{depth}"] for depth in (18, 34, 50, 101, 152)} == {((224, 224), "six")}
    assert shapes["thesis-efficientnet-b0"] == shapes["thesis-efficientnet-b3"] == ((100, 625), "whole")
    assert shapes["thesis-unet"] == ((256, 1600), "whole")
    assert preset_of("fpn").kind == "segmenter" and preset_of("resnet18").kind == "classifier"
    with pytest.raises(ConfigError, match="there is no segmenter's preset 'thesis-cnn'"):
        preset_values("thesis-cnn", "segmenter")


def test_a_row_each_and_one_that_fails(strips_folder: Path, tmp_path: Path) -> None:
    models = ("thesis-cnn", "test_resnet", "no_such_net", "elu_unet")
    events, result = run(config(strips_folder, tmp_path / "run", *models))
    assert [event.kind for event in events if event.kind in ("started", "finished")] == ["started", "finished"]
    steps = [event for event in events if event.kind == "step"]
    assert (steps[0].steps, steps[-1].step) == (16, 16 - 4), "pictures seen; the failed one saw none"
    assert any(event.kind == "note" and "timm has no classifier" in event.text for event in events)
    rows = {row["model"]: row for row in result["models"]}
    assert list(rows) == list(models)
    assert "no_such_net" in rows["no_such_net"]["error"] and "figures" not in rows["no_such_net"]
    for name in ("thesis-cnn", "test_resnet"):
        row = rows[name]
        assert row["error"] is None and row["ms"] > 0 and row["parameters"] > 10_000
        assert 0 <= row["intervals"]["accuracy"]["low"] <= row["figures"]["accuracy"] <= 1
        assert np.sum(row["confusion"]) == result["counts"]["classifier"]["test"]
        assert set(row["per_class"]) <= set(result["classes"]["classifier"])
    assert rows["thesis-cnn"]["input"] == {"height": 32, "width": 200, "tiles": "whole"}
    mask = rows["elu_unet"]
    assert 0 <= mask["figures"]["dice_positive"] <= 1 and mask["confusion"] is None
    assert not {"none"} & set(result["classes"]["segmenter"])
    assert any(rows[name]["pareto"] for name in ("thesis-cnn", "test_resnet"))
    assert not list((tmp_path / "run").rglob("resume.pt"))


def test_single_labels_leave_strips_of_several_out_and_multi_label_takes_them(
    strips_folder: Path, tmp_path: Path
) -> None:
    parts = ("train", "validation", "test")

    def pictures(**more: Any) -> tuple[Splits, list[Any]]:
        found = prepare(config(strips_folder, tmp_path / "run", "thesis-cnn", **more))["classifier"]
        assert isinstance(found, Splits)
        return found, [sample for part in parts for sample in getattr(found, part)]

    single, of_one = pictures()
    several, of_many = pictures(multi_label=True)
    assert all(len(sample.labels) == 1 for sample in of_one) and any(len(sample.labels) > 1 for sample in of_many)
    left = sum(len(sample.labels) > 1 for sample in of_many)
    assert f"left out of classifiers, since they show several classes: {left} pictures" in single.notes
    assert "none" in single.classes and "none" not in several.classes
    defects, of_defects = pictures(clean=False)
    assert "none" not in defects.classes and len(of_defects) < len(of_one)
    where = [{sample.image for sample in getattr(several, part)} for part in parts]
    assert not where[0] & where[1] and not where[0] & where[2] and not where[1] & where[2]
    assert {sample.image for sample in single.test} <= where[2], "one split for all"


def test_tiles_without_a_defect_are_left_out_where_there_is_no_class_for_them(
    strips_folder: Path, tmp_path: Path
) -> None:
    _, result = run(config(strips_folder, tmp_path / "run", "test_resnet", clean=False))
    (row,) = result["models"]
    assert row["error"] is None and "none" not in result["classes"]["classifier"]


def test_a_multi_label_comparison_of_pictures_in_six(strips_folder: Path, tmp_path: Path) -> None:
    from training.presets import Preset

    PRESETS["tiny-six"] = Preset("classifier", {"arch": "test_resnet", "size": 32, "tiles": "six", "init": "random"})
    try:
        _, result = run(config(strips_folder, tmp_path / "run", "tiny-six", multi_label=True))
    finally:
        del PRESETS["tiny-six"]
    (row,) = result["models"]
    assert row["error"] is None and row["input"]["tiles"] == "six" and row["confusion"] is None
    assert row["figures"]["accuracy"] is not None


def test_it_goes_on_where_it_was_stopped(strips_folder: Path, tmp_path: Path) -> None:
    asked = config(strips_folder, tmp_path / "run", "thesis-cnn", "test_resnet")
    events = train_comparison(asked)
    while next(events).kind != "trial":
        pass
    next(events)  # the first step of the second training
    events.close()  # type: ignore[attr-defined]
    first = plan(asked)[0].scores(asked.out / "trainings")
    before = first.stat().st_mtime_ns
    again, result = run(asked)
    assert again[0].kind == "started" and (again[0].done, again[0].steps) == (4, 8)
    assert first.stat().st_mtime_ns == before, "what has ended is not trained again"
    assert all(row["error"] is None for row in result["models"])


def test_pictures_that_are_no_strips_are_said_to_be_stretched(strips_folder: Path, tmp_path: Path) -> None:
    from PIL import Image

    random = np.random.default_rng(0)
    for label, level in (("a", 60), ("b", 180)):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(12):
            pixels = random.normal(level, 40, (60, 60)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / label / f"{number}.png")
    asked = config(tmp_path / "data", tmp_path / "run", "thesis-resnet18", "thesis-cnn", "elu_unet")
    found = prepare(asked)
    assert isinstance(found["classifier"], Splits)
    assert any("cuts a picture of 60×60 into 6 pieces of 10×60" in note for note in found["classifier"].notes)
    assert any("stretches a picture of 60×60 to 200×32" in note for note in found["classifier"].notes)
    assert isinstance(found["segmenter"], str) and "needs masks" in found["segmenter"]
    with pytest.raises(DataError, match="a segmenter needs masks"):
        prepare(config(tmp_path / "data", tmp_path / "run", "elu_unet"))


def test_what_is_asked_wrongly(strips_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="thesis-cnn twice; name each once"):
        config(strips_folder, tmp_path, "thesis-cnn", "thesis-cnn")
    with pytest.raises(ConfigError, match="models is missing"):
        parse(ComparisonConfig, {"data": strips_folder, "out": tmp_path})
    with pytest.raises(ConfigError, match="width is 200, but tiles are square"):
        parse(ClassifierConfig, {"data": "d", "out": "o", "width": 200})
    with pytest.raises(ConfigError, match="a segmenter looks at strip or whole"):
        parse(SegmenterConfig, {"data": "d", "out": "o", "tiles": "six"})
    with pytest.raises(ConfigError, match="both must be multiples of 32"):
        parse(SegmenterConfig, {"data": "d", "out": "o", "tiles": "whole", "size": 256, "width": 1000})
    assert parse(ComparisonConfig, {"data": "d", "out": "o", "models": ["all"]}).models == tuple(PRESETS)


def test_who_is_not_beaten() -> None:
    def row(model: str, ms: float, accuracy: float) -> dict[str, Any]:
        return {"model": model, "kind": "classifier", "ms": ms, "figures": {"accuracy": accuracy}}

    rows = [row("quick", 1, 0.7), row("good", 9, 0.9), row("slow", 10, 0.9), row("bad", 2, 0.6), row("twin", 1, 0.7)]
    assert [one["model"] for one in rows if _unbeaten(one, rows)] == ["quick", "good", "twin"]
