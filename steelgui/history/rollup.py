"""Counts that are kept beside the inspections, so that figures of a million rows need not read them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, delete, insert, select
from sqlalchemy.orm import Session

from steelgui.database import HourRecord, InspectionRecord, PaceRecord

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Steps of 1/8 octave: the 95th percentile read from them is right to about 4 %.
_STEPS = 8


class Counted(NamedTuple):
    """What of an inspection is counted."""

    created_at: datetime
    deleted: bool
    verdict: str
    label: str
    classifier: str
    source: str
    ms: float


class _Hour(NamedTuple):
    hour: int
    deleted: bool
    verdict: str
    label: str
    classifier: str
    source: str


class _Pace(NamedTuple):
    day: int
    deleted: bool
    verdict: str
    label: str
    classifier: str
    source: str
    pace: int


class Tally:
    """Inspections that came (+1) and went (-1), summed by hour and day; `write` adds them to the tables."""

    def __init__(self) -> None:
        self._hours: Counter[_Hour] = Counter()
        self._ms: dict[_Hour, float] = {}
        self._paces: Counter[_Pace] = Counter()

    def add(self, one: Counted, sign: int = 1) -> None:
        since = one.created_at - EPOCH
        hour = _Hour(since // HOUR, *one[1:6])
        self._hours[hour] += sign
        self._ms[hour] = self._ms.get(hour, 0.0) + sign * one.ms
        self._paces[_Pace(since // DAY, *one[1:6], pace(one.ms))] += sign

    def rows(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Of `inspection_hours` and of `inspection_paces`, without those that came and went.

        Sorted, because two writers that take the same rows in another order would wait for each other for ever.
        """
        hours = [{**key._asdict(), "count": n, "ms": self._ms[key]} for key, n in sorted(self._hours.items()) if n]
        return hours, [{**key._asdict(), "count": n} for key, n in sorted(self._paces.items()) if n]

    def write(self, session: Session) -> None:
        hours, paces = self.rows()
        _add(session, HourRecord.__table__, hours, ("count", "ms"))
        _add(session, PaceRecord.__table__, paces, ("count",))


def counted(record: InspectionRecord) -> Counted:
    return Counted(
        record.created_at,
        record.deleted_at is not None,
        record.verdict,
        record.label,
        record.classifier or "",
        record.source,
        record.ms,
    )


def pace(ms: float) -> int:
    """The step of the logarithmic scale that some milliseconds lie in."""
    return math.floor(_STEPS * math.log2(max(ms, 0.001)))


def quantile(paces: dict[int, int], part: float) -> float:
    """Milliseconds under which `part` of the inspections lie; `paces` is step → inspections, not empty."""
    left = part * (sum(paces.values()) - 1)
    for step, count in sorted(paces.items()):
        if left < count:
            return float(2 ** ((step + (left + 0.5) / count) / _STEPS))
        left -= count
    raise AssertionError("the counts do not reach their own sum")


def fill(connection: Connection) -> None:
    """Count all inspections anew."""
    table = InspectionRecord.__table__
    columns = [table.c[name] for name in ("created_at", "deleted_at", "verdict", "label", "classifier", "source", "ms")]
    tally = Tally()
    for created_at, deleted_at, verdict, label, classifier, source, ms in connection.execute(select(*columns)):
        tally.add(Counted(created_at, deleted_at is not None, verdict, label, classifier or "", source, ms))
    for kind, rows in zip((HourRecord, PaceRecord), tally.rows(), strict=True):
        connection.execute(delete(kind))
        if rows:
            connection.execute(insert(kind), rows)


def _add(session: Session, table: Any, rows: Iterable[dict[str, Any]], sums: tuple[str, ...]) -> None:
    assert isinstance(table, Table)
    name = session.get_bind().dialect.name
    statement: Any
    if name in ("mysql", "mariadb"):
        from sqlalchemy.dialects import mysql

        statement = mysql.insert(table)
        statement = statement.on_duplicate_key_update({key: table.c[key] + statement.inserted[key] for key in sums})
    else:
        from sqlalchemy.dialects import postgresql, sqlite

        statement = postgresql.insert(table) if name == "postgresql" else sqlite.insert(table)
        added = {key: table.c[key] + statement.excluded[key] for key in sums}
        statement = statement.on_conflict_do_update(index_elements=table.primary_key.columns, set_=added)
    if rows := list(rows):
        session.execute(statement, rows)
