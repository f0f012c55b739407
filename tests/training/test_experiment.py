"""Whole experiments on small drawn pictures: the three planted answers, what is refused, and going on after a stop."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from stripes import ANGLES, SIDE, striped_folder, stripes

from models.sidecar import read_sidecar, seen_by, seen_line, write_sidecar
from models.spec import NetworkSpec
from models.start import WEIGHTS_FOLDER
from training.config import ConfigError, parse
from training.data import read_dataset
from training.data.record import DataError
from training.data.seen import digests
from training.experiment.config import ExperimentConfig
from training.experiment.material import prepare
from training.experiment.plan import plan
from training.experiment.run import train_experiment


@pytest.fixture(scope="module")
def striped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return striped_folder(tmp_path_factory.mktemp("striped"))


def pool(folder: Path, pictures: Sequence[np.ndarray], label: str = "rare") -> Path:
    (folder / label).mkdir(parents=True)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / label / f"{number:03d}.png")
    return folder


def config(striped: Path, out: Path, synthetic: Path | None, **changes: Any) -> ExperimentConfig:
    values = {
        "data": striped,
        "out": out,
        "arms": ["plain", "synthetic"] if synthetic else ["plain"],
        "synthetic": [synthetic] if synthetic else [],
        "arch": "test_resnet",
        "init": "random",
        "size": SIDE,
        "epochs": 10,
        "learning_rate": 3e-3,
        "batch_size": 16,
        "ratios": [5.0],
        "device": "cpu",
    }
    return parse(ExperimentConfig, values | changes)


def run(asked: ExperimentConfig) -> dict[str, Any]:
    events = list(train_experiment(asked))
    assert [event.kind for event in events if event.kind in ("started", "finished")] == ["started", "finished"]
    result: dict[str, Any] = json.loads((asked.out / "result.json").read_text())
    return result


def test_real_pictures_that_were_held_back_help(striped: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    held_back = pool(tmp_path / "held-back", [stripes(45, random) for _ in range(40)])
    result = run(config(striped, tmp_path / "run", held_back, epochs=6))
    assert result["verdict"]["kind"] == "helped", result["verdict"]["sentence"]
    assert result["verdict"]["label"] == "rare" and result["verdict"]["best"] == "synthetic"
    assert result["scarce"] == ["rare"]
    assert result["counts"] == {"train": 88, "validation": 36, "test": 120, "pool": 40}


def test_copies_make_no_difference(striped: Path, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    for label in ANGLES:
        own = sorted((striped / "images" / label).glob("train-*.png"))
        pool(copies, [np.asarray(Image.open(path)) for path in own], label)
    result = run(config(striped, tmp_path / "run", copies, ratios=[1.0]))
    verdict = result["verdict"]
    assert verdict["kind"] == "no_difference", verdict["sentence"]
    assert verdict["gain"]["low"] < 0 < verdict["gain"]["high"] and verdict["best"] == "plain"


def test_noise_does_harm(striped: Path, tmp_path: Path) -> None:
    """Pictures that show something else under the scarce class's name."""
    random = np.random.default_rng(2)
    wrong = pool(tmp_path / "noise", [stripes(random.choice([0, 90]), random) for _ in range(160)])
    result = run(config(striped, tmp_path / "run", wrong, ratios=[20.0]))
    assert result["verdict"]["kind"] == "worse", result["verdict"]["sentence"]
    assert result["verdict"]["best"] == "plain"


def test_an_experiment_goes_on_where_it_was(striped: Path, tmp_path: Path) -> None:
    asked = config(striped, tmp_path / "run", None, seeds=2, epochs=2)
    events = train_experiment(asked)
    for event in events:
        if event.kind == "trial" and event.number == 2:
            break
    events.close()
    first = tmp_path / "run" / "trainings" / "plain-seed0"
    kept = (first / "scores.npz").stat().st_mtime_ns
    again = list(train_experiment(asked))
    started = next(event for event in again if event.kind == "started")
    assert started.done == started.steps // 2
    # What had ended is told once more, and nothing of it is done again.
    assert [event.done for event in again if event.kind == "trial" and event.number == 1] == [True]
    assert (first / "scores.npz").stat().st_mtime_ns == kept
    whole = run(config(striped, tmp_path / "whole", None, seeds=2, epochs=2))
    resumed = json.loads((tmp_path / "run" / "result.json").read_text())
    assert [row["predicted"] for row in resumed["test"]] == [row["predicted"] for row in whole["test"]]


