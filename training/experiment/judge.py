"""From the trainings' scores on the test to figures with intervals and the verdict: `result.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from models.sidecar import read_sidecar
from training.data.splits import group_key
from training.experiment.compare import Bootstrap, Interval, without_nan
from training.experiment.config import ExperimentConfig
from training.experiment.material import Splits
from training.experiment.plan import Training, plan
from training.experiment.tasks import TASKS, Outcome
from training.experiment.verdict import Measures, Verdict, decide, sentence

#: An arm and its ratio.
Key = tuple[str, float | None]


def judge(config: ExperimentConfig, splits: Splits, folder: Path) -> tuple[dict[str, Any], Verdict]:
    """All figures with intervals, and the verdict, from what the trainings in `folder` have left.

    Of several ratios the one whose scarce classes are best on validation is judged; the test has no say in it.
    """
    task = TASKS[config.task]
    bootstrap = Bootstrap([group_key(sample) for sample in splits.test], config.seeds)
    arms: dict[Key, list[Training]] = {}
    for training in plan(config):
        arms.setdefault((training.arm, training.ratio), []).append(training)
    outcomes: dict[Key, Outcome] = {}
    validated: dict[Key, float] = {}
    for key, group in arms.items():
        scores = np.stack([np.load(scores_file(folder, training))["scores"] for training in group])
        outcomes[key] = task.outcome(scores, splits, bootstrap)
        validated[key] = float(np.mean([_validated(folder, one, splits.scarce, task.measures) for one in group]))
    candidates = [key for key in outcomes if key[1] is not None]
    judged = max(candidates, key=lambda key: (validated[key], -(key[1] or 0)), default=None)
    by_arm = {key[0]: found.figures for key, found in outcomes.items() if key[1] is None}
    if judged:
        by_arm[judged[0]] = outcomes[judged].figures
    of_scarce = sum(not set(splits.scarce).isdisjoint(sample.labels) for sample in splits.test)
    chosen = (judged[0], judged[1] or 0.0) if judged else None
    verdict = decide(by_arm, chosen, splits.scarce, of_scarce, config.seeds, task.measures)
    rows = [
        {
            "arm": key[0],
            "ratio": key[1],
            "validated": round(validated[key], 5),
            "figures": {name: _numbers(figure.interval()) for name, figure in found.figures.items()},
            **{f"over_{base}": _differences(outcomes, key, (base, None)) for base in ("plain", "balanced")},
            "confusion": found.confusion,
            "models": [training.name for training in arms[key]],
        }
        for key, found in outcomes.items()
    ]
    result = {
        "task": config.task,
        "verdict": {**without_nan(asdict(verdict)), "sentence": sentence(verdict, task.measures)},
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
                "truth": ", ".join(sample.labels),
                task.pictures: {_label(key): found.pictures[number] for key, found in outcomes.items()},
            }
            for number, sample in enumerate(splits.test)
        ],
    }
    return result, verdict


def scores_file(folder: Path, training: Training) -> Path:
    """What a training leaves of the test pictures: it has ended where this is there."""
    return folder / training.name / "scores.npz"


def _label(key: Key) -> str:
    return key[0] if key[1] is None else f"{key[0]}-{key[1]:g}"


def _validated(folder: Path, training: Training, scarce: Sequence[str], measures: Measures) -> float:
    _, card = read_sidecar(folder / training.name / f"{training.name}.safetensors")
    by_class = card["metrics"]["per_class"]
    return float(np.mean([by_class[name][measures.validated] for name in scarce]))


def _differences(outcomes: dict[Key, Outcome], key: Key, base: Key) -> dict[str, dict[str, float | None]]:
    """Paired differences of all figures from those of another arm; empty from itself, or where that was not tried."""
    if key == base or base not in outcomes:
        return {}
    from_base = outcomes[base].figures
    return {name: _numbers(figure.minus(from_base[name])) for name, figure in outcomes[key].figures.items()}


def _numbers(interval: Interval) -> dict[str, float | None]:
    numbers: dict[str, float | None] = without_nan(asdict(interval))
    return {name: None if number is None else round(number, 5) for name, number in numbers.items()}
