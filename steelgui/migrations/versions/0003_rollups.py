"""Counts by the hour, paces by the day, wider indexes, and file names that can be searched."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

from steelgui.history.rollup import fill

revision = "0003"
down_revision = "0002"

IN_TRASH = sa.text("deleted_at IS NOT NULL")
# SQLite alone has a quick search for parts of a text without an administrator's help. The two spaces let a name's last
# letters begin three of them, and without positions the index is a third as large.
NAMES = (
    "CREATE VIRTUAL TABLE inspection_names USING fts5(name, content='', tokenize='trigram', detail='none')",
    "CREATE VIRTUAL TABLE inspection_terms USING fts5vocab(inspection_names, 'row')",
    "CREATE TRIGGER inspection_named AFTER INSERT ON inspections BEGIN"
    " INSERT INTO inspection_names(rowid, name) VALUES (new.id, new.name || '  '); END",
    "CREATE TRIGGER inspection_unnamed AFTER DELETE ON inspections BEGIN"
    " INSERT INTO inspection_names(inspection_names, rowid, name) VALUES ('delete', old.id, old.name || '  '); END",
    "INSERT INTO inspection_names(rowid, name) SELECT id, name || '  ' FROM inspections",
)


def upgrade() -> None:
    store = op.create_table("inspection_store", sa.Column("id", sa.String(32), primary_key=True))
    op.bulk_insert(store, [{"id": uuid.uuid4().hex}])
    op.create_table(
        "inspection_kinds",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("label", sa.String(100), nullable=False),
        sa.Column("classifier", sa.String(200), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.UniqueConstraint("deleted", "verdict", "label", "classifier", "source", name="uq_inspection_kinds"),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    op.create_table(
        "inspection_hours",
        sa.Column("hour", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("ms", sa.Double(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "inspection_paces",
        sa.Column("kind", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("pace", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("day", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.drop_index("ix_inspections_created_at", "inspections")
    op.drop_index("ix_inspections_label", "inspections")
    time = ["created_at", "id", "verdict", "label", "classifier", "source", "score", "deleted_at", "ms", "name"]
    score = ["label", "score", "id", "created_at", "verdict", "classifier", "source", "deleted_at", "name"]
    op.create_index("ix_inspections_time", "inspections", time)
    op.create_index("ix_inspections_score", "inspections", score)
    op.create_index("ix_inspections_original", "inspections", ["original"])
    op.create_index("ix_inspections_thumbnail", "inspections", ["thumbnail"])
    op.create_index(
        "ix_inspections_trash", "inspections", ["deleted_at"], sqlite_where=IN_TRASH, postgresql_where=IN_TRASH
    )
    if op.get_context().dialect.name == "sqlite":
        for statement in NAMES:
            op.execute(statement)
    if not op.get_context().as_sql:
        fill(op.get_bind())
