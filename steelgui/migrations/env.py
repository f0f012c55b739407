"""Alembic runs this; `steelgui.database` hands over a connection whose transaction it begins and commits."""

from __future__ import annotations

from alembic import context

from steelgui.history.tables import Base

# Batch mode: SQLite cannot alter a column in place, so Alembic copies the table.
context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
