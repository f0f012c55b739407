"""What is done with stored inspections: look through them, correct, delete, hand out, judge again; most with undo."""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.imagefile import read_image
from steelgui.history import Cursor, Facets, Filter, HistoryRow, Order, Summary
from steelgui.overlay import draw_overlay
from steelgui.results import UNKNOWN, Inspection, Thresholds
from steelgui.services import history_export
from steelgui.services.corrections import Picture, correct, new_set, remove_empty, take_back
from steelgui.services.datasets import Datasets
from steelgui.services.decision import decide
from steelgui.services.workbench import Workbench

#: What can be taken back: more is kept than anyone remembers.
KEPT = 200
#: At once; pictures are read for it one after the other.
MOST_CHANGED = 500
#: A forward pass each, and somebody waits.
MOST_JUDGED = 100
#: Rows of an export; an archive holds their pictures too.
MOST_ROWS, MOST_PICTURES = 50_000, 2_000
_STEP = 500


class ReviewError(ValueError):
    """What was asked of the history cannot be done; the message is one sentence that says what could."""


@dataclass(frozen=True)
class Opened:
    """One stored inspection with its picture, and its neighbours in the list that it was opened from.

    Attributes:
        image: H×W×3 uint8.
        inspection: as it was stored, with verdict and class as they hold now.
        previous, following: numbers; None at an end.
    """

    row: HistoryRow
    image: NDArray[np.uint8]
    inspection: Inspection
    previous: int | None
    following: int | None


@dataclass(frozen=True)
class Compared:
    """What was stored beside what the active models say, under the thresholds of then."""

    row: HistoryRow
    image: NDArray[np.uint8]
    before: Inspection
    after: Inspection

    @property
    def differs(self) -> bool:
        return (self.before.verdict, self.before.label) != (self.after.verdict, self.after.label)


