"""Which inspections a page shows: a million rows are walked along an index, or reached through the counts."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, and_, column, func, or_, select, table
from sqlalchemy.orm import Session

from steelgui.database import HourRecord, along
from steelgui.database import InspectionRecord as Record
from steelgui.history.filters import conditions, kinds, rounded, start, whole
from steelgui.history.rollup import EPOCH, HOUR
from steelgui.history.values import Cursor, Filter, Order

if TYPE_CHECKING:
    from steelgui.database import AnySelect

#: Fewer inspections than this are gathered and sorted; of more, an index finds the first ones soon.
FEW = 10_000
#: Of a stretch of time that holds no more than this, all are read where they must be sorted by score.
STRETCH = 50_000
# So few are fetched one by one.
_HANDFUL = 500
# Walking over some idle hours costs less than another query.
_GAP, _HOURS = 6, 100
TIME, SCORE, TRASH = "ix_inspections_time", "ix_inspections_score", "ix_inspections_trash"


class Place(NamedTuple):
    """An inspection's place in every order, and its verdict."""

    created_at: Any
    id: int
    score: float | None
    verdict: str


_PLACE = (Record.created_at, Record.id, Record.score, Record.verdict)


def find(
    session: Session, where: Filter, order: Order, after: Cursor | None, limit: int, *, backwards: bool = False
) -> list[int]:
    """Numbers of the `limit` inspections behind a place in an order; if backwards, before it, the nearest first."""
    gathered = few(session, where)
    if gathered is not None:
        return [place.id for place in _first(gathered, order, after, limit, backwards)]
    if order in ("newest", "oldest"):
        places = _by_time(session, where, (order == "newest") is not backwards, after, limit)
    else:
        places = _by_score(session, where, order, after, limit, backwards)
    return [place.id for place in islice(places, limit)]


def few(session: Session, where: Filter) -> list[Place] | None:
    """All inspections where an index tells that the trash, a score range or a text leaves few; else None."""
    places = select(*_PLACE).where(*conditions(where))
    # SQLite's index holds three letters at a time; in other databases names are read in order.
    if len(where.text) >= 3 and session.get_bind().dialect.name == "sqlite":
        names = table("inspection_names", column("rowid"))
        quoted = '"' + where.text.replace('"', '""') + '"'
        named = select(names.c.rowid).where(column("inspection_names").op("MATCH")(quoted))
        if _fewer(session, named):
            return _all(session, places.where(Record.id.in_(named)).with_hint(Record, "NOT INDEXED", "sqlite"))
    if where.min_score is not None or where.max_score is not None:
        # The index begins with the label, so each label has its own stretch.
        labels = where.labels or tuple(_labels(session, replace(where, labels=())))
        stretch = Filter(labels=labels, min_score=where.min_score, max_score=where.max_score, deleted=where.deleted)
        if _fewer(session, along(SCORE, select(Record.id).where(*conditions(stretch)))):
            return _all(session, along(SCORE, places.where(Record.label.in_(labels))))
    if where.deleted and _fewer(session, along(TRASH, select(Record.id).where(Record.deleted_at.is_not(None)))):
        return _all(session, along(TRASH, places))
    return None


def _fewer(session: Session, matched: AnySelect) -> bool:
    counted = select(func.count()).select_from(matched.limit(FEW + 1).subquery())
    return (session.scalar(counted) or 0) <= FEW


def _all(session: Session, places: AnySelect) -> list[Place]:
    return [Place(*row) for row in session.execute(places)]


def _rank(place: Place | Cursor, order: Order) -> tuple[Any, ...]:
    """Grows along the order."""
    if order == "newest":
        return EPOCH - place.created_at, -place.id
    if order == "oldest":
        return place.created_at, place.id
    sign = -1 if order == "highest" else 1
    return place.score is None, sign * (place.score or 0), sign * place.id


def _first(places: list[Place], order: Order, after: Cursor | None, limit: int, backwards: bool) -> list[Place]:
    if after is not None:
        at = _rank(after, order)
        places = [place for place in places if (_rank(place, order) < at if backwards else _rank(place, order) > at)]
    choose = heapq.nlargest if backwards else heapq.nsmallest
    return choose(limit, places, key=lambda place: _rank(place, order))


def _by_time(session: Session, where: Filter, newest_first: bool, after: Cursor | None, limit: int) -> Iterator[Place]:
    """All inspections of a filter in the order of time."""
    for part in _stretches(session, where, newest_first, after):
        query = along(TIME, select(*_PLACE).where(*conditions(part)))
        if after is not None:
            at, number = after.created_at, after.id
            # The first condition looks redundant, but with it every database seeks in the index.
            query = query.where(
                and_(Record.created_at <= at, or_(Record.created_at < at, Record.id < number))
                if newest_first
                else and_(Record.created_at >= at, or_(Record.created_at > at, Record.id > number))
            )
        if newest_first:
            query = query.order_by(Record.created_at.desc(), Record.id.desc())
        else:
            query = query.order_by(Record.created_at, Record.id)
        yield from _all(session, query.limit(limit))


