"""The history's tables, and what SQL says differently in each database; imports SQLAlchemy, so import this late."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    DateTime,
    Dialect,
    Double,
    Index,
    Integer,
    Select,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

if TYPE_CHECKING:
    #: A query of whatever columns.
    AnySelect = Select[*tuple[Any, ...]]


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


class StoreRecord(Base):
    """The one row that every history has: the name by which its pictures know it, and the lock on them."""

    __tablename__ = "inspection_store"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)


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

    # In the order in which percentiles are summed.
    kind: Mapped[int] = mapped_column(Integer(), primary_key=True, autoincrement=False)
    pace: Mapped[int] = mapped_column(Integer(), primary_key=True, autoincrement=False)
    day: Mapped[int] = mapped_column(Integer(), primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(Integer())


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


def along(index: str, query: AnySelect) -> AnySelect:
    """The query along one of the inspections' indexes, where a database takes orders.

    SQLite has no statistics unless asked to gather them; it would take any index with an equality.
    """
    query = query.with_hint(InspectionRecord, f"INDEXED BY {index}", "sqlite")
    for name in ("mysql", "mariadb"):
        query = query.with_hint(InspectionRecord, f"FORCE INDEX ({index})", name)
    return query
