"""`train gan`, `runs` and `sample` as scripts use them."""

from __future__ import annotations

import csv
import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from commandline import run
from PIL import Image

SMALL = shlex.split(
    "--preset full --size 32 --images 48 --batch-size 8 --nz 16 --ngf 8 --ndf 8 --checks 1 --check-samples 16 "
    "--device cpu"
)


def test_from_pictures_to_samples(capsys: pytest.CaptureFixture[str], strips_folder: Path, tmp_path: Path) -> None:
    home = ("--home", tmp_path / "home")
    code, out, err = run(
        capsys, "train", "gan", "--data", strips_folder, "--class", "scratches", "--masks", "--name", "mine", "--json",
        *SMALL, *home,
    )  # fmt: skip
    assert code == 0, err
    kinds = [json.loads(line)["kind"] for line in out.splitlines()]
    assert kinds[0] == "started" and kinds[-1] == "finished" and "checked" in kinds

    code, out, _ = run(capsys, "runs", "list", "--json", *home)
    (row,) = json.loads(out)
    assert {**row, "id": "", "created": ""} == {
        "id": "", "kind": "gan", "name": "mine", "state": "finished", "created": "", "step": 48, "steps": 48,
    }  # fmt: skip
    code, out, err = run(capsys, "runs", "rename", row["id"], "still mine", *home)
    assert code == 0 and err == f"{row['id']}: still mine\n"
    code, out, err = run(capsys, "runs", "remedy", "still mine", "lower_g", *home)
    assert code == 1 and "is finished; this works only while it is running" in err
    run(capsys, "runs", "rename", "still mine", "mine", *home)
    code, out, _ = run(capsys, "runs", "show", "mine", "--json", *home)
    assert json.loads(out)["config"]["class_name"] == "scratches"

    code, out, err = run(
        capsys, "sample", "mine", "--count", 5, "--seed", 7, "--out", tmp_path / "made", "--json", *home
    )
    assert code == 0, err
    paths = [Path(json.loads(line)["path"]) for line in out.splitlines()]
    assert [path.name for path in paths] == [f"scratches-{seed:06d}.png" for seed in range(7, 12)]
    assert Image.open(paths[0]).size == (32, 32)
    rows = list(csv.DictReader((tmp_path / "made" / "manifest.csv").open()))
    assert [row["seed"] for row in rows] == ["7", "8", "9", "10", "11"]
    assert set(np.unique(np.asarray(Image.open(tmp_path / "made" / rows[0]["mask"])))) <= {0, 255}

    code, out, err = run(capsys, "gan", "report", "mine", "--count", 16, "--json", *home)
    assert code == 0, err
    assert {"kid", "density", "coverage", "nearest", "diversity", "images_per_s", "floor"} <= json.loads(out).keys()

    again = tmp_path / "again"
    run(capsys, "sample", row["id"], "--count", 1, "--seed", 9, "--class", "scratches", "--out", again, *home)
    difference = np.abs(np.asarray(Image.open(again / paths[2].name), int) - np.asarray(Image.open(paths[2]), int))
    assert difference.max() <= 1, "a seed makes the same picture, alone or in a batch"

    code, _, err = run(
        capsys, "train", "gan", "--data", strips_folder, "--class", "scratches", "--init", "mine", "--images", 16,
        "--checks", 1, "--check-samples", 16, "--d-rate", 1e-4, "--device", "cpu", "--name", "adapted", *home,
    )  # fmt: skip
    assert code == 0, err
    code, out, _ = run(capsys, "runs", "show", "adapted", "--json", *home)
    config = json.loads(out)["config"]
    same = ("arch", "size", "masks", "nz", "ngf", "ndf", "beta1")
    assert {name: config[name] for name in same} == {
        "arch": "pggan", "size": 32, "masks": True, "nz": 16, "ngf": 8, "ndf": 8, "beta1": 0.0,
    }, "an adaptation goes on with its start's recipe"  # fmt: skip
    assert config["g_rate"] == 1e-3 and config["d_rate"] == 1e-4, "unless something else is asked for"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["runs", "pause", "none-such"], "there is no such run"),
        (["sample", "neu-classifier", "--out", "x"], "is a classifier; a generator is needed"),
        (["sample", "none-such", "--out", "x"], "no model of that name"),
        (["train", "gan", "--data", "nowhere"], "there is no such folder"),
    ],
)
def test_mistakes_get_one_sentence(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *words, "--home", tmp_path / "home")
    assert code == 1
    assert says in err.splitlines()[-1]
    assert not out
    code, out, _ = run(capsys, "runs", "list", "--json", "--home", tmp_path / "home")
    assert json.loads(out) == [], "what was refused at once is not kept"
