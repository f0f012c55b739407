"""Finding pictures and reading CSV tables: what every reader needs."""

from __future__ import annotations

import csv
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from models.imagefile import IMAGE_SUFFIXES
from training.data.record import DataError

# A ragged mask of a large strip has more run lengths than the 128 KiB that the csv module takes in one field.
csv.field_size_limit(2**26)


def list_images(folder: Path) -> list[Path]:
    """Pictures directly in `folder`, sorted by name; empty where there is no such folder."""
    if not folder.is_dir():
        return []
    pictures = (p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith("."))
    return sorted(p for p in pictures if p.is_file())


def subfolders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__")))


SPLIT_NAMES = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip


def named_split(names: Iterable[str]) -> str | None:
    """The split that the last of the names says that is one; a year behind it (`val2017`) is of no account."""
    known = [SPLIT_NAMES.get(name.lower().rstrip("0123456789")) for name in names]
    return next((split for split in reversed(known) if split), None)


def words(text: str) -> list[str]:
    """`instances_val2017` → `instances`, `val`."""
    return re.findall(r"[a-z]+", text.lower())


def json_files(root: Path) -> Iterator[Path]:
    """JSON files in `root` and two levels of folders below it, those nearest to it first."""
    for level in ("*.json", "*/*.json", "*/*/*.json"):
        yield from sorted(path for path in root.glob(level) if not _hidden(path.relative_to(root).parts))


class Pictures:
    """All pictures below a folder, found by what annotations call them; `paths` is sorted."""

    def __init__(self, root: Path) -> None:
        self.root, self.paths = root, _all_pictures(root)
        self._named: dict[str, list[Path]] = defaultdict(list)
        for path in self.paths:
            self._named[path.name.lower()].append(path)

    def find(self, name: str, near: Path, split: str | None = None) -> Path:
        """The picture whose path ends most like `name`, be it of another machine; of several alike the one in `near`,
        in `split`, or in a folder `images`.

        Raises:
            ValueError: there is none, or several fit equally.
        """
        parts = [part.lower() for part in re.split(r"[\\/]", name)]
        rated = [(self._fit(path, parts, near, split), path) for path in self._named.get(parts[-1], [])]
        if not rated:
            raise ValueError("the picture is not there")
        best = max(fit for fit, _ in rated)
        fitting = [path for fit, path in rated if fit == best]
        if len(fitting) > 1:
            raise ValueError("several pictures have its name; write their folders before it")
        return fitting[0]

    def _fit(self, path: Path, parts: list[str], near: Path, split: str | None) -> tuple[int, bool, bool, bool]:
        own = [part.lower() for part in path.relative_to(self.root).parts]
        alike = next((n for n, (a, b) in enumerate(zip(own[::-1], parts[::-1], strict=False)) if a != b), len(parts))
        return alike, path.parent == near, split is not None and named_split(own[:-1]) == split, "images" in own[:-1]


def _hidden(parts: Iterable[str]) -> bool:
    return any(part.startswith((".", "__")) for part in parts)


def _all_pictures(root: Path) -> list[Path]:
    found: list[Path] = []
    visited: set[str] = set()  # a link may lead back
    for folder, folders, _ in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        folders[:] = [] if real in visited else [name for name in folders if not _hidden([name])]
        if real not in visited:
            found += list_images(Path(folder))
        visited.add(real)
    return sorted(found)


def read_rows(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Header and (line number, row) of a CSV table; short rows are filled with "".

    Raises:
        DataError: the file is missing, cannot be read, or is not text.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="")
            rows = [(reader.line_num, {key.strip(): (row[key] or "").strip() for key in row if key}) for row in reader]
            return [name.strip() for name in reader.fieldnames or []], rows
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path.name}: not a CSV table in UTF-8 ({error}); save it again as such") from None
    except OSError as error:
        raise DataError(f"{path.name}: it cannot be read ({error.strerror})") from None
