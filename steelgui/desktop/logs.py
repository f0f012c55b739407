"""`home/logs/desktop.log`: what the window and its server have said, the last few megabytes of it."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path

#: A start that finds more bytes begins a new file; so many old ones stay.
LIMIT, KEPT = 1_000_000, 3


def open_log(home: Path) -> Path:
    """A file that can be written: in the home folder, or else in the system's folder for what is temporary."""
    path = home / "logs" / "desktop.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        rotate(path)
        path.open("ab").close()
    except OSError:
        path = Path(tempfile.mkdtemp(prefix="steelgui-")) / "desktop.log"
        path.touch()
    return path


def rotate(path: Path, limit: int = LIMIT, kept: int = KEPT) -> None:
    """`x.log` becomes `x.1.log`, and so on, where it has grown beyond `limit` bytes."""
    if not path.is_file() or path.stat().st_size <= limit:
        return
    names = [path, *(path.with_suffix(f".{n}{path.suffix}") for n in range(1, kept + 1))]
    for newer, older in reversed(list(pairwise(names))):
        if newer.is_file():
            newer.replace(older)


def note(path: Path, sentence: str) -> None:
    """A line of our own; a disk that takes none stops nobody."""
    with suppress(OSError), path.open("a", encoding="utf-8") as file:
        file.write(f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S} {sentence}\n")


def last_lines(path: Path, since: int = 0, count: int = 40) -> list[str]:
    """The last lines after byte `since`, without empty ones at the end."""
    try:
        with path.open("rb") as file:
            file.seek(max(since, path.stat().st_size - 65_536))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return text.rstrip().splitlines()[-count:]
