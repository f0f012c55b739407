"""`History`: inspections in, rows and figures out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from steelgui.history.access import PATIENCE, Access
from steelgui.history.files import Files, address, original_bytes, storable, thumbnail_bytes
from steelgui.history.values import SOURCES, Cursor, Facets, Filter, HistoryRow, Order, Stats, Step, Summary
from steelgui.settings import Settings

# Late, because `steelgui --help` passes here and these cost a second.
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy.orm import Session

    from steelgui.history.exchange import Exchanged
    from steelgui.history.rows import Purged
    from steelgui.history.tables import InspectionRecord
    from steelgui.history.upkeep import Swept
    from steelgui.results import Inspection


class History:
    """The inspections of one home folder; any number of threads may share one History, and processes the folder.

    Nothing is opened before the first call. Every method raises StorageError, one sentence, when the folder or the
    database cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        patience: float = PATIENCE,
    ) -> None:
        """`patience`: seconds for which a write is tried again while the database is locked or its server is gone."""
        self._now = now
        self._files = Files(settings.originals.parent)
        self._access = Access(settings, patience)

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
        from steelgui.history.rows import insert_with_files, twin
        from steelgui.history.tables import InspectionRecord

        if source not in SOURCES:
            raise ValueError(f"source is {source!r}; it must be one of {', '.join(SOURCES)}")
        content, suffix = original_bytes(image, original)
        thumbnail = thumbnail_bytes(image if overlay is None else overlay)
        files = {address("originals", content, suffix): content, address("thumbnails", thumbnail, ".jpg"): thumbnail}
        kept_original, kept_thumbnail = files
        moment = self._now()

        def keep(session: Session, again: bool) -> InspectionRecord:
            record = InspectionRecord(
                created_at=moment,
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
            if again and (done := twin(session, record)) is not None:
                return done
            contents = {name: (lambda content=content: content) for name, content in files.items()}
            insert_with_files(session, [record], self._files, contents)
            return record

        return self._row(self._access.write(keep))

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

        with self._access.read() as session:
            return self._rows(session, find(session, where or Filter(), order, before, limit))

    def neighbours(
        self, row: HistoryRow, where: Filter | None = None, order: Order = "newest"
    ) -> tuple[int | None, int | None]:
        """Numbers of the inspections before and after one in an order; None where it is the first or the last."""
        from steelgui.history.pages import find

        with self._access.read() as session:
            before = find(session, where or Filter(), order, row.cursor, 1, backwards=True)
            after = find(session, where or Filter(), order, row.cursor, 1)
            return next(iter(before), None), next(iter(after), None)

    def summary(self, where: Filter | None = None) -> Summary:
        """How many inspections there are, and how many of them are defects."""
        from steelgui.history.figures import summary

        with self._access.read() as session:
            return summary(session, where or Filter())

    def version(self) -> str:
        """Changes with every change: at once with one made through this object, with another's as soon as it comes
        to more or fewer inspections, of a class, of a model, or in the trash."""
        from steelgui.history.figures import version

        with self._access.read() as session:
            return f"{self._access.writes}/{version(session)}"

    def facets(self) -> Facets:
        """What there is to filter by."""
        from steelgui.history.figures import facets

        with self._access.read() as session:
            return facets(session)

    def stats(self, where: Filter | None = None, step: Step = "day", zone: tzinfo = UTC) -> Stats:
        """Figures for a dashboard; hours and days are those of `zone`."""
        from steelgui.history.figures import stats

        with self._access.read() as session:
            return stats(session, where or Filter(), step, zone)

    def get(self, id: int) -> HistoryRow | None:
        """One inspection by its number; None if there is none."""
        from steelgui.history.tables import InspectionRecord

        if not 0 < id < 2**63:
            # From an address that someone typed; no database takes such a number even to look for it.
            return None
        with self._access.read() as session:
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

    def sweep(self) -> Swept:
        """Remove files that a kill left without a row, and name the rows whose files are gone."""
        from steelgui.history.upkeep import sweep

        return sweep(self._access, self._files)

    def purge(self, ids: Collection[int]) -> Purged:
        """Remove inspections for good, in the trash or not, with the files that no other needs."""
        from steelgui.history.rows import remove

        return remove(self._access, self._files, ids)

    def purge_trash(self, kept: timedelta | None = None) -> Purged:
        """Remove what has lain in the trash for so long; 30 days by default."""
        from steelgui.history.upkeep import TRASH_KEPT, purge_trash

        return purge_trash(self._access, self._files, self._now() - (TRASH_KEPT if kept is None else kept))

    def purge_old(self, kept: timedelta) -> Purged:
        """Remove what was inspected so long ago, in the trash or not."""
        from steelgui.history.upkeep import purge_old

        return purge_old(self._access, self._files, self._now() - kept)

    def shrink(self, gigabytes: float) -> Purged:
        """Remove the oldest until the pictures have no more than so many GB (of 10⁹ bytes)."""
        from steelgui.history.upkeep import GIGABYTE, shrink

        return shrink(self._access, self._files, int(gigabytes * GIGABYTE))

    def retain(self, days: float | None, gigabytes: float | None) -> Purged:
        """Remove what has lain in the trash for 30 days, and what is older or more than wanted; None is no limit."""
        purged = self.purge_trash()
        if days is not None:
            purged += self.purge_old(timedelta(days=days))
        return purged if gigabytes is None else purged + self.shrink(gigabytes)

    def due(self, trashed: timedelta | None, made: timedelta | None) -> int:
        """How many have lain in the trash for so long, or were inspected so long ago; None is not asked."""
        from steelgui.history.upkeep import count_due

        now = self._now()
        before = [None if age is None else now - age for age in (trashed, made)]
        return count_due(self._access, *before)

    def every(self, where: Filter | None = None) -> Iterator[HistoryRow]:
        """All inspections of a filter, oldest first; a million of them need no more memory than a page."""
        from steelgui.history.exchange import every

        return every(self.page, where or Filter())

    def export(self, out: Path, where: Filter | None = None) -> Exchanged:
        """Write inspections and their pictures into a new folder, or into a ZIP if `out` ends so."""
        from steelgui.history.exchange import export

        return export(self.every(where), self._files, out)

    def take_in(self, source: Path) -> Exchanged:
        """Take in what `export` or `backup` wrote; what is here already is left alone."""
        from steelgui.history.exchange import take_in

        return take_in(self._access, self._files, source)

    def backup(self, out: Path) -> Exchanged:
        """Write all there is, the trash too, into a ZIP that `take_in` takes; others may write meanwhile."""
        from itertools import chain

        from steelgui.history.exchange import backup_sqlite, export

        engine = self._access.open()
        if engine.dialect.name == "sqlite":
            return backup_sqlite(Path(str(engine.url.database)), self._files, out)
        return export(chain(self.every(), self.every(Filter(deleted=True))), self._files, out)

    def _change(self, ids: Collection[int], change: Callable[[InspectionRecord], None]) -> int:
        from sqlalchemy import select

        from steelgui.history.rollup import Tally
        from steelgui.history.rows import AT_ONCE, batched
        from steelgui.history.tables import InspectionRecord

        def write(session: Session, _again: bool) -> int:
            tally, changed = Tally(), 0
            for some in batched(sorted(set(ids)), AT_ONCE):
                wanted = select(InspectionRecord).where(InspectionRecord.id.in_(some)).order_by(InspectionRecord.id)
                for record in session.scalars(wanted.with_for_update()):
                    tally.add_record(record, -1)
                    change(record)
                    tally.add_record(record)
                    changed += 1
            session.flush()
            tally.write(session.connection())
            return changed

        return self._access.write(write)

    def close(self) -> None:
        """Close the database's files (Windows deletes none that are open); the next call opens them again."""
        self._access.close()

    def _rows(self, session: Session, ids: Sequence[int]) -> list[HistoryRow]:
        from sqlalchemy import select

        from steelgui.history.rows import AT_ONCE, batched
        from steelgui.history.tables import InspectionRecord

        found = {}
        for some in batched(ids, AT_ONCE):
            for record in session.scalars(select(InspectionRecord).where(InspectionRecord.id.in_(some))):
                found[record.id] = self._row(record)
        return [found[number] for number in ids if number in found]

    def _row(self, record: InspectionRecord) -> HistoryRow:
        values = {column.key: getattr(record, column.key) for column in record.__table__.columns}
        values["original"] = self._files.folder / record.original
        values["thumbnail"] = self._files.folder / record.thumbnail
        return HistoryRow(**values)
