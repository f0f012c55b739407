"""Kinds of models side by side, as scripts do it, and the page that a comparison leaves."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from commandline import run

from models.sidecar import read_sidecar
from steelgui.services.comparisons import Comparisons
from steelgui.settings import Settings
from steelgui.ui import compare_fragments as fragments
from steelgui.ui.compare_report import comparison_html
from steelgui.ui.i18n import Translator

SMALL = ("--epochs", 1, "--budget", 4, "--batch-size", 2, "--seeds", 1, "--device", "cpu", "--at-once", 1)


def test_from_severstal_s_layout_to_a_page(
    capsys: pytest.CaptureFixture[str], strips_folder: Path, tmp_path: Path
) -> None:
    home, models = ("--home", tmp_path / "home"), ("thesis-cnn", "test_resnet", "no_such_net", "elu_unet")
    asked = ("compare", "--data", strips_folder, "--models", ",".join(models), *SMALL, *home)
    code, out, err = run(capsys, *asked, "--out", tmp_path / "answer", "--json")
    assert code == 0, err
    result = json.loads(out)
    assert result == json.loads((tmp_path / "answer" / "comparison.json").read_text("utf-8"))
    assert [row["model"] for row in result["models"]] == list(models)
    page = (tmp_path / "answer" / "comparison.html").read_text("utf-8")
    assert page.startswith("<!doctype html>") and "http" not in page and "<script" not in page
    assert page.count("<svg") == 2 and page.count('sg-confusion"') == 2, "a picture a kind, a matrix a classifier"
    for words in ("thesis-cnn", "32×200, the whole picture", "failed: timm has no classifier", "with 1 thread"):
        assert words in page
    with (tmp_path / "answer" / "comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["model"] for row in rows} == set(models)
    (accuracy,) = (row for row in rows if row["model"] == "thesis-cnn" and row["figure"] == "accuracy")
    assert float(accuracy["low"]) <= float(accuracy["value"]) <= float(accuracy["high"])

    comparisons = Comparisons(Settings(home=tmp_path / "home"))
    (of,) = comparisons.all()
    seen = comparisons.look(of)
    assert seen.state == "finished" and seen.step == seen.steps == 16
    assert [value is None for _, value in seen.trainings] == [False, False, True, False]
    config = comparisons.config(strips_folder, ["thesis-cnn"], {"seeds": 2, "clean": False})
    assert comparisons.command(config).endswith("--models thesis-cnn --seeds 2 --no-clean")
    assert comparisons.estimate(config, 100) > comparisons.estimate(config, 10) > 0
    code, out, _ = run(capsys, "runs", "list", "--json", *home)
    assert [row["kind"] for row in json.loads(out)] == ["comparison"]


def test_a_preset_is_trained_and_flags_beside_it_win(
    capsys: pytest.CaptureFixture[str], strips_folder: Path, tmp_path: Path
) -> None:
    asked = ("train", "classifier", "--preset", "thesis-cnn", "--data", strips_folder, "--out", tmp_path / "cnn")
    few = ("--max-per-epoch", 4, "--batch-size", 2, "--epochs", 1, "--multi-label", "--width", 160)
    code, _, err = run(capsys, *asked, *few, "--home", tmp_path)
    assert code == 0, err
    spec, card = read_sidecar(tmp_path / "cnn" / "cnn")
    assert (spec.architecture, spec.preprocess.shape, spec.preprocess.tiles) == ("small_cnn", (32, 160), "whole")
    assert card["config"]["photometric"] == 0 and card["config"]["epochs"] == 1
    code, out, err = run(capsys, "inspect", strips_folder / "train_images", "--json", "--classifier",
                         tmp_path / "cnn" / "cnn.safetensors", "--home", tmp_path)  # fmt: skip
    assert code == 0, err
    assert set(json.loads(out.splitlines()[0])["scores"]) == set(spec.classes)
    code, _, err = run(capsys, "train", "segmenter", "--preset", "thesis-cnn", "--data", strips_folder)
    assert code == 2 and "thesis-unet" in err


def test_wrong_usage_is_one_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = run(capsys, "compare", "--data", tmp_path, "--home", tmp_path / "home")
    assert code == 2 and "models is missing" in err
    code, _, err = run(capsys, "compare", "--data", tmp_path / "no", "--models", "all", "--home", tmp_path / "home")
    assert code == 1 and "there is no such folder" in err


def row(model: str, accuracy: float, ms: float) -> dict[str, Any]:
    figures = dict.fromkeys(fragments.FIGURES["classifier"], accuracy)
    return {
        "model": model, "kind": "classifier", "seeds": [0], "error": None, "parameters": 1_000_000, "ms": ms,
        "input": {"height": 32, "width": 200, "tiles": "whole"}, "pareto": True, "intervals": {},
        "figures": figures, "per_class": {}, "confusion": [[1.0]],
    }  # fmt: skip


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_names_from_outside_are_escaped_and_strange_numbers_drawn(lang: str) -> None:
    """One model alone, two at the same place, a figure that is not there."""
    result = {
        "models": [row("<b>net</b>", 1.0, 3.0), row("twin", 1.0, 3.0), row("none", 0.5, 1e4)],
        "counts": {}, "classes": {"classifier": ["<i>"]}, "notes": ["<script>"], "seeds": [0],
        "machine": {"device": "cpu", "processor": "x", "threads": 1, "turns": 5},
        "config": {"epochs": 1}, "data": {"folder": "/d", "fingerprints": {"classifier": "f"}},
    }  # fmt: skip
    result["models"][0]["figures"]["roc_auc"] = None
    result["models"][0]["intervals"] = {"accuracy": {"value": 1.0, "low": None, "high": None}}
    page = comparison_html(result, Translator(lang))
    assert "<b>net" not in page and "<script>" not in page and "<i>" not in page and "nan" not in page.lower()
    labels = [part.split('y="')[1].split('"')[0] for part in page.split("<text") if "twin" in part or "net" in part]
    assert len(set(labels)) == len(labels), "names at one place do not lie on one another"
