"""A detector from good pictures at the command line: trained, listed as a run, measured."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from commandline import run
from plates import plates_folder

SMALL = ("--size", 96, "--bank", 300, "--device", "cpu")


@pytest.fixture(scope="module")
def plates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plates_folder(tmp_path_factory.mktemp("plates") / "plates", good=20)


def test_train_list_evaluate(plates: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    home = ("--home", tmp_path / "home")
    code, out, err = run(capsys, "train", "anomaly", "--data", plates, "--out", tmp_path / "mine", *SMALL, *home)
    assert code == 0, err
    model = tmp_path / "mine" / "mine.safetensors"
    assert out.strip() == str(model)
    code, out, _ = run(capsys, "runs", "list", "--json", *home)
    assert [(row["kind"], row["state"]) for row in json.loads(out)] == [("anomaly", "finished")]
    code, out, err = run(capsys, "evaluate", model, "--data", plates, "--format", "mvtec", "--json", *home)
    assert code == 0, err
    figures = json.loads(out)
    assert {"image_auroc", "pixel_auroc", "pro", "f1", "threshold", "n"} <= set(figures)
    assert figures["n"] == 12
    assert figures["image_auroc"] == 1
    code, out, err = run(capsys, "evaluate", model, "--data", plates, "--split", "all", "--json", *home)
    assert json.loads(out)["n"] == 12
    assert "20 pictures that mine has learned from are left out" in err
    code, out, err = run(capsys, "evaluate", model, "--data", plates, "--split", "train", *home)
    assert (code, out) == (1, "")
    assert "has learned from all of these 20 pictures" in err


def test_without_ground_truth_pixels_are_not_measured(
    plates: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(plates, data)
    shutil.rmtree(data / "ground_truth")
    home = ("--home", tmp_path / "home")
    code, out, err = run(capsys, "train", "anomaly", "--data", data, "--json", *SMALL, *home)
    assert code == 0, err
    events = [json.loads(line) for line in out.splitlines()]
    assert [events[0]["kind"], events[-1]["kind"]] == ["started", "finished"]
    assert any("there is no ground_truth/" in note for note in events[0]["notes"])
    code, out, _ = run(capsys, "evaluate", events[-1]["path"], "--data", data, "--json", *home)
    figures = json.loads(out)
    assert (figures["pixel_auroc"], figures["pro"]) == (None, None)
    assert figures["image_auroc"] == 1


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ([], 2, "data"),
        (["--data", ".", "--false-alarms", "0"], 2, "false_alarms"),
        (["--data", "/no/such/folder"], 1, "there is no such folder"),
        (["--data", ".", "--layers", "9"], 1, "cannot give the feature maps 9"),
        (["--data", ".", "--encoder", "resnet18"], 1, "holds no weights for resnet18"),
    ],
)
def test_bad_usage_is_one_sentence(
    words: list[str],
    code: int,
    says: str,
    plates: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(plates)
    status, out, err = run(capsys, "train", "anomaly", *words, "--home", tmp_path / "home")
    assert (status, out) == (code, "")
    assert says in err
    assert "Traceback" not in err


def test_a_detector_is_no_onnx_and_no_classifier(
    plates: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    home = ("--home", tmp_path / "home")
    run(capsys, "train", "anomaly", "--data", plates, "--out", tmp_path / "mine", *SMALL, *home)
    model = tmp_path / "mine"
    code, _, err = run(capsys, "models", "export", model, "--onnx", "--out", tmp_path / "onnx", *home)
    assert code == 1
    assert "mine is an anomaly detector; ONNX is written of classifiers and segmenters" in err
    code, _, err = run(capsys, "models", "compare", model, model, "--data", plates, *home)
    assert code == 1
    assert "mine is an anomaly detector; compare two classifiers or two segmenters" in err
