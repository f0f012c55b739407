"""What the Retrain tab knows of an experiment: the time it still takes, its pictures, and what its models look at."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from discs import discs_folder
from stripes import SIDE, striped_folder

from models.imagefile import read_image
from models.sidecar import CheckpointError
from steelgui.services.heat_maps import HeatMaps
from steelgui.services.judged import cell_counts, changed, compared, in_cell
from steelgui.services.retraining import Retraining
from steelgui.services.time_left import time_left
from steelgui.settings import Settings
from training.data.record import DataError
from training.runs import Run, RunError
from training.worker import work

#: Two trainings of two epochs of ten steps: a second a step, 4 s a validation, 3 s to read, 20 s to judge and read.
STARTED = {"kind": "started", "steps": 40, "done": 0, "worked_s": 1.0}
FIRST = [
    {"kind": "step", "step": 1, "worked_s": 4.0},
    {"kind": "step", "step": 10, "worked_s": 13.0},
    {"kind": "trial", "step": 10, "number": 1, "done": False, "worked_s": 17.0},
    {"kind": "step", "step": 20, "worked_s": 27.0},
    {"kind": "trial", "step": 20, "number": 1, "done": True, "worked_s": 31.0},
]
SECOND = {"kind": "step", "step": 21, "worked_s": 51.0}
A_STEP = 27 / 19


@pytest.mark.parametrize(
    ("events", "seconds"),
    [
        ([], None),
        ([STARTED, FIRST[0]], None),
        # Two trainings are still to be judged; what reading took stands for that.
        ([STARTED, *FIRST[:2]], 30 * 1 + 2 * 3),
        # With a validation in it, a step takes longer.
        ([STARTED, *FIRST[:3]], 30 * 13 / 9 + 2 * 3),
        ([STARTED, *FIRST], 20 * A_STEP + 2 * 3),
        ([STARTED, *FIRST, SECOND], 19 * A_STEP + 20),
        # Resumed: the clock began again, and the hours between do not count.
        ([STARTED, *FIRST, {**STARTED, "done": 20}, {**SECOND, "worked_s": 6.0}], 19 * A_STEP + (3 + 5) / 2),
        # All steps done: the judging of the last is left.
        (
            [STARTED, *FIRST, SECOND, {"kind": "trial", "step": 40, "number": 2, "done": True, "worked_s": 78.0}],
            20,
        ),
        ([{key: value for key, value in event.items() if key != "worked_s"} for event in (STARTED, *FIRST)], None),
    ],
)
def test_time_left_counts_validation_and_judging(events: list[dict[str, Any]], seconds: float | None) -> None:
    assert time_left(events, 2) == (None if seconds is None else pytest.approx(seconds))


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Retraining, Run, dict[str, Any]]:
    """An experiment of two arms with two seeds, so short that the seeds disagree."""
    folder = tmp_path_factory.mktemp("experiment")
    settings = Settings(home=folder / "home")
    settings.prepare()
    retraining = Retraining(settings)
    short = {"arch": "test_resnet", "init": "random", "size": SIDE, "epochs": 1, "seeds": 2, "device": "cpu"}
    config = retraining.config(striped_folder(folder / "data"), [], {"arms": ["plain", "balanced"], **short})
    run = retraining.experiments.create(config)
    work(run)
    result = retraining.look(run).result
    assert result
    return retraining, run, result


def test_a_worker_tells_for_how_long_it_has_worked(ended: tuple[Retraining, Run, dict[str, Any]]) -> None:
    _, run, _ = ended
    told = [event["worked_s"] for event in run.events()]
    assert told == sorted(told) and told[-1] > 0
    before_the_end = [event for event in run.events() if event["kind"] not in ("note", "finished")]
    assert (time_left(before_the_end, 4) or 0) > 0


def test_a_cell_holds_the_pictures_that_a_seed_filed_there(ended: tuple[Retraining, Run, dict[str, Any]]) -> None:
    _, _, result = ended
    names = result["classes"]
    assert len(compared(result)) == 2
    for side, arm in enumerate(compared(result)):
        counts = cell_counts(result, arm)
        for row, truth in enumerate(names):
            for column, predicted in enumerate(names):
                found = in_cell(result, side, truth, predicted)
                assert len(found) == counts[truth, predicted]
                assert {picture.truth for picture in found} <= {truth}
                assert {picture.said[side] for picture in found} <= {predicted}
                # The matrix is a mean over the seeds.
                assert sum(picture.agreeing for picture in found) / 2 == pytest.approx(arm["confusion"][row][column])
    assert in_cell(result, 2, names[0], names[0]) == [] == in_cell(result, 0, "gouges", names[0])


def test_what_changed(ended: tuple[Retraining, Run, dict[str, Any]]) -> None:
    better, worse = changed(ended[2])
    assert better or worse
    assert all(picture.said[0] != picture.truth == picture.said[1] for picture in better)
    assert all(picture.said[0] == picture.truth != picture.said[1] for picture in worse)


def test_masks_of_a_segmenter_have_the_dice_that_the_answer_tells(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    settings.prepare()
    retraining = Retraining(settings)
    short = {"arch": "test_resnet", "init": "random", "size": 64, "epochs": 3, "seeds": 2, "device": "cpu"}
    changes = {"task": "segmenter", "arms": ["plain", "balanced"], "batch_size": 8, "learning_rate": 0.01, **short}
    run = retraining.experiments.create(retraining.config(discs_folder(tmp_path / "data", rare=6), [], changes))
    work(run)
    result = retraining.look(run).result
    assert result
    better, worse = changed(result)
    assert better or worse
    assert all(picture.dice[1] != picture.dice[0] for picture in (*better, *worse))
    gains = [_mean_gain(result, picture.image) for picture in better]
    assert gains == sorted(gains, reverse=True) and all(gain > 0.05 for gain in gains)
    assert in_cell(result, 0, "rare", "rare") == [], "masks are in no cell of a matrix"
    for picture in [*better[:3], *worse[:3]]:
        truth = retraining.truth(run, picture)
        assert list(truth) == [picture.truth]
        for evidence, dice in zip(retraining.explain(run, picture), picture.dice, strict=True):
            found = evidence.probabilities[evidence.mask_classes.index(picture.truth)] > 127
            both = (found & truth[picture.truth]).sum()
            # The answer was judged before probabilities became bytes.
            assert 2 * both / (found.sum() + truth[picture.truth].sum()) == pytest.approx(dice, abs=0.03)
    with pytest.raises(DataError, match=r"has no picture gone\.png"):
        retraining.truth(run, replace((*better, *worse)[0], image=tmp_path / "gone.png"))


def _mean_gain(result: dict[str, Any], image: Path) -> float:
    row = next(row for row in result["test"] if row["image"] == str(image))
    return float(np.mean(row["dice"]["balanced"]) - np.mean(row["dice"]["plain"]))


def test_the_models_of_a_picture_say_what_the_answer_says(ended: tuple[Retraining, Run, dict[str, Any]]) -> None:
    retraining, run, result = ended
    better, worse = changed(result)
    cells = [in_cell(result, 1, "rare", name)[:2] for name in result["classes"]]
    for picture in [*better[:3], *worse[:3], *(one for cell in cells for one in cell)]:
        seen = retraining.explain(run, picture)
        assert tuple(max(evidence.scores, key=lambda name: evidence.scores[name]) for evidence in seen) == picture.said
        assert [evidence.models["classifier"] for evidence in seen] == list(picture.models)
        assert all(evidence.heat.shape == (SIDE, SIDE) for evidence in seen)


def test_the_two_models_asked_last_stay_loaded(ended: tuple[Retraining, Run, dict[str, Any]], tmp_path: Path) -> None:
    _, run, result = ended
    files = []
    for name in ("plain-seed0", "plain-seed1", "balanced-seed0"):
        for path in (run.folder / "trainings" / name).glob(f"{name}.*"):
            shutil.copyfile(path, tmp_path / path.name)
        files.append(tmp_path / f"{name}.safetensors")
    image = read_image(Path(result["test"][0]["image"]))
    heat_maps = HeatMaps()
    first = heat_maps.look(image, files[0])
    heat_maps.look(image, files[1])
    files[0].unlink()
    assert heat_maps.look(image, files[0]).scores == first.scores
    heat_maps.look(image, files[2])  # instead of the second
    files[1].unlink()
    with pytest.raises(CheckpointError, match="plain-seed1"):
        heat_maps.look(image, files[1])


def test_models_that_are_gone(ended: tuple[Retraining, Run, dict[str, Any]], tmp_path: Path) -> None:
    retraining, _, result = ended
    with pytest.raises(RunError, match="the models of elsewhere are gone; run the experiment again"):
        retraining.explain(Run(tmp_path / "elsewhere"), in_cell(result, 0, "rare", result["test"][-1]["truth"])[0])
