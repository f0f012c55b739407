"""What is SQLite's own: its file, its lock, its indexes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from stored import NOON, files, inspection, picture

from steelgui import database, migrations
from steelgui.database import open_database
from steelgui.history import History
from steelgui.settings import Settings, StorageError


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "제철소 home 100%")


@pytest.fixture
def history(settings: Settings) -> Iterator[History]:
    opened = History(settings, now=lambda: NOON, patience=3)
    yield opened
    opened.close()


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


def test_the_listed_revisions_are_alembics() -> None:
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    found = [revision.revision for revision in scripts.walk_revisions()]
    assert tuple(reversed(found)) == migrations.REVISIONS
    assert scripts.get_current_head() == migrations.HEAD
