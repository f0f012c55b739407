"""The history's tables, and the way to an open, current database; imports SQLAlchemy, so import this late."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    DateTime,
    Dialect,
    Double,
    Engine,
    Index,
    Integer,
    String,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DatabaseError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine

from steelgui.migrations import HEAD, REVISIONS
from steelgui.settings import StorageError

BUSY_SECONDS = 30


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


class Base(DeclarativeBase):
    """All tables; `Base.metadata` is what the migrations must lead to."""


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

    # Both end in the order of the pages, so that a page of a million rows is read from the index alone.
    __table_args__ = (
        Index("ix_inspections_created_at", "created_at", "id"),
        Index("ix_inspections_label", "label", "created_at", "id"),
        {"sqlite_autoincrement": True},
    )


def open_database(url_or_path: str | Path) -> Engine:
    """Open a database and bring its tables up to date; a SQLite file is created when it is missing.

    Args:
        url_or_path: a SQLite file, or an SQLAlchemy URL (known by its `://`).

    Raises:
        StorageError: not a database, not writable, busy for 30 seconds, or from a newer SteelGUI.
    """
    url = (
        make_url(url_or_path)
        if isinstance(url_or_path, str) and "://" in url_or_path
        else URL.create("sqlite", database=str(url_or_path))
    )
    engine = _create_engine(url)
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


def for_writing(engine: Engine) -> Engine:
    """The same engine and pool, but transactions take SQLite's one write lock at their start, or wait for it there.

    A transaction that reads first and then writes could otherwise fail half-way because another one wrote meanwhile.
    """
    return engine.execution_options(sqlite_begin="IMMEDIATE")


def storage_error(engine: Engine, error: SQLAlchemyError) -> StorageError:
    """What went wrong with the database, as the one sentence for the user; chain it with `from error`."""
    return StorageError(_explain(_place(engine.url), error))


def _create_engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        # sqlite3 would begin late and commit by itself around CREATE TABLE; `begin` below does it properly.
        connection.isolation_level = None
        # Setting WAL takes an exclusive lock that no timeout covers, so only the first opener of a file asks for it.
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('sqlite_begin', 'DEFERRED')}")

    return engine


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _migrate(engine: Engine) -> None:
    with for_writing(engine).begin() as connection:
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


def _place(url: URL) -> str:
    return url.database or "" if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)


def _explain(place: str, error: SQLAlchemyError) -> str:
    reason = str(error.orig if isinstance(error, DatabaseError) else error).splitlines()[0]
    if "not a database" in reason or "malformed" in reason:
        return (
            f"{place} is not a SteelGUI history or is damaged ({reason}); move the file away to start a new one, "
            "or choose another folder with --home DIR."
        )
    return (
        f"{place} cannot be used ({reason}); check that the file and its folder can be written, "
        "or choose another folder with --home DIR."
    )
