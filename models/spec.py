"""What a network is and how a picture is prepared for it: carried by every checkpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast, get_args

Kind = Literal["classifier", "segmenter", "anomaly", "generator"]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: Names under which data sets file their good parts; a network's verdict is OK when such a class wins.
DEFECT_FREE_NAMES = frozenset({"none", "clean", "defect_free", "free", "good", "no_defect", "normal", "ok", "ok_front"})


def is_defect_free(name: str) -> bool:
    return name.lower().replace("-", "_").replace(" ", "_") in DEFECT_FREE_NAMES


@dataclass(frozen=True)
class Preprocess:
    """How RGB uint8 becomes the network's input.

    Attributes:
        size: side of the square input in pixels.
        mean: per-channel mean that is subtracted, on the 0 to 1 scale.
        std: per-channel standard deviation to divide by, on the 0 to 1 scale.
    """

    size: int = 224
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class NetworkSpec:
    """Everything that is needed to build a network again.

    Attributes:
        kind: what the network answers with: class logits, one logit map a class, how strange a picture is, or a picture
            of a class.
        architecture: a timm model name for a classifier, a key of `models.segmenters.DECODERS` for a segmenter, of
            `models.detectors.DETECTORS` for an anomaly detector, of `models.generators.GENERATORS` for a generator.
        arguments: further arguments of the builder (a segmenter's `encoder` and `decoder_channels`).
        classes: names in output order; a segmenter lists defect classes only, an anomaly detector the good class.
        multi_label: several classes may hold at once (sigmoid) instead of exactly one (softmax).
    """

    kind: Kind
    architecture: str
    classes: tuple[str, ...]
    arguments: dict[str, Any] = field(default_factory=dict)
    multi_label: bool = False
    preprocess: Preprocess = Preprocess()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> NetworkSpec:
        """Raises KeyError, TypeError or ValueError where a field is missing or of the wrong kind."""
        if value["kind"] not in KINDS:
            raise ValueError(f"kind is {value['kind']!r}; it must be one of {', '.join(KINDS)}")
        prepare = value["preprocess"]
        return cls(
            kind=cast(Kind, value["kind"]),
            architecture=str(value["architecture"]),
            classes=tuple(map(str, value["classes"])),
            arguments=dict(value["arguments"]),
            multi_label=bool(value["multi_label"]),
            preprocess=Preprocess(int(prepare["size"]), _triple(prepare["mean"]), _triple(prepare["std"])),
        )


def _triple(values: Any) -> tuple[float, float, float]:
    red, green, blue = values
    return float(red), float(green), float(blue)
