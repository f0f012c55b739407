"""`Filter` and `Order` in SQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from steelgui.database import InspectionRecord as Record
from steelgui.history.values import Cursor, Filter, Order


def conditions(where: Filter) -> list[ColumnElement[bool]]:
    """What must hold of a row."""
    found: list[ColumnElement[bool]] = [
        Record.deleted_at.is_not(None) if where.deleted else Record.deleted_at.is_(None),
    ]
    if where.since is not None:
        found.append(Record.created_at >= where.since)
    if where.until is not None:
        found.append(Record.created_at < where.until)
    if where.verdict is not None:
        found.append(Record.verdict == where.verdict)
    if where.labels:
        found.append(Record.label.in_(where.labels))
    if where.classifiers:
        found.append(Record.classifier.in_(where.classifiers))
    if where.sources:
        found.append(Record.source.in_(where.sources))
    if where.min_score is not None:
        found.append(Record.score >= where.min_score)
    if where.max_score is not None:
        found.append(Record.score <= where.max_score)
    if where.text:
        found.append(Record.name.icontains(where.text, autoescape=True))
    return found


def ordering(order: Order) -> list[ColumnElement[Any]]:
    """Columns to sort by, the row's number last, so that no two rows are alike."""
    columns: dict[Order, list[ColumnElement[Any]]] = {
        "newest": [Record.created_at.desc(), Record.id.desc()],
        "oldest": [Record.created_at.asc(), Record.id.asc()],
        # Databases differ about where NULL belongs; here it comes last.
        "highest": [Record.score.is_(None).asc(), Record.score.desc(), Record.id.desc()],
        "lowest": [Record.score.is_(None).asc(), Record.score.asc(), Record.id.asc()],
    }
    return columns[order]


def behind(cursor: Cursor, order: Order) -> ColumnElement[bool]:
    """The rows after a cursor.

    The first condition of each looks redundant, but with it every database seeks in the index; MySQL scans for row
    values.
    """
    at, score = cursor.created_at, cursor.score
    if order == "newest":
        return and_(Record.created_at <= at, or_(Record.created_at < at, Record.id < cursor.id))
    if order == "oldest":
        return and_(Record.created_at >= at, or_(Record.created_at > at, Record.id > cursor.id))
    further = Record.id < cursor.id if order == "highest" else Record.id > cursor.id
    if score is None:
        return and_(Record.score.is_(None), further)
    if order == "highest":
        ahead = and_(Record.score <= score, or_(Record.score < score, further))
    else:
        ahead = and_(Record.score >= score, or_(Record.score > score, further))
    return or_(ahead, Record.score.is_(None))
