"""Keys of the JSON API: made once, shown once, kept as digests, and gone at once when they are revoked."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from steelgui.settings import StorageError

#: What a key can allow: see results, hand in pictures, delete inspections, start and control trainings.
PERMISSIONS = ("read", "inspect", "delete", "train")
USUAL = ("read", "inspect")


class KeyNameError(ValueError):
    """A key cannot be made or found so; the message says what would be right."""


@dataclass(frozen=True)
class Key:
    """One key; `digest` is the SHA-256 of its secret, which has 256 bits of its own and so needs no salt."""

    name: str
    allow: tuple[str, ...]
    created: str
    digest: str


class Keys:
    """The keys of one home folder, in `keys.json`; a running server sees every change at the next request."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, int, int], dict[str, Key]] | None = None

    def all(self) -> list[Key]:
        """By name; StorageError where the file cannot be read."""
        return sorted(self._known().values(), key=lambda key: key.name)

    def create(self, name: str, allow: Sequence[str] = USUAL) -> str:
        """The new key's secret, which is kept nowhere.

        Raises:
            KeyNameError: the name is taken or empty, or nothing or something unknown is to be allowed.
            StorageError: the file cannot be written.
        """
        name = " ".join(name.split())
        if not 0 < len(name) <= 80:
            raise KeyNameError(f"a key's name has 1 to 80 characters, this one {len(name)}")
        if not allow or set(allow) - set(PERMISSIONS):
            raise KeyNameError(f"--allow takes {','.join(PERMISSIONS)}, not {','.join(allow) or 'nothing'}")
        secret = f"sg_{secrets.token_urlsafe(32)}"
        with self._locked():
            known = self._known()
            if any(key.name == name for key in known.values()):
                raise KeyNameError(f"there is a key {name!r} already; revoke it first, or take another name")
            ordered = tuple(word for word in PERMISSIONS if word in allow)
            created = datetime.now(UTC).isoformat(timespec="seconds")
            self._write([*known.values(), Key(name, ordered, created, _digest(secret))])
        return secret

    def revoke(self, name: str) -> None:
        """KeyNameError where there is no key of that name."""
        with self._locked():
            known = self._known()
            left = [key for key in known.values() if key.name != name]
            if len(left) == len(known):
                names = ", ".join(key.name for key in known.values()) or "none"
                raise KeyNameError(f"there is no key {name!r}; there are: {names}")
            self._write(left)

    def check(self, secret: str) -> Key | None:
        """The key of that secret; None where there is none, or no more."""
        return self._known().get(_digest(secret))

    def _known(self) -> dict[str, Key]:
        try:
            stat = self._path.stat()
            mark = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if self._read is None or self._read[0] != mark:
                rows: list[dict[str, Any]] = json.loads(self._path.read_text("utf-8"))
                keys = [Key(row["name"], tuple(row["allow"]), row["created"], row["digest"]) for row in rows]
                self._read = mark, {key.digest: key for key in keys}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StorageError(f"{self._path} cannot be read ({error}); delete it and make new keys.") from error
        return self._read[1]

    def _write(self, keys: list[Key]) -> None:
        from models.files import atomic_path

        try:
            with atomic_path(self._path) as temporary:
                temporary.touch(mode=0o600)
                temporary.write_text(json.dumps([asdict(key) for key in keys], indent=1), "utf-8")
        except OSError as error:
            raise StorageError(f"{self._path} cannot be written ({error.strerror or error}).") from error

    def _locked(self) -> Any:
        from filelock import FileLock

        return FileLock(self._path.with_suffix(".lock"))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
