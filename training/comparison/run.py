"""A comparison as a generator of events: trainings one by one or side by side, their scores, then the table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from models.checkpoint import load_checkpoint
from models.files import atomic_path, atomic_write, disk_is_full
from models.sidecar import read_sidecar
from models.start import start_has_seen
from training.comparison.config import ComparisonConfig, preset_of
from training.comparison.judge import judge
from training.comparison.material import Splits, prepare
from training.comparison.plan import Training, plan
from training.data.record import DataError
from training.data.seen import digests
from training.events import Busy, Event, Finished, Note, Started, Trial
from training.experiment.side_by_side import how_many, run_side_by_side
from training.experiment.tasks import TASKS
from training.loop import pick_device
from training.presets import Kind

#: Test pictures between two signs of life.
ALIVE_EVERY = 50
Job = tuple[ComparisonConfig, Splits | str, Training, Path, int]


def train_comparison(config: ComparisonConfig) -> Iterator[Event]:
    """Run every training that has not been run yet, judge and time all, and leave `result.json` in `config.out`.

    Steps are counted in pictures seen. A training that fails is told of in its row, and the others go on. A comparison
    that was interrupted goes on where it was, as an experiment does.

    Raises:
        ConfigError, DataError: before the first event, in one sentence.
    """
    device = pick_device(config.device)
    splits = prepare(config)
    usable = [one for one in splits.values() if isinstance(one, Splits)]
    trainings = plan(config)
    folder = config.out / "trainings"
    budget = config.budget or max(len(one.train) for one in usable)
    each = config.epochs * budget
    waiting = [training for training in trainings if not training.ended(folder)]
    done = each * (len(trainings) - len(waiting))
    notes = tuple(dict.fromkeys(note for one in usable for note in one.notes))
    counts = usable[0].material().counts()
    yield Started(each * len(trainings), config.epochs, config.init, counts, str(device), notes, done)
    for number, training in enumerate(trainings, 1):
        if training not in waiting and training.scores(folder).is_file():
            _, card = read_sidecar(folder / training.name / f"{training.name}.safetensors")
            yield _trial(config, training, config.epochs, card["metrics"], (done, number, len(trainings)))
    jobs = [(config, splits[preset_of(one.model).kind], one, folder, budget) for one in waiting]
    reached = dict.fromkeys(waiting, 0)
    for training, event in _all(jobs, how_many(config.at_once, device, len(jobs), each)):
        place = done + sum(reached.values()), trainings.index(training) + 1, len(trainings)
        if event.kind == "step":
            reached[training] = round(each * event.step / event.steps)
            yield replace(event, step=done + sum(reached.values()), steps=each * len(trainings))
        elif event.kind == "metric":
            yield _trial(config, training, event.epoch, event.values, place)
        elif event.kind == "note":
            yield replace(event, step=place[0])
        elif event.kind == "busy":
            yield event
    result = yield from judge(config, splits, trainings, folder)
    atomic_write(config.out / "result.json", json.dumps(result, indent=1, ensure_ascii=False))
    for training in trainings:
        (folder / training.name / "resume.pt").unlink(missing_ok=True)
    yield Finished(config.out / "result.json", "every training ended")


def _all(jobs: Sequence[Job], at_once: int) -> Iterator[tuple[Training, Event]]:
    """Every training's events, one after the other or side by side."""
    if at_once <= 1:
        for job in jobs:
            for event in train_and_score(job):
                yield job[2], event
        return
    for number, told in run_side_by_side(train_and_score, jobs, at_once):
        yield jobs[number][2], told or Busy("training")


def train_and_score(job: Job) -> Iterator[Event]:
    """One training's events, its steps its own; at the end its scores on the test lie in its folder, or why not."""
    config, splits, training, folder, budget = job
    out = folder / training.name
    out.mkdir(parents=True, exist_ok=True)
    try:
        if isinstance(splits, str):
            raise DataError(splits)
        yield from _trained(config, splits, training, folder, budget)
    except Exception as error:  # whatever a network made of this data, the other ones go on
        if disk_is_full(error):
            raise
        sentence = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        atomic_write(training.failure(folder), sentence)
        yield Note(0, f"{training.name} failed: {sentence}")


def _trained(
    config: ComparisonConfig, splits: Splits, training: Training, folder: Path, budget: int
) -> Iterator[Event]:
    out, kind = folder / training.name, preset_of(training.model).kind
    task, recipe = TASKS[kind], config.training(training.model, training.seed, out, budget)
    _refuse_seen(recipe.init, kind, splits)
    yield from task.train(recipe, splits.material())
    checkpoint = load_checkpoint(recipe.best, pick_device(config.device))
    if missing := sorted(set(splits.classes) - set(checkpoint.spec.classes)):
        raise DataError(f"it saw too little of {', '.join(missing)} to learn it, which the test has")
    scores = []
    for found in task.score(checkpoint, splits.test):
        scores.append(found)
        if len(scores) % ALIVE_EVERY == 0:
            yield Busy("judging")
    order = [checkpoint.spec.classes.index(name) for name in splits.classes]
    with atomic_path(training.scores(folder)) as temporary:
        np.savez(temporary, scores=torch.stack(scores)[..., order].numpy())


def _refuse_seen(init: str, kind: Kind, splits: Splits) -> None:
    seen = start_has_seen(init, kind) or frozenset()
    if overlap := seen & digests(sample.image for sample in splits.test).keys():
        raise DataError(
            f"its start has learned from {len(overlap)} of the {len(splits.test)} test pictures, so that it would know "
            "them; use --init imagenet or random"
        )


def _trial(
    config: ComparisonConfig, training: Training, epoch: int, values: dict[str, float], place: tuple[int, int, int]
) -> Trial:
    """`place` is the step of the whole, and the training's number of how many."""
    followed = TASKS[preset_of(training.model).kind].measures.followed
    told = {name: float(values[name] or 0) for name in followed if name in values}
    return Trial(*place, training.model, None, training.seed, epoch, told, epoch == config.epochs)
