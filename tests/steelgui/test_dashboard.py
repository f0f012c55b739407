"""The dashboard's figures against published and hand-computed ones, and its maps against masks drawn here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

from models import rle
from steelgui.history import Filter, History, Period
from steelgui.results import Defect, Inspection, Thresholds
from steelgui.services.dashboard import FREE, Asked, Dashboard, View, alert, class_changes, compare
from steelgui.services.periods import LOCAL, OwnDates, Span, bars, begin, following, grain_of, spans
from steelgui.services.positions import GRIDS, PositionMaps, covered, shape_of
from steelgui.services.quality import newcombe, p_chart, wilson, z_score
from steelgui.settings import Settings

SEOUL = ZoneInfo("Asia/Seoul")
NOW = datetime(2026, 3, 11, 14, 5, 30, tzinfo=SEOUL)


# Rates -----------------------------------------------------------------------------------------------------------

#: Newcombe 1998, Table II, method 10: hits, count, hits before, count before, interval as it is printed.
PUBLISHED = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0),
    (10, 10, 0, 10, 0.6075, 1.0),
]


@pytest.mark.parametrize(("hits", "count", "hits_before", "count_before", "low", "high"), PUBLISHED)
def test_newcombe_as_published(
    hits: int, count: int, hits_before: int, count_before: int, low: float, high: float
) -> None:
    found = newcombe(hits, count, hits_before, count_before)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_wilson_as_published() -> None:
    # Newcombe 1998 (the paper on one proportion), Table I: 81/263, 15/148, 0/20, 1/29.
    for hits, count, low, high in [
        (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718),
    ]:  # fmt: skip
        found = wilson(hits, count)
        assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)
    assert wilson(7, 7).high == 1.0
    with pytest.raises(ValueError, match="4 of 3 is no rate"):
        wilson(4, 3)


def test_more_comparisons_make_wider_intervals() -> None:
    assert z_score(0.95) == pytest.approx(1.959964, abs=1e-6)
    assert z_score(0.95, 7) == pytest.approx(2.690110, abs=1e-6)
    assert compare(60, 1000, 40, 1000).change == "more"
    assert compare(60, 1000, 40, 1000, comparisons=7).change == "chance"
    assert compare(40, 1000, 60, 1000).change == "fewer"
    assert compare(1, 3, 0, 0).change == "unknown"
    assert compare(1, 3, 0, 0).difference is None


#: Montgomery, Introduction to Statistical Quality Control, Table 7.1: cans of orange juice, samples of 50.
JUICE = [12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22, 8, 10, 5, 13, 11, 20, 18, 24, 15, 9, 12, 7, 13, 9, 6]


def test_limits_as_in_montgomery() -> None:
    chart = p_chart([(hits, 50) for hits in JUICE])
    assert chart.centre == pytest.approx(0.2313, abs=5e-5)
    first = chart.subgroups[0]
    assert first.upper == pytest.approx(0.4102, abs=1e-4)
    assert first.lower == pytest.approx(0.0524, abs=1e-4)
    # "Samples 15 and 23 plot above the upper control limit."
    assert [place + 1 for place in chart.outside] == [15, 23]
    assert chart.subgroups[14].state == "above"


def test_limits_by_the_size_of_the_subgroup() -> None:
    chart = p_chart([(10, 100), (20, 400), (0, 0), (60, 400), (1, 2)])
    # By hand: centre 91/902; of 400 it is 0.10089 ± 3·0.015059.
    assert chart.centre == pytest.approx(91 / 902)
    assert [group.state for group in chart.subgroups] == ["within", "below", "empty", "above", "few"]
    assert chart.subgroups[1].lower == pytest.approx(0.05571, abs=1e-5)
    assert chart.subgroups[3].upper == pytest.approx(0.14606, abs=1e-5)
    assert chart.subgroups[0].lower == pytest.approx(0.01053, abs=1e-5)
    assert p_chart([]).centre is None
    assert p_chart([(0, 0)]).outside == ()


# Time ------------------------------------------------------------------------------------------------------------


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


# Positions -------------------------------------------------------------------------------------------------------


def by_pixels(mask: NDArray[np.bool_], grid: tuple[int, int]) -> NDArray[np.float64]:
    """Slow and plain: each pixel cut into so many parts that no cell's border cuts one."""
    rows, columns = grid
    height, width = mask.shape
    fine = np.kron(mask.astype(float), np.ones((rows, columns)))
    return fine.reshape(rows, height, columns, width).mean(axis=(1, 3))


@pytest.mark.parametrize(("width", "height"), [(64, 16), (40, 30), (13, 7), (200, 3), (5, 50)])
def test_a_map_is_exact_without_the_mask(width: int, height: int) -> None:
    mask = np.random.default_rng(width).random((height, width)) < 0.4
    mask[:, :2] = True  # a run that goes on in the next column
    for grid in ((4, 8), (3, 5)):
        np.testing.assert_allclose(covered(rle.encode(mask), width, height, grid), by_pixels(mask, grid), atol=1e-12)


