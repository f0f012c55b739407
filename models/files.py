"""Write a file whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; write to it, and it takes `path`'s place when the block ends well.

    A reader sees the old file or the new one, never a part of it. The temporary name is hidden (`.name.1a2b3c4d.tmp`
    before `path`'s own suffix, so that writers which look at suffixes work) and is removed when the block raises.
    The folder must exist.

    Raises:
        FileNotFoundError: the block ended without writing the file.
        OSError: the disk is full, or the folder cannot be written.
    """
    path = Path(path)
    # Cut: a temporary name may not be longer than the 255 bytes most file systems allow.
    temporary = path.with_name(f".{path.stem[:40]}.{secrets.token_hex(4)}.tmp{path.suffix}")
    try:
        yield temporary
        _flush_to_disk(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def atomic_write(path: str | Path, content: bytes | str) -> None:
    """Replace `path` by `content` (text as UTF-8, line ends as given), whole or not at all; errors as `atomic_path`."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def disk_is_full(error: BaseException) -> bool:
    """Did writing fail for want of room: of the disk's, of a quota's, or of what one file may have?"""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _flush_to_disk(path: Path) -> None:
    # Windows flushes only handles that may write, so the file is opened for both.
    with path.open("rb+") as file:
        os.fsync(file.fileno())
