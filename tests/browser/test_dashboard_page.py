"""The dashboard: what is pressed filters the rest, by mouse and by keys; live; files."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from steelgui.history import History
from steelgui.results import Defect, Inspection, Thresholds
from steelgui.settings import Settings

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
Visit = Callable[..., playwright.Page]

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)

LABEL = "edge_tear"  # no other test's


@pytest.fixture
def add(home: Path) -> Iterator[Callable[[str], None]]:
    """Into the database of the running page, from beside it."""
    history = History(Settings(home=home))
    before = {row.id for row in history.latest(10_000)}
    mask = np.zeros((32, 256), dtype=bool)
    mask[:4, 200:240] = True

    def record(label: str) -> None:
        ok = label == "none"
        defects = () if ok else (Defect(label, mask, int(mask.sum()), 2.0, 1),)
        made = Inspection(
            "ok" if ok else "defect", label, {label: 0.9}, defects, 256, 32, 21.0, {"classifier": "test"}, Thresholds()
        )
        history.record(np.full((32, 256, 3), 128, dtype=np.uint8), made, name="strip.png", source="cli")

    yield record
    # Others count what they find.
    history.delete([row.id for row in history.latest(10_000) if row.id not in before])
    history.close()


def figure(page: playwright.Page, name: str) -> playwright.Locator:
    return page.locator(f'#dash-tiles [data-figure="{name}"] dd').first


def opened(visit: Visit, **how: str) -> playwright.Page:
    page = visit(**how)
    page.get_by_role("tab", name=re.compile("Dashboard|대시보드")).click()
    expect(figure(page, "count")).to_be_visible()
    return page


def inspected(page: playwright.Page) -> int:
    return int(figure(page, "count").inner_text().replace(",", ""))


def test_what_is_pressed_filters_the_rest(visit: Visit, add: Callable[[str], None]) -> None:
    for label in (LABEL, LABEL, "none"):
        add(label)
    page = opened(visit)
    count = inspected(page)
    button = page.locator(f'#dash-classes [data-value="{LABEL}"]')
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(figure(page, "hits")).to_have_text("2")
    expect(figure(page, "count")).to_have_text(f"{count:,}")
    expect(page.locator("#dash-where h2")).to_contain_text("newest 2 of 2 pictures")
    expect(page.locator('#dash-where [data-shape="strip"] svg')).to_have_attribute(
        "aria-label", re.compile("from the top")
    )
    expect(page.locator('#dash-classes [data-value="ok"]')).to_have_class(re.compile("sg-faded"))

    # Today's bar, by keys: the others fade, and whoever pressed it is still there.
    page.locator('#dash-time g[role="button"][tabindex="0"]').focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    pressed = page.locator('#dash-time g[aria-pressed="true"]')
    expect(pressed).to_have_count(1)
    expect(pressed).to_be_focused()
    expect(page.locator("#dash-chips [data-pick]")).to_have_count(2)
    expect(figure(page, "hits")).to_have_text("2")
    page.keyboard.press("Escape")
    expect(pressed).to_have_count(0)
    page.locator("#dash-chips [data-pick]").click()
    expect(page.locator("#dash-chips [data-pick]")).to_have_count(0)
    assert inspected(page) == count


def test_live_and_told_of_the_alert_line(visit: Visit, add: Callable[[str], None]) -> None:
    add(LABEL)
    page = opened(visit)
    before = inspected(page)
    page.locator("#dash-alert input").fill("0.1")
    expect(page.locator("#dash-control [data-alert]")).to_have_attribute("data-alert", re.compile("sure"))
    add("none")
    add(LABEL)
    expect(figure(page, "count")).to_have_text(f"{before + 2:,}", timeout=15_000)

    # Kept in this browser; the days of one's own; and nothing asks while nobody looks.
    page.reload()
    page.get_by_role("tab", name="Dashboard").click()
    expect(page.locator("#dash-alert input")).to_have_value("0.1")
    page.locator('#dash-range input[value="own"]').check(force=True)
    page.locator('#dash-dates input[name="since"]').fill("2001-02-03")
    page.locator('#dash-dates input[name="until"]').fill("2001-02-04")
    expect(figure(page, "count")).to_have_text("0")
    expect(page.locator("#dash-control")).to_contain_text("No inspection in this time yet.")
    page.locator('#dash-range input[value="week"]').check(force=True)
    expect(figure(page, "count")).to_have_text(f"{before + 2:,}")
    page.get_by_role("tab", name="Batch").click()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.post_data or "") if "queue" in request.url else None)
    page.wait_for_timeout(2500)
    assert not asked


def test_days_are_the_visitors_and_open_in_the_history(visit: Visit, add: Callable[[str], None]) -> None:
    add(LABEL)
    add("none")
    # Twelve hours ago it was another day in one of two zones that are 24 hours apart.
    page = opened(visit, zone="Pacific/Kiritimati")
    other = opened(visit, zone="Etc/GMT+10")
    for one in (page, other):
        one.locator('#dash-range input[value="today"]').check(force=True)
        one.locator("#dash-figures-fold > button").click()
    expect(page.locator("#dash-figures tbody th").first).not_to_have_text(
        other.locator("#dash-figures tbody th").first.inner_text()
    )
    page.locator('#dash-range input[value="week"]').check(force=True)
    page.locator(f'#dash-classes [data-value="{LABEL}"]').click()
    expect(page.locator("#dash-chips [data-pick]")).to_have_count(1)
    page.locator('#dash-time g[role="button"][tabindex="0"]').focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.locator("#dash-chips [data-pick]")).to_have_count(2)
    page.locator("#dash-chips [data-open]").click()
    expect(page.locator("#history .sg-cards [data-id]")).to_have_count(1)
    chip = page.locator("#history .sg-span")
    expect(chip).to_be_visible()
    expect(page.locator(f'#history [data-label="{LABEL}"]')).to_have_attribute("aria-pressed", "true")
    expect(page.locator('#history [data-preset][aria-pressed="true"]')).to_have_count(0)
    chip.click()
    expect(chip).to_be_hidden()
    expect(page.locator('#history [data-preset="week"]')).to_have_attribute("aria-pressed", "true")


def test_a_correction_shows_by_itself(visit: Visit, add: Callable[[str], None], home: Path) -> None:
    add(LABEL)
    page = opened(visit)
    button = page.locator(f'#dash-classes [data-value="{LABEL}"]')
    expect(button).to_contain_text("1")
    history = History(Settings(home=home))
    ids = [row.id for row in history.latest(100) if row.label == LABEL]
    history.correct(ids, "burr")
    expect(page.locator('#dash-classes [data-value="burr"]')).to_be_visible(timeout=15_000)
    expect(button).to_have_count(0)
    history.close()


def test_files_in_korean(visit: Visit, add: Callable[[str], None], tmp_path: Path) -> None:
    add(LABEL)
    page = opened(visit, locale="ko-KR", color_scheme="dark")
    files = {}
    for kind in ("svg", "png", "csv"):
        with page.expect_download() as brought:
            page.locator(f'[data-export="{kind}"]').click()
        files[kind] = tmp_path / brought.value.suggested_filename
        brought.value.save_as(files[kind])
    svg = files["svg"].read_text("utf-8")
    assert ET.fromstring(svg).tag.endswith("svg")
    assert "결함 위치" in svg and "var(" not in svg
    with Image.open(files["png"]) as drawn:
        assert drawn.size == (2560, 1680)
        assert len(drawn.convert("RGB").getcolors(1 << 20) or ()) > 50
    lines = files["csv"].read_text("utf-8-sig").splitlines()
    assert lines[0] == "table,place,class,figure,value"
    assert f"summary,,{LABEL},inspected,1" in lines
