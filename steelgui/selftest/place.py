"""Where a self-test happens: a home folder of its own, the server on it, and every process that it starts."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from steelgui.connections import VARIABLE
from steelgui.ourselves import ourselves
from steelgui.selftest import talk
from steelgui.services.jobs import Jobs
from steelgui.settings import Settings

#: Seconds for the page to answer, for one command, and for processes to end when they are told to.
START, COMMAND, END = 90.0, 180.0, 15.0
#: Lines of a log that a failure shows.
TAIL = 12
#: What would lead processes out of the place: the user's own folder and database.
LEADING_OUT = ("STEELGUI_HOME", "STEELGUI_DATABASE_URL")


class StepError(RuntimeError):
    """A step failed: one sentence, and below it the end of the log that says more."""

    def __init__(self, sentence: str, log: str = "") -> None:
        lines = log.strip().splitlines()[-TAIL:]
        super().__init__("\n".join([sentence, *(f"    {line}" for line in lines)]))


class Place:
    """`with Place() as place:`; at its end everything that it started is stopped, and its folder is gone.

    Attributes:
        home: of the server, the commands and the trainings; its name is one that programs stumble over.
        started: processes of ours that were started, the server and the workers included.
    """

    def __init__(self, parent: Path | None = None, keep: bool = False) -> None:
        if parent is not None:
            parent.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="steelgui-selftest-", dir=parent)).absolute()
        self.home = self.folder / "home 시험"
        self.connections = self.folder / "connections.txt"
        self.started = 0
        self.address = ""
        self.inspected: list[int] = []  # ids in the history
        self.jobs = Jobs(Settings(home=self.home))
        self._keep = keep
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._environment = dict(os.environ)
        self._others = set(psutil.Process().children(recursive=True))
        for name in LEADING_OUT:
            os.environ.pop(name, None)
        os.environ[VARIABLE] = str(self.connections)
        if sys.pycache_prefix:
            # Compiled modules that we keep elsewhere are kept for all: a new home would compile everything anew.
            os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
            os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        try:
            end(set(psutil.Process().children(recursive=True)) - self._others)
        finally:
            os.environ.clear()
            os.environ.update(self._environment)
            if not self._keep:
                shutil.rmtree(self.folder, ignore_errors=True)

    # The server -------------------------------------------------------------------------------------------------

    def serve(self) -> None:
        """Start it and wait until it answers; StepError where it does not."""
        port = _free_port()
        self.address = f"http://127.0.0.1:{port}"
        words = ["serve", "--host", "127.0.0.1", "--port", str(port), "--no-inbrowser", "--home", str(self.home)]
        with self.log.open("wb") as log:
            self._server = subprocess.Popen([*ourselves(), *words], stdout=log, stderr=log)  # noqa: S603
        self.started += 1
        until = time.monotonic() + START
        while not self._answers():
            if self._server.poll() is not None:
                raise StepError(f"the server ended with status {self._server.returncode}", self.said())
            if time.monotonic() > until:
                raise StepError(f"the page did not answer within {START:.0f} s", self.said())
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            talk.get(f"{self.address}/", timeout=5)
        except OSError:
            return False
        return True

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def said(self) -> str:
        """What the server has printed."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def stop(self) -> int:
        """Ask the server to end; its exit status. StepError where it does not end."""
        assert self._server
        self._server.terminate()
        try:
            return self._server.wait(END)
        except subprocess.TimeoutExpired:
            raise StepError(f"the server went on {END:.0f} s after it was told to end", self.said()) from None

    # Commands ---------------------------------------------------------------------------------------------------

    def run(self, *words: str | Path) -> str:
        """What a command prints; StepError where it fails."""
        command = [*ourselves(), *map(str, words), "--home", str(self.home)]
        self.started += 1
        name = f"`steelgui {' '.join(map(str, words[:2]))}`"
        try:
            done = subprocess.run(  # noqa: S603
                command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace",
                timeout=COMMAND, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise StepError(f"{name} did not end within {COMMAND:.0f} s") from None
        if done.returncode:
            raise StepError(f"{name} ended with status {done.returncode}", done.stderr)
        return done.stdout


def end(processes: Iterable[psutil.Process]) -> None:
    """Ask processes to end, and make those that do not."""
    for process in (wanted := list(processes)):
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    for process in psutil.wait_procs(wanted, END)[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
