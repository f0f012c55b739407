"""The kiosk in front of the server's camera; a video file stands in for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from clips import make_clip
from conftest import serving

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
pytestmark = pytest.mark.browser


def test_the_servers_camera_is_shown_captured_lost_and_found_again(
    chromium: playwright.Browser, tmp_path: Path
) -> None:
    clip = make_clip(tmp_path / "belt.mp4", numbers=(7,))
    with serving(tmp_path / "home", "--kiosk", "--camera", str(clip)) as (url, _):
        # Not the browser's: it has one, and must not open it.
        page = chromium.new_page(viewport={"width": 1080, "height": 1920}, locale="en-US")
        page.set_default_timeout(90_000)
        page.add_init_script(
            "window.asked = 0; navigator.mediaDevices.getUserMedia = async () => { window.asked += 1; throw 0; }"
        )
        page.goto(f"{url}kiosk/?count=0")
        page.locator('[data-do="begin"]').click()
        home, plates = (page.locator(f'section[data-on="{name}"]') for name in ("home", "plates"))
        expect(home).to_be_visible(timeout=30_000)
        expect(page.locator("canvas#camera")).to_have_js_property("width", 200)
        page.locator('[data-do="capture"]:visible').click()
        expect(page.locator("#verdict h1")).to_have_text("Scratches", timeout=60_000)
        page.locator('[data-do="again"]').click()
        expect(home).to_be_visible()
        away = clip.rename(tmp_path / "away.mp4")
        expect(plates).to_be_visible(timeout=30_000)
        expect(plates.locator(".trouble")).to_contain_text("The camera gives no picture")
        away.rename(clip)
        expect(home).to_be_visible(timeout=30_000)
        page.locator('[data-do="live"]').click()
        expect(page.locator("#seen")).to_have_text("Scratches", timeout=60_000)
        assert page.evaluate("window.asked") == 0
        page.close()
