"""What every method of anomaly detection leaves behind."""

from __future__ import annotations

from dataclasses import dataclass

from models.anomaly import Detector
from models.spec import NetworkSpec
from models.start import Start
from training.data.record import Sample


@dataclass(frozen=True)
class Learned:
    """A detector that has learned, before it is tried and saved.

    Attributes:
        network: its `good` is filled, in inference mode, parameters rounded as fp16 holds them.
        judged: the good pictures in the order of `good`.
        notes: what came up while it learned.
    """

    network: Detector
    spec: NetworkSpec
    start: Start
    judged: tuple[Sample, ...]
    notes: tuple[str, ...] = ()
