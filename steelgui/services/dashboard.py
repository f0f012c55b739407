"""Figures of many inspections, as the dashboard shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Literal

from models.spec import is_defect_free
from steelgui.history import Filter, History, Period, Stats
from steelgui.services.periods import (
    LOCAL,
    Grain,
    OwnDates,
    Preset,
    Span,
    bars,
    begin,
    following,
    grain_of,
    midnight,
    spans,
    step_of,
)
from steelgui.services.positions import PositionMaps, Positions
from steelgui.services.quality import ControlChart, Interval, newcombe, p_chart, wilson, z_score

#: All defect-free classes together, whatever a model calls its own.
FREE = "ok"

Change = Literal["more", "fewer", "chance", "unknown"]


@dataclass(frozen=True)
class Asked:
    """What a visitor wants to see.

    Attributes:
        label: a class, or `FREE`; None for all.
        start: of the bar that was pressed; None for the whole range.
    """

    preset: Preset = "week"
    own: OwnDates | None = None
    label: str | None = None
    start: datetime | None = None

    def toggled(self, kind: str, value: str) -> Asked:
        """With a class or a bar chosen, or no longer where it was.

        Raises:
            ValueError: another kind, or no moment with a zone.
        """
        if kind == "label":
            return replace(self, label=None if value == self.label else value)
        if kind != "start":
            raise ValueError(f"{kind!r} cannot be chosen; it must be label or start")
        start = datetime.fromisoformat(value)
        if start.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return replace(self, start=None if start == self.start else start)


@dataclass(frozen=True)
class Figures:
    """Of one time: `hits` of `count` are defective, or of the chosen class.

    Attributes:
        labels: class, or `FREE` → inspections of it, of all classes.
        mean_ms, p95_ms: of the chosen class.
    """

    span: Span
    count: int
    hits: int
    labels: dict[str, int]
    mean_ms: float | None
    p95_ms: float | None

    @property
    def rate(self) -> float | None:
        return self.hits / self.count if self.count else None

    @property
    def interval(self) -> Interval:
        """In which the rate lies with 95 % confidence."""
        return wilson(self.hits, self.count)


@dataclass(frozen=True)
class Compared:
    """A rate and the one before; `change` is `chance` where the interval of the difference holds 0."""

    now: float | None
    before: float | None
    interval: Interval
    change: Change

    @property
    def difference(self) -> float | None:
        return None if self.now is None or self.before is None else self.now - self.before


@dataclass(frozen=True)
class Alert:
    """The newest bar that holds pictures, against a line.

    Attributes:
        above: its rate lies above the line.
        sure: the whole 95 % interval does.
    """

    period: Period
    hits: int
    line: float
    above: bool
    sure: bool


@dataclass(frozen=True)
class View:
    """All that the dashboard shows.

    Attributes:
        bars: of the whole range, whatever is chosen; their classes merged as in `Figures.labels`.
        labels: every class of the range, most first, defect-free last.
        now: of what is chosen.
        before: of the time before; None where there is none.
        chart: of the bars, for the chosen class or all defects.
    """

    asked: Asked
    span: Span
    grain: Grain
    bars: tuple[Period, ...]
    labels: tuple[str, ...]
    now: Figures
    before: Figures | None
    chart: ControlChart
    positions: Positions


def merged(labels: Mapping[str, int]) -> dict[str, int]:
    """Class → inspections with the defect-free classes as one, `FREE`."""
    counts: Counter[str] = Counter()
    for name, count in labels.items():
        counts[FREE if is_defect_free(name) else name] += count
    return dict(counts)


def ordered(labels: Mapping[str, int]) -> tuple[str, ...]:
    """Most first, by name where as many; defect-free last."""
    return tuple(sorted(labels, key=lambda name: (name == FREE, -labels[name], name)))


def hits_of(period: Period, label: str | None) -> int:
    """Defects, or the inspections of a class."""
    return period.defects if label is None else period.labels.get(label, 0)


def compare(hits: int, count: int, hits_before: int, count_before: int, comparisons: int = 1) -> Compared:
    """Does the difference of two rates exceed chance?

    Args:
        comparisons: how many are looked at together; the more, the wider each interval (Bonferroni).
    """
    interval = newcombe(hits, count, hits_before, count_before, z_score(0.95, comparisons))
    change: Change = "chance"
    if not count or not count_before:
        change = "unknown"
    elif interval.low > 0:
        change = "more"
    elif interval.high < 0:
        change = "fewer"
    return Compared(
        hits / count if count else None, hits_before / count_before if count_before else None, interval, change
    )


def alert(view: View, line: float | None) -> Alert | None:
    """The newest bar with pictures against the line; None without a line or without pictures.

    Args:
        line: 0 to 1.
    """
    newest = next((period for period in reversed(view.bars) if period.count), None)
    if line is None or newest is None:
        return None
    hits = hits_of(newest, view.asked.label)
    above = hits / newest.count > line
    return Alert(newest, hits, line, above, above and wilson(hits, newest.count).low > line)


class Dashboard:
    """Serves any number of visitors; reads, never writes."""

    def __init__(self, history: History, *, now: Callable[[], datetime] = lambda: datetime.now(LOCAL)) -> None:
        self._history = history
        self._now = now
        self._maps = PositionMaps(history)

    def token(self, zone: tzinfo | None = None) -> str:
        """Changes when inspections come, go or are corrected, and by the hour, since time itself moves the ranges."""
        return f"{self._history.version()}/{self._at(zone):%Y-%m-%d %H}"

    def view(self, asked: Asked, zone: tzinfo | None = None) -> View:
        """
        Args:
            zone: whose days and hours these are; None takes the machine's own.

        Raises:
            StorageError: the history cannot be read.
            ValueError: own dates in the wrong order.
        """
        now = self._at(zone)
        span, before = spans(asked.preset, now, asked.own)
        shown, grain, stats = self._bars(span, now)
        labels = ordered(merged(stats.labels))
        # The bar's own start, whose zone knows of summer time; a page sends one with an offset that never changes.
        start = next((period.start for period in shown if period.start == asked.start), None)
        asked = replace(asked, start=start)
        chosen = span
        if start is not None:
            chosen = Span(start, following(start, grain))
            before = Span(start - (following(start, grain) - start), start)
            stats = self._stats(chosen, now)
        figures = self._figures(chosen, stats, now, asked.label)
        verdict: Literal["ok", "defect"] = "ok" if asked.label == FREE else "defect"
        return View(
            asked,
            span,
            grain,
            shown,
            labels,
            figures,
            self._figures(before, self._stats(before, now), now, asked.label) if before else None,
            p_chart([(hits_of(period, asked.label), period.count) for period in shown]),
            self._maps.of(replace(narrowed(chosen, asked.label), verdict=verdict), asked.label),
        )

    def _bars(self, span: Span, now: datetime) -> tuple[tuple[Period, ...], Grain, Stats]:
        """Bars to the end of what has begun, and the figures that they come from."""
        end = span.until or midnight(now.date() + timedelta(days=1), now.tzinfo)
        grain = grain_of(span.since, end) if span.since else "day"
        stats = self._stats(span, now, grain)
        since = span.since or (stats.periods[0].start if stats.periods else midnight(now.date(), now.tzinfo))
        if span.since is None:
            grain = grain_of(since, end)
            if grain == "hour":
                stats = self._stats(span, now, grain)
        found = bars(stats.periods, begin(since, grain), end, grain)
        return tuple(replace(period, labels=merged(period.labels)) for period in found), grain, stats

    def _at(self, zone: tzinfo | None) -> datetime:
        now = self._now()
        return now.astimezone(zone) if zone else now

    def _stats(self, span: Span, now: datetime, grain: Grain = "day", label: str | None = None) -> Stats:
        return self._history.stats(narrowed(span, label), step_of(grain), now.tzinfo or LOCAL)

    def _figures(self, span: Span, stats: Stats, now: datetime, label: str | None) -> Figures:
        labels = merged(stats.labels)
        timed = stats if label is None else self._stats(span, now, label=label)
        hits = stats.defects if label is None else labels.get(label, 0)
        return Figures(span, stats.count, hits, labels, timed.mean_ms, timed.p95_ms)


def class_changes(now: Figures, before: Figures) -> dict[str, Compared]:
    """Each class's part now and before; all intervals together hold with 95 % confidence."""
    labels: Iterable[str] = ordered(Counter(now.labels) + Counter(before.labels))
    names = [name for name in labels if name != FREE]
    return {
        name: compare(
            now.labels.get(name, 0), now.count, before.labels.get(name, 0), before.count, comparisons=len(names)
        )
        for name in names
    }


def narrowed(span: Span, label: str | None) -> Filter:
    """The inspections of a time and of a class, or of `FREE`."""
    where = Filter(since=span.since, until=span.until)
    if label == FREE:
        return replace(where, verdict="ok")
    return where if label is None else replace(where, labels=(label,))