def test_the_plan_tries_every_ratio_with_every_seed(striped: Path, tmp_path: Path) -> None:
    asked = config(striped, tmp_path, tmp_path, arms=["plain,balanced", "both"], ratios=[0.5, 2.0], seed=7, seeds=2)
    assert [training.name for training in plan(asked)] == [
        *("plain-seed7", "balanced-seed7", "both-0.5-seed7", "both-2-seed7"),
        *("plain-seed8", "balanced-seed8", "both-0.5-seed8", "both-2-seed8"),
    ]


@pytest.mark.parametrize("task", ["classifier", "segmenter"])
def test_every_training_learns_as_the_experiment_says(striped: Path, tmp_path: Path, task: str) -> None:
    asked = config(striped, tmp_path, None, task=task, size=64, average=0.5, real_last=0.25, epochs=7)
    plain, synthetic = (asked.training(False, with_pool, 3, tmp_path / "a", 88) for with_pool in (False, True))
    for training in (plain, synthetic):
        assert (training.average, training.epochs, training.learning_rate) == (0.5, 7, 3e-3)
        assert (training.seed, training.max_per_epoch, training.preprocess.size) == (3, 88, 64)
    assert (plain.real_last, synthetic.real_last) == (0, 0.25), "without a pool all pictures are real"


def test_a_test_picture_among_the_synthetic_ones_is_refused(striped: Path, tmp_path: Path) -> None:
    leaked = np.asarray(Image.open(striped / "images/rare/test-3.png"))
    with pytest.raises(DataError, match=r"is the test picture test-3\.png"):
        next(train_experiment(config(striped, tmp_path / "run", pool(tmp_path / "leak", [leaked]))))


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (None, "nothing says which pictures its generator"),
        ("test", r"has learned from 120 of the 120 test pictures"),
        ("train", ""),
    ],
)
def test_what_a_generator_has_seen_is_asked(striped: Path, tmp_path: Path, seen: str | None, said: str) -> None:
    """A set of accepted samples, beside the run that made them, in one home folder."""
    folder = pool(tmp_path / "synthetic" / "20261122-a-gan", [stripes(45, np.random.default_rng(3))])
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "mask", "class", "run"), ("rare/000.png", "", "rare", folder.name)])
    card = {} if seen is None else {"pictures": seen_line(digests(striped.glob(f"images/*/{seen}-*.png")))}
    of = tmp_path / "runs" / folder.name / f"{folder.name}.safetensors"
    of.parent.mkdir(parents=True)
    write_sidecar(of, NetworkSpec("generator", "dcgan", ("rare",)), {"trained_on": card})
    events = train_experiment(config(striped, tmp_path / "run", folder))
    if said:
        with pytest.raises(DataError, match=said):
            next(events)
    else:
        assert next(events).kind == "started"
        events.close()