class Review:
    """Any number of visitors share one. Every method raises StorageError where the history cannot be used."""

    def __init__(self, workbench: Workbench, datasets: Datasets) -> None:
        self.workbench = workbench
        self.datasets = datasets
        self.history = workbench.history
        self._undo: OrderedDict[str, Callable[[], object]] = OrderedDict()
        self._lock = threading.Lock()

    # Look ---------------------------------------------------------------------------------------------------------

    def page(self, where: Filter, order: Order, before: Cursor | None, limit: int) -> tuple[list[HistoryRow], bool]:
        """The rows behind a cursor, and whether there are more behind them."""
        rows = self.history.page(before, limit + 1, where, order)
        return rows[:limit], len(rows) > limit

    def summary(self, where: Filter) -> Summary:
        return self.history.summary(where)

    def facets(self) -> Facets:
        return self.history.facets()

    def open(self, id: int, where: Filter, order: Order) -> Opened:
        """One inspection, without a forward pass.

        Raises:
            ReviewError: there is none of this number.
            ImageError: its picture is gone or damaged.
        """
        row = self._row(id)
        image = read_image(row.original, row.name)
        return Opened(row, image, stored(row), *self.history.neighbours(row, where, order))

    def rows(self, ids: Sequence[int]) -> list[HistoryRow]:
        """Those that there are, in this order."""
        return [row for number in ids if (row := self.history.get(number)) is not None]

    def classes(self, ids: Sequence[int]) -> list[str]:
        """What these inspections may show in truth: what their models know first."""
        rows = self.rows(ids[:20])
        return list(dict.fromkeys(name for row in rows for name in row.result["scores"]))

    # Change, with a key to take it back ---------------------------------------------------------------------------

    def delete(self, ids: Collection[int]) -> str:
        """Put inspections into the trash."""
        ids = self._some(ids)
        self.history.delete(ids)
        return self._can_undo(lambda: self.history.restore(ids))

    def restore(self, ids: Collection[int]) -> str:
        """Bring inspections back from the trash."""
        ids = self._some(ids)
        self.history.restore(ids)
        return self._can_undo(lambda: self.history.delete(ids))

    def relabel(self, ids: Collection[int], label: str, into: str) -> str:
        """Say what inspections show in truth; their pictures join a data set for the next training, with what was
        marked on them as unknown.

        Args:
            into: name of a data set, or empty for the one of corrections.

        Raises:
            DataError: there is no such data set, or the class has no usable name.
            ImageError: a picture cannot be read; nothing is changed then.
        """
        return self._relabel(ids, label, self.datasets.find(into) if into else None)[0]

    def collect(self, ids: Collection[int], label: str, into: str, new: str) -> tuple[str, Path]:
        """Make a class of inspections, as `relabel`; returns the data set too.

        Args:
            new: name of a data set to be made for them; empty for the one that `into` names.

        Raises:
            DataError, ImageError: as `relabel`; no data set is made then.
        """
        if not new:
            return self._relabel(ids, label, self.datasets.find(into) if into else None)
        self._some(ids)
        folder = new_set(self.datasets, new)
        try:
            return self._relabel(ids, label, folder, made=True)
        finally:
            remove_empty(folder)

    def _relabel(self, ids: Collection[int], label: str, folder: Path | None, made: bool = False) -> tuple[str, Path]:
        rows = self.rows(self._some(ids))
        pictures = [Picture(row.name, row.original, _unknown(row)) for row in rows]
        done = correct(self.datasets, folder, pictures, label)
        if done is None:
            raise ReviewError("none of these inspections is there any more; somebody may have purged them")
        self.history.correct([row.id for row in rows], label.strip())

        def back() -> None:
            take_back(done)
            if made:
                remove_empty(done.folder)
            for row in rows:
                self.history.correct([row.id], row.label if row.corrected_at else None)

        return self._can_undo(back), done.folder

    def annotate(self, ids: Collection[int], note: str) -> str:
        """Write a note to inspections; empty for none."""
        rows = self.rows(self._some(ids))
        self.history.annotate([row.id for row in rows], note)
        return self._can_undo(lambda: [self.history.annotate([row.id], row.note or "") for row in rows])

    def undo(self, key: str) -> None:
        """Take back what gave this key; ReviewError where that is done, or too long ago."""
        with self._lock:
            act = self._undo.pop(key, None)
        if act is None:
            raise ReviewError("this can no longer be taken back; look into the trash, or correct it by hand")
        act()

    # Judge again --------------------------------------------------------------------------------------------------

    def compare(self, id: int) -> Compared:
        """Let the active models judge a stored picture; nothing is stored.

        Raises:
            ReviewError, ImageError: as `open`.
            CheckpointError: the models cannot be loaded.
        """
        row = self._row(id)
        image = read_image(row.original, row.name)
        after = decide(self.workbench.inspector.look(image), Thresholds(**row.thresholds))
        return Compared(row, image, Inspection.from_json(row.result, row.thresholds), after)

    def compare_many(self, ids: Collection[int]) -> Iterator[Compared]:
        """Each as `compare` has it; ReviewError where these are more than `MOST_JUDGED`."""
        for number in self._some(ids, MOST_JUDGED):
            yield self.compare(number)

    def keep(self, id: int) -> HistoryRow:
        """What the active models say of a stored picture, as an inspection of its own."""
        found = self.compare(id)
        overlay = draw_overlay(found.image, found.after)
        row = found.row
        return self.history.record(
            found.image, found.after, name=row.name, source=row.source, overlay=overlay, original=row.original
        )

    # Hand out -----------------------------------------------------------------------------------------------------

    def export(self, kind: history_export.Kind, ids: Collection[int], where: Filter, order: Order) -> Path:
        """Write the chosen inspections, or, where none is chosen, all that the filter leaves.

        Returns:
            The file, in a new folder below the temporary one, whose name nobody can guess.

        Raises:
            ReviewError: there are none, or more than one file should hold.
        """
        most = MOST_PICTURES if kind == "zip" else MOST_ROWS
        rows = self.rows(list(ids)[: most + 1]) if ids else list(self._all(where, order, most + 1))
        if not rows:
            raise ReviewError("nothing is chosen and nothing fits the filters; there is nothing to export")
        if len(rows) > most:
            raise ReviewError(f"these are more than {most} inspections; narrow the filters, or export by days")
        folder = self.workbench.settings.temporary / uuid.uuid4().hex
        folder.mkdir(parents=True)
        path = folder / history_export.NAMES[kind]
        history_export.write(rows, kind, path)
        return path

    # What they share ----------------------------------------------------------------------------------------------

    def _all(self, where: Filter, order: Order, most: int) -> Iterator[HistoryRow]:
        cursor, left = None, most
        while left and (rows := self.history.page(cursor, min(_STEP, left), where, order)):
            yield from rows
            cursor, left = rows[-1].cursor, left - len(rows)

    def _row(self, id: int) -> HistoryRow:
        row = self.history.get(id)
        if row is None:
            raise ReviewError(f"there is no inspection {id} any more; somebody may have purged it")
        return row

    def _some(self, ids: Collection[int], most: int = MOST_CHANGED) -> list[int]:
        if not 0 < len(ids) <= most:
            raise ReviewError(f"{len(ids)} inspections are chosen; choose 1 to {most} at a time")
        return list(ids)

    def _can_undo(self, act: Callable[[], object]) -> str:
        key = uuid.uuid4().hex
        with self._lock:
            self._undo[key] = act
            while len(self._undo) > KEPT:
                self._undo.popitem(last=False)
        return key


def stored(row: HistoryRow) -> Inspection:
    """A row as an inspection, masks and all; verdict and class as they hold now."""
    found = Inspection.from_json(row.result, row.thresholds)
    return replace(found, verdict="ok" if row.verdict == "ok" else "defect", label=row.label)


def _unknown(row: HistoryRow) -> str | None:
    """Run lengths of what was marked as unknown; None where nothing was."""
    return next((one["rle"] for one in row.result["defects"] if one["class"] == UNKNOWN), None)
