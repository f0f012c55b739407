"""Where on the steel defects sit: masks of many pictures added up on one grid, whatever size each picture has."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.rle import parse
from steelgui.history import Cursor, Filter, History, HistoryRow

Shape = Literal["strip", "square", "upright"]
#: Rows and columns of each grid. A strip's cells are square where it is four times as long as it is wide.
GRIDS: dict[Shape, tuple[int, int]] = {"strip": (16, 64), "square": (32, 32), "upright": (64, 16)}
#: Width by height from which a picture is a strip.
STRIP = 2.0
#: Pictures that a map is made of, pictures whose masks stay at hand, filters whose maps do, rows read at a time.
NEWEST, KEPT, KEPT_FILTERS, PAGE = 2_000, 20_000, 32, 250
#: Nearly always nothing or a few are new, so the first look is a short one.
FIRST = 16
HAIR = 1e-9
#: Pictures newest first; True where a person corrected the class.
_Ids = tuple[tuple[int, bool], ...]


@dataclass(frozen=True, eq=False)
class PositionMap:
    """`covered` is the mean part of each cell that masks cover, 0 to 1, over `pictures` with a mask."""

    shape: Shape
    covered: NDArray[np.float64]
    pictures: int

    @property
    def hottest(self) -> tuple[float, float, float]:
        """The most covered cell: its middle along the length and across, 0 to 1 from the upper left, and its part."""
        row, column = np.unravel_index(int(self.covered.argmax()), self.covered.shape)
        rows, columns = self.covered.shape
        return (column + 0.5) / columns, (row + 0.5) / rows, float(self.covered[row, column])


@dataclass(frozen=True, eq=False)
class Positions:
    """Maps of the newest `looked` of `total` defective pictures, that of the most pictures first."""

    looked: int
    total: int
    maps: tuple[PositionMap, ...]


@dataclass(frozen=True, eq=False)
class _Marks:
    """One picture's masks on its grid: class → cells and the part of each that is covered."""

    shape: Shape
    classes: dict[str, tuple[NDArray[np.uint16], NDArray[np.float32]]]


@dataclass(frozen=True, eq=False)
class _Known:
    """What a filter gave last."""

    ids: _Ids
    positions: Positions


def shape_of(width: int, height: int) -> Shape:
    if width >= STRIP * height:
        return "strip"
    return "upright" if height >= STRIP * width else "square"


def covered(runs: str, width: int, height: int, grid: tuple[int, int]) -> NDArray[np.float64]:
    """How much of each cell a mask covers, exactly, without the mask being made.

    Args:
        runs: the mask as `models.rle` writes it, column by column.
        grid: rows and columns.

    Returns:
        rows×columns, 0 to 1; a pixel on a border between cells counts for both by its parts.

    Raises:
        ValueError: as `models.rle.parse`.
    """
    rows, columns = grid
    starts, lengths = parse(runs, height, width)
    starts, lengths, xs = _by_column(starts, lengths, height)
    tops = starts - xs * height
    # How many of a run's pixels lie above each border between rows; the steps between are what each cell has of it.
    borders = np.linspace(0, height, rows + 1)
    above = np.clip(borders[None, :] - tops[:, None], 0, lengths[:, None])
    parts = np.diff(above, axis=1)
    by_column = np.zeros((width + 1, rows))
    np.add.at(by_column, xs, parts)
    # All that lies left of each border between columns, a pixel that it cuts by its part.
    left = np.vstack([np.zeros(rows), np.cumsum(by_column, axis=0)])
    borders = np.linspace(0, width, columns + 1)
    whole = borders.astype(int)
    sums = left[whole] + (borders - whole)[:, None] * by_column[whole]
    cells = np.diff(sums, axis=0).T * (rows * columns / (width * height))
    # Sums leave a hair of what was subtracted; a cell has no less than a part of a pixel or nothing.
    return np.asarray(np.where(cells > HAIR, cells, 0.0))


