"""What visitors of a shared address find: a page that inspects and shows, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

import pytest

from benchmarks.api_load import Server
from steelgui.settings import assets_folder

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser
#: Of tabs that train, delete or know folders.
HIDDEN = ("data", "studio", "retrain", "models", "correct", "settings-exports")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("demo") / "home", "--host", "0.0.0.0") as server:
        yield server


def _type(answer: playwright.Response) -> str:
    return str(answer.headers.get("content-type", ""))


def test_a_demo_inspects_and_knows_no_folder(chromium: playwright.Browser, demo: Server) -> None:
    context = chromium.new_context(locale="ko-KR", viewport={"width": 820, "height": 1180})
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    addresses: list[str] = []
    page.on("request", lambda asked: addresses.append(asked.url))
    bodies: list[playwright.Response] = []
    page.on("response", lambda answer: bodies.append(answer) if "text/html" in _type(answer) else None)
    page.on("response", lambda answer: bodies.append(answer) if "json" in _type(answer) else None)
    page.goto(demo.address)
    page.wait_for_selector('.sg-models[data-ready="true"]', timeout=120_000)
    page.locator("#samples button img").first.click()
    playwright.expect(page.locator("#verdict")).to_contain_text("scratches", timeout=60_000)
    assert "데모" in page.locator("#shared").inner_text()
    assert str(demo.home) not in page.locator("body").inner_text()
    assert not [name for name in HIDDEN if page.locator(f"#tab-{name}, #{name}").count()]
    playwright.expect(page.locator("#latest img").first).to_be_visible()
    page.locator("#tabs").get_by_role("tab", name="이력").click()
    card = page.locator("#history .sg-card img").first
    playwright.expect(card).to_have_js_property("complete", True)
    assert card.evaluate("image => image.naturalWidth") > 0
    # Nor does an address, or what lies behind the page, name the folder of the history or of the program.
    seen = [*addresses, page.content(), *(answer.text() for answer in bodies)]
    assert len(bodies) > 3 and any("/thumbnails/" in address for address in addresses)
    for folder in (demo.home, assets_folder()):
        assert not [text[:200] for text in seen if str(folder) in unquote(text)]
    context.close()
    assert not said
    # A page of another site is not let in, and cannot put this one into a frame.
    other = chromium.new_context().new_page()
    other.set_content(f'<iframe src="{demo.address}"></iframe><img src="{demo.address}/api/v1/inspections/1/image">')
    other.wait_for_timeout(2000)
    assert other.evaluate("document.querySelector('img').naturalWidth") == 0
    assert not other.frames[1].locator(".sg-header").count()
    other.context.close()
