"""What visitors of an exhibition do, and what may befall the screen in front of them."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import FLAGS, _chromium, serving

from benchmarks.kiosk_soak import ENGINE, growth, soak, wait_for_walk
from steelgui.history import History
from steelgui.settings import Settings

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python")
expect = playwright.expect
pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)

PIN = "2468"
Open = Callable[..., playwright.Page]
NO_CAMERA = tuple(flag for flag in FLAGS if "media-stream" not in flag)


@pytest.fixture(scope="module")
def kiosk_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kiosk")


@pytest.fixture(scope="module")
def kiosk(kiosk_home: Path) -> Iterator[tuple[str, int]]:
    with serving(kiosk_home, "--kiosk", "--kiosk-pin", PIN) as (url, process):
        deadline = time.monotonic() + 180
        while not _ready(url):
            assert time.monotonic() < deadline, "the models were not loaded"
            time.sleep(0.5)
        yield url, process


@pytest.fixture(scope="module")
def blind(chromium: playwright.Browser) -> Iterator[playwright.Browser]:
    """A browser without a camera."""
    browser = chromium.browser_type.launch(executable_path=_chromium(), args=list(NO_CAMERA))
    yield browser
    browser.close()


@pytest.fixture
def enter(kiosk: tuple[str, int]) -> Iterator[Open]:
    """`enter(browser, query=…)` → the kiosk's first screen; at the end nothing may have gone wrong unannounced."""
    contexts: list[playwright.BrowserContext] = []
    troubles: list[str] = []

    def go(browser: playwright.Browser, query: str = "", **options: Any) -> playwright.Page:
        context = browser.new_context(**{"viewport": {"width": 1080, "height": 1920}, "locale": "en-US"} | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: troubles.append(str(error)) if "on purpose" not in str(error) else None)
        page.on("console", lambda said: troubles.append(said.text) if "Content Security" in said.text else None)
        page.on("request", lambda asked: troubles.append(asked.url) if not _local(asked.url) else None)
        page.goto(f"{kiosk[0]}kiosk/{query}")
        expect(at(page, "attract")).to_be_visible()
        return page

    yield go
    for context in contexts:
        context.close()
    assert not troubles


def at(page: playwright.Page, screen: str) -> playwright.Locator:
    """The words of a screen; visible while it is shown."""
    return page.locator(f'section[data-on="{screen}"]')


def do(page: playwright.Page, what: str) -> None:
    page.locator(f'[data-do="{what}"]:visible').first.click()


def test_camera_countdown_result_and_nothing_is_kept(
    enter: Open, chromium: playwright.Browser, kiosk_home: Path
) -> None:
    page = enter(chromium, "?count=1")
    do(page, "begin")
    expect(at(page, "home")).to_contain_text("Your picture is not kept")
    do(page, "capture")
    expect(page.locator("#number")).to_have_text("1")
    expect(at(page, "result")).to_be_visible()
    expect(page.locator("#verdict h1")).not_to_be_empty()
    expect(page.locator("#why")).not_to_be_empty()
    assert page.locator("#verdict use").get_attribute("href").startswith("icons.svg#")
    do(page, "again")
    expect(at(page, "home")).to_be_visible()
    assert page.locator("#marks").get_attribute("src") is None
    page.keyboard.press("Escape")
    expect(at(page, "attract")).to_be_visible()
    assert page.evaluate("document.querySelector('#camera').srcObject") is None, (
        "the camera is shut while nobody is here"
    )
    history = History(Settings(home=kiosk_home))
    assert history.count() == 0
    history.close()
    assert not list((kiosk_home / "history").rglob("*.*"))


def test_live_the_camera_is_looked_at_again_and_again(enter: Open, chromium: playwright.Browser) -> None:
    page = enter(chromium, "?count=0")
    frames: list[str] = []
    page.on("response", lambda answer: frames.append(answer.url) if "live=1" in answer.url else None)
    do(page, "begin")
    do(page, "live")
    expect(at(page, "live")).to_be_visible()
    # The fake camera shows no steel; whatever it is taken for, two frames in a row are told.
    expect(page.locator("#seen")).not_to_have_text(re.compile("^(|Move a plate past the camera)$"))
    do(page, "capture")
    expect(at(page, "result")).to_be_visible()
    page.wait_for_timeout(500)
    seen = len(frames)
    assert seen >= 2
    page.wait_for_timeout(1000)
    assert len(frames) == seen, "nobody looks any more"


