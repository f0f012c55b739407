"""A data set in the workspace: pictures that stay where they are, and what people have corrected about them.

`FOLDER/dataset.json` names the source and lists the changes, the newest last; `FOLDER/added/` holds pictures that came
from inspections, `FOLDER/masks/` masks that were painted. The source is never written to, and the last change can be
taken back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock

from models.files import atomic_write
from models.spec import is_defect_free
from training.data.record import DataError, DataSet, MaskFile, MaskRuns, MaskShapes, Sample, order_classes

FILE = "dataset.json"
#: Where pictures and masks of the workspace's own lie, below its folder.
ADDED, MASKS = "added", "masks"


@dataclass(frozen=True)
class Edit:
    """What is changed about one picture; None leaves it as it is.

    Attributes:
        labels: its classes from now on.
        split: `train`, `validation` or `test`.
        group: near-duplicates share it.
        mask: a painted mask, relative to the workspace; pixel value i + 1 is class i of `classes`.
        left_out: whether it counts no more.
        added: whether it is one of the workspace's own pictures.
    """

    labels: tuple[str, ...] | None = None
    split: str | None = None
    group: str | None = None
    mask: str | None = None
    classes: tuple[str, ...] | None = None
    left_out: bool | None = None
    added: bool | None = None

    def then(self, later: Edit) -> Edit:
        """Both, one after the other."""
        return replace(self, **{name: value for name, value in vars(later).items() if value is not None})


@dataclass(frozen=True)
class Change:
    """One step that can be taken back: `what` was done, in a word (`label`, `split`, …), and to which pictures.

    Attributes:
        detail: what to, for people: a class, a split, a seed.
        edits: picture, relative to the source (or to the workspace where it is an added one) → edit.
    """

    what: str
    detail: str
    edits: Mapping[str, Edit]
    at: str = ""


class Workspace:
    """One data set of the workspace; the file is the truth, and is read anew each time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def source(self) -> Path | None:
        """Where its pictures lie; None where all of them were added."""
        source = _stored(self.folder)["source"]
        return None if source is None else self.folder / source  # an absolute path stays what it is

    @classmethod
    def create(cls, folder: Path, source: Path | None) -> Workspace:
        """An unchanged one; a source inside of `folder` is stored relative to it, so that both can be moved."""
        folder.mkdir(parents=True, exist_ok=True)
        inside = source is not None and source.is_relative_to(folder)
        named = None if source is None else str(source.relative_to(folder) if inside else source.absolute())
        atomic_write(folder / FILE, json.dumps({"source": named, "changes": []}, indent=1, ensure_ascii=False))
        return cls(folder)

    def changes(self) -> list[Change]:
        """The newest last; DataError where the file is damaged."""
        try:
            return [
                Change(
                    str(change["what"]),
                    str(change["detail"]),
                    {str(image): _edit(edit) for image, edit in change["edits"].items()},
                    str(change["at"]),
                )
                for change in _stored(self.folder)["changes"]
            ]
        except (KeyError, TypeError, AttributeError) as error:
            raise _damaged(self.folder, error) from error

    def change(self, what: str, detail: str, edits: Mapping[str, Edit]) -> None:
        """Remember a change; OSError where the folder cannot be written."""
        with self._lock():
            stored = _stored(self.folder)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            plain = {
                image: {k: v for k, v in asdict(edit).items() if v is not None} for image, edit in sorted(edits.items())
            }
            last = stored["changes"][-1] if stored["changes"] else {}
            # Said twice, as by a double click, it is one change, and one step back.
            if (last.get("what"), last.get("edits")) == (what, json.loads(json.dumps(plain))):
                return
            stored["changes"].append({"what": what, "detail": detail, "at": now, "edits": plain})
            self._write(stored)

    def undo(self) -> Change | None:
        """Take the newest change back and return it, its own files with it; None where there is none."""
        with self._lock():
            changes = self.changes()
            if not changes:
                return None
            stored = _stored(self.folder)
            stored["changes"].pop()
            self._write(stored)
        # Files last: a change without its file would be a data set that cannot be read.
        last = changes[-1]
        for image, edit in last.edits.items():
            for file in ([edit.mask] if edit.mask else []) + ([image] if edit.added else []):
                (self.folder / file).unlink(missing_ok=True)
        return last

    def edits(self) -> dict[str, Edit]:
        """All that is changed about each picture."""
        found: dict[str, Edit] = {}
        for change in self.changes():
            for image, edit in change.edits.items():
                found[image] = found.get(image, Edit()).then(edit)
        return found

    def names(self, images: Sequence[Path]) -> list[str]:
        """How the changes call pictures; the file is read once for all of them."""
        source = self.source
        roots = (source if source is not None and image.is_relative_to(source) else self.folder for image in images)
        return [image.relative_to(root).as_posix() for image, root in zip(images, roots, strict=True)]

    def _write(self, stored: dict[str, Any]) -> None:
        atomic_write(self.folder / FILE, json.dumps(stored, indent=1, ensure_ascii=False))

    def _lock(self) -> FileLock:
        return FileLock(self.folder / ".lock")


