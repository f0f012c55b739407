"""`steelgui desktop` on a virtual screen, with the real browser and the real server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

playwright = pytest.importorskip("playwright.sync_api")

from filelock import FileLock  # noqa: E402

from steelgui.desktop.browsers import find_browser  # noqa: E402
from steelgui.languages import table  # noqa: E402
from training.runs import Run, Status  # noqa: E402

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
PATIENCE = 60


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    """A virtual screen's name, as DISPLAY wants it."""
    if not (shutil.which("Xvfb") and find_browser(sys.platform, os.environ, shutil.which, os.path.isfile)):
        reason = "no Xvfb or no Chromium on this machine"
        if os.environ.get("STEELGUI_REQUIRE_BROWSER") == "1":
            pytest.fail(f"{reason}, but STEELGUI_REQUIRE_BROWSER=1 asks for them")
        pytest.skip(reason)
    ours, theirs = os.pipe()
    command = ["Xvfb", "-displayfd", str(theirs), "-screen", "0", "1480x980x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[theirs], stderr=subprocess.DEVNULL)
    os.close(theirs)
    with os.fdopen(ours) as told:
        yield f":{told.readline().strip()}"
    server.terminate()
    server.wait()


@pytest.fixture
def watched_browser(tmp_path: Path) -> Path:
    """A folder with the machine's Chromium under its own name, which also listens to Playwright."""
    real = find_browser(sys.platform, os.environ, shutil.which, os.path.isfile)
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "chromium").write_text(f'#!/bin/sh\nexec {real} "$@" --remote-debugging-port=0\n')
    (folder / "chromium").chmod(0o755)
    return folder


class Desktop:
    """One `steelgui desktop`, and what it tells."""

    def __init__(self, home: Path, *flags: str, screen: str | None = None, first: Path | None = None) -> None:
        self.home = home
        environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
        environment |= {"DISPLAY": screen} if screen else {}
        environment["PATH"] = os.pathsep.join([*([str(first)] if first else []), environment["PATH"]])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "steelgui", "desktop", "--home", str(home), *flags],
            cwd=ROOT,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )

    def story(self) -> dict[str, Any]:
        address = json.loads((self.home / "desktop.json").read_text())["address"]
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{address}story", timeout=5) as answer:
            story: dict[str, Any] = json.load(answer)
        return story

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def servers(self) -> list[psutil.Process]:
        return [one for one in self.family() if "serve" in words_of(one)]

    def browsers(self) -> list[list[str]]:
        """What each window was started with; the processes that it has started itself have other words."""
        return [words for words in map(words_of, self.family()) if any(word.startswith("--app=") for word in words)]

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)


@pytest.fixture
def desktop() -> Iterator[Callable[..., Desktop]]:
    started: list[Desktop] = []

    def start(*arguments: Any, **named: Any) -> Desktop:
        started.append(Desktop(*arguments, **named))
        return started[-1]

    yield start
    for one in started:
        one.end()


def eventually(check: Callable[[], Any]) -> Any:
    """What `check` says once it says something; errors on the way there are waited for."""
    until, trouble = time.monotonic() + PATIENCE, None
    while time.monotonic() < until:
        try:
            if value := check():
                return value
        except (OSError, ValueError, KeyError, IndexError, playwright.Error, psutil.Error) as error:
            trouble = error
        time.sleep(0.1)
    raise AssertionError(f"waited for {PATIENCE} s in vain") from trouble


def words_of(process: psutil.Process) -> list[str]:
    """Its command line; none where it has ended, which it may do at any moment."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:  # zombies count as well
        return []


def over(process: psutil.Process) -> bool:
    """Has it ended? Those of the browser's that nobody has buried yet count as well."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def page_of(browser_folder: Path, driver: Any) -> Any:
    """What the one window shows, by the port that the browser has chosen."""
    port = eventually(lambda: (browser_folder / "DevToolsActivePort").read_text().split()[0])
    browser = driver.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")
    page = eventually(lambda: browser.contexts[0].pages[0])
    page.set_default_timeout(PATIENCE * 1000)
    return page


