"""What keeps a history in order: files without a row, the trash, and what is older or more than wanted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import false, func, or_, select

from steelgui.history.access import Access
from steelgui.history.files import Files
from steelgui.history.rows import AT_ONCE, Purged, drop_unneeded, hold_files, remove
from steelgui.history.tables import InspectionRecord as Record

if TYPE_CHECKING:
    from steelgui.history.tables import AnySelect

TRASH_KEPT = timedelta(days=30)
GIGABYTE = 10**9
# So many more than needed at most are removed to come under a size.
_SOME = 20
# Ours, and what `atomic_path` leaves when it is killed; whatever else someone puts there is theirs.
_OURS = re.compile(r"[0-9a-f]{64}\.\w+|\.[0-9a-f]{40}\.[0-9a-f]{8}\.tmp\.\w+")


@dataclass(frozen=True)
class Swept:
    """What a look at all files found.

    Attributes:
        removed: files that no row needs, gone now; with `bytes`.
        missing: number of an inspection → its files that are gone.
        shared: another database relies on the same folder, and so nothing is removed.
    """

    removed: int
    bytes: int
    missing: dict[int, list[str]]
    shared: bool = False


def sweep(access: Access, files: Files) -> Swept:
    """Remove files without a row, as a kill leaves them, and name rows without their files."""
    removed, missing = Purged(), dict[int, list[str]]()
    with access.read() as session:
        shared = bool(files.owners() - {hold_files(session)})
    for kind in (Record.original, Record.thumbnail):
        for number in range(256):
            # By the folders' two digits, so that a million names are never held at once.
            part = f"{kind.key}s/{number:02x}"
            here = {f"{part}/{entry.name}" for entry in files.entries(part) if _OURS.fullmatch(entry.name)}
            with access.read() as session:
                of_part = select(kind, Record.id).where(kind >= f"{part}/", kind < f"{part}0")
                rows = list(session.execute(of_part))
            removed += drop_unneeded(access, files, here - {name for name, _ in rows})
            for name, inspection in rows:
                # Asked again, for it may have come after the folder was read.
                if name not in here and not (files.folder / name).is_file():
                    missing.setdefault(inspection, []).append(name)
    return Swept(removed.files, removed.bytes, missing, shared)


def purge_trash(access: Access, files: Files, before: datetime) -> Purged:
    """Remove what was put into the trash before a moment."""
    return _remove_all(access, files, select(Record.id).where(Record.deleted_at < before))


def purge_old(access: Access, files: Files, before: datetime) -> Purged:
    """Remove what was inspected before a moment."""
    return _remove_all(access, files, select(Record.id).where(Record.created_at < before))


def shrink(access: Access, files: Files, size: int) -> Purged:
    """Remove the oldest inspections until the pictures have no more than `size` bytes."""
    purged, over = Purged(), files.size() - size
    oldest = select(Record.id).order_by(Record.created_at, Record.id).limit(_SOME)
    while over > purged.bytes:
        with access.read() as session:
            some = session.scalars(oldest).all()
        if not some:
            break
        purged += remove(access, files, some)
    return purged


def count_due(access: Access, trashed_before: datetime | None, made_before: datetime | None) -> int:
    """How many inspections the purges above would remove."""
    due = []
    if trashed_before is not None:
        due.append(Record.deleted_at < trashed_before)
    if made_before is not None:
        due.append(Record.created_at < made_before)
    with access.read() as session:
        return session.scalar(select(func.count(Record.id)).where(or_(false(), *due))) or 0


def _remove_all(access: Access, files: Files, due: AnySelect) -> Purged:
    purged = Purged()
    while True:
        with access.read() as session:
            some = session.scalars(due.limit(AT_ONCE)).all()
        if not some:
            return purged
        purged += remove(access, files, some)
