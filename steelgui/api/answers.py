"""What the API answers; the names are those of `steelgui inspect --json` and of the history."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from steelgui.history import HistoryRow, Stats
from steelgui.results import Verdict


class Defect(BaseModel):
    """One class found on a picture."""

    model_config = ConfigDict(populate_by_name=True)

    class_: str = Field(alias="class")
    area_px: int = Field(description="pixels of the mask")
    area_pct: float = Field(description="of the picture, per cent")
    regions: int = Field(description="8-connected")
    rle: str = Field(description="the mask as start length …: 1-based, column by column, as in Severstal's train.csv")


class Anomaly(BaseModel):
    """How strange the anomaly detector finds a picture, in a unit of its own."""

    score: float = Field(description="strange where it is above the threshold")
    threshold: float
    false_alarms: float = Field(description="part of good pictures (0 to 1) that the threshold may be exceeded by")


class Result(BaseModel):
    """What the models said of one picture."""

    verdict: Verdict
    label: str = Field(description="the class that the verdict rests on; `unknown` where only the detector fires")
    scores: dict[str, float] = Field(description="class → 0 to 1, highest first")
    defects: list[Defect] = Field(description="largest first")
    width: int
    height: int
    ms: float = Field(description="milliseconds of the networks")
    models: dict[str, str] = Field(description="classifier, segmenter, anomaly → name of the model")
    anomaly: Anomaly | None = Field(None, description="null where no anomaly detector was at work")


class _Named(BaseModel):
    path: str = Field(description="name of the file as it was sent")


class Prediction(Result, _Named):
    """The object that `steelgui inspect --json` prints."""


class Row(BaseModel):
    """One inspection of the history."""

    id: int
    created_at: AwareDatetime = Field(description="UTC")
    name: str = Field(description="file name")
    source: str
    verdict: str = Field(description="as it holds now: a person may have corrected it")
    label: str
    score: float | None = Field(description="of `label`; null where the classifier does not know that class")
    width: int
    height: int
    ms: float
    classifier: str | None
    segmenter: str | None
    note: str | None
    corrected_at: AwareDatetime | None

    @classmethod
    def of(cls, row: HistoryRow) -> Self:
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class Inspection(Row):
    """One inspection with everything that the models said."""

    thresholds: dict[str, float]
    result: Result


class Page(BaseModel):
    """Some inspections in order; give `next` back as `cursor` for those behind them, null at the end."""

    items: list[Row]
    next: str | None


class Inspected(BaseModel):
    """One file of a request: an inspection, or the reason why there is none."""

    name: str
    inspection: Inspection | None = None
    error: str | None = None


class Batch(BaseModel):
    """The files of a request in their order."""

    items: list[Inspected]
    inspected: int
    failed: int


class PeriodCount(BaseModel):
    start: datetime
    count: int
    defects: int
    labels: dict[str, int]


class Figures(BaseModel):
    """Figures of the inspections that a filter leaves."""

    count: int
    defects: int
    defect_rate: float | None = Field(description="0 to 1; null of nothing")
    mean_ms: float | None
    p95_ms: float | None
    labels: dict[str, int] = Field(description="class → inspections, most first")
    periods: list[PeriodCount] = Field(description="hours or days, those without any in between too")

    @classmethod
    def of(cls, stats: Stats) -> Figures:
        return cls(
            count=stats.count,
            defects=stats.defects,
            defect_rate=stats.defects / stats.count if stats.count else None,
            mean_ms=stats.mean_ms,
            p95_ms=stats.p95_ms,
            labels=stats.labels,
            periods=[PeriodCount(**vars(period)) for period in stats.periods],
        )


class Model(BaseModel):
    """A model of this SteelGUI; `active` ones inspect."""

    name: str
    kind: str | None = Field(description="classifier, segmenter, anomaly or generator; null where it cannot be read")
    bundled: bool
    active: bool
    megabytes: float
    classes: list[str]
    metrics: dict[str, Any] = Field(description="on its own validation split, as its card has them")


class RunRow(BaseModel):
    """A training."""

    id: str
    kind: str
    name: str
    state: str = Field(description="queued, running, paused, finished, stopped, failed or interrupted")
    created: str
    step: int
    steps: int
    error: str | None = Field(description="a sentence where it failed")


class Health(BaseModel):
    """Is it up?"""

    status: str = Field(description="ready, starting while the models load, or failing")
    reason: str | None = None
