"""One window a home folder: who is first, and how a second start reaches it."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout


class Instance:
    """The lock of a home folder; the system gives it back when its process ends, however it ends.

    `desktop.json` beside it holds the first one's address. What stands there after a crash is never asked, since the
    lock is free then.
    """

    def __init__(self, home: Path) -> None:
        self.path = home / "desktop.json"
        # Tried again by another thread, when the user presses a button.
        self._lock = FileLock(home / "desktop.lock", thread_local=False)

    @property
    def is_ours(self) -> bool:
        return bool(self._lock.is_locked)

    def claim(self) -> bool:
        """Be the first; False where another one is. OSError where the folder cannot be written."""
        if self.is_ours:
            return True
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        return True

    def tell(self, address: str) -> None:
        """Where to reach us; for this user alone, since it holds the key to the window."""
        with os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({"address": address, "pid": os.getpid()}, file)

    def ask(self, what: str) -> bool:
        """Ask the first one to `raise` its window or to `quit`; False where it has just begun, or is leaving."""
        return _post(self._address(), what)

    def wait(self, seconds: float) -> bool:
        """Until the first one is gone; False if it is not after that time."""
        try:
            self._lock.acquire(timeout=seconds)
        except Timeout:
            return False
        self._lock.release()
        return True

    def release(self) -> None:
        if self.is_ours:
            self.path.unlink(missing_ok=True)
            self._lock.release()

    def _address(self) -> str:
        try:
            return str(json.loads(self.path.read_text("utf-8"))["address"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""


def _post(address: str, what: str) -> bool:
    """Straight to this machine, whatever proxy the user has."""
    parts = urlsplit(address)
    if parts.hostname != "127.0.0.1" or parts.port is None:
        return False
    connection = HTTPConnection(parts.hostname, parts.port, timeout=5)
    with suppress(OSError, HTTPException):
        connection.request("POST", f"{parts.path}{what}", headers={"Content-Length": "0"})
        return connection.getresponse().status == 204
    return False
