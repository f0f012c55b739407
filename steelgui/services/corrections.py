"""Inspections that were wrong, in a data set for the next training; what is done here can be taken back at any time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from models.imagefile import read_image
from steelgui.services.datasets import Datasets, added_file, class_name
from training.data.workspace import Edit, Workspace


@dataclass(frozen=True)
class Correction:
    """What `correct` did: picture → edit, and what was known before of those that were there already."""

    folder: Path
    edits: Mapping[str, Edit]
    before: Mapping[str, Edit]


def correct(
    datasets: Datasets, folder: Path | None, pictures: Iterable[tuple[str, Path]], label: str
) -> Correction | None:
    """Take pictures into a data set as training pictures of one class, in one change; None is `corrections`.

    What is in the data set already is given the class instead.

    Args:
        pictures: name for people and file of each; without any nothing is done.

    Raises:
        DataError: the class has no usable name.
        ImageError: a picture cannot be read; nothing is changed then.
    """
    label = class_name(label)
    # All are read once before anything is written, and not kept: hundreds of strips would fill the memory.
    readable = {added_file(read_image(path, name), name): (name, path) for name, path in pictures}
    if not readable:
        return None
    folder = datasets.own(folder)
    before = Workspace(folder).edits()
    edits = {
        file: Edit(labels=(label,), left_out=False)
        if (folder / file).is_file()
        else datasets.adding(folder, file, read_image(path, name), label)
        for file, (name, path) in readable.items()
    }
    first = next(iter(readable.values()))[0]
    more = f" +{len(readable) - 1}" if len(readable) > 1 else ""
    Workspace(folder).change("added", f"{first}{more} → {label}", edits)
    return Correction(folder, edits, {file: before[file] for file in edits if file in before})


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
