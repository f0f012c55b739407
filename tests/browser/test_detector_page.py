"""From good pictures to a defect that nobody has named, and to a class of its own; on a server of its own, since other
tests inspect with the bundled models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import serving
from plates import plate, plates_folder, write

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)

DETECTOR = re.compile(r"plates-memory-bank-\d{4}-\d{4}")


@pytest.fixture
def page(chromium: playwright.Browser, tmp_path: Path) -> Iterator[playwright.Page]:
    with serving(tmp_path / "home") as (address, _):
        context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
        context.add_init_script("localStorage.setItem('steelgui.tour', 'seen')")
        opened = context.new_page()
        opened.set_default_timeout(60_000)
        troubles: list[str] = []
        opened.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
        opened.on("pageerror", lambda error: troubles.append(str(error)))
        opened.goto(address)
        opened.wait_for_selector('.sg-models[data-ready="true"]', timeout=120_000)
        yield opened
        context.close()
        assert not troubles


def inspect(page: playwright.Page, file: Path) -> None:
    page.get_by_role("tab", name="Inspect").click()
    page.locator("#picture input[type=file]").set_input_files(file)
    expect(page.locator("#meta")).to_contain_text(file.name)


def test_an_unseen_defect_is_noticed_and_becomes_a_class(page: playwright.Page, tmp_path: Path) -> None:
    folder = plates_folder(tmp_path / "plates")
    random = np.random.default_rng(9)
    spotted, clean = tmp_path / "spotted.png", tmp_path / "clean.png"
    write(spotted, plate(random, spot=True)[0])
    write(clean, plate(random, spot=False)[0])
    expect(page.locator("#false-alarms")).to_be_hidden()

    # Learn the good ones.
    page.get_by_role("tab", name="Retrain").click()
    page.locator("#retrain-task").get_by_text("Anomaly detector").click()
    expect(page.locator("#anomaly-state")).to_contain_text("What do good parts look like?")
    expect(page.locator("#retrain-run")).to_be_hidden()
    page.locator("#retrain-data input").fill(str(folder))
    page.keyboard.press("Tab")
    expect(page.locator("#anomaly-normal input")).to_have_value("good · 12")
    page.locator("#anomaly-settings button").first.click()
    for name, value in (("size", "96"), ("bank", "64")):
        field = page.locator(f"#detector-{name}").locator("input, textarea").first
        field.fill(value)
        field.press("Tab")
    expect(page.locator("#anomaly-command")).to_contain_text("--bank 64")
    page.locator("#anomaly-rate input[type=number]").fill("10")
    page.locator("#anomaly-rate input[type=number]").press("Tab")
    expect(page.locator("#anomaly-command")).to_contain_text("--false-alarms 0.1")
    page.locator("#anomaly-run").click()
    expect(page.locator("#anomaly-state [data-health]")).to_have_attribute("data-health", "finished", timeout=180_000)
    expect(page.locator("#anomaly-state")).to_contain_text("1 in 10 good pictures would alarm")

    # It inspects, alone: classifier and masks know steel, and these are plates.
    page.locator("#anomaly-alone input").check()
    page.locator("#anomaly-activate").click()
    expect(page.locator("#header .sg-models")).to_have_text(re.compile(rf"^{DETECTOR.pattern} · CPU$"))
    inspect(page, clean)
    expect(page.locator("#verdict .sg-verdict")).to_have_attribute("data-verdict", "ok")
    inspect(page, spotted)
    verdict = page.locator("#verdict .sg-verdict")
    expect(verdict).to_have_attribute("data-label", "unknown")
    expect(verdict).to_contain_text("unknown defect")
    expect(page.locator("#scores .sg-strange")).to_have_attribute("data-fires", "true")
    expect(page.locator("#scores .sg-strange")).to_contain_text("1 in 10 good pictures")
    expect(page.locator("#areas tbody")).to_contain_text("unknown defect")
    assert page.evaluate("document.documentElement.scrollHeight") <= 900
    drawn = page.locator("#slider img").nth(1)
    before = drawn.get_attribute("src") or ""
    page.locator("#anomaly-map input").check()
    expect(drawn).not_to_have_attribute("src", before)

    # It gets a name.
    page.get_by_role("tab", name="History").click()
    page.locator('#history [data-label="unknown"]').click()
    card = page.locator("#history .sg-card")
    expect(card).to_have_count(1)
    card.locator(".sg-pick input").check()
    page.locator('#history .sg-acts [data-do="collect"]').click()
    page.locator('#history .sg-ask [name="label"]').fill("dark spot")
    page.locator('#history .sg-ask [name="new"]').fill("plates")
    page.locator('#history .sg-ask [type="submit"]').click()
    expect(page.locator("#history .sg-told")).to_contain_text("1 in plates as dark spot.")
    page.locator('#history .sg-told [data-do="retrain"]').click()
    expect(page.locator("#retrain-data input")).to_have_value("plates")
    expect(page.locator("#retrain-counts")).to_contain_text("dark spot")

    # And the bundled models inspect again.
    page.locator("#anomaly-back").click()
    expect(page.locator("#header .sg-models")).to_contain_text("neu-classifier + neu-segmenter · CPU")
    expect(page.locator("#false-alarms")).to_be_hidden()
