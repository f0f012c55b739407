"""Experiments with a segmenter on drawn discs: the planted answers, what takes part, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from discs import SIDE, TEST, disc, discs_folder, write_pair
from PIL import Image

from models.sidecar import seen_line, write_sidecar
from models.spec import NetworkSpec
from training.config import ConfigError, parse
from training.data.record import DataError
from training.data.seen import digests
from training.data.strips import render_dataset
from training.data.synthetic import read_synthetic
from training.experiment.config import ExperimentConfig
from training.experiment.material import prepare
from training.experiment.run import train_experiment


@pytest.fixture(scope="module")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return discs_folder(tmp_path_factory.mktemp("discs"), rare=4)


def pairs(folder: Path, count: int, shifted: bool = False) -> Path:
    """A synthetic set of the rare class; shifted masks mark clean steel."""
    random = np.random.default_rng(1)
    for number in range(count):
        image, mask = disc("rare", random)
        write_pair(
            folder, "rare", f"{number}", (image, np.roll(mask, (SIDE // 2, SIDE // 2), (0, 1)) if shifted else mask)
        )
    return folder


def config(data: Path, out: Path, synthetic: Path | None, **changes: Any) -> ExperimentConfig:
    values = {
        "task": "segmenter",
        "data": data,
        "out": out,
        "arms": ["plain", "synthetic"] if synthetic else ["plain"],
        "synthetic": [synthetic] if synthetic else [],
        "arch": "test_efficientnet",
        "init": "random",
        "size": SIDE,
        "batch_size": 8,
        "learning_rate": 3e-3,
        "device": "cpu",
    }
    return parse(ExperimentConfig, values | changes)


def run(asked: ExperimentConfig) -> dict[str, Any]:
    assert [event.kind for event in train_experiment(asked)][-1] == "finished"
    result: dict[str, Any] = json.loads((asked.out / "result.json").read_text())
    return result


def test_pairs_that_were_held_back_help(discs: Path, tmp_path: Path) -> None:
    asked = config(discs, tmp_path / "run", pairs(tmp_path / "held-back", 40), epochs=8, ratios=[10.0], seeds=2)
    result = run(asked)
    verdict = result["verdict"]
    assert verdict["kind"] == "helped", verdict["sentence"]
    assert verdict["sentence"].startswith("Synthetic images raised dice on rare from ")
    assert result["task"] == "segmenter" and result["classes"] == ["dark", "rare"]
    assert result["counts"] == {"train": 44, "validation": 16, "test": 2 * TEST, "pool": 40}
    assert [arm["confusion"] for arm in result["arms"]] == [None, None]
    assert set(result["arms"][0]["figures"]) == {"macro_dice", "scarce_dice", "dice:dark", "dice:rare"}
    areas = [np.load(asked.out / "trainings" / name / "scores.npz")["scores"] for name in result["arms"][1]["models"]]
    assert [found.shape for found in areas] == [(2 * TEST, 3, 2)] * 2
    # Every picture shows one disc, so that its dice over the classes it shows is that disc's.
    both, found, truth = areas[0][0]
    shown = int(truth.argmax())
    row = result["test"][0]
    assert row["truth"] == result["classes"][shown] and "predicted" not in row
    assert row["dice"]["synthetic-10"][0] == pytest.approx(2 * both[shown] / (found[shown] + truth[shown]), abs=1e-4)


def test_masks_beside_the_defect_do_harm(tmp_path: Path) -> None:
    data = discs_folder(tmp_path / "data", rare=9)
    shifted = pairs(tmp_path / "shifted", 40, shifted=True)
    result = run(config(data, tmp_path / "run", shifted, epochs=12, ratios=[4.0], seeds=2))
    verdict = result["verdict"]
    assert verdict["kind"] == "worse", verdict["sentence"]
    assert verdict["best"] == "plain" and "mean dice by -" in verdict["sentence"]


def test_pictures_without_masks_take_no_part(discs: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for part in ("dark", "rare"):
        (data / part).symlink_to(discs / part)
    (data / "masks" / "rare").mkdir(parents=True)
    (data / "masks" / "rare" / "test-0.png").write_bytes(b"")  # no mask at all, so the picture is used without it
    for path in (*discs.glob("masks/dark/*"), *discs.glob("masks/rare/[!t]*"), *discs.glob("masks/rare/t*[1-9].png")):
        (data / "masks" / path.parent.name).mkdir(exist_ok=True)
        (data / "masks" / path.parent.name / path.name).symlink_to(path)
    (data / "split.csv").write_text((discs / "split.csv").read_text())
    pool = pairs(tmp_path / "pool", 6)
    for number in range(2):
        (pool / "masks" / "rare" / f"{number}.png").unlink()
    write_pair(pool, "gouges", "0", disc("rare", np.random.default_rng(2)))
    (pool / "masks" / "gouges" / "0.png").unlink()  # left out before anybody asks for its class
    splits = prepare(config(data, tmp_path / "run", pool))
    # Of the rare ones train-0, test-0 and test-10 lack a mask.
    assert (len(splits.train), len(splits.test), len(splits.pool)) == (43, 2 * TEST - 2, 4)
    assert "left out, since a segmenter needs masks: 3 pictures without one" in splits.notes
    assert "left out, since a segmenter needs masks: 3 synthetic pictures without one" in splits.notes


def test_a_pool_without_masks_is_refused(discs: Path, tmp_path: Path) -> None:
    pool = pairs(tmp_path / "pool", 3)
    (pool / "masks").rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="none of the 3 synthetic pictures has a mask"):
        next(train_experiment(config(discs, tmp_path / "run", pool)))


def test_data_without_masks_is_refused(discs: Path, tmp_path: Path) -> None:
    for part in ("dark", "rare", "split.csv"):
        (tmp_path / part).symlink_to(discs / part)
    with pytest.raises(DataError, match="no masks to learn from"):
        next(train_experiment(config(tmp_path, tmp_path / "run", None)))


def test_a_test_split_that_shows_a_class_nowhere(discs: Path, tmp_path: Path) -> None:
    """Its pictures are named after the class, but their masks are empty: there would be no dice to tell."""
    for part in ("dark", "rare", "split.csv"):
        (tmp_path / part).symlink_to(discs / part)
    for path in discs.glob("masks/*/*.png"):
        copy = tmp_path / "masks" / path.parent.name / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        mask = np.asarray(Image.open(path))
        Image.fromarray(mask & ("rare/test" not in str(path))).save(copy)
    with pytest.raises(DataError, match="the test split has no picture of rare"):
        next(train_experiment(config(tmp_path, tmp_path / "run", None)))


def test_leaks_are_refused(discs: Path, tmp_path: Path) -> None:
    pool = pairs(tmp_path / "pool", 1)
    (pool / "rare" / "0.png").write_bytes((discs / "rare" / "test-3.png").read_bytes())
    with pytest.raises(DataError, match=r"is the test picture test-3\.png"):
        next(train_experiment(config(discs, tmp_path / "run", pool)))
    start = tmp_path / "start.safetensors"
    card = {"trained_on": {"pictures": seen_line(digests(discs.glob("rare/test-*.png")))}}
    write_sidecar(start, NetworkSpec("segmenter", "unet", ("dark", "rare")), card)
    with pytest.raises(DataError, match="the start has learned from 20 of the 40 test pictures"):
        next(train_experiment(config(discs, tmp_path / "run", None, init=str(start))))


def test_strips_of_several_classes_are_for_a_segmenter(tmp_path: Path) -> None:
    """As tiles they train, whole they judge."""
    for _ in render_dataset(tmp_path, 16, 0, {("pitted_surface", "crazing"): 1, ("scratches", "patches"): 1}):
        pass
    splits = prepare(config(tmp_path, tmp_path / "run", None))
    assert splits.classes == ("crazing", "patches", "pitted_surface", "scratches")
    assert all(sample.crop for sample in splits.train) and not any(sample.crop for sample in splits.test)
    assert {len(sample.labels) for sample in splits.train} == {1, 2}
    with pytest.raises(DataError, match=r"an experiment with a classifier needs pictures of one class each"):
        prepare(config(tmp_path, tmp_path / "run", None, task="classifier"))


def test_a_side_below_the_smallest_crop(discs: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="size is 32; a segmenter needs 64 px or more"):
        config(discs, tmp_path, None, size=32)


def test_a_set_without_a_manifest_may_have_masks(tmp_path: Path) -> None:
    pool = pairs(tmp_path / "pool", 3)
    (pool / "masks" / "rare" / "0.png").unlink()
    Image.new("L", (SIDE, SIDE // 2)).save(pool / "masks" / "rare" / "1.png")
    assert [sample.mask is not None for sample in read_synthetic(pool)] == [False, False, True]
