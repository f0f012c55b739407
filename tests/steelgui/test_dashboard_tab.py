"""The Dashboard tab's answers to what a page may send, and to a history that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from steelgui.history import History
from steelgui.services.dashboard import Asked, Dashboard
from steelgui.settings import Settings
from steelgui.ui.dashboard_tab import DashboardTab, remembered

SKIPPED = gr.skip()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, lang="en")


@pytest.fixture
def tab(settings: Settings) -> Iterator[DashboardTab]:
    history = History(settings)
    with gr.Blocks():
        yield DashboardTab(Dashboard(history), settings, str)
    history.close()


REQUEST: Any = SimpleNamespace(headers={})


def sent(**what: object) -> Any:
    return SimpleNamespace(**what)


def test_a_button_that_is_none_of_ours(tab: DashboardTab) -> None:
    for kind, value in (("start", "<script>"), ("start", "2026-01-01"), ("colour", "red")):
        assert tab.on_pick(REQUEST, Asked(), "week", "class", None, sent(kind=kind, value=value)) == SKIPPED
    assert tab.on_export(REQUEST, Asked(), "week", "class", None, sent(kind="exe")) == SKIPPED
    # A class that nobody has seen is nothing but empty.
    found = tab.on_pick(REQUEST, Asked(), "week", "class", None, sent(kind="label", value="<i>"))
    assert found[tab.asked].label == "<i>"
    assert "<i>" not in found[tab.chips]


def test_days_half_typed_and_the_wrong_way_round(tab: DashboardTab, monkeypatch: pytest.MonkeyPatch) -> None:
    days = {"since": "2026-03-0", "until": "", "before_since": "2026-03-01", "before_until": None}
    found = tab.on_days(REQUEST, Asked(), "own", "class", None, sent(**days))
    own = found[tab.asked].own
    assert (own.since, own.until, own.before_since, own.before_until) == (None, None, date(2026, 3, 1), None)
    said: list[str] = []
    monkeypatch.setattr(gr, "Warning", said.append)
    days = {"since": "2026-03-04", "until": "2026-03-02"}
    assert list(tab.on_days(REQUEST, Asked(), "own", "class", None, sent(**days))) == [tab.asked]
    assert said == ["The last day, 2026-03-02, lies before the first, 2026-03-04; choose them the other way round."]


def test_a_line_beyond_all_rates(tab: DashboardTab) -> None:
    for line in (-5.0, 250.0):
        assert "sg-chart" in tab.on_change(REQUEST, Asked(), "week", "class", line)[tab.control]


def test_a_history_that_cannot_be_read_comes_back(tab: DashboardTab, settings: Settings) -> None:
    settings.database_path.write_bytes(b"this is no database, but it is long enough to look like one" * 20)
    found = tab.on_load(REQUEST, Asked(), None)
    assert 'role="alert"' in found[tab.tiles] and "is not a SteelGUI history" in found[tab.tiles]
    # It stands there already: the page is left alone, and tried again.
    assert tab.on_look(REQUEST, Asked(), "week", "class", None, found[tab.token]) == SKIPPED
    settings.database_path.unlink()
    again = tab.on_look(REQUEST, Asked(), "week", "class", None, found[tab.token])
    assert 'data-figure="count"' in again[tab.tiles]
    assert tab.on_look(REQUEST, Asked(), "week", "class", None, again[tab.token]) == SKIPPED


def test_the_visitors_zone_reaches_the_figures(tab: DashboardTab) -> None:
    asked = []
    view = tab.dashboard.view
    tab.dashboard.view = lambda what, zone=None: (asked.append(str(zone)), view(what, zone))[1]  # type: ignore[method-assign]
    there: Any = SimpleNamespace(headers={"cookie": "steelgui_zone=America%2FNew_York"})
    tab.on_load(there, Asked(), None)
    tab.on_export(there, Asked(), "week", "class", None, sent(kind="csv"))
    tab.on_load(REQUEST, Asked(), None)
    assert asked == ["America/New_York", "America/New_York", "None"]


@pytest.mark.parametrize(
    "kept", [None, "x", [], {"range": "year", "stack": 3, "alert": "much"}, {"range": None, "alert": True}]
)
def test_what_a_browser_kept_may_be_anything(kept: object) -> None:
    assert remembered(kept) == ("week", "class", None)
    assert remembered({"range": "today", "stack": "verdict", "alert": 7.5}) == ("today", "verdict", 7.5)
