"""What a training tells the outside while it runs: `for event in train_classifier(config)`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Started:
    """Sent once, before the first step. `start` says which weights were taken over, `counts` the training samples;
    `done` is the step that a resumed training goes on from."""

    steps: int
    epochs: int
    start: str
    counts: dict[str, int]
    device: str
    notes: tuple[str, ...] = ()
    done: int = 0
    kind: Literal["started"] = "started"


@dataclass(frozen=True)
class Step:
    """One optimiser step. `losses` are means over the batch; `images_per_s` a running mean.

    A GAN counts pictures seen instead of steps, since its batch may be halved on the way; its `losses` also hold D's
    mean probability of `real` and `fake`, the strength of the augmentation and a growing network's `depth`; `memory`
    is in megabytes, as `training.memory.memory` tells it.
    """

    step: int
    steps: int
    losses: dict[str, float]
    images_per_s: float
    memory: dict[str, int] = field(default_factory=dict)
    kind: Literal["step"] = "step"


@dataclass(frozen=True)
class Metric:
    """Figures on a split after an epoch (epochs count from 1)."""

    epoch: int
    split: str
    values: dict[str, float]
    kind: Literal["metric"] = "metric"


@dataclass(frozen=True)
class Checked:
    """A GAN drew samples and measured them.

    Attributes:
        step: pictures seen.
        values: fields of `training.gan.measure.Likeness`, and `seconds` that the check took.
        samples: PNG of a grid from fixed noise.
        snapshot: generator as it was, a checkpoint for sampling.
        best: no earlier snapshot had a lower KID.
    """

    step: int
    values: dict[str, float]
    samples: Path
    snapshot: Path
    best: bool
    kind: Literal["checked"] = "checked"


@dataclass(frozen=True)
class Trial:
    """An experiment's or a comparison's training `number` (from 1) of `count` ended an epoch.

    Attributes:
        step: of the whole.
        arm: way of training, or the model.
        values: on validation, a classifier's `macro_f1` and `accuracy`, a segmenter's `dice_positive` and `iou`.
        done: it was the last epoch.
    """

    step: int
    number: int
    count: int
    arm: str
    ratio: float | None
    seed: int
    epoch: int
    values: dict[str, float]
    done: bool
    kind: Literal["trial"] = "trial"


@dataclass(frozen=True)
class Note:
    """Something that the training did and the user should know: a return to an earlier state, say.

    Attributes:
        remedy: the word that asked for it; None where the training did it by itself, or where nothing could be done.
        back: the run went back to `step`; what was told of later steps holds no more.
        pictures: files that the text is about.
    """

    step: int
    text: str
    remedy: str | None = None
    back: bool = False
    pictures: tuple[str, ...] = ()
    kind: Literal["note"] = "note"


@dataclass(frozen=True)
class Busy:
    """Nothing new, but alive: sent within longer work, so that whoever listens can stop it there."""

    what: str
    kind: Literal["busy"] = "busy"


@dataclass(frozen=True)
class Saved:
    """A checkpoint was written; `best` if no earlier epoch was better. A GAN gives the pictures seen as `epoch`."""

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


Event = Started | Step | Metric | Checked | Trial | Note | Busy | Saved | Finished | Cancelled


def to_json(event: Event) -> dict[str, Any]:
    """One JSON-ready object; paths become strings."""
    return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(event).items()}
