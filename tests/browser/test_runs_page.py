"""The list of runs, comparing two, undoing a deletion, and a remedy for a run that goes wrong, in a real browser."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from steelgui.services.jobs import Jobs
from steelgui.settings import Settings
from training.runs import Run, Status, all_runs

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
Visit = Callable[..., playwright.Page]
HEALTH = "#studio-health .sg-health"
SMALL: dict[str, Any] = {
    "class_name": "crazing", "arch": "dcgan", "size": 32, "batch_size": 8, "nz": 16, "ngf": 8, "ndf": 8,
    "check_samples": 16, "device": "cpu",
}  # fmt: skip

pytestmark = pytest.mark.browser
# A training beside the page may leave it little of the processor.
expect.set_options(timeout=30_000)


@pytest.fixture
def jobs(home: Path) -> Iterator[Jobs]:
    """Runs that a test makes are gone after it: other tests of the session expect an empty list."""
    jobs = Jobs(Settings(home=home))
    jobs.settings.prepare()
    before = {run.id for run in all_runs(jobs.root)}
    yield jobs
    for run in all_runs(jobs.root):
        if run.id not in before:
            if run.alive():
                jobs.stop(run)
            shutil.rmtree(run.folder)


def ended(jobs: Jobs, name: str, loss: float) -> Run:
    """A run that was stopped half-way, with curves."""
    run = jobs.create("gan", {"data": "nowhere", **SMALL}, name)
    losses = {"g": loss, "d": loss, "real": 0.6, "fake": 0.4}
    steps = [
        {"kind": "step", "step": 10 * i, "steps": 8000, "losses": losses, "images_per_s": 50.0} for i in range(400)
    ]
    run.events_path.write_text("".join(json.dumps(step) + "\n" for step in steps))
    run.write_status(Status("stopped", 4000, 8000))
    return run


def studio(visit: Visit) -> playwright.Page:
    page = visit()
    page.get_by_role("tab", name="GAN Studio").click()
    page.locator("#runs-panel").get_by_text("All runs").click()
    return page


def cell(page: playwright.Page, text: str) -> playwright.Locator:
    return page.locator("#runs-table").get_by_role("gridcell", name=text, exact=True)


def lines(page: playwright.Page) -> set[str]:
    """Colours of the curves in the first chart that have more than a point."""
    found = page.locator("#chart-loss svg path[stroke-width]").evaluate_all(
        "paths => paths.filter(p => (p.getAttribute('d') || '').length > 60).map(p => p.getAttribute('stroke') || '')"
    )
    return {colour for colour in found if colour.startswith("#")}


def test_rename_compare_delete_and_undo(visit: Visit, jobs: Jobs) -> None:
    first, second = ended(jobs, "first", 0.5), ended(jobs, "second", 2.0)
    page = studio(visit)
    cell(page, first.id).click()
    expect(page.locator("#runs-name input, #runs-name textarea")).to_have_value("first")
    expect(page.locator("#studio-runs input")).to_have_value(re.compile("^first · "))
    expect(page.locator("#studio-progress")).to_contain_text("4,000 of 8,000")

    page.locator("#runs-name input, #runs-name textarea").fill("better name")
    page.locator("#runs-rename").click()
    expect(cell(page, "better name")).to_have_count(1)
    assert first.about()["name"] == "better name"
    page.locator("#runs-name input, #runs-name textarea").fill(" ")
    page.locator("#runs-rename").click()
    expect(page.get_by_text("a run's name has 1 to 80 characters").first).to_be_visible()

    before = lines(page)
    page.locator("#runs-compare input").click()
    page.locator("#runs-compare [role=option]").filter(has_text="second").click()
    expect(page.locator("#studio-curves")).to_contain_text("second ②")
    expect(page.locator("#studio-curves")).to_contain_text("better name")
    page.wait_for_timeout(1500)
    assert before and lines(page) == before | {colour + "66" for colour in before}

    expect(page.locator("#runs-undo")).to_be_disabled()
    page.locator("#runs-delete").click()
    expect(cell(page, "better name")).to_have_count(0)
    assert first.id not in {run.id for run in jobs.all()}
    expect(page.locator("#studio-runs input")).to_have_value(re.compile("^second · "))
    page.locator("#runs-undo").click()
    expect(cell(page, "better name")).to_have_count(1)
    expect(page.locator("#studio-runs input")).to_have_value(re.compile("^better name · "))
    expect(page.locator("#runs-undo")).to_be_disabled()
    assert {first.id, second.id} <= {run.id for run in jobs.all()}


def test_what_is_refused_is_told_and_not_listed(visit: Visit, jobs: Jobs, home: Path) -> None:
    data = home / "three"
    pictures(data, 3)
    page = visit()
    page.get_by_role("tab", name="GAN Studio").click()
    page.locator("#studio-data input").fill(str(data))
    page.locator("#studio-data input").press("Enter")
    page.locator("#studio-class").get_by_text("crazing").click()
    page.locator("#studio-train").click()
    expect(page.locator(HEALTH)).to_have_attribute("data-health", "refused", timeout=180_000)
    expect(page.locator(HEALTH)).to_contain_text("a GAN needs at least 4")
    assert not [run for run in jobs.all() if run.about()["config"]["data"] == str(data)]


@pytest.mark.timeout(900)
def test_a_remedy_for_a_run_in_which_d_wins_and_a_start_from_it(visit: Visit, jobs: Jobs, home: Path) -> None:
    data = home / "bumps"
    pictures(data, 24)
    # Few checks: G does not move, and after six of them its samples, which are all alike, would be the worse news.
    config = {**SMALL, "images": 400_000, "checks": 50, "augment": 0.0, "g_rate": 1e-6, "d_rate": 0.005}
    run = jobs.create("gan", {"data": str(data), **config}, "D wins")
    jobs.start(run)
    page = studio(visit)
    expect(page.locator("#studio-progress")).to_contain_text("memory", timeout=180_000)
    expect(page.locator(HEALTH)).to_have_attribute("data-health", "d_wins", timeout=240_000)
    expect(page.locator(HEALTH)).to_contain_text("Remedy: shift, tint and cut more of the pictures")
    page.locator("#studio-remedy").get_by_text("Augment more").or_(page.locator("button#studio-remedy")).first.click()
    expect(page.locator("#studio-progress")).to_contain_text("stronger augmentation as asked: 50%", timeout=60_000)
    notes = [event for event in run.events() if event["kind"] == "note"]
    assert [note["remedy"] for note in notes] == ["augment"]

    expect(page.locator("#runs-start")).to_be_enabled(timeout=180_000)
    page.locator("#studio-stop").click()
    expect(page.locator(HEALTH)).to_have_attribute("data-health", "stopped", timeout=60_000)
    page.locator("#runs-start").click()
    expect(page.locator("#studio-command")).to_contain_text(f"--init {run.id}")
    expect(page.locator("#studio-command")).to_contain_text("--size 32")
    page.locator("#studio-data input").fill(str(data))
    page.locator("#studio-data input").press("Enter")
    page.locator("#studio-class").get_by_text("crazing").click()
    expect(page.locator("#studio-train")).to_contain_text("from D wins")
    page.locator("#studio-train").click()
    expect(page.locator("#studio-runs input")).to_have_value(re.compile("^crazing dcgan 32² · "))
    expect(page.locator("#studio-stop")).to_be_enabled()
    newest = jobs.all()[-1]
    assert Path(newest.about()["config"]["init"]).is_relative_to(newest.folder)
    page.locator("#studio-stop").click()
    expect(page.locator(HEALTH)).to_have_attribute("data-health", "stopped", timeout=60_000)


def pictures(folder: Path, count: int) -> None:
    random = np.random.default_rng(0)
    (folder / "crazing").mkdir(parents=True)
    for number in range(count):
        bumps = Image.fromarray(random.integers(60, 200, (8, 8), dtype=np.uint8))
        bumps.resize((64, 64), Image.Resampling.BICUBIC).save(folder / "crazing" / f"{number}.png")
