"""Counts, rates and times of many inspections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from steelgui.database import HourRecord, PaceRecord, along, epoch_minutes
from steelgui.database import InspectionRecord as Record
from steelgui.history.filters import Units, conditions, is_counted, kinds, rounded, start, whole
from steelgui.history.pages import TIME, few
from steelgui.history.rollup import DAY, EPOCH, HOUR, pace, quantile
from steelgui.history.values import Facets, Filter, Period, Stats, Step, Summary

if TYPE_CHECKING:
    from steelgui.database import AnySelect

#: Where neither counts nor an index help, so many of the newest are looked at.
LOOKED = 50_000
#: Of so many, percentiles are taken from the inspections themselves.
EXACT = 10_000
_MINUTE = timedelta(minutes=1)
_UNITS: dict[Step, timedelta] = {"hour": HOUR, "day": DAY}


def summary(session: Session, where: Filter) -> Summary:
    counts: Counter[str] = Counter()
    if is_counted(where):
        hours, ends = whole(where, HOUR)
        counted = select(HourRecord.verdict, func.sum(HourRecord.count))
        counted = counted.where(*hours.of(HourRecord.hour), *kinds(where, HourRecord)).group_by(HourRecord.verdict)
        counts.update({verdict: int(count) for verdict, count in session.execute(counted)})
        for end in ends:
            rows = along(TIME, select(Record.verdict, func.count()).where(*conditions(end)).group_by(Record.verdict))
            counts.update(dict(session.execute(rows).tuples().all()))
        return Summary(counts.total(), counts["defect"])
    gathered = few(session, where)
    if gathered is not None:
        counts.update(place.verdict for place in gathered)
        return Summary(counts.total(), counts["defect"])
    return _looked(session, where)


def _looked(session: Session, where: Filter) -> Summary:
    """Of the newest `LOOKED` in the filter's time."""
    during = Filter(since=where.since, until=where.until, deleted=where.deleted)
    columns = [getattr(Record, name) for name in ("verdict", "label", "classifier", "source", "score", "name")]
    newest = along(TIME, select(*columns, Record.deleted_at, Record.created_at).where(*conditions(during)))
    seen = newest.order_by(Record.created_at.desc(), Record.id.desc()).limit(LOOKED).subquery()
    matched = select(seen.c.verdict, func.count()).where(*conditions(where, seen.c)).group_by(seen.c.verdict)
    counts = dict(session.execute(matched).tuples().all())
    looked_at = session.scalar(select(func.count()).select_from(seen)) or 0
    return Summary(sum(counts.values()), counts.get("defect", 0), exact=looked_at < LOOKED)


def facets(session: Session) -> Facets:
    known = select(HourRecord.label, HourRecord.classifier, HourRecord.source)
    rows = session.execute(known.where(*kinds(Filter(), HourRecord)).distinct()).all()
    labels, classifiers, sources = (tuple(sorted({row[i] for row in rows} - {""})) for i in range(3))
    return Facets(labels, classifiers, sources)


@dataclass(frozen=True, slots=True)
class _Cell:
    """Inspections of one class in one period, which is counted from 1970 in the zone."""

    period: int
    verdict: str
    label: str
    count: int
    ms: float


def stats(session: Session, where: Filter, step: Step, zone: tzinfo) -> Stats:
    count: Counter[int] = Counter()
    defects: Counter[int] = Counter()
    labels: dict[int, Counter[str]] = {}
    ms = 0.0
    source = _Source(session, where)
    for cell in source.cells(step, zone):
        count[cell.period] += cell.count
        defects[cell.period] += cell.count if cell.verdict == "defect" else 0
        labels.setdefault(cell.period, Counter())[cell.label] += cell.count
        ms += cell.ms
    total = count.total()
    unit = _UNITS[step]
    return Stats(
        count=total,
        defects=defects.total(),
        mean_ms=ms / total if total else None,
        p95_ms=source.p95(total) if total else None,
        labels=dict(sum(labels.values(), Counter[str]()).most_common()),
        periods=tuple(
            Period(
                (EPOCH + number * unit).replace(tzinfo=zone),
                count[number],
                defects[number],
                dict(labels.get(number, {})),
            )
            for number in (range(min(count), max(count) + 1) if count else ())
        ),
    )


