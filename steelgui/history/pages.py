"""Which inspections a page shows: a million rows are walked along an index, or reached through the counts."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, and_, column, false, func, or_, select, table
from sqlalchemy.orm import Session

from steelgui.history.filters import Kinds, conditions, rounded, start, whole
from steelgui.history.rollup import HOUR
from steelgui.history.tables import HourRecord, along
from steelgui.history.tables import InspectionRecord as Record
from steelgui.history.values import Cursor, Filter, Order

if TYPE_CHECKING:
    from steelgui.history.tables import AnySelect

#: Fewer inspections than this are gathered and sorted; of more, an index finds the first ones soon.
FEW = 10_000
# Of a stretch of time that holds no more than this, all are read where they must be sorted by score.
_STRETCH = 50_000
# So few are fetched hour by hour.
_HANDFUL = 100
# Walking over some idle hours costs less than another query.
_GAP, _HOURS = 6, 100
# A text of two letters begins so many parts at most.
_TERMS = 200
TIME, SCORE, TRASH = "ix_inspections_time", "ix_inspections_score", "ix_inspections_trash"


class Place(NamedTuple):
    """An inspection's place in every order, and its verdict."""

    created_at: datetime
    id: int
    score: float | None
    verdict: str


_PLACE = (Record.created_at, Record.id, Record.score, Record.verdict)


def find(
    session: Session, where: Filter, order: Order, after: Cursor | None, limit: int, *, backwards: bool = False
) -> list[int]:
    """Numbers of the `limit` inspections behind a place in an order; if backwards, before it, the nearest first."""
    way = _Way(order, after, backwards)
    gathered = few(session, where)
    if gathered is not None:
        places = iter(way.sort(session, gathered, limit))
    elif order in ("newest", "oldest"):
        places = _by_time(session, where, way, limit)
    else:
        places = _by_score(session, where, way, limit)
    return [place.id for place in islice(places, limit)]


def few(session: Session, where: Filter) -> AnySelect | None:
    """The query for all places where an index tells that the trash, a score or a text leaves few; else None."""
    places = select(*_PLACE).where(*conditions(where))
    if where.text and (named := _named(session, where.text)) is not None:
        numbers = session.scalars(named.limit(FEW + 1)).all()
        if len(numbers) <= FEW:
            return places.where(Record.id.in_(numbers)).with_hint(Record, "NOT INDEXED", "sqlite")
    if where.min_score is not None or where.max_score is not None:
        # The index begins with the label, so each label has its own stretch.
        labels = tuple(Kinds(session, where).labels)
        stretch = Filter(labels=labels, min_score=where.min_score, max_score=where.max_score, deleted=where.deleted)
        if _fewer(session, along(SCORE, select(Record.id).where(*conditions(stretch)))):
            return along(SCORE, places.where(Record.label.in_(labels)))
    if where.deleted and _fewer(session, along(TRASH, select(Record.id).where(Record.deleted_at.is_not(None)))):
        return along(TRASH, places)
    return None


def _named(session: Session, text: str) -> AnySelect | None:
    """Numbers of inspections whose name may hold a text; None where no index of names helps."""
    # In other databases names are read in order.
    if session.get_bind().dialect.name != "sqlite":
        return None
    # The index holds names in parts of three letters.
    threes, joint = [text[i : i + 3] for i in range(len(text) - 2)], " AND "
    if not threes:
        terms = table("inspection_terms", column("term"))
        first = text.lower()
        begins = terms.c.term.between(first, first + "\U0010ffff")
        threes, joint = list(session.scalars(select(terms.c.term).where(begins).limit(_TERMS))), " OR "
        if len(threes) == _TERMS:
            return None
    quoted = joint.join('"' + three.replace('"', '""') + '"' for three in threes)
    names = table("inspection_names", column("rowid"))
    return select(names.c.rowid).where(column("inspection_names").op("MATCH")(quoted or '""'))


def _fewer(session: Session, matched: AnySelect) -> bool:
    counted = select(func.count()).select_from(matched.limit(FEW + 1).subquery())
    return (session.scalar(counted) or 0) <= FEW


