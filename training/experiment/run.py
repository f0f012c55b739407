"""An experiment as a generator of events: trainings, each judged on the same test, and what they say together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.checkpoint import load_checkpoint
from models.files import atomic_path, atomic_write
from models.sidecar import read_sidecar
from training.data.synthetic import choose
from training.events import Busy, Event, Finished, Note, Started, Trial
from training.experiment.config import ExperimentConfig
from training.experiment.judge import judge, scores_file
from training.experiment.material import Splits, prepare
from training.experiment.plan import Training, plan
from training.experiment.side_by_side import how_many, run_side_by_side
from training.experiment.tasks import TASKS
from training.experiment.verdict import sentence
from training.loop import pick_device

#: Test pictures between two signs of life.
ALIVE_EVERY = 50


def train_experiment(config: ExperimentConfig) -> Iterator[Event]:
    """Run every training that has not been run yet, judge all, and leave `result.json` in `config.out`.

    An experiment that was interrupted goes on where it was: finished trainings are kept, the one that was under way
    goes on from its last epoch.

    Raises:
        ConfigError, DataError, CheckpointError: before the first event, in one sentence.
    """
    device = pick_device(config.device)
    splits = prepare(config)
    trainings = plan(config)
    batch = min(config.batch_size, len(splits.train))
    steps = config.epochs * (len(splits.train) // batch)
    counts = splits.material(()).counts()
    looks = config.epochs * len(splits.train) * (config.size / 128) ** 2
    folder = config.out / "trainings"
    waiting = [training for training in trainings if not scores_file(folder, training).is_file()]
    done = steps * (len(trainings) - len(waiting))
    yield Started(steps * len(trainings), config.epochs, config.init, counts, str(device), splits.notes, done)
    # Told again, since some of it may have been told after a step that is now to come.
    for number, training in enumerate(trainings, 1):
        if training not in waiting:
            yield _ended(config, training, folder, (done, number, len(trainings)))
    reached = dict.fromkeys(waiting, 0)
    for training, event in _all(config, splits, waiting, folder, how_many(config.at_once, device, len(waiting), looks)):
        if event.kind == "step":
            reached[training] = event.step
            yield replace(event, step=done + sum(reached.values()), steps=steps * len(trainings))
        elif event.kind == "metric":
            place = done + sum(reached.values()), trainings.index(training) + 1, len(trainings)
            yield _trial(config, training, event.epoch, event.values, place)
        elif event.kind == "busy":
            yield event
    result, verdict = judge(config, splits, folder)
    atomic_write(config.out / "result.json", json.dumps(result, indent=1, ensure_ascii=False))
    for training in trainings:
        (folder / training.name / "resume.pt").unlink(missing_ok=True)
    yield Note(steps * len(trainings), sentence(verdict, TASKS[config.task].measures))
    yield Finished(config.out / "result.json", "every training ended", result["verdict"])


def _all(
    config: ExperimentConfig, splits: Splits, waiting: Sequence[Training], folder: Path, at_once: int
) -> Iterator[tuple[Training, Event]]:
    """Every training's events, one after the other or side by side."""
    if at_once == 1:
        for training in waiting:
            for event in train_and_score((config, splits, training, folder)):
                yield training, event
        return
    jobs = [(config, splits, training, folder) for training in waiting]
    for number, told in run_side_by_side(train_and_score, jobs, at_once):
        yield waiting[number], told or Busy("training")


def train_and_score(job: tuple[ExperimentConfig, Splits, Training, Path]) -> Iterator[Event]:
    """One training's events, its steps its own; its scores on the test lie in its folder at the end."""
    config, splits, training, folder = job
    task = TASKS[config.task]
    out = folder / training.name
    out.mkdir(parents=True, exist_ok=True)
    balanced, synthetic = training.arm in ("balanced", "both"), training.ratio is not None
    chosen = choose(splits.pool, splits.train, training.ratio, training.seed) if training.ratio else []
    recipe = config.training(balanced, synthetic, training.seed, out, len(splits.train))
    yield from task.train(recipe, splits.material(chosen))
    checkpoint = load_checkpoint(recipe.best, pick_device(config.device))
    scores = []
    for found in task.score(checkpoint, splits.test):
        scores.append(found)
        if len(scores) % ALIVE_EVERY == 0:
            yield Busy("judging")
    order = [checkpoint.spec.classes.index(name) for name in splits.classes]
    with atomic_path(scores_file(folder, training)) as temporary:
        np.savez(temporary, scores=torch.stack(scores)[..., order].numpy())


def _ended(config: ExperimentConfig, training: Training, folder: Path, place: tuple[int, int, int]) -> Trial:
    _, card = read_sidecar(folder / training.name / f"{training.name}.safetensors")
    return _trial(config, training, config.epochs, card["metrics"], place)


def _trial(
    config: ExperimentConfig, training: Training, epoch: int, values: dict[str, Any], place: tuple[int, int, int]
) -> Trial:
    """`place` is the step of the whole, and the training's number of how many."""
    followed = {name: float(values[name]) for name in TASKS[config.task].measures.followed}
    done = epoch == config.epochs
    return Trial(*place, training.arm, training.ratio, training.seed, epoch, followed, done)
