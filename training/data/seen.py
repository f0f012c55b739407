"""Which pictures a network has seen: digests for its card, so that a test on one of them can be refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

#: Hexadecimal digits of a picture's SHA-256: 48 bits tell any million files apart and keep cards short.
LENGTH = 12


def digest(image: Path) -> str:
    """Of the file's bytes; OSError where it cannot be read. A file that has not changed is read once."""
    found = image.stat()
    return _digest(image, (found.st_mtime_ns, found.st_size))


@lru_cache(maxsize=65_536)
def _digest(image: Path, _version: tuple[int, int]) -> str:
    return hashlib.sha256(image.read_bytes()).hexdigest()[:LENGTH]


def digests(images: Iterable[Path]) -> dict[str, Path]:
    """Digest → file, of alike ones the last by name."""
    return {digest(path): path for path in sorted(set(images))}
