"""Counts that are kept beside the inspections, so that figures of a million rows need not read them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, delete, select

from steelgui.history.tables import HourRecord, InspectionRecord, KindRecord, PaceRecord

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Steps of 1/8 octave: the 95th percentile read from them is right to about 4 %.
_STEPS = 8


class Kind(NamedTuple):
    """What filters ask for beside time, score and text; `classifier` is empty where there is none."""

    deleted: bool
    verdict: str
    label: str
    classifier: str
    source: str


class Tally:
    """Inspections that came (+1) and went (-1), summed by kind, hour and day; `write` adds them to the tables."""

    def __init__(self) -> None:
        self._kinds: Counter[Kind] = Counter()
        self._hours: Counter[tuple[int, Kind]] = Counter()
        self._ms: dict[tuple[int, Kind], float] = {}
        self._paces: Counter[tuple[int, Kind, int]] = Counter()

    def add(self, kind: Kind, created_at: datetime, ms: float, sign: int = 1) -> None:
        since = created_at - EPOCH
        at = (since // HOUR, kind)
        self._kinds[kind] += sign
        self._hours[at] += sign
        self._ms[at] = self._ms.get(at, 0.0) + sign * ms
        self._paces[since // DAY, kind, pace(ms)] += sign

    def add_record(self, record: InspectionRecord, sign: int = 1) -> None:
        deleted, classifier = record.deleted_at is not None, record.classifier or ""
        kind = Kind(deleted, record.verdict, record.label, classifier, record.source)
        self.add(kind, record.created_at, record.ms, sign)

    def write(self, connection: Connection) -> None:
        # Sorted, because two writers that take the same rows in another order would wait for each other for ever.
        kinds = [{**kind._asdict(), "count": n} for kind, n in sorted(self._kinds.items())]
        _add(connection, KindRecord, kinds, ("count",), key=Kind._fields)
        number = {
            Kind(*row[1:]): row[0]
            for row in connection.execute(select(KindRecord.id, *(getattr(KindRecord, name) for name in Kind._fields)))
        }
        hours = [
            {"hour": hour, "kind": number[kind], "count": n, "ms": self._ms[hour, kind]}
            for (hour, kind), n in sorted(self._hours.items())
            if n
        ]
        paces = [
            {"kind": number[kind], "pace": step, "day": day, "count": n}
            for (day, kind, step), n in sorted(self._paces.items())
            if n
        ]
        _add(connection, HourRecord, hours, ("count", "ms"), key=("hour", "kind"))
        _add(connection, PaceRecord, paces, ("count",), key=("kind", "pace", "day"))


def pace(ms: float) -> int:
    """The step of the logarithmic scale that some milliseconds lie in."""
    return math.floor(_STEPS * math.log2(max(ms, 0.001)))


def rank95(count: int) -> int:
    """Place, from 0, of the least of so many values that 95 % of them do not exceed (nearest rank)."""
    return (95 * count + 99) // 100 - 1


def p95(paces: dict[int, int]) -> float:
    """Milliseconds that 95 % of the inspections do not exceed; `paces` is step → inspections, not empty."""
    left = rank95(sum(paces.values()))
    for step, count in sorted(paces.items()):
        if left < count:
            return float(2 ** ((step + (left + 0.5) / count) / _STEPS))
        left -= count
    raise AssertionError("the counts do not reach their own sum")


def fill(connection: Connection) -> None:
    """Count all inspections anew."""
    table = InspectionRecord.__table__
    columns = [table.c[name] for name in ("deleted_at", "verdict", "label", "classifier", "source", "created_at", "ms")]
    tally = Tally()
    for deleted_at, verdict, label, classifier, source, created_at, ms in connection.execute(select(*columns)):
        tally.add(Kind(deleted_at is not None, verdict, label, classifier or "", source), created_at, ms)
    for counts in (HourRecord, PaceRecord, KindRecord):
        connection.execute(delete(counts))
    tally.write(connection)


def _add(
    connection: Connection,
    record: type[KindRecord] | type[HourRecord] | type[PaceRecord],
    rows: Iterable[dict[str, Any]],
    sums: tuple[str, ...],
    key: tuple[str, ...],
) -> None:
    table, dialect = record.__table__, connection.dialect.name
    assert isinstance(table, Table)
    statement: Any
    if dialect in ("mysql", "mariadb"):
        from sqlalchemy.dialects import mysql

        statement = mysql.insert(table)
        statement = statement.on_duplicate_key_update({name: table.c[name] + statement.inserted[name] for name in sums})
    else:
        from sqlalchemy.dialects import postgresql, sqlite

        statement = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
        added = {name: table.c[name] + statement.excluded[name] for name in sums}
        statement = statement.on_conflict_do_update(index_elements=[table.c[name] for name in key], set_=added)
    if rows := list(rows):
        connection.execute(statement, rows)