class _Way:
    """Along an order from a place, or back from it."""

    def __init__(self, order: Order, after: Cursor | None, backwards: bool) -> None:
        self.after = after
        self.backwards = backwards
        self.by_score = order in ("highest", "lowest")
        self.falling = (order in ("newest", "highest")) is not backwards

    def sort(self, session: Session, places: AnySelect, limit: int, scored: bool | None = None) -> list[Place]:
        """The first of them along this way; the database sorts, or walks where it is known that all or none of them
        have a score."""
        found = places.subquery().c
        query = select(*(found[name] for name in Place._fields)).where(*self._beyond(found, scored)).limit(limit)
        keys: list[ColumnElement[Any]] = [found.score if self.by_score else found.created_at, found.id]
        if scored is False:
            del keys[0]
        turned = [key.desc() if self.falling else key.asc() for key in keys]
        if self.by_score and scored is None:
            # Databases differ about where NULL belongs; here it comes last.
            null = found.score.is_(None)
            turned.insert(0, null.desc() if self.backwards else null.asc())
        return [Place(*row) for row in session.execute(query.order_by(*turned))]

    def _beyond(self, found: Any, scored: bool | None) -> list[ColumnElement[bool]]:
        if self.after is None:
            return []
        further = found.id < self.after.id if self.falling else found.id > self.after.id
        key, at = (found.score, self.after.score) if self.by_score else (found.created_at, self.after.created_at)
        if at is None:
            # Without a score, and so in the last part of the way, or in the first of the way back.
            if scored is None:
                return [or_(key.is_not(None), further)] if self.backwards else [key.is_(None), further]
            return [further] if not scored else [] if self.backwards else [false()]
        if scored is False:
            return [false()] if self.backwards else []
        # The first condition looks redundant, but with it every database seeks in the index.
        ahead = [key <= at, or_(key < at, further)] if self.falling else [key >= at, or_(key > at, further)]
        if self.by_score and scored is None and not self.backwards:
            return [or_(and_(*ahead), key.is_(None))]
        return ahead

    def rank(self, place: Place) -> tuple[Any, ...]:
        """Grows along the way, where the scores are walked."""
        sign = -1 if self.falling else 1
        return (place.score is None) is not self.backwards, sign * (place.score or 0), sign * place.id


def _by_time(session: Session, where: Filter, way: _Way, limit: int) -> Iterator[Place]:
    """All inspections of a filter in the order of time."""
    for part in _stretches(session, where, way):
        yield from way.sort(session, along(TIME, select(*_PLACE).where(*conditions(part))), limit)


def _stretches(session: Session, where: Filter, way: _Way) -> Iterator[Filter]:
    """The parts of a filter's time in which the counts know inspections of its kinds, in order."""
    if not (where.verdict or where.labels or where.classifiers or where.sources or where.deleted):
        yield where
        return
    if way.after is not None:
        at = way.after.created_at
        if way.falling:
            beyond = at + timedelta(microseconds=1)
            where = replace(where, until=beyond if where.until is None else min(where.until, beyond))
        else:
            where = replace(where, since=at if where.since is None else max(where.since, at))
    kinds = Kinds(session, where).of(HourRecord)
    while True:
        units, _ = whole(rounded(where), HOUR)
        known = select(HourRecord.hour).where(*units.of(HourRecord.hour), *kinds).group_by(HourRecord.hour)
        known = known.order_by(HourRecord.hour.desc() if way.falling else HourRecord.hour)
        hours = session.scalars(known.limit(_HOURS)).all()
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
        if way.falling:
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


def _by_score(session: Session, where: Filter, way: _Way, limit: int) -> Iterator[Place]:
    """All inspections of a filter in the order of their scores."""
    units, _ = whole(rounded(where), HOUR)
    kinds = Kinds(session, where)
    during = units.of(HourRecord.hour)
    if during or kinds.count <= FEW:
        known = select(func.min(HourRecord.hour), func.max(HourRecord.hour), func.sum(HourRecord.count))
        first, last, count = session.execute(known.where(*during, *kinds.of(HourRecord))).one()
        if not count:
            return
        where = _during(where, [first, last])
        around = select(func.sum(HourRecord.count)).where(HourRecord.hour.between(first, last))
        if (session.scalar(around) or 0) <= _STRETCH:
            yield from way.sort(session, along(TIME, select(*_PLACE).where(*conditions(where))), limit)
            return
        if count <= _HANDFUL:
            # All of them, hour by hour, for a walk along the scores would not end before the last.
            found = [place.id for place in _by_time(session, where, _Way("newest", None, False), _HANDFUL)]
            yield from way.sort(session, select(*_PLACE).where(Record.id.in_(found)), limit)
            return
    # A walk along the scores of each class, for no class lies in another's way.
    walks = [_along_scores(session, where, label, way, limit) for label in kinds.labels]
    yield from heapq.merge(*walks, key=way.rank)


def _along_scores(session: Session, where: Filter, label: str, way: _Way, limit: int) -> Iterator[Place]:
    """The inspections of one class in the order of their scores."""
    places = along(SCORE, select(*_PLACE).where(*conditions(replace(where, labels=(label,)))))
    for scored in (False, True) if way.backwards else (True, False):
        part = places.where(Record.score.is_not(None) if scored else Record.score.is_(None))
        yield from way.sort(session, part, limit, scored)
