"""Train an anomaly detector: a generator of events around the method that was asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator
from typing import Any

import torch

from models.anomaly import surest_rate, threshold
from models.checkpoint import save_checkpoint
from models.sidecar import seen_line
from training.anomaly.combination import learn_combined
from training.anomaly.config import AnomalyConfig
from training.anomaly.discrimination import learn_discriminative
from training.anomaly.evaluate import evaluate_detector
from training.anomaly.learned import Learned
from training.anomaly.material import GoodMaterial, gather_good
from training.anomaly.memory import learn_memory_bank
from training.anomaly.odd import odd_ones, odd_pictures
from training.anomaly.pretext import learn_cutpaste
from training.anomaly.reconstruction import learn_autoencoder
from training.events import Event, Finished, Metric, Note, Saved
from training.loop import pick_device

Method = Callable[[AnomalyConfig, GoodMaterial, torch.device], Generator[Event, None, Learned]]

METHODS: dict[str, Method] = {
    "memory-bank": learn_memory_bank,
    "cutpaste": learn_cutpaste,
    "autoencoder": learn_autoencoder,
    "combined": learn_combined,
    "discriminative": learn_discriminative,
}


def train_anomaly(config: AnomalyConfig) -> Iterator[Event]:
    """Learn good parts, find the threshold for `config.false_alarms`, try it on what is held out, save.

    Raises:
        ConfigError, DataError, CheckpointError, ValueError: before the first event, in one sentence.
    """
    device = pick_device(config.device)
    material = gather_good(config)
    learned = yield from METHODS[config.method](config, material, device)
    good, judged = learned.network.good, len(learned.network.good)
    notes = [*material.notes, *learned.notes]
    for sentence in odd_ones(learned.judged, good[:, 0]):
        notes.append(sentence)
        yield Note(1, sentence, pictures=tuple(map(str, odd_pictures(learned.judged, good[:, 0]))))
    for sentence in _vouched(config, judged):
        notes.append(sentence)
        yield Note(1, sentence)
    figures: dict[str, Any] = {"n": 0}
    if material.validation:
        figures = evaluate_detector(learned.network, learned.spec, material.validation, config.false_alarms)
        yield Metric(1, "validation", {k: v for k, v in figures.items() if isinstance(v, (int, float))})
    card = {
        "metrics": figures,
        "calibration": {
            "good": judged,
            "false_alarms": config.false_alarms,
            "surest": round(surest_rate(judged), 5),
            "threshold": threshold(good[:, 0], config.false_alarms),
        },
        "trained_on": {
            "data": config.data.name,
            "counts": {material.normal: len(material.good)},
            "notes": notes,
            "pictures": seen_line(material.seen | learned.start.seen),
        },
        "start": learned.start.sentence,
        "config": json.loads(config.model_dump_json()),
    }
    config.out.mkdir(parents=True, exist_ok=True)
    save_checkpoint(config.best, learned.network, learned.spec, card)
    yield Saved(config.best, 1, best=True)
    yield Finished(config.best, "all good pictures are learned", figures)


def _vouched(config: AnomalyConfig, count: int) -> list[str]:
    """What rate of false alarms so many good pictures can vouch for, where it is less than was asked."""
    surest = surest_rate(count)
    if surest <= config.false_alarms:
        return []
    return [
        f"{count} good pictures can vouch for {surest:.1%} of false alarms at best, not for {config.false_alarms:.1%}; "
        f"give {round(1 / config.false_alarms) - 1} or more"
    ]
