"""Stored inspections → HTML: the gallery, the table, the line above them, and what is said where there are none."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from models.spec import is_defect_free
from steelgui.history import Facets, Filter, HistoryRow, Summary
from steelgui.overlay import class_colours
from steelgui.ui.fragments import icon
from steelgui.ui.i18n import Translator

#: Width by height from which a card is as wide as two.
STRIP = 2.5
#: What `assets/history*.js` says by itself.
_WORDS = ("chosen", "page", "offline", "busy")


def words(t: Translator) -> dict[str, str]:
    """Texts of the script; `{count}` and the like are filled in there."""
    return {"lang": t.lang} | {name: t(f"history.{name}") for name in _WORDS}


def facets(found: Facets, t: Translator) -> dict[str, Any]:
    """What there is to filter by, as the script builds its controls."""
    return {
        "labels": [[name, t.short(name), colour(name)] for name in found.labels],
        "classifiers": [[name, name] for name in found.classifiers],
        "sources": [[name, t(f"history.source_{name}")] for name in found.sources],
    }


def colour(name: str) -> str:
    """A class's own, and grey for good steel."""
    return "var(--sg-soft)" if is_defect_free(name) else class_colours([name])[name]


def count(found: Summary, where: Filter, t: Translator) -> str:
    """How many are shown, and their defect rate."""
    number = f"{found.count:,}" if found.exact else t("history.at_least", count=f"{found.count:,}")
    line = f"<b>{escape(t('history.count_trash' if where.deleted else 'history.count', count=number))}</b>"
    if found.rate is None:
        return line
    rate = t("history.rate", defects=f"{found.defects:,}", rate=f"{100 * found.rate:.1f}")
    return f"{line}<span>{escape(rate)}</span>"


def gallery(rows: Sequence[HistoryRow], t: Translator) -> str:
    """Cards in order; a strip's is as wide as two, with its words below the picture."""
    return f'<ul class="sg-cards">{"".join(_card(row, t) for row in rows)}</ul>'


def table(rows: Sequence[HistoryRow], t: Translator) -> str:
    """One line an inspection."""
    names = ("picture", "verdict", "class", "score", "time", "source", "model", "ms")
    head = "".join(f'<th scope="col">{escape(t(f"history.column_{name}"))}</th>' for name in names)
    hidden = f'<th scope="col"><span class="sg-unseen">{escape(t("history.column_choose"))}</span></th>'
    body = "".join(_line(row, t) for row in rows)
    return f'<div class="sg-rows"><table><thead><tr>{hidden}{head}</tr></thead><tbody>{body}</tbody></table></div>'


def empty(where: Filter, t: Translator) -> str:
    """What to do next where there is nothing to show."""
    if where.deleted and where == Filter(deleted=True):
        return _empty(t("history.trash_empty"), t("history.trash_empty_text"), "back", t("history.back"))
    if where == Filter(deleted=where.deleted):
        return _empty(t("history.none"), t("history.none_text"), "inspect", t("history.to_inspect"))
    return _empty(t("history.nothing_fits"), t("history.nothing_fits_text"), "clear", t("history.clear"))


def _empty(title: str, text: str, act: str, button: str) -> str:
    return (
        f'<div class="sg-nothing"><h2>{escape(title)}</h2><p>{escape(text)}</p>'
        f'<button type="button" class="sg-press sg-first" data-do="{act}">{escape(button)}</button></div>'
    )


def thumbnail(row: HistoryRow) -> str:
    """Its address (`steelgui.thumbnails`), relative to the page: it may be behind a proxy or a shared link."""
    return f"thumbnails/{quote(row.thumbnail.name)}"


def download(path: Path) -> str:
    """Where Gradio serves a file of the temporary folder, relative to the page."""
    return f"gradio_api/file={quote(path.as_posix())}"


def chip(verdict: str, t: Translator) -> str:
    """A verdict by icon, word and colour."""
    return f'<span class="sg-chip sg-{verdict}">{icon(verdict)}{escape(t(f"verdict.{verdict}"))}</span>'


def said(label: str, score: float | None, t: Translator) -> str:
    """A class in its colour, with its score."""
    # Results are stored with four digits: a list that rounds others would say 0.99 where the detail says 0.98.
    number = "" if score is None else f' <span class="sg-number">{round(score, 4):.2f}</span>'
    return (
        f'<span class="sg-class"><i class="sg-swatch" style="background:{colour(label)}"></i>'
        f"{escape(t.short(label))}{number}</span>"
    )


def moment(row: HistoryRow) -> str:
    """A time that the script writes in the visitor's own zone."""
    return f'<time datetime="{row.created_at.isoformat()}">{row.created_at:%Y-%m-%d %H:%M} UTC</time>'


def signs(row: HistoryRow, t: Translator) -> str:
    """That a person has corrected it, or written a note to it."""
    found = []
    if row.corrected_at:
        found.append(f'<span class="sg-sign" title="{escape(t("history.corrected"))}">✎</span>')
    if row.note:
        found.append(f'<span class="sg-sign" title="{escape(row.note[:200])}">✉</span>')
    return "".join(found)


def _pick(row: HistoryRow, t: Translator) -> str:
    label = escape(t("history.choose", name=row.name))
    return f'<label class="sg-pick"><input type="checkbox" value="{row.id}" aria-label="{label}"></label>'


def _card(row: HistoryRow, t: Translator) -> str:
    strip = " sg-strip" if row.width >= STRIP * row.height else ""
    name = escape(row.name)
    source = escape(t(f"history.source_{row.source}"))
    return (
        f'<li class="sg-card{strip}" data-id="{row.id}" data-verdict="{row.verdict}">{_pick(row, t)}'
        f'<button type="button" class="sg-open" title="{name}">'
        f'<span class="sg-frame"><img loading="lazy" decoding="async" alt="" src="{thumbnail(row)}"></span>'
        f'<span class="sg-told1">{chip(row.verdict, t)}{said(row.label, row.score, t)}{signs(row, t)}</span>'
        f'<span class="sg-file">{name}</span><span class="sg-told2">{moment(row)}<span class="sg-by"> · {source}</span>'
        "</span></button></li>"
    )


def _line(row: HistoryRow, t: Translator) -> str:
    name = escape(row.name)
    return (
        f'<tr data-id="{row.id}" data-verdict="{row.verdict}"><td>{_pick(row, t)}</td>'
        f'<td><button type="button" class="sg-open"><img loading="lazy" alt="" src="{thumbnail(row)}">'
        f'<span class="sg-file" title="{name}">{name}</span></button></td><td>{chip(row.verdict, t)}</td>'
        f"<td>{said(row.label, None, t)}{signs(row, t)}</td>"
        f"<td>{'–' if row.score is None else f'{round(row.score, 4):.2f}'}</td><td>{moment(row)}</td>"
        f"<td>{escape(t(f'history.source_{row.source}'))}</td><td>{escape(row.classifier or '–')}</td>"
        f"<td>{row.ms:.0f} ms</td></tr>"
    )
