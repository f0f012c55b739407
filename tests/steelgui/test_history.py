from __future__ import annotations

import errno
import hashlib
import io
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from numpy.typing import NDArray
from PIL import Image
from sqlalchemy import Table, event
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.exc import OperationalError, StatementError
from sqlalchemy.schema import CreateTable

from steelgui import database, migrations
from steelgui.database import Base, InspectionRecord, open_database
from steelgui.history import Cursor, History
from steelgui.results import Defect, Inspection, Thresholds
from steelgui.settings import Settings, StorageError

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "제철소 home 100%")


@pytest.fixture
def history(settings: Settings) -> Iterator[History]:
    opened = History(settings, now=lambda: NOON)
    yield opened
    opened.close()


def picture(seed: int = 0, height: int = 40, width: int = 64) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def inspection(**changes: Any) -> Inspection:
    mask = np.zeros((40, 64), dtype=bool)
    mask[3:9, 5:20] = True
    made = Inspection(
        verdict="defect",
        label="scratches",
        scores={"scratches": 0.91, "ok": 0.09},
        defects=(Defect("scratches", mask, 90, 3.5156, 1),),
        width=64,
        height=40,
        ms=12.3,
        models={"classifier": "neu-resnet", "segmenter": "severstal-unet"},
        thresholds=Thresholds(score=0.4),
    )
    return replace(made, **changes)


def encoded(image: NDArray[np.uint8], form: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, form)
    return buffer.getvalue()


def files(settings: Settings) -> list[Path]:
    return sorted(path for path in (settings.home / "history").rglob("*") if path.is_file())


def scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(migrations.__file__).parent))


def test_nothing_is_opened_before_the_first_call(settings: Settings) -> None:
    History(settings)
    assert not settings.home.exists()


def test_a_row_comes_back_as_it_was_recorded(history: History, settings: Settings) -> None:
    made = inspection()
    row = history.record(picture(), made, name="강판 3호기.png", source="upload")
    history.close()
    assert history.get(row.id) == row == history.latest(5)[0]
    assert row.created_at == NOON and row.created_at.tzinfo is UTC
    assert (row.name, row.source, row.verdict, row.label, row.score) == (
        "강판 3호기.png", "upload", "defect", "scratches", 0.91,
    )  # fmt: skip
    assert (row.width, row.height, row.ms) == (64, 40, 12.3)
    assert (row.classifier, row.segmenter, row.note) == ("neu-resnet", "severstal-unet", None)
    assert row.result == made.to_json()
    assert row.thresholds == {"score": 0.4, "min_area": 40, "gate": 10.0}
    assert row.original.is_absolute() and row.original.is_relative_to(settings.originals)
    assert np.array_equal(np.asarray(Image.open(row.original)), picture())
    assert history.get(row.id + 1) is history.get(-1) is history.get(10**30) is None


@pytest.mark.parametrize(("form", "suffix"), [("PNG", ".png"), ("JPEG", ".jpg"), ("BMP", ".bmp"), ("TIFF", ".tif")])
def test_the_original_is_kept_byte_for_byte_with_its_real_suffix(
    history: History, tmp_path: Path, form: str, suffix: str
) -> None:
    content = encoded(picture(), form)
    path = tmp_path / "camera.wrong"
    path.write_bytes(content)
    row = history.record(picture(), inspection(), name=path.name, source="cli", original=path)
    assert row.original.read_bytes() == content
    assert row.original.name == hashlib.sha256(content).hexdigest() + suffix
    assert row.original.parent.name == row.original.name[:2]


def test_bytes_that_are_no_picture_are_replaced_by_the_picture(history: History) -> None:
    row = history.record(picture(), inspection(), name="x", source="api", original=b"nonsense")
    assert np.array_equal(np.asarray(Image.open(row.original)), picture())