def test_axe_finds_nothing_serious_on_any_screen(enter: Open, blind: playwright.Browser) -> None:
    page = enter(blind, "?count=0")
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text("utf-8"))

    def check(screen: str) -> None:
        expect(at(page, screen)).to_be_visible()
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
        bad = [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]
        assert not bad, (screen, bad)

    check("attract")
    do(page, "begin")
    check("plates")
    page.get_by_role("button", name="Plate 2").click()
    check("result")


def test_without_a_camera_there_are_plates_in_both_languages(enter: Open, blind: playwright.Browser) -> None:
    page = enter(blind, "?count=0", locale="ko-KR")
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    do(page, "begin")
    expect(at(page, "plates")).to_contain_text("강판을 고르세요")
    page.get_by_role("button", name="강판 2").click()
    expect(page.locator("#verdict h1")).to_have_text("긁힌 자국")
    expect(page.locator("#marks")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.locator("#verdict h1")).to_have_text("Scratches")
    expect(page.locator("#why")).to_contain_text("paint of a car")
    expect(page.locator("#sure")).to_contain_text("The coloured places show where.")
    do(page, "again")
    page.get_by_role("button", name="Plate 6").click()
    expect(page.locator("#verdict h1")).to_have_text("All good")
    expect(page.locator("#marks")).to_be_hidden()


def test_whoever_goes_away_is_asked_and_then_forgotten(enter: Open, blind: playwright.Browser) -> None:
    page = enter(blind, "?idle=8&count=0", locale="ko-KR")
    page.get_by_role("button", name="English").click()
    do(page, "begin")
    expect(page.locator("#idle")).to_be_visible()
    expect(page.locator("#idle text")).to_have_text(re.compile("^[1-4]$"))
    page.locator("#idle button").click()
    expect(page.locator("#idle")).to_be_hidden()
    expect(at(page, "plates")).to_be_visible()
    expect(at(page, "attract")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "ko")


def test_a_game_to_its_end_by_keys(enter: Open, blind: playwright.Browser) -> None:
    page = enter(blind)
    do(page, "begin")
    expect(at(page, "plates")).to_be_visible()
    do(page, "intro")
    expect(page.locator("#intro-text")).to_contain_text("There are no photos here")
    do(page, "play")
    for number in range(10):
        expect(at(page, "quiz")).to_contain_text(f"Picture {number + 1} of 10")
        assert page.locator("#steel").evaluate("image => image.naturalWidth") == 512
        expect(page.locator('section[data-on="quiz"] .dots i[class]')).to_have_count(number)
        page.keyboard.press("ArrowRight" if number % 2 else "ArrowLeft")
        expect(at(page, "truth")).to_be_visible()
        expect(page.locator("#truth")).to_have_text(re.compile("Right!|Fooled you!"))
        expect(page.locator("#explained")).to_have_text(re.compile("Drawn by a program|Made up by a neural network"))
        page.keyboard.press("Enter")
    expect(page.locator("#end-title")).to_have_text(re.compile(r"\d+ of 10 right"))
    # Whoever guesses by turns has some right.
    page.keyboard.type("kim")
    do(page, "enter")
    expect(page.locator("#best li.you b")).to_have_text("KIM")
    expect(page.locator("#entry")).to_be_hidden()


