"""The dashboard's charts as SVG, for the page and for the exported picture. Pure functions.

Colours that differ between light and dark stand as `var(--sg-…)` in attributes, so that the picture can put real ones
in their place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from html import escape
from typing import NamedTuple

import numpy as np

from steelgui.history import Period
from steelgui.services.dashboard import FREE, View, hits_of
from steelgui.services.positions import PositionMap
from steelgui.ui import dashboard_words as words
from steelgui.ui.i18n import Translator

WIDTH, HEIGHT = 880, 236
#: Of the plot within: left, top, right, bottom edge.
LEFT, TOP, RIGHT, BOTTOM = 48, 12, 860, 204
#: Of the control chart, which names its lines at the right.
LINES_RIGHT = 776
#: Names that fit below the bars, and steps of colour of a map.
TICKS, SHADES = 10, 8
FADED = 0.18
CELL = 8
TEXT = 'font-size="12" fill="var(--sg-soft)"'


class Drawing(NamedTuple):
    """An SVG's size and inside; `label` says it in words."""

    width: float
    height: float
    body: str
    label: str

    def svg(self, *, buttons: bool = False) -> str:
        """With `buttons` in it, or as one picture for who hears the page."""
        return (
            f'<svg viewBox="0 0 {self.width:g} {self.height:g}" role="{"group" if buttons else "img"}" '
            f'aria-label="{escape(self.label)}">{self.body}</svg>'
        )


def over_time(view: View, stack: str, t: Translator) -> Drawing:
    """Inspections by time, a stacked bar each.

    Args:
        stack: `class`, `verdict`, or `defects` for the classes without the defect-free.
    """
    counts = [_parts(period, view, stack) for period in view.bars]
    top = _nice(max((sum(count for _, count in parts) for parts in counts), default=0))
    colours = words.colours(view) | {"defect": "var(--sg-defect)"}
    body = [_grid(top, RIGHT, lambda value: f"{value:,.0f}")]
    wide = (RIGHT - LEFT) / len(view.bars)
    chosen = view.asked.start
    for place, (period, parts) in enumerate(zip(view.bars, counts, strict=True)):
        x, y = LEFT + place * wide, float(BOTTOM)
        said = escape(_said(period, view, t))
        pressed = period.start == chosen
        body.append(
            f'<g role="button" tabindex="{0 if pressed or (chosen is None and not place) else -1}" '
            f'aria-pressed="{str(pressed).lower()}" aria-label="{said}" data-pick="start" '
            f'data-value="{period.start.isoformat()}"><title>{said}</title>'
            f'<rect x="{x:.1f}" y="{TOP}" width="{wide:.1f}" height="{BOTTOM - TOP}" fill="transparent" '
            f"{_ring(pressed)}/>"
        )
        for name, count in parts:
            high = (BOTTOM - TOP) * count / top
            y -= high
            fades = (chosen and not pressed) or (view.asked.label not in (None, name) and name in view.labels)
            if count:
                body.append(
                    f'<rect x="{x + 0.12 * wide:.1f}" y="{y:.2f}" width="{0.76 * wide:.1f}" height="{high:.2f}" '
                    f'fill="{colours[name]}" opacity="{FADED if fades else 1}"/>'
                )
        body.append("</g>")
    body.append(_times(view, RIGHT, t))
    if not view.now.count and not any(period.count for period in view.bars):
        body.append(_nothing(t))
    label = t("dash.time_label", count=f"{sum(p.count for p in view.bars):,}", bars=len(view.bars))
    return Drawing(WIDTH, HEIGHT, "".join(body), label)


def _parts(period: Period, view: View, stack: str) -> list[tuple[str, int]]:
    """From below: defects stand on the axis, where their heights compare; the chosen class first."""
    if stack == "verdict":
        return [("defect", period.defects), (FREE, period.count - period.defects)]
    names = sorted(view.labels, key=lambda name: name != view.asked.label)
    if stack == "defects":
        names = [name for name in names if name != FREE]
    return [(name, period.labels.get(name, 0)) for name in names]