def test_the_thumbnail_is_a_small_jpeg_of_the_overlay(history: History) -> None:
    red = np.zeros((256, 1600, 3), dtype=np.uint8)
    red[..., 0] = 255
    row = history.record(picture(0, 256, 1600), inspection(), name="strip", source="batch", overlay=red)
    with Image.open(row.thumbnail) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (256, 41))
        pixel = np.asarray(thumbnail)[20, 100]
    assert pixel[0] > 245 and pixel[1] < 10


def test_the_same_picture_is_kept_once(history: History, settings: Settings) -> None:
    first, second = (history.record(picture(), inspection(), name=name, source="sample") for name in "ab")
    assert first.id != second.id and history.count() == 2
    assert (first.original, first.thumbnail) == (second.original, second.thumbnail)
    assert files(settings) == sorted([first.original, first.thumbnail])


@pytest.mark.parametrize(
    ("name", "stored"), [("가" * 300, "가" * 255), ("a\udcffb\0.png", "a?b.png"), ("📷 '; --.jpg", "📷 '; --.jpg")]
)
def test_any_file_name_can_be_stored(history: History, name: str, stored: str) -> None:
    row = history.record(picture(), inspection(), name=name, source="upload")
    assert row.name == stored
    assert history.latest(1)[0].name == stored


def test_a_label_that_the_classifier_does_not_know_has_no_score(history: History) -> None:
    row = history.record(picture(), inspection(scores={}, models={}), name="x", source="api")
    assert (row.score, row.classifier, row.segmenter) == (None, None, None)


def test_an_unknown_source_is_refused(history: History, settings: Settings) -> None:
    with pytest.raises(ValueError, match="must be one of upload, camera"):
        history.record(picture(), inspection(), name="x", source="fax")
    assert files(settings) == []


def test_eight_threads_and_two_histories_share_one_home(settings: Settings) -> None:
    histories = [History(settings), History(settings)]
    start = threading.Barrier(8)

    def work(worker: int) -> list[int]:
        start.wait()
        own = histories[worker % 2]
        # Every second picture is the same in all threads.
        return [
            own.record(picture(0 if i % 2 else worker), inspection(), name=f"{worker}-{i}", source="batch").id
            for i in range(10)
        ]

    with ThreadPoolExecutor(8) as pool:
        ids = [number for made in pool.map(work, range(8)) for number in made]
    assert len(set(ids)) == 80 == histories[0].count()
    rows = histories[1].latest(100)
    assert all(row.original.is_file() and row.thumbnail.is_file() for row in rows)
    assert len(files(settings)) == 16
    for each in histories:
        each.close()


def test_latest_is_newest_first(settings: Settings) -> None:
    minutes = iter([3, 1, 2])
    history = History(settings, now=lambda: NOON + timedelta(minutes=next(minutes)))
    for name in ("third", "first", "second"):
        history.record(picture(), inspection(), name=name, source="camera")
    assert [row.name for row in history.latest(2)] == ["third", "second"]
    history.close()


def test_times_are_stored_in_utc_and_naive_ones_are_refused(settings: Settings) -> None:
    seoul = timezone(timedelta(hours=9))
    history = History(settings, now=lambda: NOON.astimezone(seoul))
    history.record(picture(), inspection(), name="x", source="camera")
    assert history.latest(1)[0].created_at == NOON
    with closing(sqlite3.connect(settings.database_path)) as raw:
        assert raw.execute("SELECT created_at FROM inspections").fetchone()[0] == "2026-03-01 12:00:00.123456"
    history.close()
    history = History(settings, now=lambda: NOON.replace(tzinfo=None))
    with pytest.raises(StatementError, match="time zone"):
        history.record(picture(), inspection(), name="x", source="camera")
    assert len(files(settings)) == 2
    history.close()


