"""What stands still on the History page: filters, bars and two dialogs; `assets/history*.js` brings them to life."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from steelgui.history import ORDERS
from steelgui.services.history_export import NAMES
from steelgui.ui.i18n import Translator

PRESETS = ("today", "week", "month", "all", "own")


def frame(t: Translator, *, changing: bool) -> str:
    """The whole page without its rows; `changing` has the controls that change something."""
    return (
        f'<form class="sg-filters" role="search" aria-label="{escape(t("history.filters"))}">{_filters(t)}</form>'
        '<div class="sg-ledge"><p class="sg-count" role="status"></p>'
        f'<div class="sg-acts">{_acts(t, changing)}</div></div>'
        '<div class="sg-list"></div>'
        f'<nav class="sg-pager" aria-label="{escape(t("history.pages"))}" hidden>'
        f"{_press('before', t('history.newer'))}<span></span>{_press('after', t('history.older'))}</nav>"
        '<div class="sg-told" role="status" hidden><span></span>'
        f"{_press('retrain', t('history.to_retrain'))}{_press('undo', t('history.undo'))}</div>"
        f'<dialog class="sg-one" aria-label="{escape(t("history.detail"))}">{_detail(t)}</dialog>'
        '<dialog class="sg-ask"></dialog>'
    )


def relabelling(classes: Iterable[tuple[str, str]], sets: Iterable[str], count: int, t: Translator) -> str:
    """What it is in truth, and which data set learns it."""
    names = "".join(f'<option value="{escape(name)}">{escape(word)}</option>' for name, word in classes)
    known = "".join(f"<option>{escape(name)}</option>" for name in sets)
    return (
        f'<form method="dialog" data-ask="relabel"><h2>{escape(t("history.wrong_title", count=count))}</h2>'
        f'<label>{escape(t("correct.is"))}<select name="label" required><option value=""></option>{names}'
        f'<option value="*">{escape(t("history.other_class"))}</option></select></label>'
        f'<label class="sg-other" hidden>{escape(t("history.other_name"))}<input name="other" maxlength="60"></label>'
        f'<label>{escape(t("correct.into"))}<select name="into">{known}'
        f'<option value="">{escape(t("correct.own"))}</option></select></label>{_answers(t("correct.save"), t)}</form>'
    )


def collecting(sets: Iterable[str], count: int, t: Translator) -> str:
    """What the new class is called, and which data set holds it; a new one where there is none yet."""
    known = "".join(f"<option>{escape(name)}</option>" for name in sets)
    hidden = " hidden" if known else ""
    return (
        f'<form method="dialog" data-ask="collect"><h2>{escape(t("history.collect_title", count=count))}</h2>'
        f"<p>{escape(t('history.collect_text'))}</p>"
        f'<label>{escape(t("history.other_name"))}<input name="label" maxlength="60" required></label>'
        f'<label>{escape(t("correct.into"))}<select name="into">{known}'
        f'<option value="*">{escape(t("history.new_set"))}</option></select></label>'
        f'<label class="sg-new"{hidden}>{escape(t("history.new_set_name"))}'
        f'<input name="new" maxlength="60" value="{escape(t("history.new_set_like"))}"></label>'
        f"{_answers(t('history.collect_save'), t)}</form>"
    )


def annotating(count: int, note: str, t: Translator) -> str:
    """A note; it replaces the one before."""
    return (
        f'<form method="dialog" data-ask="annotate"><h2>{escape(t("history.note_title", count=count))}</h2>'
        f'<label>{escape(t("history.note"))}<textarea name="note" maxlength="2000" rows="4">{escape(note)}</textarea>'
        f"</label>{_answers(t('history.note_save'), t)}</form>"
    )


def _answers(save: str, t: Translator) -> str:
    return (
        f'<div class="sg-answers"><button type="submit" class="sg-press sg-first" value="save">{escape(save)}</button>'
        f"{_press('cancel', t('history.cancel'))}</div>"
    )


def _press(act: str, text: str, *, title: str = "") -> str:
    more = f' title="{escape(title)}"' if title else ""
    return f'<button type="button" class="sg-press" data-do="{act}"{more}>{escape(text)}</button>'


def _switch(name: str, label: str, choices: Iterable[tuple[str, str]], pressed: str) -> str:
    """One of few, side by side."""
    buttons = "".join(
        f'<button type="button" data-{name}="{escape(value)}" aria-pressed="{str(value == pressed).lower()}">'
        f"{escape(text)}</button>"
        for value, text in choices
    )
    return f'<div class="sg-switch" role="group" aria-label="{escape(label)}">{buttons}</div>'


def _filters(t: Translator) -> str:
    days = _switch("preset", t("history.days"), [(name, t(f"history.{name}")) for name in PRESETS], "all")
    verdicts = [("", t("history.any")), ("ok", t("verdict.ok")), ("defect", t("verdict.defect"))]
    orders = "".join(f'<option value="{name}">{escape(t(f"history.order_{name}"))}</option>' for name in ORDERS)
    views = [("gallery", t("history.gallery")), ("table", t("history.table"))]
    score = escape(t("history.score"))
    return (
        f'<div class="sg-line">{days}<span class="sg-own" hidden>'
        f'<input type="date" name="first" aria-label="{escape(t("history.first_day"))}"> – '
        f'<input type="date" name="last" aria-label="{escape(t("history.last_day"))}"></span>'
        f'<button type="button" class="sg-press sg-span" data-do="whole" title="{escape(t("history.whole"))}" hidden>'
        '<b></b> <span aria-hidden="true">✕</span></button>'
        f"{_switch('verdict', t('history.verdict'), verdicts, '')}"
        f'<input type="search" name="text" placeholder="{escape(t("history.text"))}" '
        f'aria-label="{escape(t("history.text"))}"><span class="sg-gap"></span>'
        f'<select name="order" aria-label="{escape(t("history.order"))}">{orders}</select>'
        f"{_switch('view', t('history.view'), views, 'gallery')}</div>"
        f'<details class="sg-more"><summary>{escape(t("history.more_filters"))}</summary><div class="sg-line">'
        f'<div class="sg-chips" role="group" aria-label="{escape(t("history.classes"))}"></div>'
        f'<select name="source" aria-label="{escape(t("history.source"))}">'
        f'<option value="">{escape(t("history.any_source"))}</option></select>'
        f'<select name="classifier" aria-label="{escape(t("history.model"))}">'
        f'<option value="">{escape(t("history.any_model"))}</option></select>'
        f'<span class="sg-range"><span>{score}</span>'
        f'<input type="number" name="min_score" min="0" max="1" step="0.05" placeholder="0" '
        f'aria-label="{escape(t("history.min_score"))}"> – '
        f'<input type="number" name="max_score" min="0" max="1" step="0.05" placeholder="1" '
        f'aria-label="{escape(t("history.max_score"))}"></span>'
        f"{_press('clear', t('history.clear'))}</div></details>"
    )


def _acts(t: Translator, changing: bool) -> str:
    exports = "".join(_press(f"export-{kind}", t(f"history.export_{kind}")) for kind in NAMES)
    found = [
        f'<label class="sg-all"><input type="checkbox" name="all">{escape(t("history.all_here"))}</label>',
        '<span class="sg-picked" hidden>',
        _press("none", t("history.choose_none")),
        _press("compare", t("history.again"), title=t("history.again_hint")),
    ]
    if changing:
        found += [
            _press("collect", t("history.collect"), title=t("history.collect_hint")),
            _press("relabel", t("history.wrong")),
            _press("annotate", t("history.note_open")),
            _press("delete", t("history.delete")),
            _press("restore", t("history.restore")),
        ]
    found += [
        f'</span><details class="sg-menu"><summary class="sg-press">{escape(t("history.export"))}</summary>'
        f"<div>{exports}</div></details>",
    ]
    if changing:
        found.append(
            f'<button type="button" class="sg-press" data-do="trash" aria-pressed="false" '
            f'title="{escape(t("history.trash_hint"))}">{escape(t("history.trash"))}</button>'
        )
    return "".join(found)


def _detail(t: Translator) -> str:
    tools = [("out", "−"), ("in", "+"), ("fit", "⤢")]
    zoom = "".join(
        f'<button type="button" data-zoom="{act}" aria-label="{escape(t(f"history.zoom_{act}"))}">{sign}</button>'
        for act, sign in tools
    )
    return (
        f'<header><button type="button" class="sg-press" data-step="-1" aria-label="{escape(t("history.previous"))}">◂'
        f'</button><h2 class="sg-file"></h2><button type="button" class="sg-press" data-step="1" '
        f'aria-label="{escape(t("history.following"))}">▸</button><button type="button" class="sg-press" '
        f'data-do="close" aria-label="{escape(t("history.close"))}">✕</button></header>'
        '<div class="sg-body"><div class="sg-sight">'
        f'<div class="sg-viewer" tabindex="0" autofocus role="img" aria-label="{escape(t("stage.label"))}">'
        '<div class="sg-under"><img alt="" draggable="false"></div><div class="sg-over"><div></div></div>'
        '<i class="sg-divider"></i></div><div class="sg-controls">'
        f"<label><span>{escape(t('stage.label'))}</span>"
        '<input type="range" name="divider" min="0" max="100" value="12" '
        f'aria-label="{escape(t("stage.label"))}"></label>'
        f'<span class="sg-zoom">{zoom}</span></div></div>'
        '<div class="sg-compared" hidden></div><div class="sg-panel"></div></div>'
    )
