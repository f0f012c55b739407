"""The window: a web view, a browser without its bars, or a tab of the user's own browser."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from steelgui.desktop.browsers import app_command, find_browser, profile_folder
from steelgui.desktop.system import open_there
from steelgui.ourselves import their_environment

if TYPE_CHECKING:
    import psutil

    from steelgui.desktop.devtools import DevTools

#: Seconds that a browser gets to end by itself, and within which an end was no closing by the user.
GRACE, TOO_SOON = 5.0, 3.0


class WindowError(ValueError):
    """No window of that kind can be opened here; the message is one sentence with what would be right."""


class Window(Protocol):
    """`show` returns when the user has closed it, or raises WindowError; the others are called by other threads."""

    kind: str

    def show(self) -> None: ...

    def to_front(self) -> None: ...

    def close(self) -> None: ...


def kinds(wanted: str, *, webview: bool, browser: bool) -> tuple[str, ...]:
    """Which kinds to try, one after the other.

    Args:
        wanted: `auto`, or one kind.
        webview: is pywebview installed?
        browser: is there a browser that knows `--app`?

    Raises:
        WindowError: the one that is wanted is not here.
    """
    if wanted == "webview" and not webview:
        raise WindowError("--window webview: pywebview is not installed; install steelgui[desktop], or leave it out")
    if wanted == "app" and not browser:
        raise WindowError("--window app: there is no Chromium, Chrome or Edge; install one, or use --window browser")
    if wanted != "auto":
        return (wanted,)
    here = {"webview": webview, "app": browser, "browser": True}
    return tuple(kind for kind, is_here in here.items() if is_here)


def windows(wanted: str, url: str, home: Path, lang: str | None) -> Iterator[Window]:
    """Those that may work, the best first; WindowError as `kinds`."""
    browser = find_browser(sys.platform, os.environ, shutil.which, os.path.isfile)
    has_webview = importlib.util.find_spec("webview") is not None
    for kind in kinds(wanted, webview=has_webview, browser=browser is not None):
        if kind == "webview":
            yield WebView(url, home / "browser" / "webview")
        elif kind == "app" and browser is not None:
            profile = profile_folder(browser, home, Path.home())
            root = hasattr(os, "geteuid") and os.geteuid() == 0
            yield AppWindow(app_command(browser, url, profile, root=root, lang=lang), profile)
        else:
            yield Tab(url)


class AppWindow:
    """Chromium, Chrome or Edge with a profile of its own, so that its process ends with the window."""

    kind = "app"

    def __init__(self, command: list[str], profile: Path) -> None:
        self.command, self.profile = command, profile
        self._tools: DevTools | None = None
        self._process: psutil.Process | None = None

    def show(self) -> None:
        for _ in range(2):
            began = time.monotonic()
            process = self._process = self._start()
            status = process.wait()
            if self._tools:
                self._tools.close()
            if status:
                raise WindowError(f"{self.command[0]} ended with status {status}")
            if time.monotonic() - began > TOO_SOON or not self._end_leftovers():
                return

    def to_front(self) -> None:
        if self._tools:
            # One that is just being closed answers no more, and needs no front.
            with suppress(OSError, ValueError):
                self._tools.to_front()
            return
        # The browser that has the profile opens one more window, which is in front.
        self._start_plain()

    def close(self) -> None:
        if self._process is None:
            return
        import psutil

        with suppress(psutil.Error):
            family = [self._process, *self._process.children(recursive=True)]
            self._process.terminate()
            for left in psutil.wait_procs(family, timeout=GRACE)[1]:
                with suppress(psutil.Error):
                    left.kill()

    def _start(self) -> psutil.Process:
        with suppress(OSError):
            _calm(self.profile)
        if sys.platform != "win32":
            from steelgui.desktop.devtools import DevTools

            self._tools = DevTools()
            pid = self._tools.spawn(self.command, their_environment())
        else:
            pid = self._start_plain()
        # After the start: its import takes a tenth of a second.
        import psutil

        return psutil.Process(pid)

    def _start_plain(self) -> int:
        # A browser that `find_browser` knows, with our own arguments.
        return subprocess.Popen(  # noqa: S603
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=their_environment(),
        ).pid

    def _end_leftovers(self) -> bool:
        """End a browser that has outlived its SteelGUI with this profile: it took our window, and went on as before."""
        import psutil

        left = [one for one in psutil.process_iter(["cmdline"]) if self._is_ours(one.info["cmdline"] or [])]
        for one in left:
            with suppress(psutil.Error):
                one.terminate()
        psutil.wait_procs(left, timeout=GRACE)
        return bool(left)

    def _is_ours(self, command: list[str]) -> bool:
        return f"--user-data-dir={self.profile}" in command and not any(w.startswith("--type=") for w in command)


def _calm(profile: Path) -> None:
    """A new profile offers no translations, passwords or accounts; one that is there is the user's."""
    path = profile / "Default" / "Preferences"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        wanted = {
            "translate": {"enabled": False},
            "signin": {"allowed_on_next_startup": False, "allowed": False},
            "autofill": {"profile_enabled": False, "credit_card_enabled": False},
            "credentials_enable_service": False,
        }
        path.write_text(json.dumps(wanted), "utf-8")


class WebView:
    """The system's own web view, through pywebview; wants the main thread."""

    kind = "webview"

    def __init__(self, url: str, storage: Path) -> None:
        self.url, self.storage = url, storage
        self._window: Any = None

    def show(self) -> None:
        try:
            import webview

            webview.settings["ALLOW_DOWNLOADS"] = True
            self._window = webview.create_window("SteelGUI", self.url, width=1440, height=940, min_size=(360, 560))
            self.storage.mkdir(parents=True, exist_ok=True)
            webview.start(private_mode=False, storage_path=str(self.storage))
        # pywebview looks for GTK, Qt and others when it starts, and what is missing there raises anything.
        except Exception as error:
            raise WindowError(f"no web view works here ({error})") from error

    def to_front(self) -> None:
        if self._window:
            self._window.restore()
            self._window.show()
            self._window.on_top = True
            self._window.on_top = False

    def close(self) -> None:
        if self._window:
            self._window.destroy()


class Tab:
    """A tab of the user's browser. Nobody tells us reliably when it is closed, so it ends by *Quit* or Ctrl-C."""

    kind = "browser"

    def __init__(self, url: str) -> None:
        self.url = url
        self._closed = threading.Event()

    def show(self) -> None:
        if not open_there(self.url):
            raise WindowError("no browser could be opened")
        # In slices, because Windows delivers no signal during an endless wait.
        while not self._closed.wait(0.5):
            pass

    def to_front(self) -> None:
        open_there(self.url)

    def close(self) -> None:
        self._closed.set()