def test_splash_page_second_start_and_going_on(
    tmp_path: Path,
    screen: str,
    watched_browser: Path,
    desktop: Callable[..., Desktop],
    driver: playwright.Playwright,
) -> None:
    home, words = tmp_path / "강판 home", table("ko")
    one = desktop(home, "--window", "app", "--lang", "ko", "--keep-serving", screen=screen, first=watched_browser)
    page = page_of(home / "browser", driver)
    page.wait_for_selector(f"text={words['desktop.starting']}")
    page.wait_for_selector("#latest")
    assert one.story()["painted"]
    [server] = one.servers()

    # A second start raises the first window, and starts nothing.
    second = desktop(home, "--window", "app", screen=screen, first=watched_browser)
    assert second.process.wait(20) == 0
    assert "open already" in second.process.stderr.read()
    assert one.servers() == [server]
    assert len(page.context.pages) == 1

    # The window is closed, the server stays; a training is its own process, here the one of this test.
    run = Run.create(home / "runs", "gan", {})
    run.write_status(Status("running", 1, 9))
    with FileLock(run.folder / "alive.lock"):
        page.close()
        said = one.process.stderr.readline()
    assert words["desktop.kept"] in said
    assert one.browsers() == []
    assert words["desktop.one_training"] in said
    assert one.servers() == [server]

    # The next start opens the window again.
    third = desktop(home, screen=screen, first=watched_browser)
    assert third.process.wait(20) == 0
    # Looked at from outside: Chromium falls over when DevTools attach while its first page gives way to another.
    # A process that is about to become a helper has its parent's words for a moment.
    assert eventually(lambda: len(one.browsers()) == 1)
    family = one.family()
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(30) == 0
    assert not [one for one in family if not over(one)]
    assert not (home / "desktop.json").exists()


def test_what_failed_is_said_and_mended(
    tmp_path: Path,
    screen: str,
    desktop: Callable[..., Desktop],
    watched_browser: Path,
    driver: playwright.Playwright,
) -> None:
    """Root may write anywhere, but not below a file."""
    (tmp_path / "in the way").touch()
    home = tmp_path / "in the way" / "home"
    # A short path: Chromium puts a socket there.
    with (
        tempfile.TemporaryDirectory(prefix="sg-") as scratch,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("TMPDIR", scratch)
        one = desktop(home, "--window", "app", "--lang", "en", screen=screen, first=watched_browser)
        log = eventually(lambda: sorted(Path(scratch).glob("steelgui-*/desktop.log"))[0])
        page = page_of(log.parent / "browser", driver)
        page.wait_for_selector("text=cannot be written")
        assert str(log) in page.inner_text("main")
        (tmp_path / "in the way").unlink()
        page.click("text=Try again")
        page.wait_for_selector("#latest")
        [server] = one.servers()

        # The server dies: the window stays, and says so.
        server.kill()
        page.wait_for_selector(f"text={table('en')['desktop.failed']}")
        assert "signal 9" in page.inner_text("main")
        assert "SteelGUI: http://127.0.0.1:" in page.inner_text("pre")
        page.click("text=Try again")
        [server] = eventually(one.servers)

        # Closing the window ends the server, however far it is.
        family = one.family()
        page.close()
        assert one.process.wait(30) == 0
        assert not [one for one in family if not over(one)]


def test_in_a_tab_somebody_has_to_quit(
    tmp_path: Path, chromium: playwright.Browser, desktop: Callable[..., Desktop]
) -> None:
    """Without a screen the address is said, and whoever opens it can end SteelGUI from there."""
    one = desktop(tmp_path, "--window", "browser")
    said = one.process.stderr.readline()
    address = said.split("open ")[1].split()[0]
    page = chromium.new_context(locale="en-US").new_page()
    page.add_init_script("localStorage.setItem('steelgui.tour', 'seen')")
    page.goto(address)
    page.click("text=Quit SteelGUI", timeout=PATIENCE * 1000)
    page.click("text=Back")
    page.click("text=Quit SteelGUI", timeout=PATIENCE * 1000)
    page.click("button:text('Quit')")
    page.wait_for_selector("text=SteelGUI is closed")
    page.context.close()
    assert one.process.wait(30) == 0


def test_after_a_crash(tmp_path: Path, desktop: Callable[..., Desktop]) -> None:
    one = desktop(tmp_path, "--window", "browser")
    [server] = eventually(one.servers)
    one.process.kill()
    one.process.wait()
    # Nobody told the server; it looks itself.
    assert eventually(lambda: over(server))

    # What the crash has left behind keeps nobody out, and `--quit` ends what is there.
    two = desktop(tmp_path, "--window", "browser")
    eventually(two.story)
    quitting = [sys.executable, "-m", "steelgui", "desktop", "--quit", "--home", str(tmp_path)]
    assert subprocess.run(quitting, cwd=ROOT, check=False).returncode == 0
    assert two.process.wait(30) == 0
    said = subprocess.run(quitting, cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 0
    assert "No SteelGUI is open" in said.stderr