def test_a_synthetic_picture_with_a_part_of_a_test_picture_is_refused(striped: Path, tmp_path: Path) -> None:
    """Defects on real backgrounds: the manifest says of what each picture was put together."""
    folder = pool(tmp_path / "put-together", [stripes(45, np.random.default_rng(3))])
    for source, said in (("test-3", r"rare/000\.png holds a part of the test picture test-3\.png"), ("train-3", "")):
        of = " ".join(digests([striped / f"images/rare/{source}.png", striped / "images/rare/train-1.png"]))
        with (folder / "manifest.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("file", "mask", "class", "pictures"), ("rare/000.png", "", "rare", of)])
        events = train_experiment(config(striped, tmp_path / "run", folder))
        if said:
            with pytest.raises(DataError, match=said):
                next(events)
        else:
            assert next(events).kind == "started"
            events.close()


def test_near_duplicates_of_training_leave_the_test(tmp_path: Path) -> None:
    folder = striped_folder(tmp_path / "data")
    again = np.asarray(Image.open(folder / "images/level/train-5.png")).astype(float) * 0.8 + 20
    Image.fromarray(again.astype(np.uint8)).save(folder / "images/level/again.png")
    with (folder / "split.csv").open("a") as file:
        file.write("images/level/again.png,level,other,test\n")
    started = next(train_experiment(config(folder, tmp_path / "run", None)))
    assert started.notes == ("left out of the test, since training has near-duplicates of them: 1 pictures",)


def test_a_test_that_is_largely_one_group_says_so(tmp_path: Path) -> None:
    folder = striped_folder(tmp_path / "data")
    assert not prepare(config(folder, tmp_path / "before", None)).notes
    rows = list(csv.DictReader((folder / "split.csv").open()))
    sizes = {}
    for label, many in (("level", 5), ("rare", 7)):
        here = [row for row in rows if (row["label"], row["split"]) == (label, "test")]
        sizes[label] = f"{many}/{len(here)}"
        for row in here[:many]:
            row["group"] = f"one spot of {label}"
    with (folder / "split.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    (note,) = prepare(config(folder, tmp_path / "run", None)).notes
    assert note.startswith(
        f"test pictures of a class that are one group: level {sizes['level']}, rare {sizes['rare']}; its figures hang"
    )


def test_a_start_that_knows_the_test_is_refused(striped: Path, tmp_path: Path) -> None:
    start = tmp_path / "start.safetensors"
    card = {"trained_on": {"pictures": seen_line(digests(striped.glob("images/rare/test-*.png")))}}
    write_sidecar(start, NetworkSpec("classifier", "test_resnet", tuple(ANGLES)), card)
    with pytest.raises(DataError, match="the start has learned from 40 of the 120 test pictures"):
        next(train_experiment(config(striped, tmp_path / "run", None, init=str(start))))


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"arms": ["balanced"]}, ConfigError, "plain among them"),
        ({"arms": ["plain", "both"]}, ConfigError, "need pictures; give --synthetic"),
        ({"ratios": []}, ConfigError, "above 0"),
        ({"scarce": ["gouges"]}, DataError, "the data has no class gouges"),
    ],
)
def test_what_cannot_be_asked(
    striped: Path, tmp_path: Path, changes: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        next(train_experiment(config(striped, tmp_path / "run", None, **changes)))


def test_a_set_of_another_class_and_an_empty_one(striped: Path, tmp_path: Path) -> None:
    other = pool(tmp_path / "other", [stripes(45, np.random.default_rng(4))], "gouges")
    with pytest.raises(DataError, match="synthetic pictures show gouges"):
        next(train_experiment(config(striped, tmp_path / "run", other)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="the synthetic set is empty"):
        next(train_experiment(config(striped, tmp_path / "run", tmp_path / "empty")))


def test_a_test_split_without_a_class(striped: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "images").symlink_to(striped / "images")
    lines = (striped / "split.csv").read_text().splitlines()
    (folder / "split.csv").write_text("\n".join(line for line in lines if not line.startswith("images/rare/test")))
    with pytest.raises(DataError, match="the test split has no picture of rare"):
        next(train_experiment(config(folder, tmp_path / "run", None)))


@pytest.mark.parametrize("name", ["neu-classifier", "neu-segmenter", "neu-generator"])
def test_the_bundled_models_say_what_they_have_seen(realdata: Path, name: str) -> None:
    """So that an experiment that starts from one, or uses pictures of one, is not judged on what it knows."""
    samples = read_dataset(realdata / "neu-det").samples
    _, card = read_sidecar(WEIGHTS_FOLDER / f"{name}.safetensors")
    assert seen_by(card) == digests(sample.image for sample in samples if sample.split == "train").keys()
