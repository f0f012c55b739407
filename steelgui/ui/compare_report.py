"""A comparison on paper: an HTML page that needs nothing beside it, every figure as CSV, the whole as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from models.files import atomic_write
from steelgui.ui import compare_fragments as fragments
from steelgui.ui.i18n import Translator
from steelgui.ui.report import STYLE

_STYLE = """
.sg-kinds th small,.sg-kinds td small{display:block;font-weight:400;font-size:12px;color:#5a6470}
.sg-best{font-weight:700}.sg-front th{border-left:4px solid #D55E00;padding-left:6px}.sg-meta{color:#5a6470}
.sg-error-text{text-align:left;color:#a4300b}.sg-one-model{flex:1 1 400px;min-width:0;break-inside:avoid}
.sg-pareto svg{min-width:640px}figcaption{font-weight:600}
.sg-data table{font-size:14px;margin-bottom:16px}ul{padding-left:18px}
@media (prefers-color-scheme:dark){body{color:#e6e9ec;background:#121519}
.sg-meta,.sg-kinds small{color:#9aa4ae!important}tr+tr{border-color:#2c333a}.sg-error-text{color:#ff9d73}}
"""


def write_comparison(result: Mapping[str, Any], folder: Path, t: Translator | None = None) -> Path:
    """Write `comparison.html`, `.csv` and `.json`; returns the HTML's path.

    Raises:
        OSError: the folder cannot be written; each file is whole or not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write(folder / "comparison.json", json.dumps(result, indent=1, ensure_ascii=False))
    atomic_write(folder / "comparison.csv", comparison_csv(result))
    path = folder / "comparison.html"
    atomic_write(path, comparison_html(result, t or Translator("en")))
    return path


def comparison_html(result: Mapping[str, Any], t: Translator) -> str:
    """The whole page as one HTML document."""
    title = escape(t("compare.title"))
    data, marks = result["data"], " · ".join(dict.fromkeys(result["data"]["fingerprints"].values()))
    seeds = ", ".join(map(str, result["seeds"]))
    return (
        f'<!doctype html><html lang="{t.lang}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{STYLE}{_STYLE}</style>'
        f"<h1>{title}</h1><p>{escape(t('report.data'))}: {escape(data['folder'])} ({escape(marks)}); "
        f"{escape(t('report.seeds'))}: {seeds}</p>{fragments.headline(result, t)}"
        f"{fragments.answer(result, t)}</html>"
    )


def comparison_csv(result: Mapping[str, Any]) -> str:
    """A row for each model and figure; the class is empty where it is a figure of all of them."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(("model", "kind", "class", "figure", "value", "low", "high"))
    for row in result["models"]:
        about = (row["model"], row["kind"])
        if row["error"]:
            writer.writerow((*about, "", "error", row["error"], None, None))
        for name, value in row.get("figures", {}).items():
            interval = row["intervals"].get(name, {})
            writer.writerow((*about, "", name, value, interval.get("low"), interval.get("high")))
        for name in ("parameters", "ms"):
            if row.get(name) is not None:
                writer.writerow((*about, "", name, row[name], None, None))
        for label, figures in row.get("per_class", {}).items():
            for name, value in figures.items():
                writer.writerow((*about, label, name, value, None, None))
    return text.getvalue()


def table(result: Mapping[str, Any]) -> Iterator[str]:
    """Lines for a terminal."""
    for kind, names in fragments.FIGURES.items():
        rows = [row for row in result["models"] if row["kind"] == kind]
        if not rows:
            continue
        yield f"{kind:<26}" + "".join(f"{name:>16}" for name in (*names, "parameters", "ms"))
        for row in rows:
            if row.get("figures"):
                shown = ["–" if row["figures"][name] is None else f"{row['figures'][name]:.4f}" for name in names]
                shown += [f"{row['parameters']:,}", f"{row['ms']:.1f}"]
                yield f"{row['model']:<26}" + "".join(f"{value:>16}" for value in shown)
            if row["error"]:
                yield f"{row['model']:<26}  failed: {row['error']}"
