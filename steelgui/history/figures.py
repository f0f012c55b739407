"""Counts, rates and times of many inspections."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, tzinfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from steelgui.database import InspectionRecord as Record
from steelgui.history.filters import conditions
from steelgui.history.values import Facets, Filter, Period, Stats, Step, Summary


def summary(session: Session, where: Filter) -> Summary:
    rows = session.execute(select(Record.verdict, func.count()).where(*conditions(where)).group_by(Record.verdict))
    counts = dict(rows.tuples().all())
    return Summary(sum(counts.values()), counts.get("defect", 0))


def facets(session: Session) -> Facets:
    def values(column: object) -> tuple[str, ...]:
        found = session.scalars(select(column).where(*conditions(Filter())).distinct())  # type: ignore[call-overload]
        return tuple(sorted(value for value in found if value))

    return Facets(values(Record.label), values(Record.classifier), values(Record.source))


def stats(session: Session, where: Filter, step: Step, zone: tzinfo) -> Stats:
    columns = select(Record.created_at, Record.verdict, Record.label, Record.ms).where(*conditions(where))
    counted: dict[datetime, Counter[str]] = {}
    defective: Counter[datetime] = Counter()
    times = []
    for created_at, verdict, label, ms in session.execute(columns):
        start = floor(created_at.astimezone(zone), step)
        counted.setdefault(start, Counter())[label] += 1
        defective[start] += verdict == "defect"
        times.append(ms)
    times.sort()
    labels = sum(counted.values(), Counter())
    return Stats(
        count=len(times),
        defects=defective.total(),
        mean_ms=sum(times) / len(times) if times else None,
        p95_ms=times[int(0.95 * (len(times) - 1))] if times else None,
        labels=dict(labels.most_common()),
        periods=tuple(
            Period(start, counted[start].total(), defective[start], dict(counted[start]))
            if start in counted
            else Period(start)
            for start in _every(sorted(counted), step)
        ),
    )


def floor(moment: datetime, step: Step) -> datetime:
    """The start of the hour or day, in the moment's own zone."""
    moment = moment.replace(minute=0, second=0, microsecond=0)
    return moment.replace(hour=0) if step == "day" else moment


def _every(starts: list[datetime], step: Step) -> list[datetime]:
    if not starts:
        return []
    found, last = [starts[0]], starts[-1]
    while found[-1] < last:
        # A day of a zone with summer time has 23 hours or 25, so days are counted on the clock of the wall.
        found.append(found[-1] + (timedelta(days=1) if step == "day" else timedelta(hours=1)))
    return found
