"""The history's tables, and the way to an open, current database; imports SQLAlchemy, so import this late."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Connection,
    DateTime,
    Dialect,
    Double,
    Engine,
    Index,
    Integer,
    Select,
    String,
    UniqueConstraint,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from steelgui.migrations import HEAD, REVISIONS
from steelgui.settings import StorageError

if TYPE_CHECKING:
    #: A query of whatever columns.
    AnySelect = Select[*tuple[Any, ...]]

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


class UTCDateTime(TypeDecorator[datetime]):
    """Aware datetimes in Python, naive UTC with microseconds in every database; a naive one raises ValueError."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in ("mysql", "mariadb"):
            # MySQL keeps whole seconds unless told; its dialect is imported only where it is in use.
            from sqlalchemy.dialects.mysql import DATETIME

            return dialect.type_descriptor(DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; use datetime.now(UTC)")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.replace(tzinfo=UTC)


class epoch_minutes(FunctionElement[int]):  # noqa: N801
    """Whole minutes from 1970 to a `UTCDateTime`."""

    type = BigInteger()
    inherit_cache = True


@compiles(epoch_minutes, "sqlite")
def _in_sqlite(element: epoch_minutes, compiler: Any, **words: Any) -> str:
    return f"(CAST(strftime('%s', {compiler.process(element.clauses, **words)}) AS INTEGER) / 60)"


@compiles(epoch_minutes, "postgresql")
def _in_postgresql(element: epoch_minutes, compiler: Any, **words: Any) -> str:
    return f"CAST(floor(extract(epoch FROM {compiler.process(element.clauses, **words)}) / 60) AS BIGINT)"


@compiles(epoch_minutes, "mysql", "mariadb")
def _in_mysql(element: epoch_minutes, compiler: Any, **words: Any) -> str:
    return f"TIMESTAMPDIFF(MINUTE, '1970-01-01', {compiler.process(element.clauses, **words)})"


class _Compiler(SQLiteCompiler):
    """SQLAlchemy knows hints of other databases only."""

    def get_from_hint_text(self, table: Any, text: str | None) -> str | None:  # noqa: ARG002
        return text


class Base(DeclarativeBase):
    """All tables; `Base.metadata` is what the migrations must lead to."""


# Or MySQL takes OK for ok, and 가 for what it thinks alike.
BINARY = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
_IN_TRASH = text("deleted_at IS NOT NULL")


class InspectionRecord(Base):
    """One inspection. `original` and `thumbnail` are paths relative to the history's folder, with `/` everywhere.

    Every string has a length and no type is one database's own, so that PostgreSQL and MySQL can take over.
    """

    __tablename__ = "inspections"

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True
    )
    created_at: Mapped[datetime] = mapped_column(UTCDateTime())
    name: Mapped[str] = mapped_column(String(255))
    source: Mapped[str] = mapped_column(String(16))
    verdict: Mapped[str] = mapped_column(String(16))
    label: Mapped[str] = mapped_column(String(100))
    score: Mapped[float | None] = mapped_column(Double())
    width: Mapped[int] = mapped_column(Integer())
    height: Mapped[int] = mapped_column(Integer())
    ms: Mapped[float] = mapped_column(Double())
    classifier: Mapped[str | None] = mapped_column(String(200))
    segmenter: Mapped[str | None] = mapped_column(String(200))
    original: Mapped[str] = mapped_column(String(120))
    thumbnail: Mapped[str] = mapped_column(String(120))
    result: Mapped[dict[str, Any]] = mapped_column(JSON())
    thresholds: Mapped[dict[str, Any]] = mapped_column(JSON())
    note: Mapped[str | None] = mapped_column(String(2000))
    corrected_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    deleted_at: Mapped[datetime | None] = mapped_column(UTCDateTime())

    __table_args__ = (
        # Each begins in the order of pages and holds all that a filter asks about, so that walking along it never
        # reads the rows themselves, which are ten times as wide.
        Index(
            "ix_inspections_time",
            *("created_at", "id", "verdict", "label", "classifier", "source", "score", "deleted_at", "ms", "name"),
        ),
        Index(
            "ix_inspections_score",
            *("label", "score", "id", "created_at", "verdict", "classifier", "source", "deleted_at", "name"),
        ),
        # Does another row need this file?
        Index("ix_inspections_original", "original"),
        Index("ix_inspections_thumbnail", "thumbnail"),
        Index("ix_inspections_trash", "deleted_at", sqlite_where=_IN_TRASH, postgresql_where=_IN_TRASH),
        {"sqlite_autoincrement": True, **BINARY},
    )


class KindRecord(Base):
    """What filters ask for beside time, score and text, and how many inspections are of this kind.

    `classifier` is empty where there is none.
    """

    __tablename__ = "inspection_kinds"

    id: Mapped[int] = mapped_column(Integer(), primary_key=True, autoincrement=True)
    deleted: Mapped[bool] = mapped_column(Boolean())
    verdict: Mapped[str] = mapped_column(String(16))
    label: Mapped[str] = mapped_column(String(100))
    classifier: Mapped[str] = mapped_column(String(200))
    source: Mapped[str] = mapped_column(String(16))
    count: Mapped[int] = mapped_column(Integer())

    __table_args__ = (
        UniqueConstraint("deleted", "verdict", "label", "classifier", "source", name="uq_inspection_kinds"),
        BINARY,
    )


class HourRecord(Base):
    """How many inspections of a kind one hour (counted from 1970, UTC) has, and the sum of their milliseconds.

    This and the other counts are written in the transaction that writes the inspections.
    """

    __tablename__ = "inspection_hours"
    __table_args__ = ({"sqlite_with_rowid": False},)

    hour: Mapped[int] = mapped_column(Integer(), primary_key=True, autoincrement=False)
    kind: Mapped[int] = mapped_column(Integer(), primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(Integer())
    ms: Mapped[float] = mapped_column(Double())


class PaceRecord(Base):
    """How many inspections of a kind one day (counted from 1970, UTC) has whose milliseconds lie in one step of a
    logarithmic scale (`steelgui.history.rollup.pace`)."""

    __tablename__ = "inspection_paces"
    __table_args__ = ({"sqlite_with_rowid": False},)

    day: Mapped[int] = mapped_column(Integer(), primary_key=True, autoincrement=False)
    kind: Mapped[int] = mapped_column(Integer(), primary_key=True, autoincrement=False)
    pace: Mapped[int] = mapped_column(Integer(), primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(Integer())


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


def along(index: str, query: AnySelect) -> AnySelect:
    """The query along one of the inspections' indexes, where a database takes orders.

    SQLite has no statistics unless asked to gather them; it would take any index with an equality.
    """
    query = query.with_hint(InspectionRecord, f"INDEXED BY {index}", "sqlite")
    for name in ("mysql", "mariadb"):
        query = query.with_hint(InspectionRecord, f"FORCE INDEX ({index})", name)
    return query


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
