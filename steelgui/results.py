"""`Evidence` is what the networks saw, `Inspection` what follows from it: drawn, serialised and stored alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models import rle
from models.spec import is_defect_free

Verdict = Literal["ok", "defect"]
#: What is called a defect that only an anomaly detector has noticed.
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Thresholds:
    """What turns evidence into a verdict; changing it needs no forward pass.

    Attributes:
        score: a class is found when the classifier's score reaches it (0 to 1).
        min_area: regions smaller than this many pixels are dropped.
        gate: how many times larger a class's minimum area grows when the classifier's score for it is 0 (the soft
            gate of the Severstal winner); 1 switches it off.
        false_alarms: part of good pictures (0 to 1, exclusive) that an anomaly detector may take for strange.
    """

    score: float = 0.5
    min_area: int = 40
    gate: float = 10.0
    false_alarms: float = 0.01


@dataclass(frozen=True)
class Anomaly:
    """How strange a picture is, and from where on that is too strange at a rate of false alarms; the unit is the
    detector's own."""

    score: float
    threshold: float
    false_alarms: float

    @property
    def fires(self) -> bool:
        return self.score > self.threshold

    @property
    def ratio(self) -> float:
        """The score in thresholds: above 1 it fires. Of a detector that finds all good pictures alike, 0 or endless."""
        if self.threshold > 0:
            return self.score / self.threshold
        return float("inf") if self.score > 0 else 0.0

    def to_json(self) -> dict[str, float]:
        return {
            "score": float(f"{self.score:.6g}"),
            "threshold": float(f"{self.threshold:.6g}"),
            "false_alarms": self.false_alarms,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Anomaly:
        return cls(stored["score"], stored["threshold"], stored["false_alarms"])


@dataclass(frozen=True)
class Strangeness:
    """What an anomaly detector said of one image; any rate of false alarms follows without a forward pass.

    Attributes:
        score: of the whole picture, from 0 upwards (on a strip the highest of its tiles).
        map: H×W uint8; 128 is the highest value that a good picture has, `steepest`.
        steepest: that value in the detector's unit.
        good: G×2 float32, score and highest map value of G good pictures: `models.anomaly.Detector.good`.
    """

    score: float
    map: NDArray[np.uint8]
    steepest: float
    good: NDArray[np.float32]

    def judged(self, false_alarms: float) -> Anomaly:
        """The score beside its threshold."""
        return Anomaly(self.score, self._threshold(0, false_alarms), false_alarms)

    def level(self, false_alarms: float) -> float:
        """The value of `map` above which a pixel is strange, 0 to 128."""
        return 128 * self._threshold(1, false_alarms) / self.steepest if self.steepest > 0 else 0.0

    def at(self, false_alarms: float) -> NDArray[np.uint8]:
        """`map` with 128 where a pixel begins to be strange: H×W uint8, a new array."""
        factor = 128 / max(self.level(false_alarms), 1e-6)
        return np.asarray(np.minimum(self.map * np.float32(factor), 255), dtype=np.uint8)

    def _threshold(self, column: int, false_alarms: float) -> float:
        import torch

        from models.anomaly import threshold

        return threshold(torch.from_numpy(self.good[:, column]), false_alarms)


@dataclass(frozen=True)
class Evidence:
    """What the networks said of one image, in the image's own pixels.

    Attributes:
        image: H×W×3 uint8, RGB, as it was read.
        scores: classifier score of every class, 0 to 1 (on a strip the highest of its tiles; the defect-free class
            the lowest).
        mask_classes: names of the channels of `probabilities`.
        probabilities: C×H×W uint8, 0 to 255 for 0 to 1.
        heat: H×W uint8, Grad-CAM of the highest-scoring defect class.
        models: network kind (`classifier`, `segmenter`, `anomaly`) → name of the model.
        ms: milliseconds from the decoded image to this evidence.
        strangeness: what the anomaly detector said; None where none is at work.
    """

    image: NDArray[np.uint8]
    scores: dict[str, float]
    mask_classes: tuple[str, ...]
    probabilities: NDArray[np.uint8]
    heat: NDArray[np.uint8]
    models: dict[str, str]
    ms: float
    strangeness: Strangeness | None = None


@dataclass(frozen=True)
class Defect:
    """One class found on one image. `mask` is H×W bool; areas count its pixels; regions are 8-connected."""

    name: str
    mask: NDArray[np.bool_] = field(repr=False)
    area_px: int
    area_pct: float
    regions: int

    def to_json(self) -> dict[str, Any]:
        return {
            "class": self.name,
            "area_px": self.area_px,
            "area_pct": round(self.area_pct, 4),
            "regions": self.regions,
            "rle": rle.encode(self.mask),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], height: int, width: int) -> Defect:
        """What `to_json` wrote; ValueError where its runs do not fit the picture."""
        mask = rle.decode(stored["rle"], height, width)
        return cls(stored["class"], mask, stored["area_px"], stored["area_pct"], stored["regions"])


@dataclass(frozen=True)
class Inspection:
    """The verdict on one image.

    Attributes:
        verdict: `ok` or `defect`.
        label: the class that the verdict rests on; the model's defect-free class when `ok`; `unknown` where an anomaly
            detector fires and no class is found.
        scores: every class's score, highest first.
        defects: the classes whose masks passed the thresholds, largest first; may be empty for a `defect` whose class
            has no mask.
        ms: milliseconds the networks took.
        anomaly: how strange the picture is; None where no detector was at work.
    """

    verdict: Verdict
    label: str
    scores: dict[str, float]
    defects: tuple[Defect, ...]
    width: int
    height: int
    ms: float
    models: dict[str, str]
    thresholds: Thresholds
    anomaly: Anomaly | None = None

    @property
    def found(self) -> list[str]:
        """Every defect that reached the thresholds, the label first."""
        if self.verdict == "ok":
            return []
        by_score = [name for name, score in self.scores.items() if score >= self.thresholds.score]
        names = [self.label, *by_score, *(defect.name for defect in self.defects)]
        return [name for name in dict.fromkeys(names) if not is_defect_free(name)]

    def to_json(self) -> dict[str, Any]:
        """The object that `inspect --json`, the API and the history share (masks as run lengths)."""
        return {
            "verdict": self.verdict,
            "label": self.label,
            "scores": {name: round(score, 4) for name, score in self.scores.items()},
            "defects": [defect.to_json() for defect in self.defects],
            "width": self.width,
            "height": self.height,
            "ms": round(self.ms, 1),
            "models": self.models,
            "anomaly": self.anomaly and self.anomaly.to_json(),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], thresholds: Mapping[str, Any]) -> Inspection:
        """What `to_json` wrote, masks and all: a stored inspection is drawn without a forward pass.

        Raises:
            ValueError: a mask does not fit the picture.
        """
        width, height = stored["width"], stored["height"]
        return cls(
            verdict=stored["verdict"],
            label=stored["label"],
            scores=dict(stored["scores"]),
            defects=tuple(Defect.from_json(defect, height, width) for defect in stored["defects"]),
            width=width,
            height=height,
            ms=stored["ms"],
            models=dict(stored["models"]),
            thresholds=Thresholds(**thresholds),
            # What was stored before there were detectors has none.
            anomaly=Anomaly.from_json(stored["anomaly"]) if stored.get("anomaly") else None,
        )
