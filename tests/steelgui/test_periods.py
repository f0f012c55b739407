"""Ranges, what they are compared with, and bars, by the clock of the wall."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from steelgui.history import Period
from steelgui.services.periods import LOCAL, OwnDates, Span, bars, begin, following, grain_of, spans

SEOUL = ZoneInfo("Asia/Seoul")
NOW = datetime(2026, 3, 11, 14, 5, 30, tzinfo=SEOUL)


def at(text: str, zone: Any = SEOUL) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def test_ranges_and_what_they_are_compared_with() -> None:
    assert spans("today", NOW) == (Span(at("2026-03-11")), Span(at("2026-03-10"), at("2026-03-10 14:05")))
    assert spans("week", NOW) == (Span(at("2026-03-05")), Span(at("2026-02-26"), at("2026-03-04 14:05")))
    assert spans("month", NOW)[0] == Span(at("2026-02-10"))
    assert spans("all", NOW) == (Span(), None)


def test_own_dates() -> None:
    own = OwnDates(date(2026, 3, 2), date(2026, 3, 4))
    assert spans("own", NOW, own) == (
        Span(at("2026-03-02"), at("2026-03-05")), Span(at("2026-02-27"), at("2026-03-02")),
    )  # fmt: skip
    chosen = replace(own, before_since=date(2026, 1, 1), before_until=date(2026, 1, 1))
    assert spans("own", NOW, chosen)[1] == Span(at("2026-01-01"), at("2026-01-02"))
    assert spans("own", NOW, OwnDates())[0] == Span(at("2026-03-11"), at("2026-03-12"))
    with pytest.raises(ValueError, match="lies before the first"):
        spans("own", NOW, OwnDates(date(2026, 3, 4), date(2026, 3, 2)))


def test_bars() -> None:
    assert grain_of(at("2026-03-11"), at("2026-03-12")) == "hour"
    assert grain_of(at("2026-02-10"), at("2026-03-12")) == "day"
    assert grain_of(at("2025-03-10"), at("2026-03-12")) == "week"
    assert grain_of(at("2020-03-10"), at("2026-03-12")) == "month"
    assert begin(at("2026-03-11 14:05"), "week") == at("2026-03-09")
    assert following(at("2026-01-01"), "month") == at("2026-02-01")
    counted = [Period(at("2026-03-03"), 3, 1, {"scratches": 1, "none": 2}), Period(at("2026-03-04"), 1, 1, {"x": 1})]
    found = bars(counted, at("2026-03-02"), at("2026-03-16"), "week")
    assert found == (Period(at("2026-03-02"), 4, 2, {"scratches": 1, "none": 2, "x": 1}), Period(at("2026-03-09")))
    assert len(bars((), at("2026-03-11"), at("2026-03-12"), "hour")) == 24


def test_the_clock_of_the_wall_in_spring(monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(time, "tzset"):
        pytest.skip("Windows has one zone for all processes")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        for text in ("2026-03-28 23:30", "2026-03-29 01:30", "2026-10-25 00:30", "2026-10-25 01:30"):
            moment = at(text, UTC)
            here = moment.astimezone(LOCAL)
            assert here.utcoffset() == moment.astimezone(ZoneInfo("Europe/Berlin")).utcoffset()
            assert here.astimezone(UTC) == moment
        day = spans("today", datetime(2026, 3, 29, 15, tzinfo=LOCAL))[0]
        assert day.since and day.since.astimezone(UTC) == datetime(2026, 3, 28, 23, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()
