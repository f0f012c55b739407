"""What the History page asks for, as it arrives from a browser, as `Filter`, `Order` and `Cursor`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from steelgui.history import ORDERS, SOURCES, Cursor, Filter, Order
from steelgui.services.review import ReviewError

#: More than there are classes or models; a longer list comes from no page of ours.
_MOST = 100


def where(asked: Mapping[str, Any]) -> Filter:
    """The conditions; whatever is missing or empty does not restrict.

    Days are the visitor's: `since` and `until` are moments with a time zone, which the browser makes of its own days.

    Raises:
        ReviewError: a value cannot be understood.
    """
    return Filter(
        since=_moment(asked.get("since")),
        until=_moment(asked.get("until")),
        verdict=_verdict(asked.get("verdict")),
        labels=_texts(asked.get("labels")),
        classifiers=_texts(asked.get("classifiers")),
        sources=tuple(name for name in _texts(asked.get("sources")) if name in SOURCES),
        min_score=_score(asked.get("min_score")),
        max_score=_score(asked.get("max_score")),
        text=str(asked.get("text") or "").strip()[:255],
        deleted=bool(asked.get("deleted")),
    )


def order(asked: Mapping[str, Any]) -> Order:
    """The newest first where nothing else is asked."""
    return next((one for one in ORDERS if one == asked.get("order")), "newest")


def ids(asked: Mapping[str, Any]) -> list[int]:
    """Numbers of the chosen inspections, each once; ReviewError where something else is among them."""
    found = asked.get("ids") or []
    if not isinstance(found, list) or not all(type(one) is int for one in found):
        raise _refused("ids", found)
    return list(dict.fromkeys(found))


def cursor(token: object) -> Cursor | None:
    """What `token` wrote; None for the first page."""
    if token is None:
        return None
    if not isinstance(token, list) or len(token) != 3 or type(token[1]) is not int or not 0 < token[1] < 2**63:
        raise _refused("cursor", token)
    moment = _moment(token[0])
    if moment is None:
        raise _refused("cursor", token)
    return Cursor(moment, token[1], _score(token[2]))


def token(place: Cursor) -> list[Any]:
    """A place in the history as JSON."""
    return [place.created_at.isoformat(), place.id, place.score]


def _moment(value: object) -> datetime | None:
    if not value:
        return None
    try:
        found = datetime.fromisoformat(str(value))
        # Far away, the way into another time zone leaves the calendar.
        if found.tzinfo is None or not 1 < found.year < 9999:
            raise ValueError(found)
    except ValueError:
        raise _refused("date", value) from None
    return found


def _verdict(value: object) -> Literal["ok", "defect"] | None:
    return "ok" if value == "ok" else "defect" if value == "defect" else None


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(str(one)[:255] for one in value[:_MOST] if one)


def _score(value: object) -> float | None:
    if value is None or value == "":
        return None
    try:
        found = float(str(value))
    except ValueError:
        raise _refused("score", value) from None
    if not math.isfinite(found):
        raise _refused("score", value)
    return found


def _refused(what: str, value: object) -> ReviewError:
    return ReviewError(f"the {what} {str(value)[:60]!r} cannot be understood; clear the filters and choose again")
