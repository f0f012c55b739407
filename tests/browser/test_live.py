"""Live inspection in a real browser: its fake camera, a video file, and what goes wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clips import make_clip

from steelgui.history import History, HistoryRow
from steelgui.settings import Settings

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
Visit = Callable[..., playwright.Page]

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)

LIVE, RATE, SAID = "#live .sg-live", "#live .sg-live-rate", "#live .sg-live-said"
VERDICT = "#live-result .sg-verdict"
#: Share of the overlay's pixels that are drawn, 0 to 1.
DRAWN = """() => { const canvas = document.querySelector("#live canvas");
  if (!canvas.width) return 0;
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let drawn = 0;
  for (let at = 3; at < data.length; at += 4) drawn += data[at] > 0;
  return drawn / (data.length / 4); }"""
CAMERA_IS_OFF = "document.querySelector('#live video').srcObject === null"


def newest(home: Path) -> HistoryRow:
    history = History(Settings(home=home))
    try:
        return history.latest(1)[0]
    finally:
        history.close()


def state(page: playwright.Page, name: str) -> None:
    expect(page.locator(LIVE)).to_have_attribute("data-state", name)


@pytest.fixture
def unwatched(chromium: playwright.Browser, address: str) -> Iterator[playwright.Page]:
    """A page whose troubles are meant."""
    context = chromium.new_context(locale="en-US", viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(address)
    page.wait_for_selector('.sg-models[data-ready="true"]', timeout=120_000)
    yield page
    context.close()


def test_a_camera_is_inspected_paused_and_kept(visit: Visit, home: Path) -> None:
    page = visit()
    expect(page.locator(LIVE)).to_be_hidden()
    page.locator("#live-start").click()
    state(page, "running")
    expect(page.locator(VERDICT)).to_have_attribute("data-verdict", re.compile("ok|defect"))
    expect(page.locator(RATE)).to_have_text(re.compile(r"^\d+\.\d frames/s · \d+ ms$"))
    expect(page.locator("#verdict")).to_be_hidden()
    expect(page.locator("#live select option")).to_have_text([re.compile("fake"), "Video file …"])
    assert page.evaluate("document.documentElement.scrollHeight") <= 900

    # What the tab's controls say holds for the next frame.
    page.locator("#score input[type=range]").fill("0.3")
    expect(page.locator("#live-result .sg-track").first).to_have_attribute("style", re.compile("30"))
    page.locator("#heat input").check()
    page.wait_for_function(f"({DRAWN})() > 0.5")

    page.keyboard.press("Space")
    expect(page.locator("#heat input")).not_to_be_checked()
    page.locator("#heat input").check()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Space")
    state(page, "paused")
    assert page.evaluate(CAMERA_IS_OFF) and page.evaluate(DRAWN) == 1, "the frame does not stand still"
    page.locator("#score input[type=range]").fill("0.6")
    expect(page.locator("#live-result .sg-track").first).to_have_attribute("style", re.compile("60"))

    strip = page.locator("#latest .thumbnail-item")
    before = strip.count()
    page.keyboard.press("s")
    expect(page.get_by_text("Kept in the history").first).to_be_visible()
    expect(strip).to_have_count(min(before + 1, 10))
    row = newest(home)
    assert (row.source, row.thresholds["score"]) == ("camera", 0.6) and row.name.startswith("camera-")

    page.keyboard.press("Space")
    state(page, "running")
    page.get_by_role("tab", name="Batch").click()
    state(page, "paused")
    assert page.evaluate(CAMERA_IS_OFF), "the camera is on while nobody looks"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Space")
    page.wait_for_timeout(300)
    state(page, "paused")
    page.get_by_role("tab", name="Inspect").click()
    # A picture that is opened takes the stage.
    page.keyboard.press("n")
    expect(page.locator("#verdict")).to_be_visible()
    expect(page.locator(LIVE)).to_be_hidden()
    state(page, "off")


def test_a_video_file_is_inspected_and_not_uploaded(visit: Visit, home: Path, tmp_path: Path) -> None:
    """Two seconds of scratches, then two of clean steel."""
    clip = make_clip(tmp_path / "line 3.webm", each=20)
    page = visit(locale="ko-KR", color_scheme="dark")
    sent: list[str] = []
    page.on("request", lambda asked: sent.append(asked.url) if asked.method == "POST" else None)
    page.locator("#live-start").click()
    state(page, "running")
    page.evaluate(
        """() => { window.labels = [];
        new MutationObserver(() => window.labels.push(document.querySelector("#live-result .sg-verdict").dataset.label))
          .observe(document.querySelector("#live-result [data-part=verdict]"), { childList: true }); }"""
    )
    page.locator("#live input[type=file]").set_input_files(clip)
    expect(page.locator("#live select option:checked")).to_have_text("line 3.webm")
    assert page.evaluate(CAMERA_IS_OFF)
    state(page, "ended")
    expect(page.locator(SAID)).to_have_text("동영상이 끝났습니다")
    labels = page.evaluate("window.labels")
    assert "scratches" in labels and labels[-1] == "none"
    assert not [url for url in sent if "upload" in url]

    page.locator('[data-act="pause"]').click()
    state(page, "running")
    expect(page.locator(VERDICT)).to_have_attribute("data-label", "scratches")
    page.wait_for_function(f"({DRAWN})() > 0.001")
    page.locator('[data-act="snapshot"]').click()
    expect(page.get_by_text("기록에 저장했습니다").first).to_be_visible()
    row = newest(home)
    assert row.source == "video" and re.fullmatch(r"line 3\.webm \d\.\d\d s", row.name)
    assert row.original.stat().st_size != clip.stat().st_size and (row.width, row.height) == (200, 200)
    page.locator('[data-act="close"]').click()
    expect(page.locator(LIVE)).to_be_hidden()
    expect(page.locator("#stage-empty")).to_be_visible()


def test_a_file_that_does_not_play_says_so(unwatched: playwright.Page, tmp_path: Path) -> None:
    page, nonsense = unwatched, tmp_path / "notes.mp4"
    nonsense.write_bytes(b"these are notes, and no video")
    page.locator("#live-start").click()
    state(page, "running")
    page.locator("#live input[type=file]").set_input_files(nonsense)
    state(page, "trouble")
    expect(page.locator(SAID)).to_contain_text("cannot play notes.mp4")
    expect(page.locator(VERDICT)).to_have_attribute("data-verdict", "none")
    # Back to the camera.
    page.locator("#live select").select_option(index=0)
    state(page, "running")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("NotAllowedError", "Allow it"),
        ("NotFoundError", "No camera was found"),
        ("NotReadableError", "another program"),
    ],
)
def test_a_camera_that_cannot_be_had_is_explained(unwatched: playwright.Page, error: str, said: str) -> None:
    """The browser's fake camera always works, so its answer is put in."""
    page = unwatched
    page.evaluate(
        """(name) => { const devices = navigator.mediaDevices; devices.real = devices.getUserMedia;
        devices.getUserMedia = () => Promise.reject(new DOMException("no", name)); }""",
        error,
    )
    page.locator("#live-start").click()
    state(page, "trouble")
    expect(page.locator(SAID)).to_contain_text(said)
    page.evaluate("() => { navigator.mediaDevices.getUserMedia = navigator.mediaDevices.real; }")
    page.locator('[data-act="pause"]').click()
    state(page, "running")


def test_a_server_that_is_gone_is_tried_again(unwatched: playwright.Page) -> None:
    page = unwatched
    page.locator("#live-start").click()
    state(page, "running")
    page.route("**/live/frame*", lambda route: route.abort())
    expect(page.locator(SAID)).to_contain_text("does not answer")
    # The verdict on what the camera showed before must not stand for what it shows now.
    expect(page.locator(RATE)).to_have_text("")
    expect(page.locator(VERDICT)).to_have_attribute("data-verdict", "none")
    assert page.evaluate(DRAWN) == 0 and page.locator('[data-act="snapshot"]').is_disabled()
    page.unroute("**/live/frame*")
    state(page, "running")
    page.route("**/live/frame*", lambda route: route.fulfill(status=503, headers={"Retry-After": "1"}))
    expect(page.locator(SAID)).to_contain_text("busy")
    page.unroute("**/live/frame*")
    state(page, "running")
    page.route("**/live/frame*", lambda route: route.fulfill(status=401, json={"detail": "sign in"}))
    expect(page.locator(SAID)).to_contain_text("sign in")
    assert page.evaluate(CAMERA_IS_OFF)
