"""Counts, rates and times of many inspections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session

from steelgui.history.filters import Kinds, Units, conditions, is_counted, rounded, start, whole
from steelgui.history.pages import TIME, few
from steelgui.history.rollup import DAY, EPOCH, HOUR, p95, pace, rank95
from steelgui.history.tables import HourRecord, KindRecord, PaceRecord, along, epoch_minutes
from steelgui.history.tables import InspectionRecord as Record
from steelgui.history.values import Facets, Filter, Period, Stats, Step, Summary

if TYPE_CHECKING:
    from steelgui.history.tables import AnySelect

#: Where neither counts nor an index help, so many of the newest are looked at.
LOOKED = 20_000
#: Of so many, percentiles are taken from the inspections themselves.
EXACT = 10_000
_MINUTE = timedelta(minutes=1)
_UNITS: dict[Step, timedelta] = {"hour": HOUR, "day": DAY}


def summary(session: Session, where: Filter) -> Summary:
    counts: Counter[str] = Counter()
    if is_counted(where):
        kinds = Kinds(session, where)
        if where.since is None and where.until is None:
            for number, kind in kinds.found.items():
                counts[kind.verdict] += kinds.counts[number]
            return Summary(counts.total(), counts["defect"])
        hours, ends = whole(where, HOUR)
        counted = select(HourRecord.kind, func.sum(HourRecord.count)).group_by(HourRecord.kind)
        for number, count in session.execute(counted.where(*hours.of(HourRecord.hour), *kinds.roughly(HourRecord))):
            if number in kinds.found:
                counts[kinds.found[number].verdict] += int(count)
        for end in ends:
            rows = along(TIME, select(Record.verdict, func.count()).where(*conditions(end)).group_by(Record.verdict))
            for verdict, count in session.execute(rows):
                counts[verdict] += count
        return Summary(counts.total(), counts["defect"])
    gathered = few(session, where)
    if gathered is None:
        return _looked(session, where)
    found = gathered.subquery().c
    rows = select(found.verdict, func.count()).group_by(found.verdict)
    for verdict, count in session.execute(rows):
        counts[verdict] += count
    return Summary(counts.total(), counts["defect"])


def _looked(session: Session, where: Filter) -> Summary:
    """Of the newest `LOOKED` in the filter's time."""
    during = Filter(since=where.since, until=where.until, deleted=where.deleted)
    columns = [getattr(Record, name) for name in ("verdict", "label", "classifier", "source", "score", "name")]
    newest = along(TIME, select(*columns, Record.deleted_at, Record.created_at).where(*conditions(during)))
    seen = newest.order_by(Record.created_at.desc(), Record.id.desc()).limit(LOOKED).subquery().c
    matches = func.sum(case((and_(*conditions(where, seen)), 1), else_=0))
    rows = session.execute(select(seen.verdict, func.count(), matches).group_by(seen.verdict)).all()
    counts = {verdict: int(matched) for verdict, _, matched in rows}
    looked_at = sum(count for _, count, _ in rows)
    return Summary(sum(counts.values()), counts.get("defect", 0), exact=looked_at < LOOKED)


def version(session: Session) -> str:
    """Changes with how many inspections there are of each kind, and with the newest."""
    counted = session.execute(select(KindRecord.id, KindRecord.count).order_by(KindRecord.id))
    newest = session.scalar(select(func.max(Record.id)))
    return f"{newest}/{crc32(repr([tuple(row) for row in counted]).encode()):08x}"


def facets(session: Session) -> Facets:
    found = Kinds(session, Filter()).found.values()
    columns = ({kind.label for kind in found}, {kind.classifier for kind in found}, {kind.source for kind in found})
    labels, classifiers, sources = (tuple(sorted(values - {""})) for values in columns)
    return Facets(labels, classifiers, sources)


class _Cell(NamedTuple):
    """Inspections of one class in one period, which is counted from 1970 in the zone."""

    period: int
    verdict: str
    label: str
    number: int
    ms: float


def stats(session: Session, where: Filter, step: Step, zone: tzinfo) -> Stats:
    labels: dict[int, Counter[str]] = {}
    defects: Counter[int] = Counter()
    totals: Counter[str] = Counter()
    sum_ms = 0.0
    source = _Source(session, where)
    for period, verdict, label, number, ms in source.cells(step, zone):
        labels.setdefault(period, Counter())[label] += number
        totals[label] += number
        if verdict == "defect":
            defects[period] += number
        sum_ms += ms
    total, unit = totals.total(), _UNITS[step]
    return Stats(
        count=total,
        defects=defects.total(),
        mean_ms=sum_ms / total if total else None,
        p95_ms=source.p95(total) if total else None,
        labels=dict(totals.most_common()),
        periods=tuple(
            Period((EPOCH + number * unit).replace(tzinfo=zone), found.total(), defects[number], dict(found))
            for number in (range(min(labels), max(labels) + 1) if labels else ())
            for found in [labels.get(number, Counter[str]())]
        ),
    )


