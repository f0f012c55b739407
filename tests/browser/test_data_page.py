"""The Data tab: open, see what is scarce, correct, paint, take back, and on to the other tabs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from discs import add_steel, discs_folder
from madeby import class_folder
from stripes import striped_folder

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
expect.set_options(timeout=60_000)
Visit = Callable[..., playwright.Page]


@pytest.fixture
def opened(visit: Visit, tmp_path: Path) -> tuple[playwright.Page, Path]:
    """A page with a data set of stripes in it, and where its pictures lie."""
    source = striped_folder(tmp_path / f"stripes-{tmp_path.name[-4:]}")
    page = visit()
    page.get_by_role("tab", name="Data").click()
    page.locator("#data-path").get_by_role("textbox").fill(str(source))
    page.locator("#data-open-path").click()
    expect(page.locator("#data-overview [data-class=rare]")).to_contain_text("scarce")
    return page, source


def choose_option(page: playwright.Page, dropdown: str, text: str) -> None:
    page.locator(f"{dropdown} input").click()
    page.locator(f"{dropdown} [role=option]", has_text=text).first.click()


def test_correct_and_take_back(opened: tuple[playwright.Page, Path], home: Path) -> None:
    page, source = opened
    rare = page.locator("#data-overview [data-class=rare]")
    expect(rare).to_contain_text("60")
    choose_option(page, "#data-class", "rare")
    expect(page.locator("#data-where")).to_contain_text("1–40 / 60")
    page.locator("#data-following").click()
    expect(page.locator("#data-where")).to_contain_text("41–60 / 60")
    page.locator("#data-gallery .thumbnail-item").nth(2).click()
    expect(page.locator("#data-about [data-picture]")).to_contain_text("rare")
    choose_option(page, "#data-relabel", "level")
    expect(rare).to_contain_text("59")
    expect(page.locator("#data-undo")).to_have_text("Undo: class")

    # A mask, painted with the mouse.
    about = page.locator("#data-about [data-picture]")
    before = about.get_attribute("data-picture")
    page.locator("#data-gallery .thumbnail-item").first.click()
    expect(about).not_to_have_attribute("data-picture", before)
    name = about.get_attribute("data-picture")
    page.locator("#data-paint").click()
    canvas = page.locator("#data-editor canvas")
    expect(canvas).to_have_attribute("width", "32")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box
    for row in (0.4, 0.6):
        page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + row * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + row * box["height"], steps=6)
        page.mouse.up()
    page.locator("#data-editor [data-tool=undo]").click()
    page.locator("#data-save-mask").click()
    expect(page.locator("#data-undo")).to_have_text("Undo: mask")
    stored = json.loads((home / "data" / source.name / "dataset.json").read_text("utf-8"))
    edit = stored["changes"][-1]["edits"][name]
    assert edit["classes"] == ["rare"]
    from PIL import Image

    with Image.open(home / "data" / source.name / edit["mask"]) as mask:
        left, top, right, bottom = mask.getbbox() or (0, 0, 0, 0)
    # One stroke of two: across, and low.
    assert mask.size == (32, 32) and right - left > 16 and bottom - top < 8 and bottom < 18

    for what in ("Undo: class", "Undo"):
        page.locator("#data-undo").click()
        expect(page.locator("#data-undo")).to_have_text(what)
    expect(page.locator("#data-undo")).to_be_disabled()
    expect(rare).to_contain_text("60")


def test_a_zip_a_wrong_verdict_and_more_of_a_class(opened: tuple[playwright.Page, Path], tmp_path: Path) -> None:
    page, source = opened
    archive = shutil.make_archive(str(tmp_path / "line 7"), "zip", source)
    with page.expect_file_chooser() as asked:
        page.locator("#data-zip").click()
    asked.value.set_files(archive)
    expect(page.locator("#data-known input")).to_have_value("line-7")
    page.locator("#data-check button").first.click()
    page.locator("#data-check-run").click()
    expect(page.locator("#data-checked")).to_contain_text("Unreadable: 0")

    # From an inspection into the data set that was opened last.
    page.get_by_role("tab", name="Inspect").click()
    page.locator("#correct-open").click()
    expect(page.get_by_test_id("toast-text")).to_contain_text("Inspect a picture first")
    page.locator("#samples .thumbnail-item").nth(5).click()
    expect(page.locator("#verdict [data-verdict]")).to_have_attribute("data-verdict", "defect")
    page.locator("#correct-open").click()
    expect(page.locator("#correct-into input")).to_have_value("line-7")
    page.locator("#correct-class input").fill("rust")
    page.locator("#correct-class input").press("Enter")
    page.locator("#correct-save").click()
    expect(page.locator("#correct")).to_be_hidden()
    page.get_by_role("tab", name="Data").click()
    expect(page.locator("#data-overview [data-class=rust]")).to_contain_text("1")

    choose_option(page, "#data-class", "rare")
    page.locator("#data-make").click()
    expect(page.locator("#studio-data input")).to_have_value("line-7")
    expect(page.locator("#studio-train")).to_contain_text("rare")
    page.get_by_role("tab", name="Data").click()
    page.locator("#data-retrain").click()
    expect(page.locator("#retrain-data input")).to_have_value("line-7")
    expect(page.locator("#retrain-counts")).to_contain_text("rust")
    expect(page.locator("#retrain-run")).to_be_enabled()
    choose_option(page, "#retrain-data", source.name)
    expect(page.locator("#retrain-counts")).not_to_contain_text("rust")
    expect(page.locator("#retrain-command")).to_contain_text(f"data/{source.name}")


def test_real_defects_on_other_steel_become_a_pool(visit: Visit, home: Path, tmp_path: Path) -> None:
    source = add_steel(discs_folder(tmp_path / "discs", rare=4))
    page = visit()
    page.get_by_role("tab", name="Data").click()
    page.locator("#data-path").get_by_role("textbox").fill(str(source))
    page.locator("#data-open-path").click()
    # Another data set of the session has a rare class too, and an open list must not lose its options.
    expect(page.locator("#data-known input")).to_have_value("discs")
    expect(page.locator("#data-overview [data-class=dark]")).to_be_visible()
    choose_option(page, "#data-class", "no defect")
    expect(page.locator("#data-vary")).to_be_disabled()
    choose_option(page, "#data-class", "rare")
    page.locator("#data-vary").click()
    expect(page.locator("#curate-source input")).to_have_value("discs: its own defects, varied")
    expect(page.locator("#curate-class input")).to_have_value("rare")
    page.locator("#curate-draw").click()
    cells = page.locator("#curate-gallery .thumbnail-item")
    expect(cells).to_have_count(24)
    expect(page.locator("#curate-bar")).to_contain_text("near copies")
    page.locator("#curate-all").click()
    page.locator("#curate-keep").click()
    expect(page.get_by_test_id("toast-text")).to_contain_text("24")
    pool = home / "synthetic" / "variants-discs"
    assert len(list((pool / "rare").glob("*.png"))) == len(list((pool / "masks" / "rare").glob("*.png"))) == 24
    page.get_by_role("tab", name="Data").click()
    expect(page.locator("#data-overview")).to_contain_text("variants-discs")


def test_without_masks_its_pictures_are_shown_in_other_light(visit: Visit, tmp_path: Path) -> None:
    source = class_folder(tmp_path / "unmasked")
    page = visit()
    page.get_by_role("tab", name="Data").click()
    page.locator("#data-path").get_by_role("textbox").fill(str(source))
    page.locator("#data-open-path").click()
    expect(page.locator("#data-known input")).to_have_value("unmasked")
    expect(page.locator("#data-vary")).to_have_text("Show its pictures in other light →")
    page.locator("#data-vary").click()
    expect(page.locator("#curate-source input")).to_have_value("unmasked: its own defects, varied")
    page.locator("#curate-draw").click()
    expect(page.locator("#curate-gallery .thumbnail-item")).to_have_count(24)


def test_what_cannot_be_opened_is_said(visit: Visit, tmp_path: Path) -> None:
    page = visit(locale="ko-KR")
    page.get_by_role("tab", name="데이터").click()
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"no archive")
    page.locator("#data-path").get_by_role("textbox").fill(str(broken))
    page.locator("#data-path").get_by_role("textbox").press("Enter")
    expect(page.get_by_test_id("toast-text")).to_contain_text("읽을 수 없는 ZIP입니다")
