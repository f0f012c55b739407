"""Anomaly detectors by name."""

from __future__ import annotations

from torch import nn

from models.anomaly import Detector
from models.autoencoder import Autoencoder
from models.combined import Combined
from models.cutpaste import CutPaste
from models.discriminative import Discriminative
from models.memory_bank import MemoryBank
from models.spec import NetworkSpec

#: Architecture → class; each is made with the arguments of the spec.
DETECTORS: dict[str, type[Detector]] = {
    "memory-bank": MemoryBank,
    "cutpaste": CutPaste,
    "autoencoder": Autoencoder,
    "combined": Combined,
    "discriminative": Discriminative,
}


def build_detector(spec: NetworkSpec) -> nn.Module:
    """A detector that has learned nothing yet; ValueError for an unknown architecture."""
    if spec.architecture not in DETECTORS:
        raise ValueError(f"there is no detector called {spec.architecture!r}; choose from {', '.join(DETECTORS)}")
    return DETECTORS[spec.architecture](**spec.arguments)
