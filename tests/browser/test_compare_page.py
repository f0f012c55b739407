"""Kinds of models side by side, from the Models tab: tick, run, come back, read, download."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from stripes import striped_folder

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
Visit = Callable[..., playwright.Page]


def opened(page: playwright.Page, tab: str = "Models", title: str = "Kinds of models side by side") -> None:
    page.get_by_role("tab", name=tab).click()
    page.locator("#compare").get_by_role("button", name=title).click()


def test_a_comparison_from_a_folder_to_a_page(visit: Visit, tmp_path: Path) -> None:
    page = visit()
    opened(page)
    expect(page.locator("#compare-state")).to_contain_text("Which kind of model suits your pictures?")
    expect(page.locator("#compare-run")).to_be_disabled()
    page.locator("#compare-data input").fill(str(striped_folder(tmp_path / "data")))
    page.keyboard.press("Tab")
    for name in ("mobilenetv2", "thesis-efficientnet-b0", "thesis-unet"):
        page.locator("#compare-models").get_by_label(name, exact=True).click()
    for name, value in (("epochs", "1"), ("budget", "8"), ("seeds", "1")):
        field = page.locator(f"#compare-{name} input").first
        field.fill(value)
        field.press("Tab")
    expect(page.locator("#compare-command")).to_contain_text("--models thesis-cnn thesis-unet --epochs 1 --budget 8")
    expect(page.locator("#compare-run")).to_contain_text("Run 2 trainings")
    page.locator("#compare-run").click()
    expect(page.locator("#compare-progress li")).to_have_count(2)
    page.reload()
    page.wait_for_selector('.sg-models[data-ready="true"]', timeout=120_000)
    opened(page)
    state = page.locator("#compare-state [data-health]")
    expect(state).to_have_attribute("data-health", "finished", timeout=180_000)
    expect(state).to_contain_text("thesis-cnn: Accuracy")
    # The stripes have no masks: the U-Net's row says so, and the other model's stands.
    expect(page.locator("#compare-answer .sg-error-text")).to_contain_text("a segmenter needs masks")
    expect(page.locator("#compare-answer .sg-pareto circle")).to_have_count(1)
    expect(page.locator("#compare-answer .sg-confusion")).to_have_count(1)
    with page.expect_download() as download:
        page.locator("#compare-download").click()
    saved = download.value.path().read_text("utf-8")
    assert saved.startswith("<!doctype html>") and "thesis-cnn" in saved and "http" not in saved


def test_what_is_wrong_is_said_in_korean(visit: Visit) -> None:
    page = visit(locale="ko-KR")
    opened(page, "모델", "모델 종류 비교")
    page.locator("#compare-data input").fill("/nowhere")
    page.keyboard.press("Tab")
    expect(page.get_by_test_id("toast-text").last).to_contain_text("폴더")
    expect(page.locator("#compare-run")).to_be_disabled()
