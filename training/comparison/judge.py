"""From the trainings' scores on the test to one row a model: figures, confusions, size, speed."""

from __future__ import annotations

import json
import platform
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.checkpoint import Checkpoint, load_checkpoint
from models.spec import NetworkSpec
from training.classifier import targets_of
from training.comparison.config import ComparisonConfig, preset_of
from training.comparison.latency import THREADS, TURNS, milliseconds
from training.comparison.material import Splits
from training.comparison.plan import Training
from training.data.record import load_image
from training.data.splits import group_key
from training.events import Event
from training.experiment.compare import (
    Bootstrap,
    Figure,
    dice_by_picture,
    label_figures,
    mean_figures,
    without_nan,
)
from training.loop import pick_device
from training.metrics import SegmentationMeter, classification_metrics
from training.presets import Kind

#: The figure that a kind of model is ranked by, and against which its milliseconds are drawn.
MAIN: dict[Kind, str] = {"classifier": "accuracy", "segmenter": "dice_positive"}
Row = dict[str, Any]


def judge(
    config: ComparisonConfig, splits: Mapping[Kind, Splits | str], trainings: Sequence[Training], folder: Path
) -> Generator[Event, None, Row]:
    """The whole result, ready for JSON; yields a sign of life for each picture that is timed."""
    rows, models = [], {}
    for name in config.models:
        own = [training for training in trainings if training.model == name]
        ended = [training for training in own if training.scores(folder).is_file()]
        failed = [training for training in own if training not in ended]
        row: Row = {"model": name, "kind": preset_of(name).kind, "seeds": [one.seed for one in ended]}
        row["error"] = failed[0].failure(folder).read_text("utf-8") if failed else None
        found = splits[preset_of(name).kind]
        if ended and isinstance(found, Splits):
            models[name] = load_checkpoint(
                folder / ended[0].name / f"{ended[0].name}.safetensors", pick_device(config.device)
            )
            scores = np.stack([np.load(one.scores(folder))["scores"] for one in ended])
            row |= _about(models[name]) | _judged(scores, found, models[name].spec)
        rows.append(row)
    yield from _timed(rows, models, splits)
    for row in rows:
        row["pareto"] = _unbeaten(row, rows)
    usable = {kind: found for kind, found in splits.items() if isinstance(found, Splits)}
    return {
        "models": rows,
        "main": dict(MAIN),
        "multi_label": config.multi_label,
        "classes": {kind: list(found.classes) for kind, found in usable.items()},
        "counts": {
            kind: {part: len(getattr(found, part)) for part in ("train", "validation", "test")}
            for kind, found in usable.items()
        },
        "training_counts": {kind: found.material().counts() for kind, found in usable.items()},
        "data": {"folder": str(config.data), "fingerprints": {kind: one.fingerprint for kind, one in usable.items()}},
        "seeds": [config.seed + number for number in range(config.seeds)],
        "notes": list(dict.fromkeys(note for found in usable.values() for note in found.notes)),
        "machine": {
            "device": str(pick_device(config.device)),
            "processor": platform.processor() or platform.machine(),
            "threads": THREADS,
            "batch": 1,
            "turns": TURNS,
        },
        "config": json.loads(config.model_dump_json(exclude={"resume", "out"})),
    }


def _about(model: Checkpoint) -> Row:
    height, width = model.spec.preprocess.shape
    return {
        "architecture": model.spec.architecture,
        "input": {"height": height, "width": width, "tiles": model.spec.preprocess.tiles},
        "parameters": sum(parameter.numel() for parameter in model.network.parameters()),
        "checkpoint": model.name,
        "start": model.card.get("start"),
    }


