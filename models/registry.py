"""Kind of network → its builder. Literal, so that PyInstaller and a reader see every entry."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from models.classifiers import build_classifier
from models.detectors import build_detector
from models.generators import build_generator
from models.libraries import NothingToFill
from models.segmenters import build_segmenter
from models.spec import Kind, NetworkSpec

BUILDERS: dict[Kind, Callable[[NetworkSpec], nn.Module]] = {
    "classifier": build_classifier,
    "segmenter": build_segmenter,
    "anomaly": build_detector,
    "generator": build_generator,
}


def build(spec: NetworkSpec) -> nn.Module:
    """A network with random weights as `spec` describes it; ValueError names what is unknown."""
    with NothingToFill():
        return BUILDERS[spec.kind](spec)
