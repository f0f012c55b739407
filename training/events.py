"""What a training tells the outside while it runs: `for event in train_classifier(config)`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Started:
    """Sent once, before the first step. `start` says which weights were taken over, `counts` the training samples."""

    steps: int
    epochs: int
    start: str
    counts: dict[str, int]
    device: str
    notes: tuple[str, ...] = ()
    kind: Literal["started"] = "started"


@dataclass(frozen=True)
class Step:
    """One optimiser step. `losses` are means over the batch; `images_per_s` a running mean."""

    step: int
    steps: int
    losses: dict[str, float]
    images_per_s: float
    kind: Literal["step"] = "step"


@dataclass(frozen=True)
class Metric:
    """Figures on a split after an epoch (epochs count from 1)."""

    epoch: int
    split: str
    values: dict[str, float]
    kind: Literal["metric"] = "metric"


@dataclass(frozen=True)
class Saved:
    """A checkpoint was written; `best` if no earlier epoch was better."""

    path: Path
    epoch: int
    best: bool
    kind: Literal["saved"] = "saved"


@dataclass(frozen=True)
class Finished:
    """The end of a training that reached its last epoch, or that stopped early for want of progress."""

    path: Path
    reason: str
    metrics: dict[str, Any] = field(default_factory=dict)
    kind: Literal["finished"] = "finished"


@dataclass(frozen=True)
class Cancelled:
    """The end of a training that was asked to stop; `train … --resume` goes on from the last epoch."""

    epoch: int
    kind: Literal["cancelled"] = "cancelled"


Event = Started | Step | Metric | Saved | Finished | Cancelled


def to_json(event: Event) -> dict[str, Any]:
    """One JSON-ready object; paths become strings."""
    return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(event).items()}
