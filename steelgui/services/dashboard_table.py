"""All figures of the dashboard as one long table, which any spreadsheet can sort and pivot."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime

import numpy as np

from steelgui.services.dashboard import Alert, Compared, Figures, View, class_changes, compare, hits_of

Row = tuple[str, str, str, str, object]
HEAD = ("table", "place", "class", "figure", "value")


def figures_csv(view: View, told: Alert | None = None) -> str:
    """CSV with one value a line: `table` is summary, before, change, bars, limits, alert or positions.

    Rates and covered parts are 0 to 1, times ISO 8601 with their offset; `place` is the start of a bar or a cell as
    `shape row column`, both from 0. Cells that nothing covers are left out.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(HEAD)
    writer.writerows((*row[:4], _value(row[4])) for row in _rows(view, told) if row[4] is not None)
    return out.getvalue()


def _value(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value.isoformat() if isinstance(value, datetime) else value


def _rows(view: View, told: Alert | None) -> Iterator[Row]:
    label = view.asked.label or ""
    yield from _summary("summary", view.now, label)
    if view.before:
        yield from _summary("before", view.before, label)
        rates = compare(view.now.hits, view.now.count, view.before.hits, view.before.count)
        yield from _change(rates, label)
        for name, one in class_changes(view.now, view.before).items():
            yield from _change(one, name)
    for bar in view.bars:
        start = bar.start.isoformat()
        yield "bars", start, "", "inspected", bar.count
        yield "bars", start, "", "defects", bar.defects
        yield from (("bars", start, name, "inspected", count) for name, count in bar.labels.items())
    yield "limits", "", label, "centre", view.chart.centre
    for bar, group in zip(view.bars, view.chart.subgroups, strict=True):
        values = {"hits": hits_of(bar, view.asked.label), "rate": group.rate, "lower": group.lower}
        for figure, value in (values | {"upper": group.upper, "state": group.state}).items():
            yield "limits", bar.start.isoformat(), label, figure, value
    if told:
        place = told.period.start.isoformat()
        yield "alert", place, label, "line", told.line
        yield "alert", place, label, "state", "below" if not told.above else "above" if told.sure else "perhaps above"
    yield "positions", "", label, "pictures looked at", view.positions.looked
    yield "positions", "", label, "pictures in all", view.positions.total
    for found in view.positions.maps:
        yield "positions", found.shape, label, "pictures", found.pictures
        for row, column in np.argwhere(found.covered > 0):
            place = f"{found.shape} {row} {column}"
            yield "positions", place, label, "covered", float(found.covered[row, column])


def _summary(table: str, figures: Figures, label: str) -> Iterator[Row]:
    yield table, "", "", "since", figures.span.since
    yield table, "", "", "until", figures.span.until
    yield table, "", "", "inspected", figures.count
    yield table, "", label, "hits", figures.hits
    yield table, "", label, "rate", figures.rate
    yield table, "", label, "rate low", figures.interval.low
    yield table, "", label, "rate high", figures.interval.high
    yield table, "", label, "mean ms", figures.mean_ms
    yield table, "", label, "p95 ms", figures.p95_ms
    yield from ((table, "", name, "inspected", count) for name, count in figures.labels.items())


def _change(one: Compared, label: str) -> Iterator[Row]:
    yield "change", "", label, "difference", one.difference
    yield "change", "", label, "difference low", one.interval.low
    yield "change", "", label, "difference high", one.interval.high
    yield "change", "", label, "says", one.change
