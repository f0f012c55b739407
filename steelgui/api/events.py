"""A run's events as server-sent events, from wherever a reader was cut off."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from anyio import CapacityLimiter, to_thread

from training.runs import LIVE, Run, read_event

#: Seconds between two looks at the file, and looks without news after which a comment keeps proxies from hanging up.
EVERY, QUIET = 0.5, 30
#: Bytes that are read at once.
CHUNK = 1_000_000
#: Readers that may look at the disk at once.
LOOKING = CapacityLimiter(4)
Place = tuple[int, int]


def place(text: str | None) -> Place:
    """Where `Last-Event-ID` points: the file's number and a byte in it; the start for anything else."""
    number, _, offset = (text or "").partition(".")
    return (int(number), int(offset)) if number.isdecimal() and offset.isdecimal() and len(offset) < 19 else (0, 0)


def read(run: Run, at: Place) -> tuple[list[tuple[Place, dict[str, Any]]], Place]:
    """Whole events behind a place, each with the place behind it, and how far that came.

    A run that went back to an earlier state has written its file anew; then everything is told once more, after a
    `restarted`.
    """
    try:
        with run.events_path.open("rb") as file:
            number, size = os.fstat(file.fileno()).st_ino, os.fstat(file.fileno()).st_size
            known, offset = at
            file.seek(max(0, offset - 1))
            same = offset == 0 or (known == number and offset <= size and file.read(1) == b"\n")
            found: list[tuple[Place, dict[str, Any]]] = []
            if not same:
                offset = 0
                found.append(((number, 0), {"kind": "restarted"}))
            file.seek(offset)
            new = file.read(CHUNK)
    except OSError:
        return [], at
    for line in new[: new.rfind(b"\n") + 1].splitlines(keepends=True):
        offset += len(line)
        if event := read_event(line):
            found.append(((number, offset), _without_paths(event)))
    return found, (number, offset)


def ended(run: Run, at: Place) -> bool:
    """Is the run over, and all of it told?"""
    over = run.status().state not in LIVE
    found, behind = read(run, at)
    return over and not found and behind == at


async def follow(run: Run, at: Place, gone: Callable[[], Awaitable[bool]]) -> AsyncIterator[bytes]:
    """Lines of `text/event-stream` until the run is over or the reader is gone."""
    yield b"retry: 2000\n\n"
    looks = 0
    while not await gone():
        # Asked before the file is read: what is written in between is told in the next round.
        over = await to_thread.run_sync(lambda: run.status().state not in LIVE, limiter=LOOKING)
        found, at = await to_thread.run_sync(read, run, at, limiter=LOOKING)
        for behind, event in found:
            yield _line(event["kind"], event, behind)
        if not found and over:
            status = run.status()
            yield _line("end", {"kind": "end", "state": status.state, "step": status.step, "steps": status.steps}, at)
            return
        looks = 0 if found else looks + 1
        if looks and looks % QUIET == 0:
            yield b": still here\n\n"
        if not found:
            await asyncio.sleep(EVERY)


def _line(kind: str, event: dict[str, Any], at: Place) -> bytes:
    data = json.dumps(event, ensure_ascii=False)
    return f"event: {kind}\nid: {at[0]}.{at[1]}\ndata: {data}\n\n".encode("utf-8", "replace")


def _without_paths(value: Any) -> Any:
    """Names of files instead of where they lie on the server."""
    if isinstance(value, dict):
        return {key: _without_paths(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_paths(one) for one in value]
    if isinstance(value, str):
        for kind in (PurePosixPath, PureWindowsPath):
            if kind(value).is_absolute():
                return kind(value).name
    return value
