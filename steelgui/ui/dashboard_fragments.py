"""The dashboard's figures in HTML. Pure functions; whatever came from outside is escaped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from html import escape

from steelgui.services.dashboard import FREE, Alert, Compared, View, class_changes, compare, hits_of, narrowed
from steelgui.services.periods import OwnDates, Preset
from steelgui.ui import dashboard_charts as charts
from steelgui.ui import dashboard_words as words
from steelgui.ui.fragments import icon
from steelgui.ui.i18n import Translator

#: Points outside the limits that are named; the table has all.
NAMED = 3


def chips(view: View, t: Translator) -> str:
    """What is chosen, each a button that clears it; how to choose where nothing is."""
    asked, found = view.asked, []
    if asked.start is not None:
        found.append(("start", asked.start.isoformat(), words.period(asked.start, view.grain, t)))
    if asked.label is not None:
        found.append(("label", asked.label, words.class_name(asked.label, t)))
    buttons = "".join(
        f'<button type="button" class="sg-filter" data-pick="{kind}" data-value="{escape(value)}" '
        f'aria-label="{escape(t("dash.clear", name=name))}">{escape(name)} <span aria-hidden="true">✕</span></button>'
        for kind, value, name in found
    )
    hint = t("dash.chosen") if found else t("dash.hint")
    opening = (
        f'<button type="button" class="sg-filter sg-opens" data-open="{escape(json.dumps(in_history(view, t)))}">'
        f'{escape(t("dash.open"))} <span aria-hidden="true">→</span></button>'
    )
    return f'<div class="sg-narrowed"><span class="sg-detail">{escape(hint)}</span>{buttons}{opening}</div>'


def in_history(view: View, t: Translator) -> dict[str, object]:
    """What is chosen, as `assets/history.js` takes it up."""
    asked, span = view.asked, view.now.span
    where = narrowed(span, asked.label)
    found: dict[str, object] = {"preset": asked.preset, "labels": where.labels, "verdict": where.verdict or ""}
    if span.since is None or span.until is None:
        return found
    if asked.start is None:
        last = span.until - timedelta(days=1)
        return found | {"first": span.since.date().isoformat(), "last": last.date().isoformat()}
    times = {"since": span.since.isoformat(), "until": span.until.isoformat()}
    return found | {"span": times | {"name": words.period(asked.start, view.grain, t)}}


def dates(own: OwnDates | None, preset: Preset, t: Translator) -> str:
    """Two ranges of days to choose; nothing unless they are asked for."""
    if preset != "own":
        return ""
    chosen = own or OwnDates()

    def field(name: str, value: date | None) -> str:
        return (
            f'<label>{escape(t(f"dash.days.{name}"))}<input type="date" name="{name}" '
            f'value="{value.isoformat() if value else ""}"></label>'
        )

    return (
        f'<div class="sg-dates" role="group" aria-label="{escape(t("dash.range.own"))}">'
        f"{field('since', chosen.since)}{field('until', chosen.until)}<span>{escape(t('dash.against'))}</span>"
        f"{field('before_since', chosen.before_since)}{field('before_until', chosen.before_until)}</div>"
    )


def tiles(view: View, t: Translator) -> str:
    """The figures in large, each with the one before."""
    now, before = view.now, view.before
    what = words.what(view, t)
    hits = t("dash.defects") if view.asked.label is None else words.class_name(view.asked.label, t)
    between = f"{words.percent(now.interval.low)} – {words.percent(now.interval.high)}"
    rates = compare(now.hits, now.count, before.hits, before.count) if before else None
    figures = [
        ("count", t("dash.inspected"), f"{now.count:,}", _before(f"{before.count:,}" if before else None, t)),
        ("hits", hits, f"{now.hits:,}", _before(f"{before.hits:,}" if before else None, t)),
        ("rate", what, words.percent(now.rate), _rate_note(rates, between if now.count else None, t)),
        ("mean", t("dash.mean_ms"), words.milliseconds(now.mean_ms),
         _before(words.milliseconds(before.mean_ms) if before else None, t)),
        ("p95", t("dash.p95_ms"), words.milliseconds(now.p95_ms),
         _before(words.milliseconds(before.p95_ms) if before else None, t)),
    ]  # fmt: skip
    cells = "".join(
        f'<div class="sg-tile" data-figure="{key}"><dt>{escape(name)}</dt><dd>{escape(value)}</dd>'
        f'<dd class="sg-aside">{escape(note)}</dd></div>'
        for key, name, value, note in figures
    )
    return f'<dl class="sg-tiles">{cells}</dl>'


def _before(value: str | None, t: Translator) -> str:
    return t("dash.was", value=value) if value and value != words.NOTHING else ""


def _rate_note(rates: Compared | None, between: str | None, t: Translator) -> str:
    if between is None:
        return ""
    if rates is None or rates.difference is None:
        return t("dash.sure", between=between)
    return f"{words.ARROWS[rates.change]} {t(f'dash.change.{rates.change}')} ({words.points(rates.difference)})"


def time_panel(view: View, stack: str, t: Translator) -> str:
    return _chart(t("dash.time"), view, charts.over_time(view, stack, t).svg(buttons=True))


def control_panel(view: View, line: float | None, told: Alert | None, t: Translator) -> str:
    return _chart(t("dash.control"), view, charts.control(view, line, t).svg(), health(view, told, t))


def _chart(title: str, view: View, svg: str, after: str = "") -> str:
    newest = max((place for place, bar in enumerate(view.bars) if bar.count), default=0) / len(view.bars)
    # The arrow keys scroll what is too wide for a telephone; bars do so by being stepped through.
    stop = "" if "tabindex" in svg else ' tabindex="0"'
    plot = f'<div class="sg-plot" data-newest="{newest:.2f}"{stop}>{svg}</div>'
    return f'<section class="sg-chart"><h2>{escape(title)}</h2>{plot}{after}</section>'


def classes(view: View, t: Translator) -> str:
    """A button each, longest bar first; their parts are of all that is in the chosen time."""
    colours, counts = words.colours(view), view.now.labels
    # In the order of the whole range, so that no button moves away from under a finger.
    names = [name for name in view.labels if name != FREE] + [name for name in view.labels if name == FREE]
    most = max((counts.get(name, 0) for name in names if name != FREE), default=0) or 1
    rows = "".join(_class_row(name, counts.get(name, 0), most, colours[name], view, t) for name in names)
    if not names:
        rows = f'<p class="sg-detail">{escape(t("dash.nothing"))}</p>'
    hint = f"<small>{escape(t('dash.classes_hint'))}</small>"
    return f'<section class="sg-classes"><h2>{escape(t("dash.classes"))}{hint}</h2><div>{rows}</div></section>'


def _class_row(name: str, count: int, most: int, colour: str, view: View, t: Translator) -> str:
    pressed = view.asked.label == name
    faded = view.asked.label is not None and not pressed
    part = words.percent(count / view.now.count if view.now.count else None)
    # The defect-free are so many that their bar would leave nothing to compare.
    bar = f'<span style="width:{100 * count / most:.1f}%;background:{colour}"></span>' if name != FREE else ""
    return (
        f'<button type="button" class="sg-class-bar{" sg-faded" if faded else ""}" data-pick="label" '
        f'data-value="{escape(name)}" aria-pressed="{str(pressed).lower()}">'
        f'<i class="sg-swatch" style="background:{colour}"></i>'
        f'<span class="sg-name">{escape(words.class_name(name, t))}</span>'
        f'<span class="sg-well{"" if bar else " sg-no-bar"}">{bar}</span>'
        f'<span class="sg-number">{count:,}</span><span class="sg-number sg-part">{part}</span></button>'
    )


def health(view: View, told: Alert | None, t: Translator) -> str:
    """Two sentences with icon and word: the newest bar against the line, all bars against the limits."""
    return f'<div role="status"><ul class="sg-told">{_alert(told, view, t)}{_limits(view, t)}</ul></div>'


def _alert(told: Alert | None, view: View, t: Translator) -> str:
    if told is None:
        return _sentence("none", t("dash.alert.none"))
    state = "below" if not told.above else "sure" if told.sure else "unsure"
    kind = {"below": "ok", "sure": "defect", "unsure": "error"}[state]
    sentence = t(
        f"dash.alert.{state}", when=words.period(told.period.start, view.grain, t), hits=f"{told.hits:,}",
        rate=words.percent(told.hits / told.period.count), count=f"{told.period.count:,}",
        line=words.percent(told.line),
    )  # fmt: skip
    return _sentence(kind, sentence, f' data-alert="{state}"')


def _limits(view: View, t: Translator) -> str:
    judged = [group for group in view.chart.subgroups if group.state not in ("few", "empty")]
    outside = view.chart.outside
    if len(judged) < 2:
        return _sentence("none", t("dash.limits.few"), ' data-limits="few"')
    if not outside:
        return _sentence("ok", t("dash.limits.within", n=len(judged)), ' data-limits="within"')
    named = []
    for place in reversed(outside[-NAMED:]):
        group, bar = view.chart.subgroups[place], view.bars[place]
        limit = group.upper if group.state == "above" else group.lower
        named.append(
            f"{words.period(bar.start, view.grain, t)} {words.percent(group.rate)} "
            f"{t(f'dash.limits.{group.state}', limit=words.percent(limit))}"
        )
    more = len(outside) - len(named)
    listed = "; ".join(named) + (f" +{more}" if more else "")
    return _sentence("defect", t("dash.limits.outside", n=len(outside), which=listed), ' data-limits="outside"')


def _sentence(kind: str, text: str, data: str = "") -> str:
    return f'<li class="sg-{kind}"{data}>{icon(kind)}<span>{escape(text)}</span></li>'


def where(view: View, t: Translator) -> str:
    """The maps, with how many pictures they are made of."""
    found = view.positions
    note = t("dash.where_of", looked=f"{found.looked:,}", total=f"{found.total:,}")
    maps = []
    for one in found.maps:
        drawing = charts.position_map(one, t)
        caption = t("dash.where_caption", shape=t(f"dash.shape.{one.shape}"), n=f"{one.pictures:,}")
        most = t("dash.where_most", part=words.percent(one.hottest[2]))
        maps.append(
            f'<figure data-shape="{one.shape}">{drawing.svg()}<figcaption>{escape(caption)}'
            f'<span class="sg-scale">0 <i></i> {escape(most)}</span></figcaption></figure>'
        )
    inside = "".join(maps) or f'<p class="sg-detail">{escape(t("dash.where_none"))}</p>'
    hint = f"<small>{escape(note)}</small>"
    return f'<section class="sg-where"><h2>{escape(t("dash.where"))}{hint}</h2><div>{inside}</div></section>'


def comparison(view: View, t: Translator) -> str:
    """The chosen time against the one before, in words."""
    now, before = view.now, view.before
    if before is None:
        return _panel(t("dash.compare"), t("dash.compare_none"), "")
    changes = class_changes(now, before)
    more = f"{now.count - before.count:+,}".replace("-", "−")
    rows = [
        (t("dash.inspected"), f"{now.count:,}", f"{before.count:,}", more, ""),
        *(
            (name, words.percent(one.now), words.percent(one.before), words.change(one, t), one.change)
            for name, one in [
                (words.what(view, t), compare(now.hits, now.count, before.hits, before.count)),
                *((words.class_name(name, t), one) for name, one in changes.items() if name != view.asked.label),
            ]
        ),
        (t("dash.mean_ms"), words.milliseconds(now.mean_ms), words.milliseconds(before.mean_ms), "", ""),
        (t("dash.p95_ms"), words.milliseconds(now.p95_ms), words.milliseconds(before.p95_ms), "", ""),
    ]
    body = "".join(
        f'<tr data-change="{change}"><th scope="row">{escape(name)}</th><td>{escape(this)}</td>'
        f"<td>{escape(that)}</td><td>{words.ARROWS.get(change, '')} {escape(said)}</td></tr>"
        for name, this, that, said, change in rows
    )
    heads = ("", words.span(now.span, t), words.span(before.span, t), t("dash.difference"))
    return _panel(t("dash.compare"), t("dash.compare_hint"), _table(heads, body))


def figures(view: View, t: Translator) -> str:
    """All bars as a table, newest first, for who reads or hears rather than sees."""
    names = [name for name in view.labels if name != FREE]
    heads = (
        t(f"dash.grain.{view.grain}"), t("dash.inspected"), words.what(view, t), t("dash.limits"),
        *(words.class_name(name, t) for name in names),
    )  # fmt: skip
    rows = []
    for bar, group in reversed(list(zip(view.bars, view.chart.subgroups, strict=True))):
        if not bar.count:
            continue
        cells = [
            f"{bar.count:,}",
            f"{words.percent(group.rate)} ({hits_of(bar, view.asked.label):,})",
            f"{words.percent(group.lower)} – {words.percent(group.upper)}"
            + ("" if group.state == "within" else f" · {t(f'dash.state.{group.state}')}"),
            *(f"{bar.labels.get(name, 0):,}" for name in names),
        ]
        rows.append(
            f'<tr><th scope="row">{escape(words.period(bar.start, view.grain, t))}</th>'
            + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
            + "</tr>"
        )
    nothing = f'<tr><td colspan="{len(heads)}" class="sg-empty-row">{escape(t("dash.nothing"))}</td></tr>'
    return f'<div class="sg-figures" tabindex="0">{_table(heads, "".join(rows) or nothing)}</div>'


def _table(heads: Sequence[str], body: str) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' if name else "<td></td>" for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _panel(title: str, hint: str, body: str) -> str:
    note = f"<small>{escape(hint)}</small>"
    return f'<section class="sg-compare" tabindex="0"><h2>{escape(title)}{note}</h2>{body}</section>'


def exports(t: Translator) -> str:
    """Buttons that bring the picture and the figures."""
    buttons = "".join(
        f'<button type="button" data-export="{kind}">{escape(t(f"dash.export.{kind}"))}</button>'
        for kind in ("svg", "png", "csv")
    )
    return f'<div class="sg-exports" role="group" aria-label="{escape(t("dash.export"))}">{buttons}</div>'


def failed(sentence: str, t: Translator) -> str:
    """In the place of the figures: why there are none."""
    text = f"{escape(t('dash.failed'))} {escape(sentence)}"
    return f'<div class="sg-tiles sg-error" role="alert">{icon("error")}<p>{text}</p></div>'