def _said(period: Period, view: View, t: Translator) -> str:
    hits = hits_of(period, view.asked.label)
    rate = words.percent(hits / period.count if period.count else None)
    return (
        f"{words.period(period.start, view.grain, t)}: {t('dash.inspected_n', n=f'{period.count:,}')}, "
        f"{words.what(view, t)} {rate} ({hits:,})"
    )


def control(view: View, line: float | None, t: Translator) -> Drawing:
    """The rate by time with its limits, points outside marked, and the alert line.

    Args:
        line: 0 to 1; None for none.
    """
    chart, groups = view.chart, view.chart.subgroups
    label = t("dash.control_label", what=words.what(view, t), outside=len(chart.outside))
    if chart.centre is None:
        empty = _grid(1.0, LINES_RIGHT, words.percent) + _times(view, LINES_RIGHT, t) + _nothing(t)
        return Drawing(WIDTH, HEIGHT, empty, label)
    high = [group.rate or 0 for group in groups] + [group.upper or 0 for group in groups if group.state != "few"]
    top = min(1.0, _nice(100 * max([*high, line or 0, chart.centre]) * 1.05, whole=False) / 100)
    wide = (LINES_RIGHT - LEFT) / len(groups)

    def x(place: float) -> float:
        return LEFT + (place + 0.5) * wide

    def y(rate: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * min(1.0, rate / top)

    body = [_grid(top, LINES_RIGHT, words.percent)]
    body += [_limit([group.upper for group in groups], wide, y), _limit([group.lower for group in groups], wide, y)]
    body.append(_level(y(chart.centre), "var(--sg-soft)", ""))
    if line is not None:
        body.append(_level(y(line), "var(--sg-hot)", "7 4"))
    known = [(place, group) for place, group in enumerate(groups) if group.rate is not None]
    path = " ".join(f"{x(place):.1f},{y(group.rate or 0):.1f}" for place, group in known)
    body.append(f'<polyline points="{path}" fill="none" stroke="var(--sg-text)" stroke-opacity=".35"/>')
    for place, group in known:
        chosen = view.asked.start in (None, view.bars[place].start)
        body.append(
            f'<g opacity="{1 if chosen else 3 * FADED}">{_point(x(place), y(group.rate or 0), group.state)}</g>'
        )
    ends = [(y(chart.centre), t("dash.centre", rate=words.percent(chart.centre)), "var(--sg-soft)")]
    last = next((group for group in reversed(groups) if group.upper is not None), None)
    if last and last.upper is not None and last.lower is not None:
        ends += [
            (y(last.upper), t("dash.upper", rate=words.percent(last.upper)), "var(--sg-soft)"),
            (y(last.lower), t("dash.lower", rate=words.percent(last.lower)), "var(--sg-soft)"),
        ]
    if line is not None:
        ends.append((y(line), t("dash.alert_at", rate=words.percent(line)), "var(--sg-hot)"))
    body += [_times(view, LINES_RIGHT, t), *_names(ends)]
    return Drawing(WIDTH, HEIGHT, "".join(body), label)


def _limit(values: list[float | None], wide: float, y: Callable[[float], float]) -> str:
    steps, open_ = [], False
    for place, value in enumerate(values):
        if value is None:
            open_ = False
            continue
        left, at = LEFT + place * wide, y(value)
        steps.append(f"{'L' if open_ else 'M'}{left:.1f} {at:.1f}H{left + wide:.1f}")
        open_ = True
    return f'<path d="{"".join(steps)}" fill="none" stroke="var(--sg-soft)" stroke-dasharray="2 3"/>'


def _level(at: float, colour: str, dashes: str) -> str:
    return (
        f'<line x1="{LEFT}" x2="{LINES_RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="{colour}" stroke-width="1.5"'
        f' stroke-dasharray="{dashes or "none"}"/>'
    )


def _point(x: float, y: float, state: str) -> str:
    if state in ("above", "below"):
        # A triangle that points out of the limits, so that it is seen without its colour.
        tip = -8 if state == "above" else 8
        return (
            f'<path d="M{x:.1f} {y + tip:.1f}l6.5 {-1.6 * tip:.1f}h-13z" fill="var(--sg-defect)"/>'
            f'<text x="{x:.1f}" y="{y + 2.2 * tip + 4:.1f}" text-anchor="middle" font-size="12" font-weight="700" '
            f'fill="var(--sg-defect)">!</text>'
        )
    inside = "var(--sg-panel)" if state == "few" else "var(--sg-text)"
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{inside}" stroke="var(--sg-text)"/>'


def _names(ends: list[tuple[float, str, str]]) -> Iterator[str]:
    """At the lines' right ends, moved apart where two would lie on each other."""
    before = TOP - 13.0
    for y, name, colour in sorted(ends):
        before = max(y, before + 13)
        yield f'<text x="{LINES_RIGHT + 6}" y="{before + 4:.1f}" font-size="12" fill="{colour}">{escape(name)}</text>'


def position_map(found: PositionMap, t: Translator) -> Drawing:
    """Where defects lie on one shape of picture: the darker, the oftener."""
    rows, columns = found.covered.shape
    most = float(found.covered.max()) or 1.0
    shade = np.ceil(SHADES * found.covered / most).astype(int)
    body = [f'<rect width="{CELL * columns}" height="{CELL * rows}" fill="var(--sg-well)"/>']
    for level in range(1, SHADES + 1):
        cells = "".join(f"M{column} {row}h1v1h-1z" for row, column in np.argwhere(shade == level))
        if cells:
            body.append(
                f'<path transform="scale({CELL})" d="{cells}" fill="var(--sg-heat)" opacity="{level / SHADES:.3f}"/>'
            )
    along, across, part = found.hottest
    label = t(
        "dash.where_label", shape=t(f"dash.shape.{found.shape}"), along=f"{100 * along:.0f}",
        across=f"{100 * across:.0f}", part=words.percent(part),
    )  # fmt: skip
    return Drawing(CELL * columns, CELL * rows, "".join(body), label)


# Axes ------------------------------------------------------------------------------------------------------------


def _nice(highest: float, whole: bool = True) -> float:
    """The end of an axis: 1, 2 or 5 times a power of ten times four steps, whole numbers if counts."""
    if highest <= 0:
        return 4.0
    step = highest / 4
    power = 10.0 ** math.floor(math.log10(step))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= step)
    return 4 * max(1.0, math.ceil(step)) if whole else 4 * step


