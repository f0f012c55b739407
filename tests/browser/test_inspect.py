"""What a visitor does on the Inspect and Batch tabs, in a real browser against the real app.

The `visit` fixture fails a test on any console error and on any request that leaves 127.0.0.1.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from steelgui.history import History
from steelgui.settings import Settings, assets_folder
from steelgui.ui.inspect_tab import LATEST

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
Visit = Callable[..., playwright.Page]
VERDICT = "#verdict .sg-verdict"
#: What the browser remembers of the controls.
STORED = "localStorage.getItem('steelgui.inspect')"

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)


def entries(home: Path) -> int:
    history = History(Settings(home=home))
    try:
        return history.count()
    finally:
        history.close()


def overlay(page: playwright.Page) -> str:
    """Address of the right-hand picture of the slider; it changes with what is drawn."""
    return page.locator("#slider img").nth(1).get_attribute("src") or ""


def click_sample(page: playwright.Page, number: int) -> None:
    page.locator("#samples .thumbnail-item").nth(number).click()


def test_first_visit(visit: Visit, home: Path) -> None:
    page = visit()
    assert page.title() == "SteelGUI"
    assert page.locator("h1").inner_text().strip() == "SteelGUI"
    assert page.locator("footer").count() == 0 or not page.locator("footer").first.is_visible()
    expect(page.locator("#stage-empty")).to_contain_text("Nothing inspected yet")
    # The main job needs no scrolling at 1440×900.
    assert page.evaluate("document.documentElement.scrollHeight") <= 900
    before = entries(home)
    click_sample(page, 2)
    expect(page.locator(VERDICT)).to_have_attribute("data-verdict", re.compile("ok|defect"))
    expect(page.locator("#slider img")).to_have_count(2)
    expect(page.locator("#stage-empty")).to_be_hidden()
    expect(page.locator("#scores li")).to_have_count(7)
    expect(page.locator("#meta")).to_contain_text("neu-segmenter")
    expect(page.locator("#latest .thumbnail-item")).to_have_count(min(before + 1, LATEST))
    assert entries(home) == before + 1
    assert all(page.locator("#slider img").nth(i).get_attribute("alt") for i in range(2))

    plain = overlay(page)
    page.locator("#heat input").check()
    expect(page.locator("#slider img").nth(1)).not_to_have_attribute("src", plain)
    heated = overlay(page)
    page.locator("#opacity input[type=range]").fill("0.9")
    expect(page.locator("#slider img").nth(1)).not_to_have_attribute("src", heated)
    page.locator("#heat input").uncheck()
    expect(page.locator("#slider img").nth(1)).not_to_have_attribute("src", overlay(page))

    click_sample(page, 2)
    expect(page.locator("#latest .thumbnail-item")).to_have_count(min(before + 2, LATEST))
    page.keyboard.press("n")
    expect(page.locator("#meta")).to_contain_text("04-strip")
    expect(page.locator("#latest .thumbnail-item")).to_have_count(min(before + 3, LATEST))
    # Opening again records nothing.
    page.locator("#latest .thumbnail-item").nth(2).click()
    expect(page.locator("#meta")).to_contain_text("03-strip")
    assert entries(home) == before + 3


def test_thresholds_need_no_forward_pass(visit: Visit, home: Path) -> None:
    page = visit()
    click_sample(page, 7)
    expect(page.locator("#meta")).to_contain_text("08-tile")
    expect(page.locator("#latest .thumbnail-item").first).to_be_visible()
    before = entries(home)
    page.locator("#min-area input[type=range]").fill("2000")
    page.locator("#score input[type=range]").fill("0.05")
    expect(page.locator(VERDICT)).to_have_attribute("data-verdict", "defect")
    page.locator("#score input[type=range]").fill("0.95")
    expect(page.locator("#scores .sg-track").first).to_have_attribute("style", re.compile("95"))
    shown = page.locator("#areas tbody tr").all_inner_texts()
    page.locator("#min-area input[type=range]").fill("0")
    expect(page.locator("#areas tbody")).not_to_have_text("".join(shown) or "-")
    assert entries(home) == before


def test_an_untouched_page_draws_nothing(visit: Visit) -> None:
    """Gradio's own loop of sixty frames a second costs an eighth of a core; a training beside it would have to pay."""
    page = visit()
    page.add_init_script(
        """window.drawn = 0;
        { const frame = window.requestAnimationFrame.bind(window);
          window.requestAnimationFrame = (callback) => { window.drawn += 1; return frame(callback); }; }"""
    )
    page.reload()
    page.wait_for_selector('.sg-models[data-ready="true"]')
    page.wait_for_timeout(4000)
    assert page.evaluate("window.drawn") > 0, "nothing is counted"
    page.evaluate("window.drawn = 0")
    page.wait_for_timeout(2000)
    assert page.evaluate("window.drawn") < 20


