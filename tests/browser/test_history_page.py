"""The History tab in a real browser: filter, look closely, step by keys, delete and correct with undo, hand out."""

from __future__ import annotations

import csv
import io
import re
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from steelgui.history import History, HistoryRow
from steelgui.results import Defect, Inspection, Thresholds
from steelgui.services.datasets import Datasets
from steelgui.settings import Settings

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
expect.set_options(timeout=60_000)
Visit = Callable[..., playwright.Page]
CARDS = "#history .sg-card"

pytestmark = pytest.mark.browser


@pytest.fixture
def rows(home: Path) -> Iterator[list[HistoryRow]]:
    """A clean strip and four defects of two classes, an hour between each; the newest is the last.

    Their names begin alike, and like no other test's.
    """
    tag = uuid.uuid4().hex[:8]
    clock = iter(datetime.now(UTC) - timedelta(hours=5 - number) for number in range(5))
    history = History(Settings(home=home), now=lambda: next(clock, datetime.now(UTC)))
    made = [_record(history, tag, number) for number in range(5)]
    yield made
    # The other tests of this session share the home folder.
    history.delete([row.id for row in made])
    history.close()


def _record(history: History, tag: str, number: int) -> HistoryRow:
    height, width = (64, 400) if number == 0 else (200, 200)
    image = np.random.default_rng(number).integers(60, 200, (height, width, 3), dtype=np.uint8)
    mask = np.zeros((height, width), dtype=bool)
    mask[60:120, 80:160] = number > 0
    label = "none" if number == 0 else "patches" if number == 4 else "scratches"
    area = int(mask.sum())
    found = Inspection(
        verdict="defect" if number else "ok",
        label=label,
        scores={label: 0.9 - number / 10, "crazing": 0.01},
        defects=(Defect(label, mask, area, 100 * area / mask.size, 1),) if number else (),
        width=width,
        height=height,
        ms=12.0,
        models={"classifier": "neu-classifier", "segmenter": "neu-segmenter"},
        thresholds=Thresholds(),
    )
    return history.record(image, found, name=f"{tag}-{number}.png", source="camera")


def open_tab(page: playwright.Page, rows: list[HistoryRow], tab: str = "History") -> None:
    page.get_by_role("tab", name=tab).click()
    page.locator("#history [name=text]").fill(rows[0].name[:8])
    expect(page.locator(CARDS)).to_have_count(5)


def name_shown(page: playwright.Page) -> playwright.Locator:
    return page.locator("#history .sg-one header h2")


def test_filter_look_closely_and_step_by_keys(visit: Visit, rows: list[HistoryRow]) -> None:
    # Where it is about noon, the rows of the last five hours are today's.
    page = visit(zone=f"Etc/GMT{datetime.now(UTC).hour - 12:+d}")
    open_tab(page, rows)
    count = page.locator("#history .sg-count")
    expect(count).to_have_text("5 inspected4 with defects · defect rate 80.0 %")
    page.locator("#history [data-label=scratches]").click()
    expect(page.locator(CARDS)).to_have_count(3)
    page.get_by_role("button", name="Today").click()
    page.locator("#history [name=min_score]").fill("0.75")
    page.locator("#history [name=min_score]").press("Enter")
    expect(page.locator(f"{CARDS} .sg-file")).to_have_text([rows[1].name])
    page.locator("#history [name=text]").fill("no such name")
    expect(page.locator("#history .sg-nothing")).to_contain_text("Nothing fits")
    page.locator("#history .sg-nothing").get_by_role("button", name="Clear filters").click()
    page.locator("#history [name=text]").fill(rows[0].name[:8])
    expect(page.locator(CARDS)).to_have_count(5)
    page.locator("#history [name=order]").select_option("highest")
    expect(page.locator(f"{CARDS} .sg-file").first).to_have_text(rows[0].name)
    page.locator("#history [name=order]").select_option("newest")
    expect(page.locator(f"{CARDS} .sg-file").first).to_have_text(rows[4].name)

    page.locator(f"{CARDS} .sg-open").first.click()
    expect(name_shown(page)).to_have_text(rows[4].name)
    for expected in (rows[3].name, rows[2].name):
        page.keyboard.press("ArrowRight")
        expect(name_shown(page)).to_have_text(expected)
    page.keyboard.press("ArrowLeft")
    expect(name_shown(page)).to_have_text(rows[3].name)

    layer = page.locator("#history .sg-over img")
    expect(layer).to_be_visible()
    page.locator("#history .sg-marks input").uncheck()
    expect(layer).to_be_hidden()
    page.keyboard.press("ArrowRight")
    expect(name_shown(page)).to_have_text(rows[2].name)
    # What somebody does not want to see stays hidden.
    expect(layer).to_be_hidden()

    viewer = page.locator("#history .sg-viewer")
    fitting = viewer.get_attribute("data-scale")
    viewer.hover()
    page.mouse.wheel(0, -800)
    expect(viewer).to_have_class(re.compile("sg-zoomed"))
    viewer.dblclick()
    expect(viewer).to_have_attribute("data-scale", fitting)

    page.keyboard.press("Escape")
    expect(page.locator("#history .sg-one")).to_be_hidden()
    expect(page.locator(f'{CARDS}[data-id="{rows[2].id}"] .sg-open')).to_be_focused()