def test_pages_visit_every_row_once_when_times_are_equal_and_rows_arrive(settings: Settings) -> None:
    clock = iter([NOON] * 5 + [NOON + timedelta(seconds=1)] * 5 + [NOON + timedelta(seconds=9)] * 9)
    history = History(settings, now=lambda: next(clock))
    made = [history.record(picture(), inspection(), name="x", source="batch").id for _ in range(10)]
    seen: list[int] = []
    before: Cursor | None = None
    while rows := history.page(before, 3):
        seen += [row.id for row in rows]
        before = rows[-1].cursor
        history.record(picture(), inspection(), name="meanwhile", source="camera")
    assert seen == made[::-1]
    history.close()


def test_a_write_takes_its_lock_at_the_start_and_a_read_takes_none(history: History) -> None:
    seen: list[str] = []
    event.listen(history._access.open(), "before_cursor_execute", lambda c, cur, sql, par, ctx, many: seen.append(sql))
    history.record(picture(), inspection(), name="x", source="batch")
    history.count()
    assert [sql for sql in seen if sql.startswith("BEGIN")] == ["BEGIN IMMEDIATE", "BEGIN DEFERRED"]


def test_pages_seek_in_the_index(history: History, settings: Settings) -> None:
    row = history.record(picture(), inspection(), name="x", source="batch")
    seen: list[str] = []
    engine = history._access.open()
    event.listen(engine, "before_cursor_execute", lambda c, cur, sql, par, ctx, many: seen.append(sql))
    history.page(row.cursor, 10)
    with closing(sqlite3.connect(settings.database_path)) as raw:
        walk = next(sql for sql in seen if "ORDER BY" in sql)
        plan = raw.execute("EXPLAIN QUERY PLAN " + walk, [0] * walk.count("?")).fetchall()
    assert len(plan) == 1 and "SEARCH inspections USING COVERING INDEX ix_inspections_time" in plan[0][3]


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Call with `originals` or `thumbnails`: from then on, that folder takes no more files."""
    really = os.replace

    def fill(folder: str) -> None:
        def replace_or_fail(source: str | Path, target: str | Path) -> None:
            if folder in Path(target).parts:
                raise OSError(errno.ENOSPC, "No space left on device")
            really(source, target)

        monkeypatch.setattr(os, "replace", replace_or_fail)

    return fill


@pytest.mark.parametrize("folder", ["originals", "thumbnails"])
def test_a_full_disk_leaves_nothing_behind(
    history: History, settings: Settings, full_disk: Callable[[str], None], folder: str
) -> None:
    full_disk(folder)
    with pytest.raises(StorageError, match=r"No space left on device.*--home DIR\.$"):
        history.record(picture(), inspection(), name="x", source="upload")
    assert files(settings) == []
    assert history.count() == 0


def test_a_full_disk_keeps_the_files_of_other_rows(
    history: History, settings: Settings, full_disk: Callable[[str], None]
) -> None:
    row = history.record(picture(), inspection(), name="before", source="upload")
    full_disk("thumbnails")
    with pytest.raises(StorageError):
        history.record(picture(), inspection(), name="x", source="upload", overlay=picture(1))
    assert files(settings) == sorted([row.original, row.thumbnail])
    assert history.latest(9) == [row]


@pytest.mark.parametrize("moment", ["INSERT", "COMMIT"])
def test_a_database_that_cannot_be_written_leaves_nothing_behind(
    history: History, settings: Settings, moment: str
) -> None:
    engine = history._access.open()

    def refuse(connection: Any, *_: Any) -> None:
        raise OperationalError(moment, None, sqlite3.OperationalError("database or disk is full"))

    if moment == "COMMIT":
        event.listen(engine, "commit", refuse)
    else:
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("PRAGMA query_only=ON"))
    with pytest.raises(StorageError, match=r"history\.db cannot be used .*(full|readonly).*--home DIR"):
        history.record(picture(), inspection(), name="x", source="upload")
    assert files(settings) == []
    history.close()
    assert history.count() == 0


def test_an_original_that_is_gone_is_one_sentence(history: History, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"gone\.png cannot be read"):
        history.record(picture(), inspection(), name="x", source="cli", original=tmp_path / "gone.png")


@pytest.mark.parametrize(
    "content", [b"this is a text file, not a database\n" * 100, b"SQLite format 3\0" + b"\xff" * 4096]
)
def test_a_file_that_is_no_database_is_one_sentence(settings: Settings, content: bytes) -> None:
    settings.home.mkdir(parents=True)
    settings.database_path.write_bytes(content)
    with pytest.raises(StorageError) as caught:
        History(settings).count()
    message = str(caught.value)
    assert str(settings.database_path) in message and "move the file away" in message and "\n" not in message
    assert settings.database_path.read_bytes() == content


def test_a_folder_in_the_databases_place_is_one_sentence(settings: Settings) -> None:
    settings.database_path.mkdir(parents=True)
    with pytest.raises(StorageError, match=r"history\.db cannot be used .*--home DIR"):
        History(settings).count()


def test_a_newer_database_is_refused_and_untouched(history: History, settings: Settings) -> None:
    history.record(picture(), inspection(), name="x", source="upload")
    history.close()
    with closing(sqlite3.connect(settings.database_path)) as raw, raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageError, match=r"newer SteelGUI .*9999.*update SteelGUI"):
        history.count()
    with closing(sqlite3.connect(settings.database_path)) as raw:
        assert raw.execute("SELECT count(*) FROM inspections").fetchone() == (1,)


def test_an_empty_file_becomes_a_history_and_a_current_one_needs_no_alembic(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.home.mkdir(parents=True)
    settings.database_path.touch()
    open_database(settings.database_path).dispose()
    monkeypatch.setattr(database, "_migrate", None)
    engine = open_database(f"sqlite:///{settings.database_path}")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000
    engine.dispose()


def test_a_failed_migration_leaves_an_empty_database(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.home.mkdir(parents=True)

    def fail(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("alembic.op.create_index", fail)
    with pytest.raises(sqlite3.OperationalError):
        open_database(settings.database_path)
    monkeypatch.undo()
    with closing(sqlite3.connect(settings.database_path)) as raw:
        assert raw.execute("SELECT name FROM sqlite_master").fetchall() == []
    open_database(settings.database_path).dispose()


def test_the_migrations_lead_to_the_tables(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    engine = open_database(settings.database_path)
    with engine.connect() as connection:
        # The index of names is SQLite's own.
        opts = {"compare_type": True, "include_name": lambda name, *_: not (name or "").startswith("inspection_name")}
        opts["include_object"] = lambda table, name, *_: (
            not (name or "").startswith(("inspection_names", "inspection_terms"))
        )
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, Base.metadata) == []
        assert context.get_current_revision() == migrations.HEAD
    engine.dispose()


def test_the_listed_revisions_are_alembics() -> None:
    found = [revision.revision for revision in scripts().walk_revisions()]
    assert tuple(reversed(found)) == migrations.REVISIONS
    assert scripts().get_current_head() == migrations.HEAD


@pytest.mark.parametrize(
    "dialect", [make_url(f"{name}://").get_dialect()() for name in ("postgresql", "mysql", "mariadb")]
)
def test_the_migrations_make_the_columns_of_the_tables_for_other_databases(dialect: Dialect) -> None:
    table = InspectionRecord.__table__
    assert isinstance(table, Table)
    from_models = str(CreateTable(table).compile(dialect=dialect))
    buffer = io.StringIO()
    context = MigrationContext.configure(dialect=dialect, opts={"as_sql": True, "output_buffer": buffer})
    with Operations.context(context):
        for revision in migrations.REVISIONS:
            upgrade: Callable[[], None] = scripts().get_revision(revision).module.upgrade
            upgrade()
    made = " ".join(buffer.getvalue().split())
    for column in table.columns:
        if column.primary_key:
            continue
        kind = column.type.compile(dialect)
        assert f" {column.name} {kind}" in " ".join(from_models.split())
        assert f" {column.name} {kind}" in made
