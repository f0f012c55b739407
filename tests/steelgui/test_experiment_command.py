"""From real pictures to a generator, its samples, and the answer whether they help, as scripts do it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from commandline import run
from discs import SIDE as DISC_SIDE
from discs import TEST, disc, discs_folder, write_pair
from stripes import SIDE, striped_folder

from steelgui.services.library import Library
from steelgui.services.retraining import Retraining
from steelgui.settings import Settings

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
    (synthetic,) = (row for row in rows if row["arm"] == "synthetic" and row["figure"] == "f1:rare")
    assert float(synthetic["over_plain_low"]) <= float(synthetic["over_plain"]) and synthetic["over_balanced"] == ""
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


def held_back(folder: Path, count: int) -> Path:
    """A set of drawn pairs, the last picture without its mask."""
    random = np.random.default_rng(2)
    for number in range(count):
        write_pair(folder, "rare", f"{number}", disc("rare", random))
    (folder / "masks" / "rare" / f"{count - 1}.png").unlink()
    return folder


def test_an_experiment_with_a_segmenter(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    data, pool = discs_folder(tmp_path / "data", rare=4), held_back(tmp_path / "pool", 9)
    small = ("--arch", "test_efficientnet", "--init", "random", "--size", DISC_SIDE, "--epochs", 1, "--seeds", 2)
    asked = ("experiment", "--task", "segmenter", "--data", data, "--synthetic", pool, "--arms", "plain,balanced,both")
    code, out, err = run(capsys, *asked, *small, "--device", "cpu", "--json", "--home", tmp_path / "home")
    assert code == 0, err
    result = json.loads(out)
    assert result["task"] == "segmenter" and result["counts"]["pool"] == 8
    assert [arm["arm"] for arm in result["arms"]] == ["plain", "balanced", "both"]
    assert "dice_positive" in err, "a training that ends tells its figures"
    assert "left out, since a segmenter needs masks: 1 synthetic pictures without one" in result["notes"]
    for arm in result["arms"]:
        figure = arm["figures"]["scarce_dice"]
        assert figure["low"] <= figure["value"] <= figure["high"]
    retraining = Retraining(Settings(home=tmp_path / "home"))
    (of,) = retraining.experiments.all()
    assert [None if value is None else 0 <= value <= 1 for _, value in retraining.look(of).trainings] == [True] * 6
    name = retraining.activate(of)
    assert Library(retraining.experiments.settings).active.names("segmenter") == [name]
    assert len(result["test"]) == 2 * TEST and set(result["test"][0]["dice"]) == {"plain", "balanced", "both-1"}


def test_a_segmenter_is_trained_with_a_set(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    data, pool = discs_folder(tmp_path / "data", rare=4), held_back(tmp_path / "home" / "synthetic" / "mine", 9)
    asked = ("train", "segmenter", "--data", data, "--out", tmp_path / "model", "--home", tmp_path / "home", "--json")
    few = ("--encoder", "test_efficientnet", "--init", "random", "--size", 64, "--crop", 64, "--epochs", 1)
    code, out, err = run(capsys, *asked, *few, "--device", "cpu", "--synthetic", "mine", "--ratio", 1.5)
    assert code == 0, err
    started = json.loads(out.splitlines()[0])
    assert started["counts"] == {"dark": 40, "rare": 4 + 6}
    assert "left out, since a segmenter needs masks: 1 synthetic pictures without one" in started["notes"]
    for path in pool.glob("masks/rare/*.png"):
        path.unlink()
    code, _, err = run(capsys, *asked, *few, "--device", "cpu", "--synthetic", "mine")
    assert code == 1 and "none of the 9 synthetic pictures has a mask" in err
