"""What a network is and how a picture is prepared for it: carried by every checkpoint."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast, get_args

Kind = Literal["classifier", "segmenter", "anomaly", "generator"]
KINDS: tuple[Kind, ...] = get_args(Kind)
#: The figure by which two models of a kind are compared, where one decides, and its name in a sentence.
FIGURES: dict[Kind, str] = {"classifier": "macro_f1", "segmenter": "dice_positive", "anomaly": "image_auroc"}
FIGURE_NAMES = {"macro_f1": "macro-F1", "dice_positive": "dice", "image_auroc": "AUROC"}
#: How a picture is looked at. `strip`: one much longer than it is high in square tiles that overlap, of each defect the
#: highest score counts; `six`: cut in six along its length, whatever its shape, the logits averaged; `whole`: at once.
Tiles = Literal["strip", "six", "whole"]
TILES: tuple[Tiles, ...] = get_args(Tiles)

#: Names under which data sets file their good parts, without what stands between words; a network's verdict is OK when
#: such a class wins.
DEFECT_FREE_NAMES = frozenset(
    {"none", "clean", "free", "good", "normal", "ok", "okay", "pass", "passed", "intact", "undamaged", "flawless"}
    | {"defectfree", "nodefect", "nodefects", "nondefective", "notdefective", "withoutdefect", "withoutdefects"}
    | {"정상", "정상품", "양품", "양호", "합격", "합격품", "무결함", "결함없음", "불량없음", "이상없음"}
)
#: May follow such a name: which side is seen, or of what.
_FOLLOWING = frozenset(
    {"front", "back", "top", "bottom", "side", "left", "right"}
    | {"part", "parts", "product", "products", "image", "images", "sample", "samples"}
)


def is_defect_free(name: str) -> bool:
    """Whether a class of this name holds good parts: `ok`, `OK-front`, `no defect`, `양품`, but not `not_ok` or `A`."""
    # File systems that take names apart (macOS) hand over 양품 as seven characters.
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFC", name).casefold())
    while len(words) > 1 and words[-1] in _FOLLOWING:
        words.pop()
    return "".join(words) in DEFECT_FREE_NAMES


@dataclass(frozen=True)
class Preprocess:
    """How RGB uint8 becomes the network's input.

    Attributes:
        size: height of the input in pixels, and its width where that is not said.
        mean: per-channel mean that is subtracted, on the 0 to 1 scale.
        std: per-channel standard deviation to divide by, on the 0 to 1 scale.
        width: of an input that is not square, in pixels.
        tiles: how a picture is cut before that.
    """

    size: int = 224
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    width: int | None = None
    tiles: Tiles = "strip"

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the network's input, pixels."""
        return self.size, self.width or self.size


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
        normal: what the training data calls the defect-free class, where its name does not say so (`A`).
    """

    kind: Kind
    architecture: str
    classes: tuple[str, ...]
    arguments: dict[str, Any] = field(default_factory=dict)
    multi_label: bool = False
    preprocess: Preprocess = Preprocess()
    normal: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> NetworkSpec:
        """Raises KeyError, TypeError or ValueError where a field is missing or of the wrong kind."""
        if value["kind"] not in KINDS:
            raise ValueError(f"kind is {value['kind']!r}; it must be one of {', '.join(KINDS)}")
        return cls(
            kind=cast(Kind, value["kind"]),
            architecture=str(value["architecture"]),
            classes=tuple(map(str, value["classes"])),
            arguments=dict(value["arguments"]),
            multi_label=bool(value["multi_label"]),
            preprocess=_preprocess(value["preprocess"]),
            normal=value.get("normal"),
        )


def _preprocess(value: dict[str, Any]) -> Preprocess:
    """Cards from before there were other inputs than squares name neither a width nor the tiles."""
    tiles, width = value.get("tiles", "strip"), value.get("width")
    if tiles not in TILES:
        raise ValueError(f"tiles is {tiles!r}; it must be one of {', '.join(TILES)}")
    return Preprocess(
        int(value["size"]),
        _triple(value["mean"]),
        _triple(value["std"]),
        None if width is None else int(width),
        cast(Tiles, tiles),
    )


def _triple(values: Any) -> tuple[float, float, float]:
    red, green, blue = values
    return float(red), float(green), float(blue)