def _stretches(session: Session, where: Filter, newest_first: bool, after: Cursor | None) -> Iterator[Filter]:
    """The parts of a filter's time in which the counts know inspections of its kinds, in order."""
    if not (where.verdict or where.labels or where.classifiers or where.sources or where.deleted):
        yield where
        return
    if after is not None:
        at = after.created_at
        if newest_first:
            where = replace(where, until=min(where.until or at + HOUR, at + timedelta(microseconds=1)))
        else:
            where = replace(where, since=max(where.since or at, at))
    while True:
        units, _ = whole(rounded(where), HOUR)
        hours = session.scalars(
            select(HourRecord.hour)
            .where(*units.of(HourRecord.hour), *kinds(where, HourRecord))
            .group_by(HourRecord.hour)
            .order_by(HourRecord.hour.desc() if newest_first else HourRecord.hour)
            .limit(_HOURS)
        ).all()
        run: list[int] = []
        for hour in hours:
            if run and abs(hour - run[-1]) > _GAP:
                yield _during(where, run)
                run = []
            run.append(hour)
        if run:
            yield _during(where, run)
        if len(hours) < _HOURS:
            return
        if newest_first:
            where = replace(where, until=start(hours[-1], HOUR))
        else:
            where = replace(where, since=start(hours[-1] + 1, HOUR))


def _during(where: Filter, hours: list[int]) -> Filter:
    since, until = start(min(hours), HOUR), start(max(hours) + 1, HOUR)
    return replace(
        where,
        since=since if where.since is None else max(since, where.since),
        until=until if where.until is None else min(until, where.until),
    )


def _labels(session: Session, where: Filter) -> list[str]:
    """Classes of a filter's kinds and time."""
    units, _ = whole(rounded(where), HOUR)
    known = select(HourRecord.label).where(*units.of(HourRecord.hour), *kinds(where, HourRecord)).distinct()
    return list(session.scalars(known))


def _by_score(
    session: Session, where: Filter, order: Order, after: Cursor | None, limit: int, backwards: bool
) -> Iterator[Place]:
    """All inspections of a filter in the order of their scores."""
    units, _ = whole(rounded(where), HOUR)
    known = select(HourRecord.label, func.sum(HourRecord.count), func.min(HourRecord.hour), func.max(HourRecord.hour))
    known = known.where(*units.of(HourRecord.hour), *kinds(where, HourRecord)).group_by(HourRecord.label)
    labels = {label: (int(count), first, last) for label, count, first, last in session.execute(known)}
    if not labels:
        return
    if sum(count for count, _, _ in labels.values()) <= _HANDFUL:
        yield from _first(list(_by_time(session, where, True, None, FEW)), order, after, FEW, backwards)
        return
    first, last = min(low for _, low, _ in labels.values()), max(high for _, _, high in labels.values())
    stretch = _during(where, [first, last])
    between = HourRecord.hour.between(first, last)
    if (session.scalar(select(func.sum(HourRecord.count)).where(between)) or 0) <= STRETCH:
        places = _all(session, along(TIME, select(*_PLACE).where(*conditions(stretch))))
        yield from _first(places, order, after, limit, backwards)
        return
    # A walk along the scores of each class, for no class lies in another's way.
    walks = [_along_scores(session, stretch, label, order, after, limit, backwards) for label in labels]
    yield from heapq.merge(*walks, key=lambda place: _rank(place, order), reverse=backwards)


def _along_scores(
    session: Session, where: Filter, label: str, order: Order, after: Cursor | None, limit: int, backwards: bool
) -> Iterator[Place]:
    """The inspections of one class in the order of their scores; those without one are last."""
    falling = (order == "highest") is not backwards
    of_class = along(SCORE, select(*_PLACE).where(*conditions(replace(where, labels=(label,)))).limit(limit))
    scored, unscored = of_class.where(Record.score.is_not(None)), of_class.where(Record.score.is_(None))
    parts = [unscored, scored] if backwards else [scored, unscored]
    if after is not None:
        beyond: ColumnElement[bool] = Record.id < after.id if falling else Record.id > after.id
        if after.score is None:
            unscored = unscored.where(beyond)
            parts = [unscored, scored] if backwards else [unscored]
        else:
            at = after.score
            ahead = Record.score < at if falling else Record.score > at
            scored = scored.where(Record.score <= at if falling else Record.score >= at, or_(ahead, beyond))
            parts = [scored] if backwards else [scored, unscored]
    for part in parts:
        if falling:
            part = part.order_by(Record.score.desc(), Record.id.desc())
        else:
            part = part.order_by(Record.score, Record.id)
        yield from _all(session, part)
