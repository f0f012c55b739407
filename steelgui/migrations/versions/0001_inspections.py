"""The table of inspections."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "inspections",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("created_at", sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb"), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("label", sa.String(100), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("ms", sa.Double(), nullable=False),
        sa.Column("classifier", sa.String(200), nullable=True),
        sa.Column("segmenter", sa.String(200), nullable=True),
        sa.Column("original", sa.String(120), nullable=False),
        sa.Column("thumbnail", sa.String(120), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("thresholds", sa.JSON(), nullable=False),
        sa.Column("note", sa.String(2000), nullable=True),
        # A deleted row's number is never given out again, so a link to it cannot show another inspection.
        sqlite_autoincrement=True,
        # Or MySQL takes OK for ok.
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    op.create_index("ix_inspections_created_at", "inspections", ["created_at", "id"])
    op.create_index("ix_inspections_label", "inspections", ["label", "created_at", "id"])
