"""Rows and their files, written and removed together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from steelgui.history.access import Access
from steelgui.history.files import Files
from steelgui.history.rollup import Tally
from steelgui.history.tables import InspectionRecord as Record
from steelgui.history.tables import StoreRecord

_T = TypeVar("_T")
#: Numbers in one query; every database takes as many.
AT_ONCE = 500


@dataclass(frozen=True)
class Purged:
    """What was removed for good: inspections, files that no other inspection needs, and their bytes."""

    inspections: int = 0
    files: int = 0
    bytes: int = 0

    def __add__(self, other: Purged) -> Purged:
        return Purged(self.inspections + other.inspections, self.files + other.files, self.bytes + other.bytes)


def insert_with_files(
    session: Session, records: Collection[Record], files: Files, contents: Mapping[str, Callable[[], bytes]]
) -> None:
    """Add rows, keep their pictures (name → what gives its bytes) and commit.

    The rows go first, unseen until the commit: a database that cannot be written says so before any file exists.
    """
    files.claim(hold_files(session))
    session.add_all(records)
    session.flush()
    created: list[str] = []
    try:
        for name, content in contents.items():
            if files.keep(name, content):
                created.append(name)
        # Last, because another process that counts in the same hour waits from here to the commit.
        tally = Tally()
        for record in records:
            tally.add_record(record)
        tally.write(session.connection())
        session.commit()
    except BaseException:
        # SQLite's lock keeps others from relying on a file that is taken back. With a server, nobody knows here
        # whether a lost connection had committed: a file too many is swept later, one too few never comes back.
        if session.get_bind().dialect.name == "sqlite":
            files.drop(created)
        raise


def twin(session: Session, record: Record) -> Record | None:
    """The same inspection, stored by an earlier try whose answer was lost."""
    same = select(Record).where(
        Record.created_at == record.created_at,
        Record.original == record.original,
        Record.thumbnail == record.thumbnail,
        Record.name == record.name,
    )
    return session.scalars(same).first()


def hold_files(session: Session, *, alone: bool = False) -> str:
    """Until the transaction's end, nobody removes files; if alone, nobody relies on one either. The history's name.

    SQLite's writers are alone anyway; servers lock the one row that every history has.
    """
    return session.scalars(select(StoreRecord.id).with_for_update(read=not alone)).one()


def remove(access: Access, files: Files, ids: Collection[int]) -> Purged:
    """Remove inspections for good, with the files that no other needs."""
    purged = Purged()
    for some in batched(sorted(set(ids)), AT_ONCE):

        def forget(session: Session, _again: bool, some: tuple[int, ...] = some) -> tuple[int, set[str]]:
            tally, names = Tally(), set[str]()
            records = session.scalars(select(Record).where(Record.id.in_(some)).with_for_update()).all()
            for record in records:
                tally.add_record(record, -1)
                names |= {record.original, record.thumbnail}
            session.execute(delete(Record).where(Record.id.in_(some)))
            tally.write(session.connection())
            return len(records), names

        # The rows first: a kill between the two leaves files without a row, which a sweep finds.
        count, names = access.write(forget)
        purged += drop_unneeded(access, files, names) + Purged(count)
    return purged


def drop_unneeded(access: Access, files: Files, names: Iterable[str]) -> Purged:
    """Delete those of some files that no row needs; none where another database may need them."""
    dropped = Purged()
    for some in batched(sorted(names), AT_ONCE):

        def drop(session: Session, _again: bool, some: tuple[str, ...] = some) -> Purged:
            if not ours(session, files, hold_files(session, alone=True)):
                return Purged()
            unneeded = set(some) - needed(session, some)
            return Purged(0, len(unneeded), files.drop(unneeded))

        dropped += access.write(drop)
    return dropped


def ours(session: Session, files: Files, store: str) -> bool:
    """Do the pictures belong to this history alone?

    Not where two databases were used with one home, nor where a new one takes the place of one that was moved away.
    """
    owners = files.owners()
    if not owners and session.scalar(select(Record.id).limit(1)) is not None:
        # From before there were names.
        files.claim(store)
        return True
    return owners == {store}


def needed(session: Session, names: Collection[str]) -> set[str]:
    """Those of some files that a row names, in the trash or not."""
    found: set[str] = set()
    for kind in (Record.original, Record.thumbnail):
        found.update(session.scalars(select(kind).where(kind.in_(names))))
    return found


def batched(values: Iterable[_T], size: int) -> Iterator[tuple[_T, ...]]:
    """In parts; `itertools.batched` of Python 3.12."""
    left = iter(values)
    while some := tuple(islice(left, size)):
        yield some
