"""`History`: inspections in, rows and figures out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, tzinfo
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from models.files import atomic_write
from steelgui.history.files import address, original_bytes, storable, thumbnail_bytes
from steelgui.history.values import SOURCES, Cursor, Facets, Filter, HistoryRow, Order, Stats, Step, Summary
from steelgui.settings import Settings, StorageError

# Late, because `steelgui --help` passes here and these cost a second.
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from steelgui.database import InspectionRecord
    from steelgui.results import Inspection

#: Numbers in one query; every database takes as many.
_AT_ONCE = 500


class History:
    """The inspections of one home folder; any number of threads may share one History, and processes the folder.

    Nothing is opened before the first call. Every method raises StorageError, one sentence, when the folder or the
    database cannot be used.
    """

    def __init__(self, settings: Settings, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._settings = settings
        self._now = now
        self._engine: Engine | None = None
        self._opening = threading.Lock()
        # SQLite has one writer at a time anyway; here threads queue, there they would poll.
        self._writing = threading.Lock()

    def record(
        self,
        image: NDArray[np.uint8],
        inspection: Inspection,
        *,
        name: str,
        source: str,
        overlay: NDArray[np.uint8] | None = None,
        original: bytes | Path | None = None,
    ) -> HistoryRow:
        """Store an inspection: all of it, or nothing.

        Args:
            image: H×W×3 uint8 RGB, what was inspected.
            name: file name for people; cut to 255 characters.
            source: one of `SOURCES`.
            overlay: H×W×3 uint8 RGB for the thumbnail; `image` if None.
            original: the picture's encoded bytes or its file, kept as they are; a PNG of `image` is kept if None or
                if Pillow does not know the format. The same bytes are kept once.

        Raises:
            ValueError: an unknown source.
            StorageError: the disk is full or the database cannot be written.
        """
        from steelgui.database import InspectionRecord
        from steelgui.history.rollup import Tally

        if source not in SOURCES:
            raise ValueError(f"source is {source!r}; it must be one of {', '.join(SOURCES)}")
        content, suffix = original_bytes(image, original)
        thumbnail = thumbnail_bytes(image if overlay is None else overlay)
        files = {address("originals", content, suffix): content, address("thumbnails", thumbnail, ".jpg"): thumbnail}
        kept_original, kept_thumbnail = files
        record = InspectionRecord(
            created_at=self._now(),
            name=storable(name)[:255],
            source=source,
            verdict=inspection.verdict,
            label=inspection.label[:100],
            score=inspection.scores.get(inspection.label),
            width=inspection.width,
            height=inspection.height,
            ms=inspection.ms,
            classifier=inspection.models.get("classifier"),
            segmenter=inspection.models.get("segmenter"),
            original=kept_original,
            thumbnail=kept_thumbnail,
            result=inspection.to_json(),
            thresholds=asdict(inspection.thresholds),
        )
        created: list[Path] = []
        with self._writing, self._session(write=True) as session:
            try:
                # The row goes first, unseen until the commit: a database that cannot be written says so before any
                # file exists, and its lock keeps others from relying on a file that is taken back below.
                session.add(record)
                session.flush()
                for relative, data in files.items():
                    self._keep(relative, data, created)
                # Last, because another process that counts in the same hour waits from here to the commit.
                tally = Tally()
                tally.add_record(record)
                tally.write(session.connection())
                session.commit()
            except BaseException:
                for path in created:
                    path.unlink(missing_ok=True)
                raise
            return self._row(record)

    def latest(self, limit: int) -> list[HistoryRow]:
        """The newest inspections, newest first."""
        return self.page(None, limit)

    def page(
        self, before: Cursor | None, limit: int, where: Filter | None = None, order: Order = "newest"
    ) -> list[HistoryRow]:
        """The `limit` inspections behind a cursor; the first of all for None.

        Its cost does not grow with the depth, and rows that are added meanwhile shift nothing.
        """
        from steelgui.history.pages import find

        with self._session() as session:
            return self._rows(session, find(session, where or Filter(), order, before, limit))

    def neighbours(
        self, row: HistoryRow, where: Filter | None = None, order: Order = "newest"
    ) -> tuple[int | None, int | None]:
        """Numbers of the inspections before and after one in an order; None where it is the first or the last."""
        from steelgui.history.pages import find

        with self._session() as session:
            before = find(session, where or Filter(), order, row.cursor, 1, backwards=True)
            after = find(session, where or Filter(), order, row.cursor, 1)
            return next(iter(before), None), next(iter(after), None)

    def summary(self, where: Filter | None = None) -> Summary:
        """How many inspections there are, and how many of them are defects."""
        from steelgui.history.figures import summary

        with self._session() as session:
            return summary(session, where or Filter())

    def facets(self) -> Facets:
        """What there is to filter by."""
        from steelgui.history.figures import facets

        with self._session() as session:
            return facets(session)

    def stats(self, where: Filter | None = None, step: Step = "day", zone: tzinfo = UTC) -> Stats:
        """Figures for a dashboard; hours and days are those of `zone`."""
        from steelgui.history.figures import stats

        with self._session() as session:
            return stats(session, where or Filter(), step, zone)

    def get(self, id: int) -> HistoryRow | None:
        """One inspection by its number; None if there is none."""
        from steelgui.database import InspectionRecord

        if not 0 < id < 2**63:
            # From an address that someone typed; no database takes such a number even to look for it.
            return None
        with self._session() as session:
            record = session.get(InspectionRecord, id)
            return None if record is None else self._row(record)

    def count(self) -> int:
        """How many inspections are stored, without those in the trash."""
        return self.summary().count

    def correct(self, ids: Collection[int], label: str | None) -> int:
        """Say what inspections show; None takes that back, to what the models said. How many rows there were."""
        from models.spec import is_defect_free

        def change(record: InspectionRecord) -> None:
            record.label = record.result["label"] if label is None else label[:100]
            record.verdict = record.result["verdict"] if label is None else "ok" if is_defect_free(label) else "defect"
            record.score = record.result["scores"].get(record.label)
            record.corrected_at = None if label is None else self._now()

        return self._change(ids, change)

    def annotate(self, ids: Collection[int], note: str) -> int:
        """Write a note to inspections in the place of the one before; cut to 2,000 characters, empty for none."""
        text = storable(note.strip())[:2000] or None

        def change(record: InspectionRecord) -> None:
            record.note = text

        return self._change(ids, change)

    def delete(self, ids: Collection[int]) -> int:
        """Put inspections into the trash; `restore` brings them back until they are purged."""
        moment = self._now()

        def change(record: InspectionRecord) -> None:
            record.deleted_at = record.deleted_at or moment

        return self._change(ids, change)

    def restore(self, ids: Collection[int]) -> int:
        """Bring inspections back from the trash."""

        def change(record: InspectionRecord) -> None:
            record.deleted_at = None

        return self._change(ids, change)

    def _change(self, ids: Collection[int], change: Callable[[InspectionRecord], None]) -> int:
        from sqlalchemy import select

        from steelgui.database import InspectionRecord
        from steelgui.history.rollup import Tally

        with self._writing, self._session(write=True) as session:
            tally, changed = Tally(), 0
            for some in batched(sorted(set(ids)), _AT_ONCE):
                wanted = select(InspectionRecord).where(InspectionRecord.id.in_(some)).order_by(InspectionRecord.id)
                for record in session.scalars(wanted.with_for_update()):
                    tally.add_record(record, -1)
                    change(record)
                    tally.add_record(record)
                    changed += 1
            session.flush()
            tally.write(session.connection())
            session.commit()
            return changed

    def close(self) -> None:
        """Close the database's files (Windows deletes none that are open); the next call opens them again."""
        with self._opening:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def _open(self) -> Engine:
        from steelgui.database import open_database

        with self._opening:
            if self._engine is None:
                self._settings.prepare()
                self._engine = open_database(self._settings.database_path)
            return self._engine

    @contextmanager
    def _session(self, *, write: bool = False) -> Iterator[Session]:
        from sqlalchemy import exc
        from sqlalchemy.orm import Session

        from steelgui.database import for_writing, storage_error

        engine = self._open()
        try:
            with Session(for_writing(engine) if write else engine, expire_on_commit=False) as session:
                yield session
        except (exc.DBAPIError, exc.TimeoutError) as error:
            raise storage_error(engine, error) from error

    @property
    def _folder(self) -> Path:
        return self._settings.originals.parent

    def _keep(self, relative: str, data: bytes, created: list[Path]) -> None:
        path = self._folder / relative
        if path.exists():
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(path, data)
        except OSError as error:
            raise StorageError(
                f"The picture cannot be kept in {self._folder} ({error.strerror or error}); "
                "make room there, or choose another place with --home DIR."
            ) from error
        created.append(path)

    def _rows(self, session: Session, ids: Sequence[int]) -> list[HistoryRow]:
        from sqlalchemy import select

        from steelgui.database import InspectionRecord

        found = {}
        for some in batched(ids, _AT_ONCE):
            for record in session.scalars(select(InspectionRecord).where(InspectionRecord.id.in_(some))):
                found[record.id] = self._row(record)
        return [found[number] for number in ids if number in found]

    def _row(self, record: InspectionRecord) -> HistoryRow:
        values = {column.key: getattr(record, column.key) for column in record.__table__.columns}
        values["original"] = self._folder / record.original
        values["thumbnail"] = self._folder / record.thumbnail
        return HistoryRow(**values)


def batched(numbers: Iterable[int], size: int) -> Iterator[tuple[int, ...]]:
    """In parts; `itertools.batched` of Python 3.12."""
    left = iter(numbers)
    while some := tuple(islice(left, size)):
        yield some
