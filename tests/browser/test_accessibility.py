"""Everybody: axe on every tab, no raw keys, everything by keyboard, nothing cut off on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python")

from walk import open_tab, tabs  # noqa: E402

from steelgui.languages import table  # noqa: E402
from steelgui.settings import assets_folder  # noqa: E402

pytestmark = pytest.mark.browser
Visit = Callable[..., Any]

AXE = (Path(axe.__file__).parent / "axe.min.js").read_text("utf-8")
SAMPLE = assets_folder() / "samples" / "01-strip-scratches.jpg"
#: All that a visitor reads, sees as a hint or is told by a reader.
WORDS = """() => {
    const told = ["aria-label", "placeholder", "title", "alt"];
    const all = [...document.querySelectorAll("*")].flatMap((one) => told.map((name) => one.getAttribute(name)));
    return [document.body.innerText, ...all].join("\\n");
}"""
#: Both pictures are there, and their boundary where it opens or was moved to.
SLIDER_STANDS = """() => {
    const there = [...document.querySelectorAll("#slider img")].every((one) => one.complete && one.naturalWidth);
    return there && +document.querySelector("#slider [role=slider]").ariaValueNow > 0;
}"""
#: Ids that more than one element has: a label, a style or a script would mean the wrong one.
SHARED_IDS = """() => {
    const ids = [...document.querySelectorAll("[id]")].map((one) => one.id).filter(Boolean);
    return [...new Set(ids.filter((id, at) => ids.indexOf(id) !== at))];
}"""
#: What reaches beyond the window and cannot be scrolled to in a box of its own.
CUT_OFF = """() => {
    const out = ({ left, right }) => right > innerWidth + 1 || left < -1;
    const boxed = (box) => getComputedStyle(box).overflowX !== "visible" && !out(box.getBoundingClientRect());
    const inBox = (one) => one.tagName !== "MAIN" && (boxed(one) || inBox(one.parentElement));
    return [...document.querySelectorAll("#header *, #tabs *")].filter((one) => {
        const place = one.getBoundingClientRect();
        return one.offsetParent && place.width > 1 && place.right > 0 && out(place) && !inBox(one.parentElement);
    }).map((one) => `${one.tagName}#${one.id}.${one.className}`);
}"""
#: What invites a pointer and cannot be reached by the keyboard.
POINTER_ONLY = """() => {
    const reached = "a[href], button, input, select, textarea, summary, label, canvas, [tabindex]";
    const inviting = (one) => /pointer|grab|resize/.test(getComputedStyle(one).cursor);
    return [...document.querySelectorAll("main *")]
        .filter((one) => one.offsetParent && inviting(one) && !inviting(one.parentElement) && !one.closest(reached))
        .map((one) => `${one.tagName}#${one.id}.${one.className}`);
}"""


def inspected(visit: Visit, **how: Any) -> Any:
    """A page with something to see on its first tab."""
    page = visit(**how)
    page.locator("#samples button.thumbnail-item").first.click()
    page.wait_for_selector('#verdict [data-verdict="defect"]')
    page.wait_for_selector("#slider [role=slider]")
    return page


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-US", "ko-KR"])
def test_every_tab_is_for_everybody(visit: Visit, locale: str, color_scheme: str) -> None:
    page = inspected(visit, locale=locale, color_scheme=color_scheme)
    assert page.evaluate("document.documentElement.lang") == locale[:2]
    page.evaluate(AXE)
    keys = set(table("en"))
    known = tabs(page)
    assert {"inspect", "batch", "data", "studio", "retrain", "models", "settings", "about"} <= set(known)
    for tab in known:
        open_tab(page, tab)
        if tab == "batch":
            page.locator("#batch-files input[type=file]").set_input_files(SAMPLE)
            page.wait_for_selector("#batch-files .file-preview")
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
        bad = [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]
        assert not bad, (tab, bad)
        assert page.evaluate(POINTER_ONLY) == [], tab
        assert page.evaluate(SHARED_IDS) == [], tab
        words = page.evaluate(WORDS)
        # Gradio has a key of its own that it never turns into words.
        assert "__i18n__" not in words and "common." not in words, tab
        assert not keys & set(re.findall(r"[a-z_]+\.[\w-]+", words)), tab


@pytest.mark.parametrize("width", [360, 820, 3840])
def test_a_phone_cuts_nothing_off_and_4k_stretches_nothing(visit: Visit, width: int) -> None:
    page = inspected(visit, locale="ko-KR", size=(width, 800 if width < 3000 else 2160))
    for tab in tabs(page):
        open_tab(page, tab)
        assert page.evaluate("document.querySelector('main').getBoundingClientRect().width") <= 1920, tab
        assert page.evaluate("document.documentElement.scrollWidth") <= width, tab
        assert page.evaluate(CUT_OFF) == [], tab


def test_what_opens_on_a_phone_is_for_everybody_too(visit: Visit) -> None:
    page = inspected(visit, size=(360, 780))
    page.evaluate(AXE)

    def check(what: str) -> None:
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
        assert not [one["id"] for one in found if one["impact"] in ("serious", "critical")], what

    open_tab(page, "studio")
    page.locator("#runs-panel > button").click()
    page.wait_for_selector("#runs-table .virtual-table-viewport th[tabindex='0']", state="attached")
    check("the runs")
    open_tab(page, "history")
    page.locator("#history .sg-card .sg-open").first.click()
    page.wait_for_selector("#history .sg-one .sg-verdict")
    check("an inspection in large")


def test_keys_skip_the_tabs_and_move_the_slider(visit: Visit) -> None:
    page = inspected(visit)
    page.evaluate("document.activeElement.blur(); document.querySelector('.sg-skip').focus()")
    assert page.locator(".sg-skip").bounding_box()["y"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "tab-inspect"
    page.keyboard.press("Tab")
    assert page.evaluate("Boolean(document.activeElement.closest('#tab-inspect'))")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    boundary = page.locator("#slider [role=slider]")
    page.wait_for_function(SLIDER_STANDS)
    before = int(boundary.get_attribute("aria-valuenow"))
    boundary.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("(was) => +document.querySelector('#slider [role=slider]').ariaValueNow > was", arg=before)
    page.keyboard.press("End")
    page.wait_for_function("() => +document.querySelector('#slider [role=slider]').ariaValueNow > 95")


def test_a_key_before_the_pictures_are_there_does_not_break_the_slider(visit: Visit) -> None:
    """Gradio divides by the width of pictures that it does not have yet, and never finds back."""
    page = visit()
    held: list[Any] = []
    page.route(re.compile(r"/file="), lambda route: held.append(route))
    page.locator("#samples button.thumbnail-item").first.click()
    page.wait_for_selector("#slider [role=slider]")
    page.wait_for_function("() => document.querySelector('#slider [role=slider]').ariaValueNow === '0'")
    page.locator("#slider [role=slider]").focus()
    page.keyboard.press("ArrowRight")
    assert held
    page.unroute(re.compile(r"/file="))  # which lets go of what is held
    page.wait_for_function(SLIDER_STANDS)
