"""How the dashboard says numbers, times and differences. Pure functions."""

from __future__ import annotations

from datetime import datetime, timedelta

from models.spec import is_defect_free
from steelgui.overlay import class_colours
from steelgui.services.dashboard import FREE, Compared, View
from steelgui.services.periods import Grain, Span, following
from steelgui.ui.i18n import Translator

#: Icons of the verdict panels, one for each way a change can go.
ARROWS = {"more": "▲", "fewer": "▼", "chance": "≈", "unknown": "–"}
NOTHING = "–"


def percent(rate: float | None) -> str:
    """A rate of 0 to 1; a second digit below one percent."""
    if rate is None:
        return NOTHING
    return f"{100 * rate:.2f} %" if 0 < rate < 0.00995 else f"{100 * rate:.1f} %"


def milliseconds(ms: float | None) -> str:
    return NOTHING if ms is None else f"{ms:,.0f} ms"


def points(difference: float) -> str:
    """A difference of rates in percentage points, with its sign."""
    return f"{100 * difference:+.1f}".replace("-", "−")


def class_name(name: str, t: Translator) -> str:
    return t("dash.free") if name == FREE or is_defect_free(name) else t.short(name)


def colours(view: View) -> dict[str, str]:
    """Of the view's classes; the defect-free ones are grey."""
    return class_colours(name for name in view.labels if name != FREE) | {FREE: "var(--sg-free)"}


def what(view: View, t: Translator) -> str:
    """What the rate is of."""
    label = view.asked.label
    return t("dash.rate") if label is None else t("dash.share_of", name=class_name(label, t))


def day(moment: datetime, t: Translator) -> str:
    return t("dash.day", day=moment.day, month=t(f"dash.month.{moment.month}"))


def tick(start: datetime, grain: Grain, t: Translator) -> str:
    """A bar's name below it."""
    if grain == "hour":
        return f"{start:%H:%M}" if start.hour else day(start, t)
    if grain in ("week", "month"):
        return t("dash.month_year", month=t(f"dash.month.{start.month}"), year=start.year)
    return day(start, t)


def period(start: datetime, grain: Grain, t: Translator) -> str:
    """A bar's name by itself."""
    if grain == "hour":
        return f"{day(start, t)}, {start:%H:%M}–{following(start, grain):%H:%M}"
    if grain == "week":
        return f"{day(start, t)} – {day(start + timedelta(days=6), t)}, {start.year}"
    return tick(start, grain, t)


def span(time: Span, t: Translator) -> str:
    """First and last day, the hours where it does not end at midnight."""
    if time.since is None:
        return t("dash.range.all")
    if time.until is None:
        return t("dash.since", day=day(time.since, t))
    whole = time.until.hour == time.until.minute == 0
    last = time.until - timedelta(days=1) if whole and time.since.hour == 0 else time.until
    if whole and last.date() == time.since.date() and time.since.hour == 0:
        return day(last, t)
    if last.date() == time.since.date():
        return f"{day(last, t)}, {time.since:%H:%M}–{last:%H:%M}"
    end = day(last, t) if whole and time.since.hour == 0 else f"{day(last, t)}, {last:%H:%M}"
    begin = day(time.since, t) if time.since.hour == 0 else f"{day(time.since, t)}, {time.since:%H:%M}"
    return f"{begin} – {end}"


def change(compared: Compared, t: Translator) -> str:
    """What the difference of two rates says."""
    if compared.difference is None:
        return t("dash.change.unknown")
    between = t("rate.between", low=points(compared.interval.low), high=points(compared.interval.high))
    return f"{t(f'dash.change.{compared.change}')}: {points(compared.difference)} {between}"
