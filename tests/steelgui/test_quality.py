"""Rates against published and hand-computed ones."""

from __future__ import annotations

import pytest

from steelgui.services.dashboard import compare
from steelgui.services.quality import newcombe, p_chart, wilson, z_score

#: Newcombe 1998, Table II, method 10: hits, count, hits before, count before, interval as it is printed.
PUBLISHED = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0),
    (10, 10, 0, 10, 0.6075, 1.0),
]


@pytest.mark.parametrize(("hits", "count", "hits_before", "count_before", "low", "high"), PUBLISHED)
def test_newcombe_as_published(
    hits: int, count: int, hits_before: int, count_before: int, low: float, high: float
) -> None:
    found = newcombe(hits, count, hits_before, count_before)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_wilson_as_published() -> None:
    # Newcombe 1998 (the paper on one proportion), Table I: 81/263, 15/148, 0/20, 1/29.
    for hits, count, low, high in [
        (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718),
    ]:  # fmt: skip
        found = wilson(hits, count)
        assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)
    assert wilson(7, 7).high == 1.0
    with pytest.raises(ValueError, match="4 of 3 is no rate"):
        wilson(4, 3)


def test_more_comparisons_make_wider_intervals() -> None:
    assert z_score(0.95) == pytest.approx(1.959964, abs=1e-6)
    assert z_score(0.95, 7) == pytest.approx(2.690110, abs=1e-6)
    assert compare(60, 1000, 40, 1000).change == "more"
    assert compare(60, 1000, 40, 1000, comparisons=7).change == "chance"
    assert compare(40, 1000, 60, 1000).change == "fewer"
    assert compare(1, 3, 0, 0).change == "unknown"
    assert compare(1, 3, 0, 0).difference is None


#: Montgomery, Introduction to Statistical Quality Control, Table 7.1: cans of orange juice, samples of 50.
JUICE = [12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22, 8, 10, 5, 13, 11, 20, 18, 24, 15, 9, 12, 7, 13, 9, 6]


def test_limits_as_in_montgomery() -> None:
    chart = p_chart([(hits, 50) for hits in JUICE])
    assert chart.centre == pytest.approx(0.2313, abs=5e-5)
    first = chart.subgroups[0]
    assert first.upper == pytest.approx(0.4102, abs=1e-4)
    assert first.lower == pytest.approx(0.0524, abs=1e-4)
    # "Samples 15 and 23 plot above the upper control limit."
    assert [place + 1 for place in chart.outside] == [15, 23]
    assert chart.subgroups[14].state == "above"


def test_limits_by_the_size_of_the_subgroup() -> None:
    chart = p_chart([(10, 100), (20, 400), (0, 0), (60, 400), (1, 2)])
    # By hand: centre 91/902; of 400 it is 0.10089 ± 3·0.015059.
    assert chart.centre == pytest.approx(91 / 902)
    assert [group.state for group in chart.subgroups] == ["within", "below", "empty", "above", "few"]
    assert chart.subgroups[1].lower == pytest.approx(0.05571, abs=1e-5)
    assert chart.subgroups[3].upper == pytest.approx(0.14606, abs=1e-5)
    assert chart.subgroups[0].lower == pytest.approx(0.01053, abs=1e-5)
    assert p_chart([]).centre is None
    assert p_chart([(0, 0)]).outside == ()
