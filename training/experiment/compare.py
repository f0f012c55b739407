"""Figures of several trainings on one test split, and the differences between arms, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
#: Of every interval: 95 %.
TAIL = 2.5


@dataclass(frozen=True)
class Interval:
    """A figure and where it lies in 95 of 100 repetitions; `low` and `high` are NaN where nothing can be said."""

    value: float
    low: float
    high: float

    @property
    def above_zero(self) -> bool:
        return self.low > 0

    @property
    def below_zero(self) -> bool:
        return self.high < 0


@dataclass(frozen=True)
class Figure:
    """A mean over seeds, and the same in every draw of a bootstrap."""

    value: float
    draws: NDArray[np.float64]

    def interval(self) -> Interval:
        draws = self.draws[np.isfinite(self.draws)]
        if not len(draws):
            return Interval(self.value, float("nan"), float("nan"))
        low, high = np.percentile(draws, [TAIL, 100 - TAIL])
        return Interval(self.value, float(low), float(high))

    def minus(self, other: Figure) -> Interval:
        """The paired difference: both are looked at in the same draws."""
        return Figure(self.value - other.value, self.draws - other.draws).interval()


class Bootstrap:
    """Draws of test pictures and of seeds that all arms share, so that their differences are paired.

    Near-duplicates are drawn together (a cluster bootstrap: Davison & Hinkley 1997, section 3.8). Of S seeds S − 1 are
    drawn: with S of S the spread of a mean of three would come out a third too small (Rao & Wu 1988, section 2).

    Args:
        groups: of the N test pictures, near-duplicates alike.
        seeds: S; training k of every arm has the same seed.
    """

    def __init__(self, groups: Sequence[str], seeds: int, draws: int = DRAWS, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        _, member = np.unique(np.asarray(groups), return_inverse=True)
        count = int(member.max()) + 1
        drawn = random.multinomial(count, np.full(count, 1 / count), size=draws)
        #: draws×N: how often each picture is in.
        self.pictures: NDArray[np.float64] = drawn[:, member].astype(np.float64)
        self.seeds: NDArray[np.float64] = (
            random.multinomial(seeds - 1, np.full(seeds, 1 / seeds), size=draws) / (seeds - 1)
            if seeds > 1
            else np.ones((draws, 1))
        )

    def figures(
        self,
        truth: NDArray[np.int64],
        predicted: NDArray[np.int64],
        classes: Sequence[str],
        scarce: Sequence[str],
    ) -> dict[str, Figure]:
        """As `label_figures`, where each picture has one class.

        Args:
            truth: N, indices into `classes`.
            predicted: S×N, likewise.
        """
        index = np.arange(len(classes))
        return self.label_figures(truth[:, None] == index, predicted[..., None] == index, classes, scarce)

    def label_figures(
        self,
        truth: NDArray[np.bool_],
        predicted: NDArray[np.bool_],
        classes: Sequence[str],
        scarce: Sequence[str] = (),
    ) -> dict[str, Figure]:
        """`macro_f1`, `scarce_f1` and `scarce_recall` (means over classes), `f1:CLASS` and `recall:CLASS`.

        Args:
            truth: N×K, which of `classes` each picture shows.
            predicted: S×N×K, likewise.
        """
        counted = [_rates(truth, row, self.pictures) for row in predicted]
        exact = [_rates(truth, row, np.ones((1, len(truth)))) for row in predicted]
        present: NDArray[np.bool_] = np.asarray(truth.any(0))
        rare = np.array([name in scarce for name in classes]) & present
        means = {"macro_f1": ("f1", present), "scarce_f1": ("f1", rare), "scarce_recall": ("recall", rare)}
        means |= {
            f"{rate}:{name}": (rate, np.arange(len(classes)) == index)
            for index, name in enumerate(classes)
            for rate in ("f1", "recall")
            if present[index]
        }
        figures = {}
        for name, (rate, which) in means.items():
            if not which.any():
                continue
            draws = np.stack([_mean(rates[rate], which) for rates in counted])
            value = float(np.mean([_mean(rates[rate], which)[0] for rates in exact]))
            figures[name] = Figure(value, (draws.T * self.seeds).sum(1))
        return figures

    def mean_figures(self, name: str, values: NDArray[np.float64], classes: Sequence[str]) -> dict[str, Figure]:
        """`NAME:CLASS`, a mean over pictures, and `name`, the mean of these; of one training.

        Args:
            values: N×K, a figure of each picture and class; NaN where it has none.
        """
        known = np.isfinite(values)
        present: NDArray[np.bool_] = np.asarray(known.any(0))
        with np.errstate(invalid="ignore", divide="ignore"):
            draws, exact = (
                weights @ np.where(known, values, 0) / (weights @ known)
                for weights in (self.pictures, np.ones((1, len(values))))
            )
        means = {name: present} | {
            f"{name}:{label}": np.arange(len(classes)) == index for index, label in enumerate(classes) if present[index]
        }
        return {key: Figure(float(_mean(exact, which)[0]), _mean(draws, which)) for key, which in means.items()}


def without_nan(value: Any) -> Any:
    """None for what is no number, which JSON has no word for; also within dicts."""
    if isinstance(value, dict):
        return {key: without_nan(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _rates(
    truth: NDArray[np.bool_], predicted: NDArray[np.bool_], weights: NDArray[np.float64]
) -> Mapping[str, NDArray[np.float64]]:
    """B×K recall and F1; NaN where a class was not drawn. `weights` B×N says how often each picture counts."""
    hits, actual, claimed = weights @ (truth & predicted), weights @ truth, weights @ predicted
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = actual > 0
        recall = np.where(drawn, hits / actual, np.nan)
        f1 = np.where(drawn, 2 * hits / (actual + claimed), np.nan)
    return {"recall": recall, "f1": f1}


def _mean(rates: NDArray[np.float64], which: NDArray[np.bool_]) -> NDArray[np.float64]:
    """B: over the classes that were drawn; NaN where none was."""
    chosen = rates[:, which]
    known = np.isfinite(chosen)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: NDArray[np.float64] = np.where(known, chosen, 0).sum(1) / known.sum(1)
    return mean
