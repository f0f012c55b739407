"""Which models inspect: the bundled ones until another is activated, and back again."""

from __future__ import annotations

import json
from pathlib import Path

from filelock import FileLock

from models.files import atomic_write
from models.spec import Kind
from steelgui.settings import Settings

#: Earlier choices that can be gone back to.
KEPT = 20


class Active:
    """`HOME/active.json`: for each kind the names that were activated, the newest last, "" where it was off."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.home / "active.json"

    def names(self, kind: Kind) -> list[str]:
        """The newest last; empty where the bundled model has always been at work, or the file cannot be read."""
        return self._read().get(kind, [])

    def activate(self, kind: Kind, name: str) -> None:
        """OSError where the home folder cannot be written."""
        with self._lock():
            chosen = self._read()
            names = [other for other in chosen.get(kind, []) if other != name]
            self._write({**chosen, kind: [*names, name][-KEPT:]})

    def roll_back(self, kind: Kind) -> str | None:
        """Forget the newest choice and return it; None where there was none."""
        with self._lock():
            chosen = self._read()
            names = chosen.get(kind, [])
            if not names:
                return None
            self._write({**chosen, kind: names[:-1]})
            return names[-1]

    def _read(self) -> dict[str, list[str]]:
        try:
            value = json.loads(self._path.read_text("utf-8"))
            return {str(kind): [str(name) for name in names] for kind, names in value.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            # The page names the model that is at work; one that does not open would help nobody.
            return {}

    def _write(self, chosen: dict[str, list[str]]) -> None:
        atomic_write(self._path, json.dumps(chosen, indent=1, ensure_ascii=False))

    def _lock(self) -> FileLock:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(Path(f"{self._path}.lock"))
