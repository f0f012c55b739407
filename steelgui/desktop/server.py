"""The server behind the window: a process of our own program, watched from outside: its end is no end of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from steelgui.desktop.logs import last_lines
from steelgui.ourselves import our_environment, ourselves

#: Seconds that the server gets to end by itself.
GRACE = 10.0


class Server:
    """`steelgui serve` on a port of this machine; its output goes to the end of `log`."""

    def __init__(self, home: Path, log: Path, lang: str | None, window_at: str) -> None:
        self.home, self.log, self.lang, self.window_at = home, log, lang, window_at
        self.port: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._since = 0

    def start(self, port: int) -> None:
        """Returns at once; OSError where not even a process can be started."""
        self.port = port
        flags = ["--port", str(port), "--no-inbrowser", "--window-at", self.window_at, "--parent", str(os.getpid())]
        if self.lang:
            flags += ["--lang", self.lang]
        with self.log.open("ab") as out:
            self._since = self.log.stat().st_size
            # Our own program, with arguments that we made.
            self._process = subprocess.Popen(  # noqa: S603
                [*ourselves(), "serve", "--home", str(self.home), *flags],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=our_environment(),
                # Ctrl-C in our terminal is ours to pass on.
                start_new_session=sys.platform != "win32",
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def answers(self) -> bool:
        """Does its page stand? Asked for something small, straight to this machine."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/manifest.json")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def ended(self) -> int | None:
        """Its exit status, None while it runs or where it was never started."""
        return None if self._process is None else self._process.poll()

    def said(self) -> list[str]:
        """The last lines of this start."""
        return last_lines(self.log, self._since)

    def stop(self) -> None:
        """Trainings go on: they are processes of their own."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def sentence(lines: list[str]) -> str | None:
    """What the server said last, if that was a sentence of ours and no traceback."""
    last = lines[-1].strip() if lines else ""
    if any(line.startswith("Traceback ") for line in lines) or not last.endswith("."):
        return None
    return last.removeprefix("steelgui: ").removeprefix("SteelGUI: ")