class _Source:
    """Where the figures of a filter come from: the counts, or the inspections where those do not tell."""

    def __init__(self, session: Session, where: Filter) -> None:
        self._session = session
        self._where = where
        self._counted = is_counted(where)
        gathered = None if self._counted else few(session, where)
        self._ids = None if gathered is None else [place.id for place in gathered]

    def cells(self, step: Step, zone: tzinfo) -> Iterator[_Cell]:
        unit = _UNITS[step]
        for part, offset in self._parts(zone):
            if not self._counted or offset % HOUR:
                yield from self._read(part, offset, unit)
                continue
            hours, ends = whole(part, HOUR)
            yield from self._sum(part, hours, offset, unit)
            for end in ends:
                yield from self._read(end, offset, unit)

    def p95(self, total: int) -> float:
        """Milliseconds under which 95 % of the inspections lie; to about 4 % where there are more than `EXACT`."""
        if self._counted and self._around() > EXACT:
            return quantile(self._paces(), 0.95)
        rows = self._rows(self._where, Record.ms).order_by(Record.ms).offset(int(0.95 * (total - 1))).limit(1)
        # Another process may have deleted some since they were counted.
        return self._session.scalar(rows) or 0.0

    def _around(self) -> int:
        hours, _ = whole(rounded(self._where), HOUR)
        return self._session.scalar(select(func.sum(HourRecord.count)).where(*hours.of(HourRecord.hour))) or 0

    def _paces(self) -> Counter[int]:
        days, ends = whole(self._where, DAY)
        known = select(PaceRecord.pace, func.sum(PaceRecord.count))
        known = known.where(*days.of(PaceRecord.day), *kinds(self._where, PaceRecord)).group_by(PaceRecord.pace)
        paces = Counter({step: int(count) for step, count in self._session.execute(known)})
        for end in ends:
            paces.update(pace(ms) for ms in self._session.scalars(self._rows(end, Record.ms)))
        return paces

    def _rows(self, where: Filter, *columns: Any) -> AnySelect:
        rows = select(*columns).where(*conditions(where))
        return along(TIME, rows) if self._ids is None else rows.where(Record.id.in_(self._ids))

    def _sum(self, where: Filter, hours: Units, offset: timedelta, unit: timedelta) -> Iterator[_Cell]:
        at = ((HourRecord.hour + offset // HOUR) // (unit // HOUR)).label("at")
        known = select(at, HourRecord.verdict, HourRecord.label, func.sum(HourRecord.count), func.sum(HourRecord.ms))
        known = known.where(*hours.of(HourRecord.hour), *kinds(where, HourRecord))
        return self._fetch(known.group_by("at", HourRecord.verdict, HourRecord.label))

    def _read(self, where: Filter, offset: timedelta, unit: timedelta) -> Iterator[_Cell]:
        at = ((epoch_minutes(Record.created_at) + offset // _MINUTE) // (unit // _MINUTE)).label("at")
        rows = self._rows(where, at, Record.verdict, Record.label, func.count(), func.sum(Record.ms))
        return self._fetch(rows.group_by("at", Record.verdict, Record.label))

    def _fetch(self, query: AnySelect) -> Iterator[_Cell]:
        for at, verdict, label, count, ms in self._session.execute(query):
            yield _Cell(int(at), verdict, label, int(count), float(ms))

    def _parts(self, zone: tzinfo) -> Iterator[tuple[Filter, timedelta]]:
        """The filter's time cut where the zone's clocks are put forward or back."""
        bounds = self._session.execute(select(func.min(HourRecord.hour), func.max(HourRecord.hour))).one()
        if bounds[0] is None:
            return
        first, last = start(bounds[0], HOUR), start(bounds[1] + 1, HOUR)
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
