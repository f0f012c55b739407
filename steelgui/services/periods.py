"""From "the last 7 days" to moments, and from hours and days to bars. Pure functions; days are those of the clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal, get_args

from steelgui.history import Period, Step

Preset = Literal["today", "week", "month", "all", "own"]
PRESETS: tuple[Preset, ...] = get_args(Preset)
#: What a bar covers. The history counts hours and days; weeks and months are put together of them here.
Grain = Literal["hour", "day", "week", "month"]
DAYS: dict[Preset, int] = {"today": 1, "week": 7, "month": 30}
#: More bars than this are too thin to press.
MOST_DAYS, MOST_WEEKS = 92, 730


class LocalZone(tzinfo):
    """The machine's own zone with its summer time; `astimezone()` alone gives an offset that never changes."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        return moment.replace(tzinfo=None).astimezone().utcoffset() if moment else None

    def dst(self, moment: datetime | None) -> timedelta | None:  # noqa: ARG002
        return None

    def tzname(self, moment: datetime | None) -> str | None:
        return moment.replace(tzinfo=None).astimezone().tzname() if moment else None

    def fromutc(self, moment: datetime) -> datetime:
        there = moment.replace(tzinfo=UTC).astimezone()
        here = there.replace(tzinfo=self)
        # The hour that comes twice in autumn.
        return here if here.utcoffset() == there.utcoffset() else here.replace(fold=1)


LOCAL = LocalZone()


@dataclass(frozen=True)
class Span:
    """From `since` on, before `until`, both aware; None is open."""

    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class OwnDates:
    """Days that a person chose, first and last included; None where nothing is chosen."""

    since: date | None = None
    until: date | None = None
    before_since: date | None = None
    before_until: date | None = None


def spans(preset: Preset, now: datetime, own: OwnDates | None = None) -> tuple[Span, Span | None]:
    """What is asked for, and what it is compared with: as long a time before; None where there is nothing.

    A running period is compared with the one before up to the same time of the day, since half a day has half the
    pictures.

    Args:
        now: aware; its zone tells when a day begins.

    Raises:
        ValueError: own dates that end before they begin.
    """
    if preset == "own":
        return _own(own or OwnDates(), now)
    if preset == "all":
        return Span(), None
    days = DAYS[preset]
    since = midnight(now.date(), now.tzinfo) - timedelta(days=days - 1)
    # By whole minutes, so that a page that is open all day does not ask for another time at each look.
    same_time = now.replace(second=0, microsecond=0) - timedelta(days=days)
    return Span(since), Span(since - timedelta(days=days), same_time)


def _own(own: OwnDates, now: datetime) -> tuple[Span, Span | None]:
    today = now.date()
    until = own.until or today
    this = _days(own.since or until, until, now.tzinfo)
    assert this.since
    if own.before_since is None and own.before_until is None:
        days = (until - (own.since or until)).days + 1
        return this, Span(this.since - timedelta(days=days), this.since)
    before_until = own.before_until or own.before_since
    assert before_until
    return this, _days(own.before_since or before_until, before_until, now.tzinfo)


def _days(first: date, last: date, zone: tzinfo | None) -> Span:
    if last < first:
        raise ValueError(f"The last day, {last}, lies before the first, {first}; choose them the other way round.")
    return Span(midnight(first, zone), midnight(last + timedelta(days=1), zone))


def midnight(day: date, zone: tzinfo | None) -> datetime:
    return datetime.combine(day, time(), zone)


def grain_of(since: datetime, until: datetime) -> Grain:
    """What a bar of this time should cover."""
    days = (until - since).days
    if days <= 2:
        return "hour"
    return "day" if days <= MOST_DAYS else "week" if days <= MOST_WEEKS else "month"


def step_of(grain: Grain) -> Step:
    """What the history has to count for it."""
    return "hour" if grain == "hour" else "day"


def begin(moment: datetime, grain: Grain) -> datetime:
    """The start of the bar that a moment falls into; weeks begin on Monday."""
    start = moment.replace(minute=0, second=0, microsecond=0)
    if grain == "hour":
        return start
    start = start.replace(hour=0)
    if grain == "week":
        return start - timedelta(days=start.weekday())
    return start.replace(day=1) if grain == "month" else start


def following(start: datetime, grain: Grain) -> datetime:
    """The start of the next bar, counted on the clock of the wall: with summer time a day may have 23 hours."""
    if grain == "month":
        return (start + timedelta(days=32)).replace(day=1)
    return start + {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}[grain]


def bars(periods: Iterable[Period], since: datetime, until: datetime, grain: Grain) -> tuple[Period, ...]:
    """One for each hour, day, week or month from `since` to before `until`, the empty ones too."""
    starts = [begin(since, grain)]
    while (then := following(starts[-1], grain)) < until:
        starts.append(then)
    found = {start: Period(start) for start in starts}
    for period in periods:
        start = begin(period.start, grain)
        if before := found.get(start):
            labels = dict(Counter(before.labels) + Counter(period.labels))
            found[start] = Period(start, before.count + period.count, before.defects + period.defects, labels)
    return tuple(found.values())