def corrected(dataset: DataSet | None, folder: Path, edits: Mapping[str, Edit]) -> DataSet:
    """A source's samples with the edits applied, and the workspace's own pictures behind them; `problems` name edits
    whose picture is gone.

    Args:
        dataset: the source as its reader gives it; None where there is none.
        folder: of the workspace.
    """
    rest = dict(edits)
    samples = []
    for sample in dataset.samples if dataset else ():
        name = sample.image.relative_to(dataset.root).as_posix() if dataset else ""
        samples.append(_applied(sample, rest.pop(name, Edit()), folder))
    problems = [*(dataset.problems if dataset else ())]
    for name, edit in rest.items():
        path = folder / PurePosixPath(name)
        if edit.added and edit.labels and path.is_file():
            samples.append(_applied(Sample(path, edit.labels), edit, folder))
        elif not edit.left_out:
            problems.append(f"{name}: it was corrected here, but the picture is gone from the data")
    kept = tuple(sample for sample in samples if sample is not None)
    classes = order_classes({label for sample in kept for label in sample.labels})
    # A class whose last picture was moved elsewhere is no class any more.
    return DataSet(folder, "workspace", classes, kept, tuple(problems))


def _applied(sample: Sample, edit: Edit, folder: Path) -> Sample | None:
    """The sample as edited; None where it is left out."""
    if edit.left_out:
        return None
    if edit.mask is not None and edit.classes is not None:
        values = tuple((number, name) for number, name in enumerate(edit.classes, 1))
        sample = replace(sample, labels=edit.classes or ("none",), mask=MaskFile(folder / edit.mask, values), boxes=())
    if edit.labels is not None:
        sample = relabelled(sample, edit.labels)
    return replace(sample, split=edit.split or sample.split, group=edit.group or sample.group)


def relabelled(sample: Sample, labels: tuple[str, ...]) -> Sample:
    """With other classes; where that is one alone, what was marked is marked as that class now."""
    if labels == sample.labels:
        return sample
    only = labels[0] if len(labels) == 1 and not is_defect_free(labels[0]) else None
    mask = sample.mask
    if only is None:
        # Nothing is marked on a good part, and what several classes share out anew is known to nobody.
        return replace(sample, labels=labels, mask=None, boxes=())
    if isinstance(mask, MaskFile):
        mask = MaskFile(mask.path, tuple((value, only) for value, _ in mask.values)) if mask.values else None
    elif isinstance(mask, MaskRuns):
        mask = MaskRuns(tuple((only, runs) for _, runs in mask.runs)) if mask.runs else None
    elif mask is not None:
        mask = MaskShapes(tuple((only, shapes) for _, shapes in mask.shapes)) if mask.shapes else None
    return replace(sample, labels=labels, mask=mask, boxes=tuple((only, box) for _, box in sample.boxes))


def _edit(stored: Mapping[str, Any]) -> Edit:
    known = {field.name for field in fields(Edit)}
    values = {name: value for name, value in stored.items() if name in known}
    for name in ("labels", "classes"):
        if values.get(name) is not None:
            values[name] = tuple(map(str, values[name]))
    return Edit(**values)


def _stored(folder: Path) -> dict[str, Any]:
    try:
        value = json.loads((folder / FILE).read_text("utf-8"))
        if not isinstance(value["changes"], list) or not isinstance(value["source"], (str, type(None))):
            raise TypeError("source and changes are of the wrong kind")
    except FileNotFoundError:
        raise DataError(f"{folder}: there is no {FILE}; import the data set first") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, error) from error
    stored: dict[str, Any] = value
    return stored


def _damaged(folder: Path, error: Exception) -> DataError:
    return DataError(f"{folder.name}/{FILE} is damaged ({error}); import the data set again")
