"""The whole dashboard as one SVG file, which any program draws: no style sheet, no variables, no scripts."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from html import escape

from steelgui.services.dashboard import FREE, View
from steelgui.settings import assets_folder
from steelgui.ui import dashboard_charts as charts
from steelgui.ui import dashboard_words as words
from steelgui.ui.i18n import Translator
from steelgui.ui.theme import FONTS

WIDTH, HEIGHT, MARGIN, GAP = 1280, 840, 32, 24
#: Of the charts at the left and the panels at the right.
LEFT_WIDTH, TITLE = 800, 28


def picture(view: View, stack: str, line: float | None, saved: datetime, t: Translator) -> str:
    """Figures, both charts, classes and maps on a light ground, and when it was saved."""
    right = MARGIN + LEFT_WIDTH + GAP
    wide = WIDTH - MARGIN - right
    high = charts.HEIGHT * LEFT_WIDTH / charts.WIDTH
    top = 192
    second = top + high + GAP + TITLE
    parts = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="var(--sg-panel)"/>',
        _text(MARGIN, 56, f"SteelGUI · {t('tab.dashboard')}", 26, bold=True),
        _text(MARGIN, 84, f"{_about(view, t)} · {saved:%Y-%m-%d %H:%M}", 14, "var(--sg-soft)"),
        _tiles(view, t),
        _titled(MARGIN, top, t("dash.time"), LEFT_WIDTH, charts.over_time(view, stack, t)),
        _titled(MARGIN, second, t("dash.control"), LEFT_WIDTH, charts.control(view, line, t)),
        _text(right, top - 8, t("dash.classes"), 14, bold=True),
        _classes(view, right, top + 8, wide, t),
        _text(right, second - 8, t("dash.where"), 14, bold=True),
        _maps(view, right, second, wide, t),
        _text(MARGIN, HEIGHT - 24, t("dash.cite"), 12, "var(--sg-soft)"),
    ]
    drawn = "".join(parts)
    for name, colour in palette().items():
        drawn = drawn.replace(f"var({name})", colour)
    # Buttons of the page are none here.
    drawn = re.sub(r' (?:role="button"|tabindex="-?\d+"|aria-pressed="\w+"|data-\w+="[^"]*")', "", drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="{escape(", ".join(FONTS))}">{drawn}</svg>'
    )


@cache
def palette() -> dict[str, str]:
    """The light colours of the style sheets: variable → `#rrggbb`."""
    sheets = "".join((assets_folder() / name).read_text("utf-8") for name in ("style.css", "dashboard.css"))
    roots = "".join(re.findall(r":root\s*\{([^}]*)\}", sheets))
    return dict(re.findall(r"(--sg-[\w-]+):\s*(#[0-9a-fA-F]{6})", roots))


def _about(view: View, t: Translator) -> str:
    parts = [words.span(view.now.span, t)]
    if view.asked.label is not None:
        parts.append(words.class_name(view.asked.label, t))
    return " · ".join(parts)


def _tiles(view: View, t: Translator) -> str:
    now = view.now
    figures = [
        (t("dash.inspected"), f"{now.count:,}"),
        (words.what(view, t), words.percent(now.rate)),
        (t("dash.sure_title"), f"{words.percent(now.interval.low)} – {words.percent(now.interval.high)}"),
        (t("dash.mean_ms"), words.milliseconds(now.mean_ms)),
        (t("dash.p95_ms"), words.milliseconds(now.p95_ms)),
    ]
    wide = (WIDTH - 2 * MARGIN) / len(figures)
    return "".join(
        _text(MARGIN + place * wide, 116, name, 12, "var(--sg-soft)")
        + _text(MARGIN + place * wide, 142, value, 20, bold=True)
        for place, (name, value) in enumerate(figures)
    )


def _classes(view: View, x: float, y: float, wide: float, t: Translator) -> str:
    colours, counts = words.colours(view), view.now.labels
    most = max((counts.get(name, 0) for name in view.labels if name != FREE), default=0) or 1
    found, row = [], min(26.0, 212 / max(1, len(view.labels)))
    for place, name in enumerate(view.labels):
        at, count = y + place * row, counts.get(name, 0)
        length = 0.42 * wide * count / most if name != FREE else 0.0
        found.append(
            _text(x, at + 12, words.class_name(name, t), 12)
            + f'<rect x="{x + 0.36 * wide:.1f}" y="{at + 2:.1f}" width="{length:.1f}" height="12" '
            f'fill="{colours[name]}"/>' + _text(x + 0.82 * wide, at + 12, f"{count:,}", 12)
        )
    return "".join(found)


def _maps(view: View, x: float, y: float, wide: float, t: Translator) -> str:
    note = t("dash.where_of", looked=f"{view.positions.looked:,}", total=f"{view.positions.total:,}")
    found, room = [_text(x, y + 12, note, 12, "var(--sg-soft)")], HEIGHT - y - 80
    y += 24
    for one in view.positions.maps[:2]:
        drawing = charts.position_map(one, t)
        scale = min(wide / drawing.width, max(40.0, room - 24) / drawing.height)
        high = scale * drawing.height
        caption = t("dash.where_caption", shape=t(f"dash.shape.{one.shape}"), n=f"{one.pictures:,}")
        most = t("dash.where_most", part=words.percent(one.hottest[2]))
        found.append(_nested(x, y, scale * drawing.width, high, drawing))
        found.append(_text(x, y + high + 14, f"{caption} · {most}", 12, "var(--sg-soft)"))
        y, room = y + high + 28, room - high - 28
    return "".join(found)


def _titled(x: float, y: float, title: str, wide: float, drawing: charts.Drawing) -> str:
    return _text(x, y - 8, title, 14, bold=True) + _nested(x, y, wide, wide * drawing.height / drawing.width, drawing)


def _nested(x: float, y: float, wide: float, high: float, drawing: charts.Drawing) -> str:
    return (
        f'<svg x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" '
        f'viewBox="0 0 {drawing.width:g} {drawing.height:g}">{drawing.body}</svg>'
    )


def _text(x: float, y: float, text: str, size: int, colour: str = "var(--sg-text)", *, bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}"{weight}>{escape(text)}</text>'
