"""An experiment as a generator of events: one training after the other, each judged on the same test."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.checkpoint import load_checkpoint
from models.files import atomic_path, atomic_write
from models.sidecar import read_sidecar
from training.classifier import stream_scores, train_classifier
from training.data.record import load_image
from training.data.splits import group_key
from training.data.synthetic import choose
from training.events import Busy, Event, Finished, Note, Started, Step, Trial
from training.experiment.compare import Bootstrap, Figure, Interval, without_nan
from training.experiment.config import ExperimentConfig
from training.experiment.material import Splits, prepare
from training.experiment.plan import Training, plan
from training.experiment.verdict import Verdict, decide, sentence
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
    done = sum(_result(folder, training).is_file() for training in trainings)
    yield Started(steps * len(trainings), config.epochs, config.init, counts, str(device), splits.notes, steps * done)
    for number, training in enumerate(trainings, 1):
        if not _result(folder, training).is_file():
            yield from _train(config, splits, training, folder, (number, len(trainings), steps))
    result, verdict = judge(config, splits, folder)
    atomic_write(config.out / "result.json", json.dumps(result, indent=1, ensure_ascii=False))
    for training in trainings:
        (folder / training.name / "resume.pt").unlink(missing_ok=True)
    yield Note(steps * len(trainings), sentence(verdict))
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
    before = steps * (number - 1)
    out = folder / training.name
    out.mkdir(parents=True, exist_ok=True)
    balanced, synthetic = training.arm in ("balanced", "both"), training.ratio is not None
    chosen = choose(splits.pool, splits.train, training.ratio, training.seed) if training.ratio else []
    recipe = config.training(balanced, synthetic, training.seed, out, len(splits.train))
    step = before
    for event in train_classifier(recipe, splits.material(chosen)):
        if event.kind == "step":
            step = before + event.step
            yield Step(step, steps * count, event.losses, event.images_per_s, event.memory)
        elif event.kind == "metric":
            values: dict[str, float] = {name: event.values[name] for name in ("macro_f1", "accuracy")}
            last = event.epoch == config.epochs
            yield Trial(step, number, count, training.arm, training.ratio, training.seed, event.epoch, values, last)
    checkpoint = load_checkpoint(recipe.best, pick_device(config.device))
    scores = []
    for found in stream_scores(checkpoint.network, checkpoint.spec, map(load_image, splits.test)):
        scores.append(found)
        if len(scores) % ALIVE_EVERY == 0:
            yield Busy("judging")
    order = [checkpoint.spec.classes.index(name) for name in splits.classes]
    with atomic_path(_result(folder, training)) as temporary:
        np.savez(temporary, scores=torch.stack(scores)[:, order].numpy().astype(np.float32))


def judge(config: ExperimentConfig, splits: Splits, folder: Path) -> tuple[dict[str, Any], Verdict]:
    """All figures with intervals, and the verdict, from the trainings' scores.

    Of several ratios the one with the best scarce-class F1 on validation is judged; the test has no say in it.
    """
    trainings = plan(config)
    truth = np.array([splits.classes.index(sample.labels[0]) for sample in splits.test])
    bootstrap = Bootstrap([group_key(sample) for sample in splits.test], config.seeds)
    arms: dict[tuple[str, float | None], list[Training]] = {}
    for training in trainings:
        arms.setdefault((training.arm, training.ratio), []).append(training)
    figures: dict[tuple[str, float | None], dict[str, Figure]] = {}
    validated: dict[tuple[str, float | None], float] = {}
    predictions = {}
    for key, group in arms.items():
        scores = np.stack([np.load(_result(folder, training))["scores"] for training in group])
        predictions[key] = scores.argmax(2)
        figures[key] = bootstrap.figures(truth, predictions[key], splits.classes, splits.scarce)
        validated[key] = float(np.mean([_validated(folder, training, splits.scarce) for training in group]))
    candidates = [key for key in figures if key[1] is not None]
    judged = max(candidates, key=lambda key: (validated[key], -(key[1] or 0)), default=None)
    by_arm = {key[0]: found for key, found in figures.items() if key[1] is None}
    if judged:
        by_arm[judged[0]] = figures[judged]
    of_scarce = sum(sample.labels[0] in splits.scarce for sample in splits.test)
    chosen = (judged[0], judged[1] or 0.0) if judged else None
    verdict = decide(by_arm, chosen, splits.scarce, of_scarce)
    plain = figures.get(("plain", None))
    rows = [
        {
            "arm": key[0],
            "ratio": key[1],
            "validated": round(validated[key], 5),
            "figures": {name: _numbers(figure.interval()) for name, figure in found.items()},
            "over_plain": {name: _numbers(figure.minus(plain[name])) for name, figure in found.items()}
            if plain and key != ("plain", None)
            else {},
            "confusion": _confusion(truth, predictions[key], len(splits.classes)),
            "models": [training.name for training in arms[key]],
        }
        for key, found in figures.items()
    ]
    result = {
        "verdict": {**without_nan(asdict(verdict)), "sentence": sentence(verdict)},
        "arms": rows,
        "classes": list(splits.classes),
        "scarce": list(splits.scarce),
        "counts": {name: len(getattr(splits, name)) for name in ("train", "validation", "test", "pool")},
        "training_counts": splits.material(()).counts(),
        "data": {"folder": str(config.data), "fingerprint": splits.fingerprint},
        "seeds": [config.seed + number for number in range(config.seeds)],
        "notes": list(splits.notes),
        "config": json.loads(config.model_dump_json(exclude={"resume"})),
        "test": [
            {
                "image": str(sample.image),
                "truth": sample.labels[0],
                "predicted": {
                    _label(key): [splits.classes[index] for index in found[:, number]]
                    for key, found in predictions.items()
                },
            }
            for number, sample in enumerate(splits.test)
        ],
    }
    return result, verdict


def _label(key: tuple[str, float | None]) -> str:
    return key[0] if key[1] is None else f"{key[0]}-{key[1]:g}"


def _result(folder: Path, training: Training) -> Path:
    return folder / training.name / "scores.npz"


def _validated(folder: Path, training: Training, scarce: Sequence[str]) -> float:
    _, card = read_sidecar(folder / training.name / f"{training.name}.safetensors")
    by_class = card["metrics"]["per_class"]
    return float(np.mean([by_class[name]["f1"] for name in scarce]))


def _confusion(truth: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> list[list[float]]:
    """Rows truth; means over seeds."""
    cells = np.zeros((classes, classes))
    for row in predicted:
        np.add.at(cells, (truth, row), 1 / len(predicted))
    return [[round(float(value), 3) for value in row] for row in cells]


def _numbers(interval: Interval) -> dict[str, float | None]:
    numbers: dict[str, float | None] = without_nan(asdict(interval))
    return {name: None if number is None else round(number, 5) for name, number in numbers.items()}
