"""What visitors of a shared address find: a page that inspects and shows, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.api_load import Server

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser
#: Of tabs that train, delete or know folders.
HIDDEN = ("data", "studio", "retrain", "models", "correct", "settings-exports")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("demo") / "home", "--host", "0.0.0.0") as server:
        yield server


def test_a_demo_inspects_and_knows_no_folder(chromium: playwright.Browser, demo: Server) -> None:
    context = chromium.new_context(locale="ko-KR", viewport={"width": 820, "height": 1180})
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(demo.address)
    page.wait_for_selector('.sg-models[data-ready="true"]', timeout=120_000)
    page.locator("#samples button img").first.click()
    playwright.expect(page.locator("#verdict")).to_contain_text("scratches", timeout=60_000)
    assert "데모" in page.locator("#shared").inner_text()
    assert str(demo.home) not in page.locator("body").inner_text()
    assert not [name for name in HIDDEN if page.locator(f"#tab-{name}, #{name}").count()]
    context.close()
    assert not said
    # A page of another site is not let in, and cannot put this one into a frame.
    other = chromium.new_context().new_page()
    other.set_content(f'<iframe src="{demo.address}"></iframe><img src="{demo.address}/api/v1/inspections/1/image">')
    other.wait_for_timeout(2000)
    assert other.evaluate("document.querySelector('img').naturalWidth") == 0
    assert not other.frames[1].locator(".sg-header").count()
    other.context.close()