def test_delete_what_was_chosen_and_take_it_back(visit: Visit, rows: list[HistoryRow]) -> None:
    page = visit()
    open_tab(page, rows)
    boxes = page.locator(f"{CARDS} .sg-pick input")
    boxes.nth(1).click()
    boxes.nth(3).click(modifiers=["Shift"])
    expect(page.locator("#history [data-do=none]")).to_have_text("3 chosen ✕")
    page.locator("#history .sg-acts [data-do=delete]").click()
    expect(page.locator(CARDS)).to_have_count(2)
    page.locator("#history [data-do=trash]").click()
    expect(page.locator(CARDS)).to_have_count(3)
    page.locator("#history .sg-told [data-do=undo]").click()
    expect(page.locator("#history .sg-nothing")).to_be_visible()
    page.locator("#history [data-do=trash]").click()
    expect(page.locator(CARDS)).to_have_count(5)

    # In the dialog the next one comes, and Undo is at hand there too.
    page.locator(f"{CARDS} .sg-open").first.click()
    page.locator("#history .sg-one [data-do=delete]").click()
    expect(name_shown(page)).to_have_text(rows[3].name)
    page.locator("#history .sg-told [data-do=undo]").click()
    expect(page.locator("#history .sg-told")).to_contain_text("Taken back")
    page.keyboard.press("Escape")
    expect(page.locator(CARDS)).to_have_count(5)


def test_correct_note_and_hand_out(visit: Visit, home: Path, rows: list[HistoryRow]) -> None:
    page = visit()
    open_tab(page, rows)
    page.locator(f"{CARDS} .sg-pick input").first.check()
    page.locator("#history .sg-acts [data-do=relabel]").click()
    page.locator("#history .sg-ask [name=label]").select_option("crazing")
    page.locator("#history .sg-ask [name=into]").select_option("")
    page.locator("#history .sg-ask [type=submit]").click()
    first = page.locator(CARDS).first
    expect(first).to_contain_text("crazing 0.01")
    # The page looks for itself too, and may show the row before the picture lies among the corrections.
    expect(page.locator("#history .sg-told [data-do=undo]")).to_be_visible()
    datasets = Datasets(Settings(home=home))
    folder = datasets.find("corrections")
    assert ("crazing",) in [sample.labels for sample in datasets.samples(folder)]
    page.locator("#history .sg-told [data-do=undo]").click()
    expect(first).to_contain_text("patches 0.50")
    expect(page.locator("#history .sg-told")).to_contain_text("Taken back")
    assert rows[4].name[:10] not in " ".join(path.name for path in (folder / "added").iterdir())

    page.locator(f"{CARDS} .sg-pick input").nth(1).check()
    page.locator("#history .sg-acts [data-do=annotate]").click()
    page.locator("#history .sg-ask textarea").fill("<b>roll 4</b>")
    page.locator("#history .sg-ask [type=submit]").click()
    page.locator(f"{CARDS} .sg-open").nth(1).click()
    expect(page.locator("#history .sg-written")).to_have_text("<b>roll 4</b>")
    page.keyboard.press("Escape")

    page.locator("#history .sg-menu summary").click()
    with page.expect_download() as download:
        page.locator("#history [data-do=export-csv]").click()
    table = csv.DictReader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig")))
    assert [line["file"] for line in table] == [row.name for row in reversed(rows)]


def test_judged_again_by_the_active_models(visit: Visit, rows: list[HistoryRow]) -> None:
    page = visit()
    open_tab(page, rows)
    for box in page.locator(f"{CARDS} .sg-pick input").all()[:2]:
        box.check()
    page.locator("#history .sg-acts [data-do=compare]").click()
    expect(page.locator("#history .sg-ask tbody tr")).to_have_count(2)
    page.locator("#history .sg-ask [data-do=open-compared]").first.click()
    compared = page.locator("#history .sg-compared")
    expect(compared.locator("figure img")).to_have_count(2)
    compared.locator("[data-do=keep]").click()
    expect(page.locator("#history .sg-told")).to_contain_text("stored as a new inspection")
    page.keyboard.press("Escape")
    expect(page.locator(CARDS)).to_have_count(6)
    page.locator(f"{CARDS} .sg-pick input").first.check()
    page.locator("#history .sg-acts [data-do=delete]").click()
    expect(page.locator(CARDS)).to_have_count(5)


def test_view_is_remembered_and_speaks_korean(visit: Visit, rows: list[HistoryRow]) -> None:
    page = visit(locale="ko-KR", color_scheme="dark")
    open_tab(page, rows, "이력")
    page.locator("#history [data-view=table]").click()
    lines = page.locator("#history .sg-rows tbody tr")
    expect(lines).to_have_count(5)
    expect(lines.last).to_contain_text("정상")
    expect(lines.first.locator("time")).to_contain_text(re.compile("오전|오후"))
    page.reload()
    page.wait_for_selector('.sg-models[data-ready="true"]')
    page.get_by_role("tab", name="이력").click()
    expect(lines.first).to_be_visible()
