"""The history in and out: pictures, a table for people and one for programs, in a folder or a ZIP."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import inspect, select

from models.files import atomic_path
from steelgui.database import open_database
from steelgui.history.access import Access
from steelgui.history.files import Files
from steelgui.history.rows import batched, insert_with_files, twin
from steelgui.history.tables import InspectionRecord as Record
from steelgui.history.values import SOURCES, Filter, HistoryRow

ROWS, TABLE, DATABASE = "inspections.jsonl", "inspections.csv", "history.db"
#: Bytes of one picture; a raw frame of a strip camera has some tens of megabytes.
MAX_PICTURE = 256 * 2**20
_IN_TABLE = (
    *("created_at", "name", "source", "verdict", "label", "score", "width", "height", "ms", "classifier", "segmenter"),
    *("note", "corrected_at", "original"),
)


class ExchangeError(ValueError):
    """What is to be taken in is no export of a history; one sentence."""


class Exported(BaseModel):
    """One line of `inspections.jsonl`; `original` and `thumbnail` are paths beside it, named by their content."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    created_at: AwareDatetime
    name: str = Field(max_length=255)
    source: str
    verdict: Literal["ok", "defect"]
    label: str = Field(max_length=100)
    score: float | None
    width: int = Field(gt=0, lt=2**31)
    height: int = Field(gt=0, lt=2**31)
    ms: float = Field(ge=0)
    classifier: str | None = Field(max_length=200)
    segmenter: str | None = Field(max_length=200)
    original: str = Field(pattern=r"^originals/[0-9a-f]{2}/[0-9a-f]{64}\.[0-9a-z]{1,8}$")
    thumbnail: str = Field(pattern=r"^thumbnails/[0-9a-f]{2}/[0-9a-f]{64}\.[0-9a-z]{1,8}$")
    result: dict[str, Any]
    thresholds: dict[str, Any]
    note: str | None = Field(max_length=2000)
    corrected_at: AwareDatetime | None
    deleted_at: AwareDatetime | None


@dataclass(frozen=True)
class Exchanged:
    """How many inspections were written or taken in; how many were there already or lack their picture."""

    done: int = 0
    skipped: int = 0


def export(rows: Iterable[HistoryRow], files: Files, out: Path) -> Exchanged:
    """Write inspections with their pictures into a new or empty folder, or into a ZIP if `out` ends so.

    Raises:
        ExchangeError: the folder holds something.
        OSError: the disk is full.
    """
    if out.suffix.lower() == ".zip":
        with atomic_path(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            return _export(rows, files, lambda path, name: archive.write(path, name))
    if out.is_dir() and any(out.iterdir()):
        raise ExchangeError(f"{out} is not empty; name a new folder, or a file that ends in .zip.")

    def copy(path: Path, name: str) -> None:
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)

    return _export(rows, files, copy)


def _export(rows: Iterable[HistoryRow], files: Files, put: Callable[[Path, str], None]) -> Exchanged:
    written, done, skipped = set[str](), 0, 0
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        lines_path, table_path = Path(folder, ROWS), Path(folder, TABLE)
        lines = stack.enter_context(lines_path.open("w", encoding="utf-8"))
        # Excel takes UTF-8 for Korean names only with a byte-order mark.
        table = csv.writer(stack.enter_context(table_path.open("w", encoding="utf-8-sig", newline="")))
        table.writerow(_IN_TABLE)
        for row in rows:
            names = [path.relative_to(files.folder).as_posix() for path in (row.original, row.thumbnail)]
            if not all((files.folder / name).is_file() for name in names):
                skipped += 1
                continue
            for name in names:
                if name not in written:
                    put(files.folder / name, name)
                    written.add(name)
            values = {key: getattr(row, key) for key in Exported.model_fields}
            values["original"], values["thumbnail"] = names
            lines.write(json.dumps(values, ensure_ascii=False, default=datetime.isoformat) + "\n")
            table.writerow([_plain(values[key]) for key in _IN_TABLE])
            done += 1
        stack.close()
        put(lines_path, ROWS)
        put(table_path, TABLE)
    return Exchanged(done, skipped)


def _plain(value: Any) -> Any:
    """For a cell; what a spreadsheet would take for a formula begins with an apostrophe."""
    if isinstance(value, datetime):
        return value.isoformat()
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t") else value


