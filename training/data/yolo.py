"""YOLO: ``data.yaml`` with names, pictures in ``images`` and as many ``.txt`` in ``labels``, polygons or boxes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from training.data.listing import SPLIT_NAMES, Pictures, subfolders
from training.data.marks import Marks, Told, gathered, marks_of, usable_name
from training.data.record import DataError, DataSet
from training.data.shapes import polygon

#: Values may leave 0 … 1 by this much: tools round.
ROUNDING = 1e-3


def yolo_table(root: Path) -> Path | None:
    """The YAML in `root` that names classes."""
    files = sorted({*root.glob("*.yaml"), *root.glob("*.yml")}, key=lambda file: (file.stem != "data", file.name))
    # Read in full only where it is meant: other programs leave YAML of theirs beside pictures.
    return next((file for file in files if re.search(rb"^names\s*:", file.read_bytes(), re.MULTILINE)), None)


def is_yolo(root: Path) -> bool:
    """Whether there is such a table, or `images` and `labels` with text files somewhere side by side."""
    labels = [folder / "labels" for folder in (root, *subfolders(root))]
    return yolo_table(root) is not None or any(
        (folder.parent / "images").is_dir() and next(folder.rglob("*.txt"), None) for folder in labels
    )


def read_yolo(root: Path) -> DataSet:
    """Pictures with any number of classes each; one without a text file, or with an empty one, is free of defects.

    A line is a class number and the corners of a polygon, or the middle, width and height of a box, as parts of the
    picture's sides. Splits are those of folders called train, val and test, or else of the YAML. A picture with a line
    that cannot be used is left out.

    Raises:
        DataError: the YAML cannot be read, or no picture can be used.
    """
    table = yolo_table(root)
    content = _read_table(table) if table else {}
    names, splits = _names(content, root), list(_splits(content, root))
    pictures, told, marks = Pictures(root), Told(), dict[Path, Marks]()
    labelled: dict[Path, bool] = {}
    for image in pictures.paths:
        text, where = _labels_of(image, root), image.name
        if text.parent not in labelled:
            labelled[text.parent] = any(text.parent.glob("*.txt"))
        try:
            if not labelled[text.parent]:
                raise ValueError("no picture of the folder has a text file in labels")
            one = marks_of(image, root)
            if one.split is None:
                own = image.relative_to(root)
                one.split = next((split for split, folder in splits if own.is_relative_to(folder)), None)
            for number, line in enumerate(_lines(text), 1):
                where = f"{text.name} line {number}"
                _mark(one, line.split(), names)
            marks[image] = one
        except ValueError as error:
            told.add(root.name, error, where)
    return gathered(root, "yolo", marks, told)


def _mark(marks: Marks, line: list[str], names: dict[int, str] | None) -> None:
    """Add one line; ValueError where it marks nothing."""
    if not line:
        return
    try:
        number, values = int(line[0]), [float(value) for value in line[1:]]
    except ValueError:
        raise ValueError("a line holds something that is no number") from None
    if not all(-ROUNDING <= value <= 1 + ROUNDING for value in values):  # which NaN is not either
        raise ValueError("a value lies outside 0 to 1")
    name = f"class{number}" if names is None else names.get(number)
    if name is None:
        raise ValueError("a class number has no name")
    scaled = [value * (marks.height if place % 2 else marks.width) for place, value in enumerate(values)]
    if len(scaled) == 4:
        x, y, width, height = scaled
        marks.boxes.append((name, marks.box(x - width / 2, y - height / 2, width, height)))
    else:
        marks.shapes[name].append(polygon(scaled, marks.width, marks.height))


def _labels_of(image: Path, root: Path) -> Path:
    """Where the text file of a picture would lie: in `labels` instead of the last `images`, or beside it."""
    parts = [*image.relative_to(root).parts]
    for place in range(len(parts) - 2, -1, -1):
        if parts[place].lower() == "images":
            parts[place] = "labels"
            break
    return root.joinpath(*parts).with_suffix(".txt")


def _lines(text: Path) -> list[str]:
    try:
        return text.read_text("utf-8-sig").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError):
        raise ValueError("a text file cannot be read") from None


def _names(content: dict[str, Any], root: Path) -> dict[int, str] | None:
    """Class number → name, of the YAML or of ``classes.txt``; None where neither is there."""
    names = content.get("names")
    if names is None:
        files = [root / "classes.txt", root / "labels" / "classes.txt"]
        file = next((file for file in files if file.is_file()), None)
        names = [line.strip() for line in _lines(file) if line.strip()] if file else None
    if isinstance(names, list):
        names = dict(enumerate(names))
    if names is None:
        return None
    try:
        return {int(number): usable_name(str(name)) for number, name in names.items()}
    except (AttributeError, ValueError):
        raise DataError(f"{root}: the names of its YAML are neither a list nor numbers with names") from None


def _splits(content: dict[str, Any], root: Path) -> Iterator[tuple[str, PurePosixPath]]:
    """(split, folder below `root`) as the YAML has them; what lies elsewhere is passed over."""
    for key, split in SPLIT_NAMES.items():
        entries = content.get(key) or []
        for entry in [entries] if isinstance(entries, str) else entries if isinstance(entries, list) else []:
            # Where the data lay when the table was written is of no account: only the end of the path is.
            parts = [part for part in PurePosixPath(str(entry).replace("\\", "/")).parts if part not in ("..", "/")]
            tails = (PurePosixPath(*parts[start:]) for start in range(len(parts)))
            if folder := next((tail for tail in tails if (root / tail).is_dir()), None):
                yield split, folder


def _read_table(path: Path) -> dict[str, Any]:
    """DataError where it is no YAML; empty where it is one of something else."""
    try:
        content = yaml.safe_load(path.read_text("utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError, RecursionError) as error:
        raise DataError(f"{path.name}: no YAML that can be read ({str(error).splitlines()[0]})") from None
    return content if isinstance(content, dict) else {}
