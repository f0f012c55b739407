"""The history's schema, step by step.

A new step is a file in `versions/` (copy the newest: `revision` counts up, `down_revision` is the step before) and
its number here; the tests compare both with Alembic's own view and with the tables of `steelgui.history.tables`.
"""

from __future__ import annotations

# Literal, so that a start needs neither Alembic (slow to import) nor the files to see that the schema is current.
REVISIONS = ("0001", "0002", "0003")
HEAD = REVISIONS[-1]
