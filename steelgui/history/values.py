"""What is asked of the history and what it answers; quick to import."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

SOURCES = ("upload", "camera", "sample", "batch", "cli", "api", "kiosk", "video")
Order = Literal["newest", "oldest", "highest", "lowest"]
ORDERS: tuple[Order, ...] = get_args(Order)
Step = Literal["hour", "day"]


class Cursor(NamedTuple):
    """A place in the history, whatever the order; give it to `History.page` for the rows behind it."""

    created_at: datetime
    id: int
    score: float | None = None


@dataclass(frozen=True)
class Filter:
    """Which inspections; every condition must hold, an empty one holds always.

    Attributes:
        since, until: aware datetimes; from `since` on, before `until`.
        verdict: `ok` or `defect`.
        labels: any of these classes.
        classifiers: judged by any of these models.
        sources: any of `SOURCES`.
        min_score, max_score: of the label, 0 to 1, both inclusive; rows without a score do not count.
        text: a part of the file's name, in any case of letters.
        deleted: what lies in the trash, and nothing else; False leaves that out.
    """

    since: datetime | None = None
    until: datetime | None = None
    verdict: Literal["ok", "defect"] | None = None
    labels: tuple[str, ...] = ()
    classifiers: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    min_score: float | None = None
    max_score: float | None = None
    text: str = ""
    deleted: bool = False


@dataclass(frozen=True)
class HistoryRow:
    """One inspection as it was stored.

    Attributes:
        created_at: aware, UTC.
        source: one of `SOURCES`.
        verdict, label: as they hold now; where a person corrected them, the models' own are in `result`.
        score: of `label`, 0 to 1; None where the classifier does not know that class.
        width, height: pixels of the picture.
        ms: milliseconds the networks took.
        classifier, segmenter: names of the models.
        original: absolute path of the picture as it came.
        thumbnail: absolute path of a JPEG of at most 256×256 px.
        result: `Inspection.to_json()`.
        thresholds: fields of `Thresholds`.
        corrected_at: when a person said what it is; None where nobody did.
        deleted_at: when it was put into the trash; None where it was not.
    """

    id: int
    created_at: datetime
    name: str
    source: str
    verdict: str
    label: str
    score: float | None
    width: int
    height: int
    ms: float
    classifier: str | None
    segmenter: str | None
    original: Path
    thumbnail: Path
    result: dict[str, Any]
    thresholds: dict[str, Any]
    note: str | None
    corrected_at: datetime | None
    deleted_at: datetime | None

    @property
    def cursor(self) -> Cursor:
        """Give this to `History.page` for the rows after this one."""
        return Cursor(self.created_at, self.id, self.score)


@dataclass(frozen=True)
class Summary:
    """How many inspections a filter leaves, and how many of them are defects.

    `exact` is False where counting stopped early: there are at least `count`.
    """

    count: int
    defects: int
    exact: bool = True

    @property
    def rate(self) -> float | None:
        """Part that is defective, 0 to 1; None of nothing."""
        return self.defects / self.count if self.count else None


@dataclass(frozen=True)
class Facets:
    """What there is to filter by: every class, classifier and source that occurs, sorted."""

    labels: tuple[str, ...]
    classifiers: tuple[str, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Period:
    """One hour or day: `labels` counts the inspections of each class, defect-free included."""

    start: datetime
    count: int = 0
    defects: int = 0
    labels: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Stats:
    """Figures of the inspections that a filter leaves.

    Attributes:
        mean_ms, p95_ms: milliseconds of the networks; None of nothing.
        labels: class → inspections, most first.
        periods: from the first to the last that holds one, those without any in between too; `start` in the zone
            that was asked for.
    """

    count: int
    defects: int
    mean_ms: float | None
    p95_ms: float | None
    labels: dict[str, int]
    periods: tuple[Period, ...]
