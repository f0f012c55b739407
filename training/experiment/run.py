"""An experiment as a generator of events: one training after the other, each judged on the same test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from models.checkpoint import load_checkpoint
from models.files import atomic_path, atomic_write
from training.data.synthetic import choose
from training.events import Busy, Event, Finished, Note, Started, Step, Trial
from training.experiment.config import ExperimentConfig
from training.experiment.judge import judge, scores_file
from training.experiment.material import Splits, prepare
from training.experiment.plan import Training, plan
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
    folder = config.out / "trainings"
    done = sum(scores_file(folder, training).is_file() for training in trainings)
    yield Started(steps * len(trainings), config.epochs, config.init, counts, str(device), splits.notes, steps * done)
    for number, training in enumerate(trainings, 1):
        if not scores_file(folder, training).is_file():
            yield from _train(config, splits, training, folder, (number, len(trainings), steps))
    result, verdict = judge(config, splits, folder)
    atomic_write(config.out / "result.json", json.dumps(result, indent=1, ensure_ascii=False))
    for training in trainings:
        (folder / training.name / "resume.pt").unlink(missing_ok=True)
    yield Note(steps * len(trainings), sentence(verdict, TASKS[config.task].measures))
    yield Finished(config.out / "result.json", "every training ended", result["verdict"])


def _train(
    config: ExperimentConfig,
    splits: Splits,
    training: Training,
    folder: Path,
    place: tuple[int, int, int],
) -> Iterator[Event]:
    """One training, and its scores on the test."""
    number, count, steps = place
    task = TASKS[config.task]
    before = steps * (number - 1)
    out = folder / training.name
    out.mkdir(parents=True, exist_ok=True)
    balanced, synthetic = training.arm in ("balanced", "both"), training.ratio is not None
    chosen = choose(splits.pool, splits.train, training.ratio, training.seed) if training.ratio else []
    recipe = config.training(balanced, synthetic, training.seed, out, len(splits.train))
    step = before
    for event in task.train(recipe, splits.material(chosen)):
        if event.kind == "step":
            step = before + event.step
            yield Step(step, steps * count, event.losses, event.images_per_s, event.memory)
        elif event.kind == "metric":
            values: dict[str, float] = {name: event.values[name] for name in task.measures.followed}
            last = event.epoch == config.epochs
            yield Trial(step, number, count, training.arm, training.ratio, training.seed, event.epoch, values, last)
    checkpoint = load_checkpoint(recipe.best, pick_device(config.device))
    scores = []
    for found in task.score(checkpoint, splits.test):
        scores.append(found)
        if len(scores) % ALIVE_EVERY == 0:
            yield Busy("judging")
    order = [checkpoint.spec.classes.index(name) for name in splits.classes]
    with atomic_path(scores_file(folder, training)) as temporary:
        np.savez(temporary, scores=torch.stack(scores)[..., order].numpy())
