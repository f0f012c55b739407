"""`Filter` in SQL: of the inspections themselves, and of what is counted beside them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, false, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from steelgui.history.rollup import EPOCH, HOUR, Kind
from steelgui.history.tables import HourRecord, KindRecord, PaceRecord
from steelgui.history.tables import InspectionRecord as Record
from steelgui.history.values import Filter

_SHORT = 12
_KIND = [getattr(KindRecord, name) for name in Kind._fields]


def conditions(where: Filter, table: Any = Record) -> list[ColumnElement[bool]]:
    """What must hold of an inspection; `table` may be the columns of another query."""
    found: list[ColumnElement[bool]] = [
        table.deleted_at.is_not(None) if where.deleted else table.deleted_at.is_(None),
    ]
    if where.since is not None:
        found.append(table.created_at >= where.since)
    if where.until is not None:
        found.append(table.created_at < where.until)
    if where.verdict is not None:
        found.append(table.verdict == where.verdict)
    if where.labels:
        found.append(table.label.in_(where.labels))
    if where.classifiers:
        found.append(table.classifier.in_(where.classifiers))
    if where.sources:
        found.append(table.source.in_(where.sources))
    if where.min_score is not None:
        found.append(table.score >= where.min_score)
    if where.max_score is not None:
        found.append(table.score <= where.max_score)
    if where.text:
        found.append(table.name.icontains(where.text, autoescape=True))
    return found


class Kinds:
    """The kinds that a filter leaves, whatever its time, score and text, by their numbers.

    `counts` says how many there are of each at any time.
    """

    def __init__(self, session: Session, where: Filter) -> None:
        self.found: dict[int, Kind] = {}
        self.counts: dict[int, int] = {}
        self._all = True
        for number, count, *values in session.execute(
            select(KindRecord.id, KindRecord.count, *_KIND).where(KindRecord.count > 0)
        ):
            if _fits(kind := Kind(*values), where):
                self.found[number] = kind
                self.counts[number] = count
            else:
                self._all = False

    @property
    def labels(self) -> list[str]:
        return sorted({kind.label for kind in self.found.values()})

    @property
    def count(self) -> int:
        """How many there are at any time."""
        return sum(self.counts.values())

    def of(self, counts: type[HourRecord] | type[PaceRecord]) -> list[ColumnElement[bool]]:
        """What must hold of the counts of hours and days."""
        return [counts.count > 0] if self._all else [counts.count > 0, counts.kind.in_(self.found)]

    def roughly(self, counts: type[HourRecord] | type[PaceRecord]) -> list[ColumnElement[bool]]:
        """The same for who groups by kind and looks at each; a long list costs more than what it leaves out."""
        return self.of(counts) if len(self.found) <= _SHORT else []


def _fits(kind: Kind, where: Filter) -> bool:
    return (
        kind.deleted == where.deleted
        and where.verdict in (None, kind.verdict)
        and (not where.labels or kind.label in where.labels)
        and (not where.classifiers or kind.classifier in where.classifiers)
        and (not where.sources or kind.source in where.sources)
    )


def is_counted(where: Filter) -> bool:
    """Do the counts tell what the filter leaves?"""
    return where.min_score is None and where.max_score is None and not where.text


class Units(NamedTuple):
    """Whole hours or days, counted from 1970, UTC: from `first` on, before `last`; None is unbounded."""

    first: int | None
    last: int | None

    def of(self, column: InstrumentedAttribute[int]) -> list[ColumnElement[bool]]:
        if self.first is not None and self.last is not None and self.first >= self.last:
            return [false()]
        found = []
        if self.first is not None:
            found.append(column >= self.first)
        if self.last is not None:
            found.append(column < self.last)
        return found


def whole(where: Filter, unit: timedelta) -> tuple[Units, list[Filter]]:
    """The whole hours or days of a filter's time, and filters for the odd ends that are left over."""
    first = None if where.since is None else -((EPOCH - where.since) // unit)
    last = None if where.until is None else (where.until - EPOCH) // unit
    if first is not None and last is not None and first >= last:
        return Units(first, first), [where]
    ends = []
    if where.since is not None and first is not None and where.since < start(first, unit):
        ends.append(replace(where, until=start(first, unit)))
    if where.until is not None and last is not None and start(last, unit) < where.until:
        ends.append(replace(where, since=start(last, unit)))
    return Units(first, last), ends


def start(number: int, unit: timedelta) -> datetime:
    """When an hour or a day begins."""
    return EPOCH + number * unit


def rounded(where: Filter) -> Filter:
    """The filter with its time widened to whole hours."""
    since = None if where.since is None else start((where.since - EPOCH) // HOUR, HOUR)
    until = None if where.until is None else start(-((EPOCH - where.until) // HOUR), HOUR)
    return replace(where, since=since, until=until)
