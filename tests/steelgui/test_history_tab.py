"""What the History page is asked, and what it answers; the browser's side is in tests/browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from gradio.helpers import special_args

from steelgui.history import Cursor, Facets, Filter, HistoryRow, Summary
from steelgui.results import Inspection, Thresholds
from steelgui.services.datasets import Datasets
from steelgui.services.review import Review, ReviewError
from steelgui.services.workbench import Workbench
from steelgui.settings import Settings
from steelgui.ui import history_fragments as fragments
from steelgui.ui import history_query as query
from steelgui.ui.history_tab import HistoryTab
from steelgui.ui.i18n import Translator

EN, KO = Translator("en"), Translator("ko")
CHANGES = {"do_delete", "do_restore", "do_relabel", "do_annotate", "do_undo", "do_ask_relabel", "do_ask_annotate"} | {
    "do_collect",
    "do_ask_collect",
}


def tab(home: Path, **how: Any) -> HistoryTab:
    settings = Settings(home=home, **how)
    made = HistoryTab(Review(Workbench(settings), Datasets(settings)), settings)
    with gr.Blocks():
        made.layout()
    return made


@pytest.fixture
def page(tmp_path: Path) -> Iterator[HistoryTab]:
    made = tab(tmp_path)
    yield made
    made.review.history.close()


def ask(page: HistoryTab, name: str, asked: Any, language: str = "en") -> dict[str, Any]:
    request = SimpleNamespace(headers={"accept-language": language})
    answer: dict[str, Any] = getattr(page.html, f"do_{name}")(asked, request)
    return answer


def store(page: HistoryTab, name: str = "a.png", width: int = 200) -> HistoryRow:
    image = np.zeros((64, width, 3), dtype=np.uint8)
    found = Inspection("ok", "none", {"none": 0.9}, (), width, 64, 5.0, {"classifier": "m"}, Thresholds())
    return page.review.history.record(image, found, name=name, source="upload")


# What is asked --------------------------------------------------------------------------------------------------------


def test_a_filter_as_the_browser_sends_it() -> None:
    asked = {
        "since": "2026-03-01T00:00:00.000Z",
        "until": "2026-03-02T09:00:00+09:00",
        "verdict": "defect",
        "labels": ["scratches", ""],
        "sources": ["camera", "elsewhere"],
        "classifiers": [],
        "min_score": "0.5",
        "max_score": "",
        "text": " coil ",
    }
    assert query.where(asked) == Filter(
        since=datetime(2026, 3, 1, tzinfo=UTC),
        until=datetime(2026, 3, 2, tzinfo=UTC),
        verdict="defect",
        labels=("scratches",),
        sources=("camera",),
        min_score=0.5,
        text="coil",
    )
    assert query.where({}) == Filter()
    assert query.order({"order": "drop table"}) == "newest"


@pytest.mark.parametrize(
    "asked",
    [
        {"since": "yesterday"},
        {"since": "2026-03-01T00:00:00"},
        {"until": "9999-12-31T23:00:00-14:00"},
        {"min_score": "much"},
        {"max_score": "nan"},
    ],
)
def test_what_cannot_be_understood_says_so(asked: dict[str, Any]) -> None:
    with pytest.raises(ReviewError, match="cannot be understood"):
        query.where(asked)


@pytest.mark.parametrize("token", ["x", [], ["2026-01-01T00:00:00Z", True, None], ["2026-01-01T00:00:00Z", 2**63, 1]])
def test_a_cursor_that_nobody_gave_out_is_refused(token: Any) -> None:
    with pytest.raises(ReviewError, match="cursor"):
        query.cursor(token)


def test_a_cursor_comes_back_as_it_was() -> None:
    place = Cursor(datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC), 7, 0.25)
    assert query.cursor(query.token(place)) == place
    assert query.cursor(None) is None


@pytest.mark.parametrize("ids", ["1", [1.5], [True], [None], {"1": 1}])
def test_only_numbers_are_chosen(ids: Any) -> None:
    with pytest.raises(ReviewError):
        query.ids({"ids": ids})


# What is answered -----------------------------------------------------------------------------------------------------


def test_pages_follow_one_another(page: HistoryTab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steelgui.ui.history_tab.PAGE", 2)
    rows = [store(page, f"{number}.png") for number in range(3)]
    first = ask(page, "listing", {"count": True, "facets": True})
    assert first["ids"] == [rows[2].id, rows[1].id]
    assert "<b>3 inspected</b>" in first["count"]
    assert first["facets"]["sources"] == [["upload", "upload"]]
    second = ask(page, "listing", {"cursor": first["next"], "view": "table"})
    assert (second["ids"], second["next"]) == ([rows[0].id], None)
    assert "<table>" in second["html"] and "count" not in second


def test_grid_shows_thumbnails_and_never_originals(page: HistoryTab) -> None:
    row = store(page, '"><script>.png', width=640)
    html = ask(page, "listing", {})["html"]
    assert fragments.thumbnail(row) in html and row.original.name not in html
    assert "sg-strip" in html and "<script>" not in html


def test_empty_says_what_to_do(page: HistoryTab) -> None:
    assert "No inspections yet" in ask(page, "listing", {})["html"]
    assert 'data-do="clear"' in ask(page, "listing", {"text": "x"})["html"]
    assert "휴지통이 비어" in ask(page, "listing", {"deleted": True}, "ko")["html"]


def test_errors_are_one_sentence_in_the_visitors_words(page: HistoryTab) -> None:
    assert ask(page, "open", {"id": 99}) == {
        "error": "there is no inspection 99 any more; somebody may have purged it",
    }
    for name, asked in (("open", {"id": 99}), ("open", "nonsense"), ("listing", {"since": "x"}), ("delete", {})):
        assert re.search("[가-힣]", ask(page, name, asked, "ko")["error"]), name
    row = store(page)
    row.original.unlink()
    assert ask(page, "open", {"id": row.id}, "ko")["error"].startswith("a.png: 파일이 없습니다")


def test_a_picture_larger_than_any_screen_is_sent_smaller(page: HistoryTab) -> None:
    row = store(page, width=4800)
    found = ask(page, "open", {"id": row.id})
    assert found["size"] == (2400, 32)
    assert found["picture"].startswith("data:image/jpeg;base64,")


def test_counts_say_when_they_are_not_exact() -> None:
    assert "at least 10,000 inspected" in fragments.count(Summary(10_000, 10, exact=False), Filter(), EN)
    assert "12건" in fragments.count(Summary(12, 0), Filter(deleted=True), KO)


def test_classes_have_their_colours() -> None:
    found = fragments.facets(Facets(("none", "scratches"), (), ("api",)), EN)
    assert found["labels"] == [["none", "no defect", "var(--sg-soft)"], ["scratches", "scratches", "#D55E00"]]


# In a demo ------------------------------------------------------------------------------------------------------------


def served(page: HistoryTab) -> set[str]:
    return {function.__name__ for function in page.html.server_fns}


def test_a_demo_has_nothing_that_changes_an_inspection(tmp_path: Path) -> None:
    own, demo = tab(tmp_path / "own"), tab(tmp_path / "demo", host="0.0.0.0")
    assert served(own) - served(demo) == CHANGES
    frame = ask(demo, "start", {})["frame"]
    for act in ("delete", "restore", "relabel", "collect", "annotate", "trash"):
        assert f'data-do="{act}"' in ask(own, "start", {})["frame"] and f'data-do="{act}"' not in frame
    row = store(demo)
    assert "data-do=" in (panel := ask(demo, "open", {"id": row.id})["panel"])
    assert not re.search('data-do="(delete|relabel|annotate)"', panel)
    demo.review.history.close()


def test_gradio_gives_the_request_to_each_function(page: HistoryTab) -> None:
    """Its own way of calling them, which knows the request by its annotation."""
    request: Any = SimpleNamespace(headers={"accept-language": "ko"})
    arguments, *_ = special_args(page.html.do_start, [{}], request, None)
    assert page.html.do_start(*arguments)["words"]["lang"] == "ko"