def _judged(scores: NDArray[Any], splits: Splits, spec: NetworkSpec) -> Row:
    """Means over the seeds, and of the figures that matter most intervals over pictures and seeds."""
    bootstrap = Bootstrap([group_key(sample) for sample in splits.test], len(scores))
    if spec.kind == "segmenter":
        metrics = [_masks(areas, splits.classes) for areas in scores]
        means = {"dice_positive": splits.classes}
        intervals = mean_figures(bootstrap, "dice", dice_by_picture(scores), splits.classes, means)
    else:
        ordered = NetworkSpec("classifier", spec.architecture, splits.classes, multi_label=spec.multi_label)
        targets = targets_of(splits.test, ordered)
        metrics = [
            classification_metrics(torch.from_numpy(seed), targets, splits.classes, spec.multi_label) for seed in scores
        ]
        intervals = _intervals(bootstrap, scores, targets.numpy(), splits.classes, spec.multi_label)
    return {
        "figures": {name: _mean(metrics, name) for name in metrics[0] if _is_figure(metrics[0][name])},
        "intervals": {
            name: without_nan(asdict(figure.interval())) for name, figure in intervals.items() if ":" not in name
        },
        "per_class": {
            label: {name: _mean([of["per_class"][label] for of in metrics], name) for name in row}
            for label, row in metrics[0]["per_class"].items()
        },
        "confusion": _confusion(metrics),
    }


def _intervals(
    bootstrap: Bootstrap, scores: NDArray[Any], targets: NDArray[Any], classes: Sequence[str], multi_label: bool
) -> dict[str, Figure]:
    """Of accuracy and macro F1."""
    index = np.arange(len(classes))
    truth = targets.astype(bool) if multi_label else targets[:, None] == index
    found = scores >= 0.5 if multi_label else scores.argmax(2)[..., None] == index
    right = (found == truth).all(2)
    accuracy = mean_figures(bootstrap, "accuracy", right[..., None].astype(float), ["all"], {"accuracy": ["all"]})
    return accuracy | {"macro_f1": label_figures(bootstrap, truth, found, classes, ())["macro_f1"]}


def _masks(areas: NDArray[np.int64], classes: Sequence[str]) -> Row:
    meter = SegmentationMeter(classes)
    for picture in areas:
        meter.add(torch.from_numpy(picture), torch.ones(len(classes), dtype=torch.bool))
    return meter.compute()


def _is_figure(value: Any) -> bool:
    return value is None or isinstance(value, (int, float))


def _mean(rows: Sequence[Mapping[str, Any]], name: str) -> float | None:
    values = [row[name] for row in rows if row[name] is not None]
    return round(sum(values) / len(values), 5) if values else None


def _confusion(metrics: Sequence[Row]) -> list[list[float]] | None:
    """K×K pictures, rows truth, means over the seeds; None where a picture has several classes, or masks."""
    if metrics[0].get("confusion") is None:
        return None
    cells = np.mean([one["confusion"] for one in metrics], axis=0)
    return [[round(float(value), 3) for value in row] for row in cells]


def _timed(
    rows: Sequence[Row], models: Mapping[str, Checkpoint], splits: Mapping[Kind, Splits | str]
) -> Generator[Event, None, None]:
    """Every model looks at the same picture; its milliseconds go into its row."""
    pictures = [found.test[0] for found in splits.values() if isinstance(found, Splits)]
    taken = yield from milliseconds(models, load_image(pictures[0]))
    for row in rows:
        row["ms"] = round(taken[row["model"]], 2) if row["model"] in taken else None


def _unbeaten(row: Row, rows: Sequence[Row]) -> bool:
    """Whether no other model of its kind is both as fast and as good, and one of the two better."""
    if not row.get("figures"):
        return False
    name = MAIN[row["kind"]]

    def better(other: Row) -> bool:
        quicker, gain = row["ms"] - other["ms"], (other["figures"][name] or 0) - (row["figures"][name] or 0)
        return bool(quicker >= 0 and gain >= 0 and (quicker or gain))

    return not any(better(one) for one in rows if one.get("figures") and one["kind"] == row["kind"])
