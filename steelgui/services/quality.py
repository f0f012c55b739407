"""Rates that vary by chance: how sure one is, whether two differ, which subgroups stand out. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

#: Expected defects (and expected good ones) in a subgroup from which three sigmas mean something: with fewer a single
#: defect may lie outside.
ENOUGH = 1.0

State = Literal["within", "above", "below", "few", "empty"]


@dataclass(frozen=True)
class Interval:
    """Both ends included."""

    low: float
    high: float


@dataclass(frozen=True)
class Subgroup:
    """One point of a control chart.

    Attributes:
        rate: 0 to 1; None of nothing.
        lower, upper: its own limits, which are wider the smaller it is; None of nothing.
        state: `few` has too few pictures for its limits to judge it, `empty` has none.
    """

    rate: float | None
    lower: float | None
    upper: float | None
    state: State


@dataclass(frozen=True)
class ControlChart:
    """`centre` is the rate of all subgroups together; None where there is nothing."""

    centre: float | None
    subgroups: tuple[Subgroup, ...]

    @property
    def outside(self) -> tuple[int, ...]:
        """Places of the subgroups that chance does not explain."""
        return tuple(place for place, group in enumerate(self.subgroups) if group.state in ("above", "below"))


def z_score(confidence: float, comparisons: int = 1) -> float:
    """Two-sided; with several comparisons (Bonferroni) all intervals hold together with this confidence."""
    return NormalDist().inv_cdf(1 - (1 - confidence) / (2 * max(1, comparisons)))


def wilson(hits: int, count: int, z: float = z_score(0.95)) -> Interval:
    """Score interval of a rate (Wilson, JASA 22, 1927, 209–212); 0 to 1 of nothing.

    Raises:
        ValueError: not 0 ≤ hits ≤ count.
    """
    if not 0 <= hits <= count:
        raise ValueError(f"{hits} of {count} is no rate; hits must lie between 0 and the count")
    if count == 0:
        return Interval(0.0, 1.0)
    rate, square = hits / count, z * z
    middle = rate + square / (2 * count)
    reach = z * math.sqrt(rate * (1 - rate) / count + square / (4 * count * count))
    scale = 1 + square / count
    # At the ends the exact value is 0 or 1; floating point would leave it a hair beside.
    low = 0.0 if hits == 0 else (middle - reach) / scale
    high = 1.0 if hits == count else (middle + reach) / scale
    return Interval(low, high)


def newcombe(hits: int, count: int, hits_before: int, count_before: int, z: float = z_score(0.95)) -> Interval:
    """Interval of a rate less the rate before: Newcombe's hybrid score interval.

    R. G. Newcombe, Interval estimation for the difference between independent proportions, Statistics in Medicine 17
    (1998), 873–890, method 10. Of nothing the rate may be anything, so the interval is wide.
    """
    now, before = wilson(hits, count, z), wilson(hits_before, count_before, z)
    rate = hits / count if count else 0.5
    rate_before = hits_before / count_before if count_before else 0.5
    difference = rate - rate_before
    return Interval(
        difference - math.hypot(rate - now.low, before.high - rate_before),
        difference + math.hypot(now.high - rate, rate_before - before.low),
    )


def p_chart(subgroups: Sequence[tuple[int, int]]) -> ControlChart:
    """Control chart of a rate with three-sigma limits by the size of each subgroup.

    D. C. Montgomery, Introduction to Statistical Quality Control, 7th ed., section 7.2 (variable sample size): centre
    p̄ = all hits / all pictures, limits p̄ ± 3·√(p̄(1 − p̄)/nᵢ), cut off at 0 and 1.

    Args:
        subgroups: hits and count of each.
    """
    total = sum(count for _, count in subgroups)
    if not total:
        return ControlChart(None, tuple(Subgroup(None, None, None, "empty") for _ in subgroups))
    centre = sum(hits for hits, _ in subgroups) / total
    return ControlChart(centre, tuple(_subgroup(hits, count, centre) for hits, count in subgroups))


def _subgroup(hits: int, count: int, centre: float) -> Subgroup:
    if not count:
        return Subgroup(None, None, None, "empty")
    rate, reach = hits / count, 3 * math.sqrt(centre * (1 - centre) / count)
    lower, upper = max(0.0, centre - reach), min(1.0, centre + reach)
    state: State = "within"
    if count * min(centre, 1 - centre) < ENOUGH:
        state = "few"
    elif rate > upper:
        state = "above"
    elif rate < lower:
        state = "below"
    return Subgroup(rate, lower, upper, state)