def _grid(top: float, right: float, said: Callable[[float], str]) -> str:
    lines = []
    for step in range(5):
        y = BOTTOM - (BOTTOM - TOP) * step / 4
        lines.append(
            f'<line x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="var(--sg-line)"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" {TEXT}>{said(top * step / 4)}</text>'
        )
    return f'<g aria-hidden="true">{"".join(lines)}</g>'


def _times(view: View, right: float, t: Translator) -> str:
    bars = view.bars
    every = math.ceil(len(bars) / TICKS)
    if view.grain == "hour":
        every = next(step for step in (1, 2, 3, 4, 6, 12, 24, 48) if step >= every)
    wide = (right - LEFT) / len(bars)
    names = "".join(
        f'<text x="{LEFT + (place + 0.5) * wide:.1f}" y="{BOTTOM + 18}" text-anchor="middle" {TEXT}>'
        f"{escape(words.tick(bars[place].start, view.grain, t))}</text>"
        for place in range(0, len(bars), every)
    )
    return f'<g aria-hidden="true">{names}</g>'


def _ring(pressed: bool) -> str:
    return 'stroke="var(--sg-hot)" stroke-width="1.5"' if pressed else ""


def _nothing(t: Translator) -> str:
    return (
        f'<text x="{WIDTH / 2}" y="{(TOP + BOTTOM) / 2 - 20}" text-anchor="middle" font-size="14" '
        f'fill="var(--sg-soft)">{escape(t("dash.nothing"))}</text>'
    )