def test_the_pin_is_the_only_way_out(enter: Open, blind: playwright.Browser, kiosk: tuple[str, int]) -> None:
    page = enter(blind)
    page.goto(kiosk[0])
    expect(at(page, "attract")).to_be_visible()
    assert page.url == f"{kiosk[0]}kiosk/"
    assert page.request.get(f"{kiosk[0]}gradio_api/info").status == 401
    page.locator("#corner").click(delay=3000)
    expect(at(page, "pin")).to_be_visible()
    page.keyboard.type("1111")
    page.get_by_role("button", name="Open").click()
    expect(page.locator("#pin-text")).to_have_text("This is not the PIN.")
    for digit in PIN:
        page.locator("#keys").get_by_role("button", name=digit, exact=True).click()
    page.get_by_role("button", name="Open").click()
    page.wait_for_selector("#latest")
    page.get_by_role("link", name="Back to the kiosk").click()
    expect(at(page, "attract")).to_be_visible()
    page.goto(kiosk[0])
    expect(at(page, "attract")).to_be_visible()


def test_a_lost_server_and_a_fault_leave_no_dead_screen(enter: Open, blind: playwright.Browser) -> None:
    page = enter(blind, "?count=0")
    do(page, "begin")
    expect(at(page, "plates")).to_be_visible()
    page.context.set_offline(True)
    do(page, "surprise")
    expect(at(page, "offline")).to_contain_text("One moment")
    page.context.set_offline(False)
    expect(at(page, "attract")).to_be_visible()
    do(page, "begin")
    page.evaluate("setTimeout(() => { throw new Error('on purpose'); })")
    expect(at(page, "attract")).to_be_visible()
    do(page, "begin")
    do(page, "surprise")
    expect(at(page, "result")).to_be_visible()


def test_a_lost_camera_gives_way_to_plates_and_comes_back(enter: Open, chromium: playwright.Browser) -> None:
    page = enter(chromium)
    do(page, "begin")
    # The screen is there before the camera is.
    expect(page.locator("#camera")).to_have_js_property("readyState", 4)
    page.evaluate("""() => {
        const [track] = document.querySelector("#camera").srcObject.getTracks();
        track.stop();
        track.dispatchEvent(new Event("ended"));
    }""")
    expect(at(page, "plates")).to_be_visible()
    expect(at(page, "home")).to_be_visible()


@pytest.mark.parametrize("size", [(1080, 1920), (1920, 1080), (820, 1180), (1180, 820)])
def test_touch_targets_are_large_and_nothing_is_cut_off(
    size: tuple[int, int], enter: Open, blind: playwright.Browser
) -> None:
    width, height = size
    for locale in ("en-US", "ko-KR"):
        page = enter(blind, "?count=0", viewport={"width": width, "height": height}, locale=locale)
        for act, screen in (
            ("", "attract"),
            ("begin", "plates"),
            ("surprise", "result"),
            ("intro", "intro"),
            ("play", "quiz"),
        ):
            if act:
                do(page, act)
            expect(at(page, screen)).to_be_visible()
            for button in page.locator("button:visible").all():
                box = button.bounding_box()
                assert box and box["width"] >= 64 and box["height"] >= 64, (screen, button.inner_text())
                assert box["x"] >= 0 and box["x"] + box["width"] <= width + 1, (screen, button.inner_text())
                assert box["y"] + box["height"] <= height, (screen, button.inner_text())


def test_thirty_captures_leave_nothing_behind(
    enter: Open, chromium: playwright.Browser, kiosk: tuple[str, int]
) -> None:
    """`benchmarks/kiosk_soak.py` in short; so soon after the start, the server may still be settling."""
    wait_for_walk(f"{kiosk[0]}kiosk/")
    page = enter(chromium, "?count=0")
    settled, used = soak(page, kiosk[1], 30, 15)
    assert used.captures == 30
    assert growth(settled.server, used.server) <= 5
    assert growth(settled.objects, used.objects) <= 3
    assert used.nodes <= settled.nodes + 20 and used.listeners <= settled.listeners


def test_what_the_soak_measures_is_what_the_start_script_starts() -> None:
    docs = Path(__file__).parents[2] / "docs"
    for file in (docs / "kiosk" / "steelgui-kiosk.sh", docs / "kiosk.md"):
        assert f'--js-flags="{ENGINE}"' in file.read_text("utf-8")


def _ready(url: str) -> bool:
    with urllib.request.urlopen(f"{url}kiosk/alive", timeout=30) as answer:
        return bool(json.load(answer)["ready"])


def _local(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "data:", "blob:"))
