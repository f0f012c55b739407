"""Every inspection that was made: pictures as files named by their content, the rest as rows of a database."""

from __future__ import annotations

from steelgui.history.store import History
from steelgui.history.values import (
    ORDERS,
    SOURCES,
    Cursor,
    Facets,
    Filter,
    HistoryRow,
    Order,
    Period,
    Stats,
    Step,
    Summary,
)

__all__ = [
    "ORDERS",
    "SOURCES",
    "Cursor",
    "Facets",
    "Filter",
    "History",
    "HistoryRow",
    "Order",
    "Period",
    "Stats",
    "Step",
    "Summary",
]