def test_controls_are_remembered(visit: Visit) -> None:
    page = visit()
    changes: tuple[Callable[[], None], ...] = (
        lambda: page.locator("#score input[type=range]").fill("0.8"),
        lambda: page.locator("#heat input").check(),
    )
    for change in changes:
        before = page.evaluate(STORED)
        change()
        page.wait_for_function(f"before => {STORED} !== before", arg=before)
    page.reload()
    expect(page.locator("#score input[type=range]")).to_have_value("0.8")
    expect(page.locator("#heat input")).to_be_checked()
    click_sample(page, 2)
    expect(page.locator("#scores .sg-track").first).to_have_attribute("style", re.compile("80"))


def test_broken_upload_says_why(visit: Visit, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture at all")
    page = visit()
    page.locator("#picture input[type=file]").set_input_files(broken)
    expect(page.locator(VERDICT)).to_have_attribute("data-verdict", "error")
    expect(page.locator(VERDICT)).to_contain_text("broken.png")


def test_real_pictures_get_their_labels(visit: Visit, realdata: Path) -> None:
    folder = realdata / "neu-det"
    with (folder / "split.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] != "train"]
    first = {row["label"]: folder / row["image"] for row in reversed(rows)}
    assert len(first) >= 6
    page = visit()
    for label, path in first.items():
        page.locator("#picture input[type=file]").set_input_files(path)
        expect(page.locator("#meta")).to_contain_text(path.name)
        expect(page.locator(VERDICT)).to_have_attribute("data-label", label)


def test_korean_and_dark(visit: Visit) -> None:
    page = visit(locale="ko-KR", color_scheme="dark")
    expect(page.get_by_role("tab", name="일괄 검사")).to_be_visible()
    expect(page.locator("#stage-empty")).to_contain_text("아직 검사한 이미지가 없습니다")
    expect(page.locator("#heat")).to_contain_text("히트맵")
    click_sample(page, 2)
    expect(page.locator(VERDICT)).to_contain_text(re.compile("결함|정상"))
    expect(page.locator("#scores")).to_contain_text("스크래치 (scratches)")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert sum(map(int, re.findall(r"\d+", background)[:3])) < 120


def test_visitors_do_not_see_each_other(visit: Visit) -> None:
    first, second = visit(), visit()
    click_sample(first, 2)
    expect(first.locator("#meta")).to_contain_text("03-strip")
    click_sample(second, 6)
    expect(second.locator("#meta")).to_contain_text("07-tile")
    first.locator("#score input[type=range]").fill("0.9")
    expect(first.locator("#scores .sg-track").first).to_have_attribute("style", re.compile("90"))
    expect(first.locator("#meta")).to_contain_text("03-strip")
    expect(second.locator("#scores .sg-track").first).to_have_attribute("style", re.compile("50"))


def test_batch_goes_on_past_a_broken_file(visit: Visit, tmp_path: Path) -> None:
    samples = sorted((assets_folder() / "samples").glob("*tile*.jpg"))
    broken = tmp_path / "cut.jpg"
    broken.write_bytes(samples[0].read_bytes()[:400])
    good = tmp_path / "한글.png"
    # Mirrored: a picture that no other test has inspected, since thumbnails are named by their content.
    ImageOps.mirror(Image.open(samples[1])).save(good)
    page = visit()
    newest = page.locator("#latest .thumbnail-item img").first
    before = newest.get_attribute("src") if newest.count() else None
    page.get_by_role("tab", name="Batch").click()
    page.locator("#batch-run").click()
    expect(page.get_by_text("Choose pictures first").first).to_be_visible()
    page.locator("#batch-files input[type=file]").set_input_files([samples[0], broken, good])
    expect(page.locator("#batch-files")).to_contain_text("cut")
    page.locator("#batch-run").click()
    expect(page.locator("#batch-bar")).to_contain_text("3 of 3")
    expect(page.locator("#batch-table tbody tr")).to_have_count(3)
    error = page.locator('#batch-table tr[data-verdict="error"]')
    expect(error).to_have_count(1)
    expect(error).to_contain_text("cut.jpg")
    expect(page.locator("#batch-zip")).to_be_enabled()
    with page.expect_download() as download:
        page.locator("#batch-csv").click()
    table = Path(download.value.path()).read_text("utf-8-sig")
    assert table.count("\n") == 4 and "한글.png" in table
    with page.expect_download() as download:
        page.locator("#batch-zip").click()
    names = zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())).namelist()
    assert sum(name.startswith("overlays/") for name in names) == 2
    # Back on the first tab, the strip of latest inspections shows what the batch did.
    page.get_by_role("tab", name="Inspect").click()
    expect(newest).to_be_visible()
    expect(newest).not_to_have_attribute("src", before or "")
