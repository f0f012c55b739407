"""The Retrain tab: from a folder to a verdict, and found again after a reload."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from stripes import striped_folder

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
Visit = Callable[..., playwright.Page]

VERDICT = "#retrain-verdict [data-health]"
ANSWERED = re.compile("no_synthetic|no_difference|helped|as_balanced|worse")


def test_an_experiment_from_a_folder_to_a_verdict(visit: Visit, tmp_path: Path) -> None:
    page = visit()
    page.get_by_role("tab", name="Retrain").click()
    expect(page.locator("#retrain-verdict")).to_contain_text("Do synthetic pictures help?")
    expect(page.locator("#retrain-run")).to_be_disabled()
    page.locator("#retrain-data input").fill(str(striped_folder(tmp_path / "data")))
    page.keyboard.press("Tab")
    expect(page.locator("#retrain-counts")).to_contain_text("scarce")
    page.locator("#retrain-settings button").first.click()
    for name, value in (("arch", "test_resnet"), ("init", "random"), ("size", "32"), ("epochs", "1")):
        field = page.locator(f"#retrain-{name}").locator("input, textarea").first
        field.fill(value)
        field.press("Tab")
    page.locator("#retrain-seeds input[type=number]").fill("2")
    page.locator("#retrain-seeds input[type=number]").press("Tab")
    # Without synthetic pictures, plain training and balanced sampling remain, twice each.
    expect(page.locator("#retrain-run")).to_contain_text("Run 4 trainings")
    expect(page.locator("#retrain-command")).to_contain_text("--init random")
    expect(page.locator("#retrain-command")).to_contain_text("--epochs 1 --size 32")
    page.locator("#retrain-run").click()
    expect(page.locator("#retrain-progress li")).to_have_count(4)
    page.reload()
    page.wait_for_selector('.sg-models[data-ready="true"]', timeout=120_000)
    page.get_by_role("tab", name="Retrain").click()
    expect(page.locator(VERDICT)).to_have_attribute("data-health", ANSWERED, timeout=180_000)
    expect(page.locator("#retrain-answer svg circle")).to_have_count(6)
    expect(page.locator("#retrain-answer table")).to_have_count(2)
    _cells_and_heat_maps(page)
    expect(page.locator("#retrain-report")).to_be_visible()
    with page.expect_download() as download:
        page.locator("#retrain-report").click()
    report = download.value.path().read_text("utf-8")
    assert report.startswith("<!doctype html>") and "http" not in report.replace("http://www.w3.org", "")

    # The loop closes: the model inspects, and gives way again.
    header = page.locator("#header .sg-models")
    expect(header).to_contain_text("neu-classifier")
    page.locator("#retrain-activate").click()
    expect(header).to_contain_text(re.compile(r"data-(plain|balanced)-\d{4}-\d{4}"))
    page.get_by_role("tab", name="Inspect").click()
    page.locator("#samples .thumbnail-item").nth(2).click()
    expect(page.locator("#scores li")).to_have_count(3)
    expect(page.locator("#scores")).to_contain_text("upright")
    page.get_by_role("tab", name="Retrain").click()
    page.locator("#retrain-back").click()
    expect(header).to_contain_text("neu-classifier")
    expect(page.locator("#retrain-back")).to_be_hidden()


def _cells_and_heat_maps(page: playwright.Page) -> None:
    """By keyboard: a cell shows its pictures, a changed picture what two models look at; nothing moves for it."""
    cell, title = page.locator("#retrain-answer button[data-side]").first, page.locator("#retrain-cell-title")
    pictures, heat = page.locator("#retrain-cell .thumbnail-item"), page.locator("#retrain-heat")
    expect(title).to_contain_text("Open a cell")
    expect(page.locator("#retrain-close")).to_be_disabled()
    before = _places(page)
    said = cell.get_attribute("aria-label") or ""
    found = re.fullmatch(r"truth \w+, predicted \w+: (\d+) pictures?", said)
    assert found
    cell.focus()
    page.keyboard.press("Enter")
    expect(cell).to_have_attribute("aria-expanded", "true")
    expect(title).to_contain_text(f"Before: plain · {said} · by at least one of 2 trainings")
    expect(pictures).to_have_count(min(24, int(found[1])))
    page.keyboard.press("Enter")  # the same again
    expect(pictures).to_have_count(0)
    expect(cell).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Enter")
    expect(pictures).not_to_have_count(0)

    changed = page.locator("#retrain-better .thumbnail-item, #retrain-worse .thumbnail-item").first
    changed.focus()
    page.keyboard.press("Enter")
    expect(heat.locator("img")).to_have_count(3)
    expect(heat).to_contain_text(re.compile(r"Before: plain\s*says \w+, score [01]\.\d\d: (right|wrong)"))
    expect(heat).to_contain_text(re.compile(r"After: balanced sampling\s*says \w+, score [01]\.\d\d: (right|wrong)"))
    of_the_changed = heat.inner_text()
    pictures.last.click()
    expect(heat).not_to_have_text(of_the_changed)
    expect(page.locator("#retrain-better .selected, #retrain-worse .selected")).to_have_count(0)
    page.locator("#retrain-close").click()
    expect(title).to_contain_text("Open a cell")
    expect(pictures).to_have_count(0)
    expect(cell).to_be_focused()
    assert _places(page) == before


def _places(page: playwright.Page) -> list[list[float]]:
    """Top and height of what stands below one another, in the page."""
    places: list[list[float]] = page.evaluate(
        """() => ["answer", "cell", "better", "worse", "heat", "actions"].map((name) => {
          const box = document.querySelector(`#retrain-${name}`).getBoundingClientRect();
          return [box.top + scrollY, box.height];
        })"""
    )
    return places


def test_a_folder_that_is_not_there_is_said_in_korean_title_and_all(visit: Visit) -> None:
    page = visit(locale="ko-KR")
    page.get_by_role("tab", name="재학습").click()
    page.locator("#retrain-data input").fill("/nowhere")
    page.keyboard.press("Tab")
    expect(page.get_by_test_id("toast-text")).to_contain_text("그런 폴더가 없습니다")
    title = page.locator(".toast-title").evaluate("title => getComputedStyle(title, '::before').content")
    assert title == '"할 수 없습니다"'