def test_a_drawn_mask_lies_where_it_was_drawn() -> None:
    mask = np.zeros((256, 1600), dtype=bool)
    mask[:16, 1575:] = True  # one cell of 16×25 px, in the upper right corner
    found = covered(rle.encode(mask), 1600, 256, GRIDS["strip"])
    assert found[0, 63] == pytest.approx(1.0)
    assert found.sum() == pytest.approx(1.0)
    assert not covered("", 1600, 256, GRIDS["strip"]).any()
    assert (shape_of(1600, 256), shape_of(200, 200), shape_of(100, 300)) == ("strip", "square", "upright")
    with pytest.raises(ValueError, match="leaves the image"):
        covered("1 999", 4, 4, (2, 2))


# The whole -------------------------------------------------------------------------------------------------------


class Clock:
    """Each inspection a minute after the one before, unless it is set."""

    def __init__(self) -> None:
        self.moment = NOW

    def __call__(self) -> datetime:
        self.moment += timedelta(minutes=1)
        return self.moment.astimezone(UTC)


def inspection(label: str, mask: NDArray[np.bool_] | None = None, ms: float = 10.0) -> Inspection:
    ok = label == "none"
    drawn = np.zeros((20, 80), dtype=bool) if mask is None else mask
    height, width = drawn.shape
    defects = () if ok else (Defect(label, drawn, int(drawn.sum()), 1.0, 1),)
    scores = {label: 0.9, "none": 0.1} if not ok else {"none": 0.9}
    return Inspection(
        "ok" if ok else "defect", label, scores, defects, width, height, ms, {"classifier": "test"}, Thresholds()
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def history(tmp_path: Path, clock: Clock) -> Iterator[History]:
    opened = History(Settings(home=tmp_path), now=clock)
    yield opened
    opened.close()


@pytest.fixture
def add(history: History, clock: Clock) -> Callable[..., list[int]]:
    def record(when: str, *labels: str, mask: NDArray[np.bool_] | None = None, ms: float = 10.0) -> list[int]:
        clock.moment = at(when)
        image = np.zeros((20, 80, 3), dtype=np.uint8)
        return [history.record(image, inspection(label, mask, ms), name="x.png", source="cli").id for label in labels]

    return record


@pytest.fixture
def dashboard(history: History) -> Dashboard:
    return Dashboard(history, now=lambda: NOW)


Add = Callable[..., list[int]]


@pytest.fixture
def filled(add: Add) -> None:
    add("2026-03-03 09:00", "none", "none", "patches", "none")  # the week before
    add("2026-03-09 09:00", "none", "scratches", ms=30.0)
    add("2026-03-11 08:00", "none", "none", "scratches", "patches", ms=20.0)


@pytest.mark.usefixtures("filled")
def test_a_week(dashboard: Dashboard) -> None:
    view = dashboard.view(Asked("week"))
    assert view.grain == "day"
    assert [bar.count for bar in view.bars] == [0, 0, 0, 0, 2, 0, 4]
    assert (view.now.count, view.now.hits, view.now.rate) == (6, 3, 0.5)
    assert view.now.labels == {FREE: 3, "scratches": 2, "patches": 1}
    assert view.labels == ("scratches", "patches", FREE)
    assert view.now.mean_ms == pytest.approx(140 / 6)
    assert view.before and (view.before.count, view.before.hits) == (4, 1)
    assert view.chart.centre == 0.5
    assert view.positions.looked == view.positions.total == 3


@pytest.mark.usefixtures("filled")
def test_a_class_and_a_bar_filter_the_rest(dashboard: Dashboard) -> None:
    week = Asked("week")
    scratches = dashboard.view(week.toggled("label", "scratches"))
    assert (scratches.now.count, scratches.now.hits, scratches.now.mean_ms) == (6, 2, 25.0)
    assert [bar.count for bar in scratches.bars] == [0, 0, 0, 0, 2, 0, 4]
    assert [group.rate for group in scratches.chart.subgroups if group.rate is not None] == [0.5, 0.25]
    assert scratches.positions.total == 2

    pressed = week.toggled("start", "2026-03-09T00:00:00+09:00")
    bar = dashboard.view(pressed)
    assert (bar.now.count, bar.now.labels) == (2, {FREE: 1, "scratches": 1})
    assert bar.before and bar.before.span == Span(at("2026-03-08"), at("2026-03-09"))
    assert len(bar.bars) == 7
    assert pressed.toggled("start", "2026-03-09T00:00:00+09:00") == week
    assert dashboard.view(replace(pressed, preset="today")).asked.start is None
    free = dashboard.view(week.toggled("label", FREE))
    assert (free.now.hits, free.positions.looked, free.positions.maps) == (3, 3, ())
    for kind, value in (("start", "yesterday"), ("start", "2026-03-09"), ("colour", "red")):
        with pytest.raises(ValueError):
            week.toggled(kind, value)


@pytest.mark.usefixtures("filled")
def test_hours_and_all(dashboard: Dashboard) -> None:
    today = dashboard.view(Asked("today"))
    assert (today.grain, len(today.bars), today.bars[8].count) == ("hour", 24, 4)
    everything = dashboard.view(Asked("all"))
    assert (everything.grain, everything.now.count, everything.before) == ("day", 10, None)
    assert everything.bars[0].start == at("2026-03-03")


def test_nothing_yet(dashboard: Dashboard) -> None:
    for preset in ("today", "week", "month", "all", "own"):
        view: View = dashboard.view(Asked(preset))
        assert (view.now.count, view.now.rate, view.now.p95_ms, view.chart.centre) == (0, None, None, None)
        assert alert(view, 0.1) is None


@pytest.mark.usefixtures("filled")
def test_alert_line(dashboard: Dashboard) -> None:
    view = dashboard.view(Asked("week"))
    told = alert(view, 0.3)
    assert told and (told.period.start, told.hits, told.above, told.sure) == (at("2026-03-11"), 2, True, False)
    sure = alert(view, 0.05)
    assert sure and sure.sure
    assert (below := alert(view, 0.6)) and not below.above
    assert alert(view, None) is None


@pytest.mark.usefixtures("filled")
def test_classes_compared(dashboard: Dashboard) -> None:
    view = dashboard.view(Asked("week"))
    assert view.before
    changes = class_changes(view.now, view.before)
    assert list(changes) == ["patches", "scratches"]
    assert changes["scratches"].difference == pytest.approx(2 / 6)
    assert changes["scratches"].change == "chance"


def spot(row: int, column: int) -> NDArray[np.bool_]:
    mask = np.zeros((20, 80), dtype=bool)
    mask[row : row + 5, column : column + 5] = True  # four by four cells
    return mask


def test_maps_follow_the_history(history: History, add: Add) -> None:
    maps = PositionMaps(history, newest=3)
    where = Filter(verdict="defect")
    assert maps.of(where).maps == ()
    first = add("2026-03-11 08:00", "scratches", mask=spot(0, 0))
    add("2026-03-11 09:00", "none")
    add("2026-03-11 10:00", "patches", mask=spot(15, 75))
    found = maps.of(where)
    assert (found.looked, found.total) == (2, 2)
    (strip,) = found.maps
    assert (strip.shape, strip.pictures) == ("strip", 2)
    np.testing.assert_allclose(strip.covered[:4, :4], 0.5)
    np.testing.assert_allclose(strip.covered[12:, 60:], 0.5)
    assert strip.covered.sum() == pytest.approx(16)
    assert strip.hottest == pytest.approx((0.5 / 64, 0.5 / 16, 0.5))
    assert maps.of(where) is found  # nothing new, nothing added up

    (only,) = maps.of(replace(where, labels=("patches",)), "patches").maps
    np.testing.assert_allclose(only.covered[12:, 60:], 1.0)
    add("2026-03-11 11:00", "patches", "patches", mask=spot(0, 0))
    newest = maps.of(where)
    assert (newest.looked, newest.total, newest.maps[0].pictures) == (3, 4, 3)
    np.testing.assert_allclose(newest.maps[0].covered[:4, :4], 2 / 3)  # the oldest no longer counts

    history.delete(first)
    assert maps.of(where).total == 3
    history.delete([row.id for row in history.latest(1)])
    np.testing.assert_allclose(maps.of(where).maps[0].covered[:4, :4], 0.5)
    history.restore(first)
    assert maps.of(where).looked == 3


def test_a_mask_is_read_once(history: History, add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    add("2026-03-11 08:00", *["scratches"] * 5, mask=spot(0, 0))
    read: list[str] = []
    real = covered
    monkeypatch.setattr(
        "steelgui.services.positions.covered", lambda runs, *rest: (read.append(runs), real(runs, *rest))[1]
    )
    maps = PositionMaps(history)
    for where in (Filter(verdict="defect"), Filter(labels=("scratches",)), Filter(verdict="defect")):
        assert maps.of(where).looked == 5
    assert len(read) == 5
    add("2026-03-11 09:00", "scratches", mask=spot(0, 0))
    assert maps.of(Filter(verdict="defect")).looked == 6
    assert len(read) == 6


def test_a_corrected_class_takes_its_masks_along(history: History, add: Add) -> None:
    ids = add("2026-03-11 08:00", "scratches", "scratches", mask=spot(0, 0))
    history.correct(ids[:1], "inclusion")
    assert [found.pictures for found in PositionMaps(history).of(Filter(labels=("inclusion",)), "inclusion").maps] == [
        1
    ]


@pytest.mark.usefixtures("filled")
def test_the_token_changes_with_the_history(dashboard: Dashboard, history: History, add: Add) -> None:
    before = dashboard.token()
    assert dashboard.token() == before
    ids = add("2026-03-11 13:00", "none")
    after = dashboard.token()
    assert after != before
    history.delete(ids)
    assert dashboard.token() not in (after,)
