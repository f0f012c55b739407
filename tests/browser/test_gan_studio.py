"""The GAN Studio in a real browser against the real app and a real training process."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from steelgui.services.jobs import Jobs
from steelgui.settings import Settings

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
Visit = Callable[..., playwright.Page]
HEALTH = "#studio-health .sg-health"

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def no_run_is_left(home: Path) -> object:
    yield
    jobs = Jobs(Settings(home=home))
    for run in jobs.all():
        if run.alive():
            jobs.stop(run)


def seen(page: playwright.Page) -> int:
    """Pictures that the run under the progress bar has seen."""
    found = re.search(r"([\d,]+) of", page.locator("#studio-progress").inner_text())
    return int(found[1].replace(",", "")) if found else 0


def wait_until_more_than(page: playwright.Page, step: int) -> None:
    for _ in range(240):
        if seen(page) > step:
            return
        page.wait_for_timeout(500)
    raise AssertionError(f"still at {seen(page)}")


def test_from_demo_strips_to_a_synthetic_set(visit: Visit, home: Path) -> None:
    page = visit()
    page.get_by_role("tab", name="GAN Studio").click()
    expect(page.locator(HEALTH)).to_contain_text("No run yet")
    expect(page.locator("#studio-train")).to_be_disabled()
    page.locator("#studio-demo").click()
    expect(page.locator("#studio-class input").first).to_be_attached(timeout=120_000)
    page.locator("#studio-class").get_by_text("scratches").click()
    expect(page.locator("#studio-train")).to_have_text(re.compile("Train scratches, 64², about"))

    page.locator("#studio-preview").get_by_text("Preview").click()
    page.locator("#studio-preview-show").click()
    expect(page.locator("#studio-tiles .thumbnail-item").first).to_be_visible()
    expect(page.locator("#studio-preview-counts")).to_contain_text(re.compile(r"[1-9]\d* kept"))
    page.locator("#studio-preview").get_by_text("Preview").click()

    page.locator("#studio-settings").get_by_text("Settings").click()
    for name, value in (("images", "6400"), ("checks", "8")):
        field = page.locator(f"#field-{name} input")
        field.fill(value)
        field.press("Tab")
    expect(page.locator("#studio-command")).to_contain_text("--class scratches --preset quick --images 6400 --checks 8")
    page.locator("#studio-train").click()
    expect(page.locator("#studio-pause")).to_be_enabled(timeout=120_000)
    wait_until_more_than(page, 100)
    expect(page.locator("#chart-loss svg path, #chart-loss canvas").first).to_be_attached()
    expect(page.locator("#studio-samples img")).to_be_visible(timeout=180_000)

    # A closed page changes nothing; another one finds the run still moving.
    page.reload()
    page.get_by_role("tab", name="GAN Studio").click()
    expect(page.locator("#studio-samples img")).to_be_visible()
    wait_until_more_than(page, seen(page))

    page.locator("#studio-pause").click()
    expect(page.locator(HEALTH)).to_have_attribute("data-health", "paused", timeout=30_000)
    page.locator("#curate-draw").click()
    expect(page.locator("#curate-gallery .thumbnail-item")).to_have_count(24, timeout=60_000)
    for index in (0, 2, 3, 5):
        page.locator("#curate-gallery .thumbnail-item").nth(index).click()
        expect(page.locator("#curate-gallery .thumbnail-item").nth(index)).to_contain_text("✓")
    page.locator("#curate-keep").click()
    expect(page.get_by_text("4 added; the set now holds 4").first).to_be_visible()
    assert len(list((home / "synthetic").rglob("scratches/*.png"))) == 4

    at = seen(page)
    page.locator("#studio-resume").click()
    wait_until_more_than(page, at)
    page.locator("#studio-stop").click()
    expect(page.locator(HEALTH)).to_have_attribute("data-health", "stopped", timeout=30_000)


def test_what_is_no_data_set_says_so(visit: Visit, tmp_path: Path) -> None:
    page = visit()
    page.get_by_role("tab", name="GAN Studio").click()
    field = page.locator("#studio-data input")
    field.fill(str(tmp_path / "nowhere"))
    field.press("Enter")
    expect(page.get_by_text("there is no such folder").first).to_be_visible()
    expect(page.locator("#studio-train")).to_be_disabled()


def test_korean(visit: Visit) -> None:
    page = visit(locale="ko-KR", color_scheme="dark")
    page.get_by_role("tab", name="GAN 스튜디오").click()
    expect(page.locator("#studio-command")).to_contain_text("명령줄로 하면")
    page.locator("#studio-settings").get_by_text("설정").click()
    expect(page.locator("#field-g_rate")).to_contain_text("G의 학습률")
