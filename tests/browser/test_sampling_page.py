"""Sampling in a real browser: snapshots and models, keys, scores, sets, ZIP, walk."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from madeby import CLASSES, class_folder, finished_run, random_generator
from PIL import Image

from steelgui.services.synthetic_sets import manifest
from steelgui.settings import Settings
from training.runs import Run

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
Visit = Callable[..., playwright.Page]
CELLS = "#curate-gallery .thumbnail-item"

pytestmark = pytest.mark.browser


@pytest.fixture
def trained(home: Path, tmp_path: Path) -> Iterator[Run]:
    """A finished run, the newest of the home folder, and beside it a model of two classes."""
    settings = Settings(home=home)
    run = finished_run(settings, class_folder(tmp_path / "data"))
    model = random_generator(settings.models / "steel.safetensors", CLASSES, None, 5, 5)
    yield run
    # The other tests of this session share the home folder.
    shutil.rmtree(run.folder)
    for name in (run.id, "steel"):
        shutil.rmtree(home / "synthetic" / name, ignore_errors=True)
    for suffix in (".safetensors", ".json"):
        model.with_suffix(suffix).unlink()


def studio(page: playwright.Page) -> None:
    page.get_by_role("tab", name="GAN").click()
    expect(page.locator("#curate-source input")).to_have_value("mine: best")


def draw(page: playwright.Page) -> None:
    page.locator("#curate-draw").click()
    expect(page.locator(CELLS)).to_have_count(24)


def choose(page: playwright.Page, control: str, text: str) -> None:
    page.locator(f"{control} input").click()
    page.get_by_role("option", name=text).click()


def test_from_drawing_to_the_set(visit: Visit, home: Path, trained: Run) -> None:
    page = visit()
    studio(page)
    expect(page.locator("#curate-class")).to_be_hidden()
    expect(page.locator("#curate-keep")).to_be_disabled()
    draw(page)
    cells = page.locator(CELLS)
    cells.nth(1).click()
    expect(cells.nth(1)).to_contain_text("✓")
    expect(cells.nth(1)).to_be_focused()
    # A accepts and goes on, R rejects and goes on, Space turns it round.
    for key in ("ArrowRight", "a", "r", "ArrowRight", "Space", "Space"):
        page.keyboard.press(key)
    assert [cells.nth(index).inner_text() for index in range(6)] == ["0", "✓ 1", "✓ 2", "✕ 3", "4", "5"]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("Home")
    expect(cells.first).to_be_focused()
    expect(page.locator("#curate-keep")).to_have_text("Add 3 to the synthetic set")

    # What was accepted meanwhile is still so when the scores come.
    expect(page.locator("#curate-bar")).to_contain_text("of 24 are near copies", timeout=120_000)
    expect(page.locator("#curate-gallery .sg-note")).to_contain_text("distance")
    expect(page.locator("#curate-gallery figure img").nth(1)).to_be_visible()
    expect(page.locator("#curate-keep")).to_have_text("Add 3 to the synthetic set")
    page.locator("#curate-sort").get_by_text("distance").click()
    expect(cells.first).to_contain_text("×")
    values = [float(text.split()[-1].rstrip("×")) for text in cells.all_inner_texts()]
    assert values == sorted(values, reverse=True)
    middle = values[11]
    page.locator("#curate-distance input[type=number]").fill(str(middle))
    page.locator("#curate-distance input[type=number]").press("Tab")
    expect(page.locator(f"{CELLS}:visible")).not_to_have_count(24)

    page.locator("#curate-keep").click()
    expect(page.get_by_text("3 added; the set now holds 3").first).to_be_visible()
    folder = home / "synthetic" / trained.id
    rows = manifest(folder)
    assert len(rows) == 3 and all(row["confidence"] and float(row["distance"]) > 0 for row in rows)
    expect(page.locator(f'{CELLS}[data-state="added"]')).to_have_count(3)
    expect(page.locator("#curate-keep")).to_be_disabled()
    page.locator("#curate-undo").click()
    expect(page.get_by_text("3 taken back; the set now holds 0").first).to_be_visible()
    assert not list(folder.rglob("*.png"))
    expect(page.locator(f'{CELLS}[data-state="accepted"]')).to_have_count(3)
    page.locator("#curate-none").click()
    expect(page.locator(f'{CELLS}[data-state="accepted"]')).to_have_count(0)
    page.locator("#curate-all").click()
    visible = page.locator(f"{CELLS}:visible").count()
    expect(page.locator("#curate-keep")).to_have_text(f"Add {visible} to the synthetic set")


def test_what_was_picked_outlives_a_late_answer(visit: Visit, home: Path, trained: Run, tmp_path: Path) -> None:
    newest = finished_run(Settings(home=home), class_folder(tmp_path / "more"), name="newest")
    page = visit()
    page.get_by_role("tab", name="GAN").click()
    expect(page.locator("#curate-source input")).to_have_value("newest: best")
    held: list[Any] = []
    page.route("**/queue/join**", lambda route: held.append(route))
    choose(page, "#studio-runs", "mine")
    choose(page, "#curate-source", "steel (model)")
    page.wait_for_timeout(1000)
    earlier = [route for route in held if "model:steel" not in route.request.post_data]
    assert earlier and len(earlier) < len(held)
    for route in earlier:
        with page.expect_response("**/queue/join**"):
            route.continue_()
    page.unroute("**/queue/join**")  # which lets go of the others
    expect(page.locator("#curate-class")).to_be_visible()
    expect(page.locator("#curate-source input")).to_have_value("steel (model)")
    choose(page, "#curate-class", "scratches")
    draw(page)
    expect(page.locator("#curate-bar")).to_contain_text("no comparison with training pictures", timeout=120_000)
    shutil.rmtree(newest.folder)


def test_snapshot_and_archive(visit: Visit, trained: Run) -> None:
    page = visit()
    studio(page)
    choose(page, "#curate-source", "after 1,000 pictures")
    draw(page)
    expect(page.locator("#curate-zip")).to_have_text("Export ZIP of 24")
    page.locator(CELLS).nth(2).click()
    expect(page.locator("#curate-zip")).to_have_text("Export ZIP of 1")
    with page.expect_download() as download:
        page.locator("#curate-zip").click()
    archive = zipfile.ZipFile(Path(download.value.path()))
    (row,) = csv.DictReader(io.StringIO(archive.read("manifest.csv").decode("utf-8-sig")))
    assert (row["run"], row["generator"], row["seed"]) == (trained.id, "generator-0000001000", "2")
    # The next ones come from other seeds, and another click hands out another file.
    draw(page)
    expect(page.locator(CELLS).first).to_have_text("24")
    expect(page.locator("#curate-zip")).to_have_text("Export ZIP of 24")
    with page.expect_download() as download:
        page.locator("#curate-zip").click()
    assert len(zipfile.ZipFile(Path(download.value.path())).namelist()) == 25


def test_model_with_classes_and_walk(visit: Visit, home: Path, trained: Run) -> None:
    page = visit(locale="ko-KR", color_scheme="dark")
    studio_name = page.get_by_role("tab", name="GAN 스튜디오")
    studio_name.click()
    choose(page, "#curate-source", "steel (모델)")
    expect(page.locator("#curate-class")).to_be_visible()
    choose(page, "#curate-class", "스크래치")
    draw(page)
    expect(page.locator("#curate-bar")).to_contain_text("학습 이미지와 비교하지 못했습니다", timeout=120_000)
    expect(page.locator("#curate-distance")).to_contain_text("비교할 학습 이미지가 없습니다")
    expect(page.locator("#curate-confidence input[type=range]")).to_be_enabled()
    page.locator(CELLS).nth(0).click()
    page.locator(CELLS).nth(5).click()
    expect(page.locator("#curate-keep")).to_have_text("2장을 합성 세트에 추가")

    page.locator("#walk").get_by_text("잠재 공간 산책").click()
    picture = page.locator("#walk-picture img")
    expect(picture).to_be_visible()
    page.locator("#walk-take").click()
    expect(page.locator("#walk-seeds textarea, #walk-seeds input").first).to_have_value("0, 5")
    before = picture.get_attribute("src")
    page.locator("#walk-place input[type=range]").fill("50")
    expect(picture).not_to_have_attribute("src", before or "")
    for button, kind in (("#walk-gif", "GIF"), ("#walk-webp", "WEBP")):
        with page.expect_download() as download:
            page.locator(button).click()
        with Image.open(download.value.path()) as moving:
            assert (moving.format, moving.n_frames, moving.info["loop"]) == (kind, 48, 0)

    page.locator("#curate-keep").click()
    expect(page.get_by_text("2장을 추가했습니다").first).to_be_visible()
    assert {row["class"] for row in manifest(home / "synthetic" / "steel")} == {"scratches"}
    field = page.locator("#walk-seeds textarea, #walk-seeds input").first
    field.fill("3, x")
    field.press("Tab")
    expect(page.get_by_text("쉼표로 나누어 적으세요").first).to_be_visible()