def _by_column(
    starts: NDArray[np.int64], lengths: NDArray[np.int64], height: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Cut runs that go on in the next column; also the column of each."""
    first, last = starts // height, (starts + lengths - 1) // height
    pieces = last - first + 1
    of = np.repeat(np.arange(len(starts)), pieces)
    place = np.arange(len(of)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    xs = first[of] + place
    begins = np.maximum(starts[of], xs * height)
    ends = np.minimum((starts + lengths)[of], (xs + 1) * height)
    return begins, ends - begins, xs


class PositionMaps:
    """Maps by filter. A mask is read once, and after the first time only pictures that are new are asked for."""

    def __init__(self, history: History, newest: int = NEWEST) -> None:
        self._history = history
        self._newest = newest
        self._marks: OrderedDict[int, _Marks] = OrderedDict()
        self._known: OrderedDict[tuple[Filter, str | None], _Known] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, where: Filter, label: str | None = None) -> Positions:
        """Maps of the newest pictures that a filter leaves.

        Args:
            where: by time, verdict and class, of which the history has exact counts.
            label: only masks of this class; of pictures whose class a person corrected, all masks.

        Raises:
            StorageError: the history cannot be read.
        """
        with self._lock:
            known = self._known.get((where, label))
            # Counted before they are read: what comes in meanwhile is then taken for new at the next time.
            total = self._history.summary(where).count
            found = (known and self._update(where, known, total)) or (self._all(where), total)
            ids, total = found
            if known is None or found != (known.ids, known.positions.total):
                known = _Known(ids, Positions(len(ids), total, self._added(ids, label)))
            self._known[where, label] = known
            self._known.move_to_end((where, label))
            while len(self._known) > KEPT_FILTERS:
                self._known.popitem(last=False)
            while len(self._marks) > max(KEPT, self._newest):
                self._marks.popitem(last=False)
            return known.positions

    def _update(self, where: Filter, known: _Known, counted: int) -> tuple[_Ids, int] | None:
        """What there is now if only new pictures came on top; None if everything has to be gone through."""
        if not known.ids or any(number not in self._marks for number, _ in known.ids):
            return None
        found: list[tuple[int, bool]] = []
        cursor: Cursor | None = None
        places = {number: place for place, (number, _) in enumerate(known.ids)}
        while len(found) < self._newest and (rows := self._history.page(cursor, PAGE if found else FIRST, where)):
            for row in rows:
                if row.id in places:
                    total = known.positions.total + len(found)
                    # Fewer were counted: some came in since, or else some were taken away. More: some came back.
                    if (
                        places[row.id]
                        or total < counted
                        or (total > counted and total > self._history.summary(where).count)
                    ):
                        return None
                    return (*found, *known.ids)[: self._newest], total
                found.append(self._remembered(row))
            cursor = rows[-1].cursor
        return None

    def _all(self, where: Filter) -> _Ids:
        found: list[tuple[int, bool]] = []
        cursor: Cursor | None = None
        while len(found) < self._newest and (rows := self._history.page(cursor, PAGE, where)):
            found += map(self._remembered, rows)
            cursor = rows[-1].cursor
        return tuple(found[: self._newest])

    def _remembered(self, row: HistoryRow) -> tuple[int, bool]:
        if row.id not in self._marks:
            self._marks[row.id] = _marks(row.result, row.width, row.height)
        self._marks.move_to_end(row.id)
        return row.id, row.corrected_at is not None

    def _added(self, ids: _Ids, label: str | None) -> tuple[PositionMap, ...]:
        sums = {shape: np.zeros(rows * columns) for shape, (rows, columns) in GRIDS.items()}
        pictures = dict.fromkeys(GRIDS, 0)
        for number, corrected in ids:
            marks = self._marks[number]
            wanted = [part for name, part in marks.classes.items() if label is None or corrected or name == label]
            for cells, parts in wanted:
                sums[marks.shape][cells] += parts
            pictures[marks.shape] += bool(wanted)
        maps = [
            PositionMap(shape, (sums[shape] / count).reshape(GRIDS[shape]), count)
            for shape, count in pictures.items()
            if count
        ]
        return tuple(sorted(maps, key=lambda found: -found.pictures))


def _marks(result: dict[str, Any], width: int, height: int) -> _Marks:
    shape = shape_of(width, height)
    found: dict[str, tuple[NDArray[np.uint16], NDArray[np.float32]]] = {}
    for name, runs in _masks(result.get("defects", ())):
        try:
            cells = covered(runs, width, height, GRIDS[shape]).ravel()
        except ValueError:
            continue  # a row from elsewhere, damaged: the others still count
        marked = np.flatnonzero(cells)
        if len(marked):
            found[name] = marked.astype(np.uint16), cells[marked].astype(np.float32)
    return _Marks(shape, found)


def _masks(defects: Iterable[dict[str, Any]]) -> Iterable[tuple[str, str]]:
    for defect in defects:
        if runs := defect.get("rle"):
            yield str(defect.get("class", "")), str(runs)