class _Source:
    """Where the figures of a filter come from: the counts, or the inspections where those do not tell."""

    def __init__(self, session: Session, where: Filter) -> None:
        self._session = session
        self._where = where
        self._counted = is_counted(where)
        self._kinds = Kinds(session, where)
        self._few = None if self._counted else few(session, where)

    def cells(self, step: Step, zone: tzinfo) -> Iterator[_Cell]:
        unit = _UNITS[step]
        for part, offset in self._parts(zone):
            if not self._counted or offset % HOUR:
                yield from self._read(part, offset, unit)
                continue
            hours, ends = whole(part, HOUR)
            yield from self._sum(hours, offset, unit)
            for end in ends:
                yield from self._read(end, offset, unit)

    def p95(self, total: int) -> float:
        """Milliseconds that 95 % of the inspections do not exceed; to about 4 % where there are more than `EXACT`."""
        if self._counted and self._around() > EXACT:
            return p95(self._paces())
        rows = self._rows(self._where, Record.ms).order_by(Record.ms).offset(rank95(total)).limit(1)
        # Another process may have deleted some since they were counted.
        return self._session.scalar(rows) or 0.0

    def _around(self) -> int:
        hours, _ = whole(rounded(self._where), HOUR)
        return self._session.scalar(select(func.sum(HourRecord.count)).where(*hours.of(HourRecord.hour))) or 0

    def _paces(self) -> Counter[int]:
        days, ends = whole(self._where, DAY)
        known = select(PaceRecord.kind, PaceRecord.pace, func.sum(PaceRecord.count))
        known = known.where(*days.of(PaceRecord.day), *self._kinds.roughly(PaceRecord))
        paces: Counter[int] = Counter()
        for kind, step, count in self._session.execute(known.group_by(PaceRecord.kind, PaceRecord.pace)):
            if kind in self._kinds.found:
                paces[step] += int(count)
        for end in ends:
            paces.update(pace(ms) for ms in self._session.scalars(self._rows(end, Record.ms)))
        return paces

    def _rows(self, where: Filter, *columns: Any) -> AnySelect:
        rows = select(*columns).where(*conditions(where))
        if self._few is None:
            return along(TIME, rows)
        return rows.where(Record.id.in_(select(self._few.subquery().c.id))).with_hint(Record, "NOT INDEXED", "sqlite")

    def _sum(self, hours: Units, offset: timedelta, unit: timedelta) -> Iterator[_Cell]:
        at = ((HourRecord.hour + offset // HOUR) // (unit // HOUR)).label("at")
        known = select(at, HourRecord.kind, func.sum(HourRecord.count).label("n"), func.sum(HourRecord.ms).label("ms"))
        known = known.where(*hours.of(HourRecord.hour), *self._kinds.roughly(HourRecord))
        # Kinds become classes after the first sum, when there are a tenth as many rows.
        by_kind = known.group_by("at", HourRecord.kind).subquery().c
        by_class = select(by_kind.at, KindRecord.verdict, KindRecord.label, func.sum(by_kind.n), func.sum(by_kind.ms))
        by_class = by_class.join(KindRecord, KindRecord.id == by_kind.kind).where(KindRecord.id.in_(self._kinds.found))
        rows = by_class.group_by(by_kind.at, KindRecord.verdict, KindRecord.label)
        for number, verdict, label, count, ms in self._session.execute(rows):
            yield _Cell(int(number), verdict, label, int(count), float(ms))

    def _read(self, where: Filter, offset: timedelta, unit: timedelta) -> Iterator[_Cell]:
        at = ((epoch_minutes(Record.created_at) + offset // _MINUTE) // (unit // _MINUTE)).label("at")
        rows = self._rows(where, at, Record.verdict, Record.label, func.count(), func.sum(Record.ms))
        for number, verdict, label, count, ms in self._session.execute(
            rows.group_by("at", Record.verdict, Record.label)
        ):
            yield _Cell(int(number), verdict, label, int(count), float(ms))

    def _parts(self, zone: tzinfo) -> Iterator[tuple[Filter, timedelta]]:
        """The filter's time cut where the zone's clocks are put forward or back."""
        # One by one, for SQLite reads all to find both at once.
        low, high = (self._session.scalar(select(end(HourRecord.hour))) for end in (func.min, func.max))
        if low is None or high is None:
            return
        first, last = start(low, HOUR), start(high + 1, HOUR)
        begin = first if self._where.since is None else max(self._where.since, first)
        end = last if self._where.until is None else min(self._where.until, last)
        for since, until, offset in _offsets(begin, end, zone):
            yield replace(self._where, since=since, until=until), offset


def _offsets(since: datetime, until: datetime, zone: tzinfo) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """The stretches of a time in which a zone is equally far from UTC; clocks change on a quarter of an hour."""

    def offset(moment: datetime) -> timedelta:
        return moment.astimezone(zone).utcoffset() or timedelta(0)

    while since < until:
        here, near, far = offset(since), since, min(since + DAY, until)
        while far < until and offset(far) == here:
            near, far = far, min(far + DAY, until)
        if offset(far) != here:
            quarter = timedelta(minutes=15)
            far = EPOCH + quarter * ((near - EPOCH) // quarter + 1)
            while offset(far) == here:
                far += quarter
        yield since, min(far, until), here
        since = min(far, until)
