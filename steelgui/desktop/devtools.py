"""Chromium's DevTools over two pipes: how its window comes to the front. Nobody else can reach them; no port is open.

Chromium reads from file descriptor 3 and writes to 4, and ends when we are gone. Not on Windows, whose processes
inherit handles in another way.
"""

from __future__ import annotations

import json
import os
import threading
from typing import Any


class DevTools:
    """Both pipes; `descriptors` are Chromium's ends, to be closed here once it has them."""

    def __init__(self) -> None:
        import fcntl

        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        # Out of the way of 3 and 4, where they are to be put one after the other.
        self.descriptors = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (theirs_in, theirs_out))
        os.close(theirs_in)
        os.close(theirs_out)
        self._in, self._out = os.fdopen(ours_in, "rb"), os.fdopen(ours_out, "wb")
        self._lock = threading.Lock()
        self._count = 0

    def spawn(self, command: list[str], environment: dict[str, str]) -> int:
        """Start Chromium with its ends of the pipes and return its process number; OSError where it cannot be."""
        reads, writes = self.descriptors
        null = os.open(os.devnull, os.O_RDWR)
        puts = [(null, 0), (null, 1), (null, 2), (reads, 3), (writes, 4)]
        try:
            return os.posix_spawn(
                command[0],
                [*command, "--remote-debugging-pipe"],
                environment,
                file_actions=[(os.POSIX_SPAWN_DUP2, end, number) for end, number in puts],
                # Ctrl-C in our terminal is ours to pass on.
                setpgroup=0,
            )
        finally:
            for end in (null, reads, writes):
                os.close(end)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One question, one answer; OSError where Chromium is gone or does not know what is meant."""
        with self._lock:
            self._count += 1
            question = {"id": self._count, "method": method, "params": parameters}
            self._out.write(json.dumps(question).encode() + b"\0")
            self._out.flush()
            while (answer := self._read()).get("id") != self._count:
                pass
        if "error" in answer:
            raise OSError(f"{method}: {answer['error'].get('message')}")
        result: dict[str, Any] = answer["result"]
        return result

    def to_front(self) -> bool:
        """Bring the first window to the front; False where there is none."""
        targets = self.ask("Target.getTargets")["targetInfos"]
        pages = [target["targetId"] for target in targets if target["type"] in ("page", "app")]
        if pages:
            self.ask("Target.activateTarget", targetId=pages[0])
        return bool(pages)

    def close(self) -> None:
        self._in.close()
        self._out.close()

    def _read(self) -> dict[str, Any]:
        said = bytearray()
        while (byte := self._in.read(1)) != b"\0":
            if not byte:
                raise OSError("the browser has ended")
            said += byte
        value: dict[str, Any] = json.loads(said)
        return value
