"""The way to an open, current database; imports SQLAlchemy, so import this late."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError, SQLAlchemyError

from steelgui.migrations import HEAD, REVISIONS
from steelgui.settings import StorageError

BUSY_SECONDS = 30
# Those that SteelGUI brings along.
_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
# No answer, too many connections, shut down, lock timeout, deadlock, no connection, connection lost.
_MYSQL_PASSING = (0, 1040, 1053, 1205, 1213, 2002, 2003, 2006, 2013, 2014)


class _Compiler(SQLiteCompiler):
    """SQLAlchemy knows hints of other databases only."""

    def get_from_hint_text(self, table: Any, text: str | None) -> str | None:  # noqa: ARG002
        return text


def open_database(url_or_path: str | Path) -> Engine:
    """Open a database and bring its tables up to date; a SQLite file is created when it is missing.

    Args:
        url_or_path: a SQLite file, or an SQLAlchemy URL (known by its `://`).

    Raises:
        StorageError: not a database, not writable, busy for 30 seconds, or from a newer SteelGUI.
    """
    engine = _create_engine(_url(url_or_path))
    try:
        with engine.connect() as connection:
            stored = _revision(connection)
        if stored != HEAD:
            _migrate(engine)
    except SQLAlchemyError as error:
        engine.dispose()
        raise storage_error(engine, error) from error
    except BaseException:
        engine.dispose()
        raise
    return engine


def _url(url_or_path: str | Path) -> URL:
    if not (isinstance(url_or_path, str) and "://" in url_or_path):
        return URL.create("sqlite", database=str(url_or_path))
    try:
        url = make_url(url_or_path)
        url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
        url.get_dialect()
    except (SQLAlchemyError, ValueError, ImportError):
        # Not what was given, for it may hold a password.
        raise StorageError(
            "The database's address is not understood; give sqlite:///FILE, postgresql://USER:PASSWORD@HOST/NAME or "
            "mysql://USER:PASSWORD@HOST/NAME."
        ) from None
    return url


def for_writing(engine: Engine) -> Engine:
    """The same engine and pool, but transactions take SQLite's one write lock at their start, or wait for it there.

    A transaction that reads first and then writes could otherwise fail half-way because another one wrote meanwhile.
    """
    return engine.execution_options(sqlite_begin="IMMEDIATE")


def will_pass(error: BaseException | None) -> bool:
    """May the same succeed a while later: a lock, a server that restarts, two writers in each other's way?"""
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    reason: Any = error.orig
    if isinstance(reason, sqlite3.Error):
        return "locked" in str(reason) or "busy" in str(reason)
    if hasattr(reason, "sqlstate"):
        # PostgreSQL: no connection, deadlock, too many connections, shut down or starting; None before a connection.
        state = reason.sqlstate
        return isinstance(error, OperationalError) and (state is None or state[:2] in ("08", "40", "53", "55", "57"))
    return getattr(reason, "args", ())[:1] in {(code,) for code in _MYSQL_PASSING}


def storage_error(engine: Engine, error: SQLAlchemyError) -> StorageError:
    """What went wrong with the database, as the one sentence for the user; chain it with `from error`."""
    return StorageError(_explain(_place(engine.url), error))


def _create_engine(url: URL) -> Engine:
    backend = url.get_backend_name()
    if backend == "postgresql":
        # A server that hangs must not hold a visitor for longer than one that is gone.
        words: dict[str, Any] = {"connect_timeout": 10, "tcp_user_timeout": 1000 * BUSY_SECONDS}
        return create_engine(url, pool_pre_ping=True, connect_args=words)
    if backend in ("mysql", "mariadb"):
        words = {"connect_timeout": 10, "read_timeout": 2 * BUSY_SECONDS, "write_timeout": BUSY_SECONDS}
        # As bytes, or the driver takes no Korean password.
        words["password"] = str(url.password or "").encode()
        # Its own default reads what was true at a transaction's start and locks gaps between rows.
        return create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED", connect_args=words)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    engine.dialect.statement_compiler = _Compiler

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        # sqlite3 would begin late and commit by itself around CREATE TABLE; `begin` below does it properly.
        connection.isolation_level = None
        # Setting WAL takes an exclusive lock that no timeout covers, so only the first opener of a file asks for it.
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA foreign_keys=ON")
        # 64 MB instead of two, for the indexes of a million rows.
        connection.execute("PRAGMA cache_size=-65536")
        connection.execute("PRAGMA temp_store=MEMORY")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('sqlite_begin', 'DEFERRED')}")

    return engine


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _migrate(engine: Engine) -> None:
    with for_writing(engine).begin() as connection, _alone(connection):
        # Read again under the lock: another process may have done it since.
        stored = _revision(connection)
        if stored == HEAD:
            return
        if stored is not None and stored not in REVISIONS:
            raise StorageError(
                f"{_place(engine.url)} was written by a newer SteelGUI (schema {stored}, this one knows {HEAD}); "
                "update SteelGUI, or choose another folder with --home DIR."
            )
        # Alembic takes most of a second to import, and only a new or an old database needs it.
        from alembic import command
        from alembic.config import Config

        config = Config()
        folder = str(Path(__file__).parent / "migrations")
        config.set_main_option("script_location", folder.replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """No other process migrates meanwhile; SQLite's transaction sees to that itself."""
    dialect = connection.dialect.name
    if dialect == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(735337)"))
    if dialect not in ("mysql", "mariadb"):
        yield
        return
    connection.execute(text("SELECT GET_LOCK('steelgui', 600)"))
    try:
        yield
    finally:
        connection.execute(text("SELECT RELEASE_LOCK('steelgui')"))


def _place(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return url.database or ""
    # Some drivers take a password among the options.
    return url.set(query={}).render_as_string(hide_password=True)


def _explain(place: str, error: SQLAlchemyError) -> str:
    reason = str(error.orig if isinstance(error, DatabaseError) else error).splitlines()[0]
    if "not a database" in reason or "malformed" in reason:
        return (
            f"{place} is not a SteelGUI history or is damaged ({reason}); move the file away to start a new one, "
            "or choose another folder with --home DIR."
        )
    if "://" in place:
        return f"{place} cannot be used ({reason}); check that the server runs and takes this user and password."
    return (
        f"{place} cannot be used ({reason}); check that the file and its folder can be written, "
        "or choose another folder with --home DIR."
    )
