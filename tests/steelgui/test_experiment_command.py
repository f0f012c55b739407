"""From real pictures to a generator, its samples, and the answer whether they help, as scripts do it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from commandline import run
from stripes import SIDE, striped_folder

SMALL = ("--arch", "test_resnet", "--init", "random", "--size", SIDE, "--epochs", 1, "--seeds", 2, "--device", "cpu")
GAN = ("--size", SIDE, "--images", 64, "--ngf", 8, "--ndf", 8, "--checks", 1, "--check-samples", 16, "--device", "cpu")


def test_from_a_generator_to_an_answer(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    data, home = striped_folder(tmp_path / "data"), ("--home", tmp_path / "home")
    code, _, err = run(capsys, "train", "gan", "--data", data, "--class", "rare", "--name", "stripes", *GAN, *home)
    assert code == 0, err
    code, _, err = run(capsys, "sample", "stripes", "--count", 12, "--out", tmp_path / "made", *home)
    assert code == 0, err
    code, out, err = run(
        capsys, "experiment", "--data", data, "--synthetic", tmp_path / "made", "--arms", "plain,synthetic",
        "--out", tmp_path / "answer", "--json", *SMALL, *home,
    )  # fmt: skip
    assert code == 0, err
    result = json.loads(out)
    assert result == json.loads((tmp_path / "answer" / "result.json").read_text("utf-8"))
    assert [(arm["arm"], arm["ratio"]) for arm in result["arms"]] == [("plain", None), ("synthetic", 1.0)]
    assert result["counts"]["pool"] == 12 and result["scarce"] == ["rare"]
    for arm in result["arms"]:
        figure = arm["figures"]["f1:rare"]
        assert figure["low"] <= figure["value"] <= figure["high"]
        assert sum(map(sum, arm["confusion"])) == pytest.approx(120, abs=0.1)
    with (tmp_path / "answer" / "figures.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["arm"] for row in rows} == {"plain", "synthetic"} and len(rows) == 2 * len(result["arms"][0]["figures"])
    report = (tmp_path / "answer" / "report.html").read_text("utf-8")
    assert result["verdict"]["kind"] in report and result["data"]["fingerprint"] in report

    code, out, _ = run(capsys, "runs", "list", "--json", *home)
    assert [row["kind"] for row in json.loads(out)] == ["gan", "experiment"]
    # A generator that is gone can no longer be asked what it has seen.
    run(capsys, "runs", "delete", "stripes", *home)
    code, _, err = run(
        capsys, "experiment", "--data", data, "--synthetic", tmp_path / "made", "--arms", "plain,synthetic",
        *SMALL, *home,
    )  # fmt: skip
    assert code == 1 and "nothing says which pictures its generator" in err


def test_a_classifier_is_trained_with_a_set(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    import shutil

    data = striped_folder(tmp_path / "data")
    made = tmp_path / "home" / "synthetic" / "mine" / "rare"
    made.mkdir(parents=True)
    for number, path in enumerate(sorted((data / "images" / "rare").glob("train-*.png"))):
        shutil.copyfile(path, made / f"{number}.png")
    asked = ("train", "classifier", "--data", data, "--out", tmp_path / "model", "--home", tmp_path / "home")
    few = ("--arch", "test_resnet", "--init", "random", "--size", SIDE, "--epochs", 1, "--device", "cpu")
    code, _, err = run(capsys, *asked, *few, "--synthetic", "mine", "--ratio", 0.5)
    assert code == 0, err
    code, _, err = run(capsys, *asked, *few, "--synthetic", "other")
    assert code == 2 and "there is no set 'other'" in err
