"""Accepted synthetic pictures, kept by the run or model that made them: `HOME/synthetic/<tag>/<class>/<name>.png`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from models.files import atomic_write
from steelgui.services.sampled import Sampled, class_folder, table, write_pictures
from steelgui.settings import Settings
from training.data.synthetic import manifest


@dataclass(frozen=True)
class Added:
    """What one addition brought: the set's folder, its new files (for `remove`), how many it holds now."""

    folder: Path
    files: tuple[str, ...]
    total: int


def add(settings: Settings, tag: str, samples: Sequence[Sampled]) -> Added:
    """Write pictures, their masks and the set's manifest; what is there already is kept once.

    Args:
        tag: id of the run, or name of the model.

    Returns:
        The set's folder, in the layout of class folders with `masks/`, and what was new.

    Raises:
        OSError: the disk is full; pictures already written stay, and the manifest is the old one.
    """
    folder = settings.synthetic / tag
    folder.mkdir(parents=True, exist_ok=True)
    with _lock(folder):
        rows = {row["file"]: row for row in manifest(folder)}
        new = []
        for sample in samples:
            name = f"{class_folder(sample.picture.label)}/{sample.name}"
            if name not in rows:
                new.append(name)
            rows[name] = write_pictures(sample, folder, name)
        _write(folder, rows)
    return Added(folder, tuple(new), len(rows))


def remove(added: Added) -> int:
    """Take an addition back; files that are gone already do not matter. Returns how many the set holds still.

    Raises:
        OSError: the manifest cannot be written.
    """
    folder = added.folder
    if not folder.is_dir():
        return 0
    with _lock(folder):
        rows = {row["file"]: row for row in manifest(folder)}
        for name in added.files:
            row = rows.pop(name, None)
            for file in (name, row["mask"] if row else ""):
                if file:
                    (folder / file).unlink(missing_ok=True)
        _write(folder, rows)
        # Without its last picture a folder is no class.
        for part in sorted({(folder / name).parent for name in added.files}):
            for emptied in (part, folder / "masks" / part.name):
                if emptied.is_dir() and not any(emptied.iterdir()):
                    emptied.rmdir()
    return len(rows)


def _write(folder: Path, rows: dict[str, dict[str, str]]) -> None:
    atomic_write(folder / "manifest.csv", table(rows[name] for name in sorted(rows)))


def _lock(folder: Path) -> FileLock:
    # Hidden, so that a reader of data sets passes it over; two pages may add to one set.
    return FileLock(folder / ".lock")
