"""The dashboard over a history of its own: figures, filters, maps that follow, and what the page makes of them."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

from steelgui.history import Filter, History
from steelgui.results import Defect, Inspection, Thresholds
from steelgui.services.dashboard import FREE, Asked, Dashboard, View, alert, class_changes
from steelgui.services.dashboard_table import figures_csv
from steelgui.services.periods import OwnDates, Span
from steelgui.services.positions import PositionMaps, covered
from steelgui.settings import Settings
from steelgui.ui import dashboard_charts as charts
from steelgui.ui import dashboard_fragments as fragments
from steelgui.ui.dashboard_picture import picture
from steelgui.ui.i18n import Translator

NOW = datetime(2026, 3, 11, 14, 5, 30, tzinfo=ZoneInfo("Asia/Seoul"))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NOW.tzinfo)


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


@pytest.mark.usefixtures("filled")
def test_the_token_follows_corrections_and_the_trash(dashboard: Dashboard, history: History, tmp_path: Path) -> None:
    ids = [row.id for row in history.latest(10) if row.label == "scratches"]
    seen = [dashboard.token()]
    for change in (
        lambda: history.correct(ids[:1], "patches"),
        lambda: history.correct(ids[:1], None),
        lambda: history.delete(ids),
        lambda: history.restore(ids),
    ):
        change()
        seen.append(dashboard.token())
        assert seen[-1] != seen[-2]
    # Another process: seen as soon as the numbers of a class differ.
    with closing(History(Settings(home=tmp_path))) as other:
        other.correct(ids[:1], "patches")
    assert dashboard.token() not in seen


# Days of the visitor -----------------------------------------------------------------------------------------------

SEOUL, NEW_YORK = ZoneInfo("Asia/Seoul"), ZoneInfo("America/New_York")


def test_days_and_hours_are_the_visitors(dashboard: Dashboard, add: Add) -> None:
    # 11 March, 14:05 in Seoul, is 1:05 in New York, with summer time there since the 8th.
    add("2026-03-10 23:58", "scratches")
    add("2026-03-11 00:01", "none", "patches")
    add("2026-03-11 12:58", "patches")
    add("2026-03-11 13:00", "none")
    seoul, new_york = (dashboard.view(Asked("today"), zone) for zone in (SEOUL, NEW_YORK))
    assert (seoul.now.count, seoul.now.labels) == (4, {FREE: 2, "patches": 2})
    assert (new_york.now.count, new_york.now.labels) == (1, {FREE: 1})
    assert new_york.span.since == datetime(2026, 3, 11, tzinfo=NEW_YORK)
    assert [bar.start.hour for bar in new_york.bars if bar.count] == [0]
    week = dashboard.view(Asked("week"), NEW_YORK)
    assert [bar.count for bar in week.bars][-2:] == [4, 1] and week.bars[-2].start.day == 10
    # The half hour of Kolkata: what was inspected at 0:01 in Seoul was so at 20:31 of the day before.
    kolkata = dashboard.view(Asked("today"), ZoneInfo("Asia/Kolkata"))
    assert [(f"{bar.start:%H:%M}", bar.count) for bar in kolkata.bars if bar.count] == [("09:00", 2)]
    assert dashboard.token(SEOUL) != dashboard.token(NEW_YORK)


def test_a_day_of_23_hours_ends_at_midnight(dashboard: Dashboard, history: History, clock: Clock) -> None:
    for hour in (4, 5, 27, 28):
        clock.moment = datetime(2026, 3, 8, tzinfo=UTC) + timedelta(hours=hour, minutes=29)
        history.record(np.zeros((20, 80, 3), np.uint8), inspection("none"), name="x.png", source="cli")
    # From 5:00 on 8 March to 4:00 on 9 March, UTC.
    day = dashboard.view(Asked("week", start=datetime.fromisoformat("2026-03-08T00:00:00-05:00")), NEW_YORK)
    assert day.now.count == 2
    assert day.now.span == Span(datetime(2026, 3, 8, tzinfo=NEW_YORK), datetime(2026, 3, 9, tzinfo=NEW_YORK))


# Into the history --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("filled")
def test_what_is_chosen_opens_in_the_history(dashboard: Dashboard) -> None:
    t = Translator("en")
    asked = Asked("week", label="scratches")
    assert fragments.in_history(dashboard.view(asked), t) == {
        "preset": "week", "labels": ("scratches",), "verdict": "",
    }  # fmt: skip
    free = fragments.in_history(dashboard.view(Asked("all", label=FREE)), t)
    assert free == {"preset": "all", "labels": (), "verdict": "ok"}
    bar = fragments.in_history(dashboard.view(asked.toggled("start", "2026-03-09T00:00:00+09:00")), t)
    assert bar["span"] == {
        "since": "2026-03-09T00:00:00+09:00", "until": "2026-03-10T00:00:00+09:00", "name": "9 Mar",
    }  # fmt: skip
    own = Asked("own", own=OwnDates(date(2026, 3, 2), date(2026, 3, 4)))
    days = fragments.in_history(dashboard.view(own), t)
    assert (days["first"], days["last"]) == ("2026-03-02", "2026-03-04")
    hostile = fragments.chips(dashboard.view(Asked("week", label='"><script>')), t)
    assert "<script>" not in hostile


# The page --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("filled")
def test_all_figures_as_a_table(dashboard: Dashboard) -> None:
    view = dashboard.view(Asked("week"))
    table = figures_csv(view, alert(view, 0.3))
    values = {tuple(row[:4]): row[4] for row in csv.reader(io.StringIO(table))}
    assert values["summary", "", "", "inspected"] == "6"
    assert values["summary", "", "", "rate"] == "0.5"
    assert values["before", "", "", "hits"] == "1"
    assert values["change", "", "scratches", "says"] == "chance"
    assert values["bars", "2026-03-09T00:00:00+09:00", "scratches", "inspected"] == "1"
    assert values["limits", "2026-03-08T00:00:00+09:00", "", "state"] == "empty"
    assert values["alert", "2026-03-11T00:00:00+09:00", "", "state"] == "perhaps above"
    assert values["positions", "", "", "pictures looked at"] == "3"


@pytest.mark.parametrize("stack", ["class", "verdict", "defects"])
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_picture_stands_by_itself(dashboard: Dashboard, add: Add, lang: str, stack: str) -> None:
    add("2026-03-11 08:00", "none", "<b>&", mask=spot(0, 0))
    add("2026-03-10 08:00", *["scratches"] * 9)
    view = dashboard.view(Asked("week"))
    drawn = picture(view, stack, 0.2, NOW, Translator(lang))
    # No variable, no button, nothing from outside that is markup.
    assert "var(" not in drawn and "role=" not in drawn and "<b>" not in drawn
    texts = [element.text for element in ET.fromstring(drawn).iter() if element.text]
    assert "<b>&" in texts
    assert "2026-03-11 14:05" in " ".join(texts)


def test_what_comes_from_outside_is_escaped(dashboard: Dashboard, add: Add) -> None:
    add("2026-03-11 08:00", '"><script>')
    view, t = dashboard.view(Asked("week", label='"><script>')), Translator("en")
    for drawn in (
        fragments.chips(view, t), fragments.tiles(view, t), fragments.time_panel(view, "class", t),
        fragments.classes(view, t), fragments.comparison(view, t), fragments.figures(view, t),
        fragments.control_panel(view, 0.1, alert(view, 0.1), t), fragments.failed("<script>", t),
    ):  # fmt: skip
        assert "<script" not in drawn


@pytest.mark.usefixtures("filled")
def test_bars_are_buttons_and_charts_are_pictures(dashboard: Dashboard) -> None:
    view, t = dashboard.view(Asked("week", start=at("2026-03-09"))), Translator("en")
    bars_svg = ET.fromstring(charts.over_time(view, "class", t).svg(buttons=True))
    groups = [group for group in bars_svg.iter("g") if group.get("role") == "button"]
    assert [group.get("aria-pressed") for group in groups].count("true") == 1
    # One stop for the tab key: arrow keys go on from there.
    assert [group.get("tabindex") for group in groups] == ["-1"] * 4 + ["0"] + ["-1"] * 2
    assert groups[4].get("aria-label") == "9 Mar: 2 inspected, Defect rate 50.0 % (1)"
    heights = [float(rect.get("height", 0)) for rect in groups[4].iter("rect") if rect.get("opacity") == "1"]
    assert sum(heights) == pytest.approx((charts.BOTTOM - charts.TOP) * 2 / 4)
    chart = ET.fromstring(charts.control(view, None, t).svg())
    assert (chart.get("role"), chart.get("aria-label", "")[:13]) == ("img", "Control chart")


def test_points_outside_have_a_sign_and_a_word(dashboard: Dashboard, add: Add) -> None:
    for day in range(5, 11):
        add(f"2026-03-{day:02d} 08:00", *["none"] * 7, "patches")
    add("2026-03-11 08:00", *["scratches"] * 8)
    view, t = dashboard.view(Asked("week")), Translator("en")
    assert view.chart.outside == (6,)
    drawn = fragments.control_panel(view, None, None, t)
    assert 'data-limits="outside"' in drawn
    assert "1 outside the limits, more than chance explains: 11 Mar 100.0 % (above" in drawn
    assert drawn.count(">!</text>") == 1


@pytest.mark.parametrize("preset", ["today", "week", "month", "all", "own"])
def test_an_empty_history_has_a_page_too(dashboard: Dashboard, preset: Any) -> None:
    view, t = dashboard.view(Asked(preset)), Translator("en")
    assert "No inspection in this time yet." in fragments.time_panel(view, "class", t)
    assert "No inspection in this time yet." in fragments.control_panel(view, 0.1, None, t)
    assert "No marked area" in fragments.where(view, t)
    assert ET.fromstring(picture(view, "class", None, NOW, t)).tag.endswith("svg")
    assert figures_csv(view).startswith("table,place")