def backup_sqlite(database: Path, files: Files, out: Path) -> Exchanged:
    """Write a ZIP with a consistent copy of the database and its pictures, laid out as a home folder."""
    with tempfile.TemporaryDirectory() as folder, atomic_path(out) as temporary:
        copy = Path(folder, DATABASE)
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            rows = target.execute("SELECT original, thumbnail FROM inspections")
            done, missing, written = 0, 0, set[str]()
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
                for names in rows:
                    there = [name for name in names if (files.folder / name).is_file()]
                    for name in set(there) - written:
                        archive.write(files.folder / name, f"history/{name}")
                        written.add(name)
                    done += 1
                    missing += len(there) < 2
                archive.write(copy, DATABASE, zipfile.ZIP_DEFLATED)
    return Exchanged(done, missing)


def take_in(access: Access, files: Files, source: Path) -> Exchanged:
    """Take in what `export` or `backup` wrote; what is there already is left alone.

    Raises:
        ExchangeError: it is none, or a part of it is damaged; what came before that part is in.
    """
    with ExitStack() as stack:
        read = _reader(source, stack)
        done = skipped = 0
        for some in batched(_rows(read, stack), 20):
            contents = {
                name: (lambda name=name: _picture(read, name)) for one in some for name in (one.original, one.thumbnail)
            }
            records = [one.model_dump() for one in some]

            def write(session: Any, _again: bool, records: Any = records, contents: Any = contents) -> int:
                new = [record for values in records if twin(session, record := Record(**values)) is None]
                wanted = {name for record in new for name in (record.original, record.thumbnail)}
                insert_with_files(session, new, files, {name: contents[name] for name in wanted})
                return len(new)

            added = access.write(write)
            done += added
            skipped += len(some) - added
    return Exchanged(done, skipped)


def _reader(source: Path, stack: ExitStack) -> Callable[[str], Any]:
    """Opens a file of the export by its name; FileNotFoundError or KeyError where there is none."""
    if source.is_dir():
        # Names are ours or fit the pattern of `Exported`, so none climbs out.
        return lambda name: (source / name).open("rb")
    try:
        archive = stack.enter_context(zipfile.ZipFile(source))
    except (OSError, zipfile.BadZipFile) as error:
        raise ExchangeError(f"{source} cannot be read ({error}); give a folder or a ZIP of `history export`.") from None
    return archive.open


def _rows(read: Callable[[str], Any], stack: ExitStack) -> Iterator[Exported]:
    try:
        lines = stack.enter_context(read(ROWS))
    except (FileNotFoundError, KeyError):
        yield from _database_rows(read, stack)
        return
    for number, line in enumerate(lines, start=1):
        try:
            one = Exported.model_validate_json(line)
            if one.source not in SOURCES or not {"label", "verdict", "scores"} <= one.result.keys():
                raise ExchangeError(f"line {number} of {ROWS} is no inspection of SteelGUI")
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise ExchangeError(f"line {number} of {ROWS} is wrong: {where}: {first['msg']}") from None
        yield one


def _database_rows(read: Callable[[str], Any], stack: ExitStack) -> Iterator[Exported]:
    """The rows of a backup's database."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    try:
        with read(DATABASE) as stored, (folder / DATABASE).open("wb") as copy:
            shutil.copyfileobj(stored, copy)
    except (FileNotFoundError, KeyError):
        raise ExchangeError(f"there is neither {ROWS} nor {DATABASE}; give what `history export` wrote.") from None
    engine = open_database(folder / DATABASE)
    stack.callback(engine.dispose)
    with engine.connect() as connection:
        columns = [column for column in inspect(Record).columns if column.key in Exported.model_fields]
        for row in connection.execute(select(*columns).order_by(Record.id)).mappings():
            yield Exported.model_validate(dict(row))


def _picture(read: Callable[[str], Any], name: str) -> bytes:
    for path in (name, f"history/{name}"):
        try:
            with read(path) as stored:
                content: bytes = stored.read(MAX_PICTURE + 1)
        except (FileNotFoundError, KeyError):
            continue
        except (OSError, zipfile.BadZipFile) as error:
            raise ExchangeError(f"{name} cannot be read ({error}).") from None
        if len(content) > MAX_PICTURE or hashlib.sha256(content).hexdigest() != Path(name).stem:
            raise ExchangeError(f"{name} is damaged: its content is not what its name says.")
        return content
    raise ExchangeError(f"{name} is missing in the export.")


def every(page: Callable[..., list[HistoryRow]], where: Filter) -> Iterator[HistoryRow]:
    """All inspections of a filter, oldest first."""
    cursor = None
    while rows := page(cursor, 500, where, "oldest"):
        yield from rows
        cursor = rows[-1].cursor
