"""Finding pictures and reading CSV tables: what every reader needs."""

from __future__ import annotations

import csv
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
