"""When a person corrected an inspection, and when one was put into the trash."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for name in ("corrected_at", "deleted_at"):
        moment = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
        op.add_column("inspections", sa.Column(name, moment, nullable=True))
