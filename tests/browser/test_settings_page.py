"""What is set acts: the language at once, thresholds and units on Inspect, and all of it at the next start."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api")

from walk import open_tab  # noqa: E402

pytestmark = pytest.mark.browser
Visit = Callable[..., Any]
expect = playwright.expect


@pytest.fixture
def settings(visit: Visit) -> Iterator[Any]:
    """The open tab; others share the server, so everything goes back at the end."""
    page = visit()
    open_tab(page, "settings")
    yield page
    open_tab(page, "settings")
    page.locator("#settings-defaults").click()
    page.wait_for_selector("#settings-status .sg-ok")
    if not page.locator('#settings-language input[value="browser"]').is_checked():
        page.locator('#settings-language input[value="browser"]').click()
        page.wait_for_function("() => document.documentElement.lang === 'en'")


def test_the_language_changes_the_page_and_stays(settings: Any, visit: Visit, home: Path) -> None:
    settings.locator('#settings-language input[value="ko"]').click()
    settings.wait_for_function("() => document.documentElement.lang === 'ko'")
    # The page comes back to where it was.
    expect(settings.locator("#settings-save")).to_have_text("설정 저장")
    expect(settings.locator("#settings h2").first).to_contain_text("언어와 단위")
    assert json.loads((home / "settings.json").read_text("utf-8"))["language"] == "ko"
    other = visit(locale="en-US")
    expect(other.get_by_role("tab", name="검사", exact=True)).to_be_visible()
    other.close()


def test_thresholds_and_units_begin_as_they_are_set(settings: Any, visit: Visit) -> None:
    page = settings
    page.locator("#settings-score input").fill("0.72")
    page.locator("#settings-min-area input").fill("60")
    page.locator('#settings-unit input[value="mm"]').click()
    page.locator("#settings-mm-per-px input").fill("0.05")
    page.locator("#settings-save").click()
    page.wait_for_selector("#settings-status .sg-ok")
    open_tab(page, "inspect")
    expect(page.locator("#score input[type=number]")).to_have_value("0.72")
    page.locator("#samples button.thumbnail-item").first.click()
    page.wait_for_selector("#areas .sg-swatch")
    cells = page.locator("#areas tbody tr td").all_inner_texts()
    assert float(cells[3].replace(",", "")) == pytest.approx(float(cells[2].replace(",", "")) * 0.0025, rel=0.01)
    # A new visitor begins there too; what one moves by hand stays with that one.
    other = visit()
    expect(other.locator("#min-area input[type=number]")).to_have_value("60")
    other.locator("#score input[type=number]").fill("0.3")
    other.locator("#score input[type=number]").press("Tab")
    other.wait_for_timeout(500)
    other.reload()
    expect(other.locator("#score input[type=number]")).to_have_value("0.3")
    expect(page.locator("#score input[type=number]")).to_have_value("0.72")


def test_what_cannot_be_kept_is_said_and_changes_nothing(settings: Any, home: Path) -> None:
    kept = home / "settings.json"
    before = kept.read_text("utf-8") if kept.exists() else None
    settings.locator("#settings-exports textarea, #settings-exports input").first.fill("not/a/whole/path")
    settings.locator("#settings-save").click()
    expect(settings.locator("#settings-status .sg-error")).to_contain_text("not a whole path")
    assert (kept.read_text("utf-8") if kept.exists() else None) == before


def test_a_first_visitor_is_shown_around_once(visit: Visit) -> None:
    page = visit(tour=True)
    card = page.get_by_role("dialog")
    expect(card).to_be_visible()
    stations = int(re.search(r"/ (\d)", card.inner_text()).group(1))  # type: ignore[union-attr]
    assert stations >= 4
    for _ in range(stations - 1):
        page.keyboard.press("Tab")
        assert page.evaluate("Boolean(document.activeElement.closest('.sg-tour'))")
        page.locator(".sg-tour-next").click()
    assert f"{stations} / {stations}" in card.inner_text()
    # What is lit may be tried, which takes the focus from the card.
    page.mouse.click(3, 300)
    assert not page.evaluate("Boolean(document.activeElement.closest('.sg-tour'))")
    page.keyboard.press("Escape")
    expect(card).to_have_count(0)
    page.reload()
    page.wait_for_selector('.sg-models[data-ready="true"]')
    page.wait_for_timeout(500)
    assert page.get_by_role("dialog").count() == 0
    open_tab(page, "settings")
    page.locator("#settings-tour").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_role("dialog").get_by_role("checkbox").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_the_page_can_be_installed(visit: Visit, address: str) -> None:
    page = visit()
    manifest = page.evaluate("fetch(document.querySelector('link[rel=manifest]').href).then((a) => a.json())")
    assert manifest["display"] == "standalone" and manifest["name"] == "SteelGUI"
    for icon in manifest["icons"]:
        side = page.evaluate(
            "(src) => { const i = new Image(); i.src = src; return i.decode().then(() => i.naturalWidth); }",
            icon["src"],
        )
        assert icon["sizes"] == f"{side}x{side}"
