"""The real app in a subprocess, and the system's Chromium in front of it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api")

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run", "--disable-quic"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)
# Gradio ends its own stream as a page is left, and then reports the end as an error, if it still comes to it.
LEAVING = "addEventListener('beforeunload', () => { console.error = () => {} })"
START_SECONDS = 120


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def address(home: Path) -> Iterator[str]:
    """Address of the page, served by `python -m steelgui serve`."""
    with serving(home) as (url, _):
        yield url


@contextmanager
def serving(
    home: Path, *flags: str, program: Sequence[str] = (sys.executable, "-m", "steelgui"), **how: Any
) -> Iterator[tuple[str, int]]:
    """The app's address and the process that serves it; `how` is for its Popen."""
    _chromium()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*program, "serve", "--home", str(home), "--port", str(port), "--no-inbrowser", *flags]
    log = home.parent / "server.log"
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, **{"cwd": Path(__file__).parents[2], **how})
    url = f"http://127.0.0.1:{port}/"
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(url):
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the app did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.3)
        yield url, server.pid
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


@pytest.fixture(scope="session")
def driver() -> Iterator[playwright.Playwright]:
    """The one of this process: Playwright starts no second."""
    with playwright.sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def chromium(driver: playwright.Playwright) -> Iterator[playwright.Browser]:
    browser = driver.chromium.launch(executable_path=_chromium(), args=list(FLAGS))
    yield browser
    browser.close()


@pytest.fixture
def visit(chromium: playwright.Browser, address: str) -> Iterator[Callable[..., playwright.Page]]:
    """`visit(locale=…, color_scheme=…, size=…, query=…)` → a page; at the end nothing may have gone wrong in any.

    The first look around does not stand in the way, but for who asks: `tour=True`.
    """
    contexts: list[playwright.BrowserContext] = []
    troubles: list[str] = []

    def watch(page: playwright.Page) -> None:
        page.on("console", lambda said: troubles.append(f"console: {said.text}") if said.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(f"page: {error} {error.stack}"))
        page.on("request", lambda asked: None if _local(asked.url) else troubles.append(f"request: {asked.url}"))

    def go(
        *,
        locale: str = "en-US",
        color_scheme: str = "light",
        query: str = "",
        size: tuple[int, int] = (1440, 900),
        tour: bool = False,
        zone: str | None = None,
    ) -> playwright.Page:
        context = chromium.new_context(
            locale=locale,
            color_scheme=color_scheme,
            viewport={"width": size[0], "height": size[1]},
            timezone_id=zone,
        )
        contexts.append(context)
        context.add_init_script(LEAVING)
        if not tour:
            context.add_init_script("localStorage.setItem('steelgui.tour', 'seen')")
        page = context.new_page()
        page.set_default_timeout(60_000)
        watch(page)
        page.goto(address + query)
        page.wait_for_selector("#latest")
        page.wait_for_selector('.sg-models[data-ready="true"]', timeout=120_000)
        return page

    yield go
    for context in contexts:
        context.close()
    assert not troubles


def _chromium() -> str:
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        reason = "no Chromium on this machine"
        if os.environ.get("STEELGUI_REQUIRE_BROWSER") == "1":
            pytest.fail(f"{reason}, but STEELGUI_REQUIRE_BROWSER=1 asks for it")
        pytest.skip(reason)
    return executable


def _answers(url: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _local(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "data:", "blob:"))
