"""Inspections that were wrong, in a data set for the next training; what is done here can be taken back at any time."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from models import rle
from models.imagefile import read_image
from steelgui.services.datasets import LONGEST_NAME, Datasets, added_file, class_name
from training.data.record import DataError
from training.data.workspace import FILE, Edit, Workspace


@dataclass(frozen=True)
class Picture:
    """A picture to learn from: its name for people, its file, and run lengths of what is marked on it, if anything."""

    name: str
    path: Path
    runs: str | None = None


@dataclass(frozen=True)
class Correction:
    """What `correct` did: picture → edit, and what was known before of those that were there already."""

    folder: Path
    edits: Mapping[str, Edit]
    before: Mapping[str, Edit]


def correct(datasets: Datasets, folder: Path | None, pictures: Iterable[Picture], label: str) -> Correction | None:
    """Take pictures into a data set as training pictures of one class, in one change; None is `corrections`.

    What is in the data set already is given the class instead. Without any picture nothing is done.

    Raises:
        DataError: the class has no usable name.
        ImageError: a picture cannot be read; nothing is changed then.
    """
    label = class_name(label)
    # All are read once before anything is written, and not kept: hundreds of strips would fill the memory.
    readable = {added_file(read_image(one.path, one.name), one.name): one for one in pictures}
    if not readable:
        return None
    folder = datasets.own(folder)
    before = Workspace(folder).edits()
    edits = {file: _edit(datasets, folder, file, one, label) for file, one in readable.items()}
    first = next(iter(readable.values())).name
    more = f" +{len(readable) - 1}" if len(readable) > 1 else ""
    Workspace(folder).change("added", f"{first}{more} → {label}", edits)
    return Correction(folder, edits, {file: before[file] for file in edits if file in before})


def _edit(datasets: Datasets, folder: Path, file: str, one: Picture, label: str) -> Edit:
    image = read_image(one.path, one.name)
    known = (folder / file).is_file()
    edit = Edit(labels=(label,), left_out=False) if known else datasets.adding(folder, file, image, label)
    mask = None if one.runs is None else rle.decode(one.runs, *image.shape[:2])
    return edit.then(datasets.marking(folder, file, label, mask))


def take_back(done: Correction) -> None:
    """As it was before a correction, whatever has been changed since."""
    workspace = Workspace(done.folder)
    changes = workspace.changes()
    if changes and changes[-1].edits == done.edits:
        # What was there before is no addition of this change: its file stays.
        workspace.undo()
        return
    edits = {file: _former(done.before.get(file)) for file in done.edits}
    workspace.change("left_out", f"{len(edits)}", edits)


def _former(edit: Edit | None) -> Edit:
    return Edit(left_out=True) if edit is None else Edit(labels=edit.labels, left_out=bool(edit.left_out))


def new_set(datasets: Datasets, name: str) -> Path:
    """An empty data set of the workspace, for pictures that are added to it.

    Raises:
        DataError: the name cannot be a folder's, or is taken.
    """
    try:
        folder = datasets.root / class_name(name)
    except DataError:
        raise DataError(
            f"{name!r} cannot be a data set's name; 1 to {LONGEST_NAME} characters, none of them \\ / : * ? \" < > |"
        ) from None
    if folder.exists():
        raise DataError(f"there is a data set {folder.name} already; choose it in the list, or give another name")
    Workspace.create(folder, None)
    return folder


def remove_empty(folder: Path) -> None:
    """Remove a data set that nothing was ever put into, or all of it was taken back."""
    if (folder / FILE).is_file() and not Workspace(folder).changes():
        shutil.rmtree(folder, ignore_errors=True)
