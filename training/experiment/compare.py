"""Figures of several trainings on one test split, and the differences between arms, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
#: Of every interval: 95 %.
TAIL = 2.5
#: Draws that differ by less differ by rounding.
ALIKE = 1e-9

#: One seed's rates by name, B×K: a line a draw.
Rates = Mapping[str, NDArray[np.float64]]
Rated = Callable[[NDArray[np.float64]], Sequence[Rates]]


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
    """A mean over seeds, and the same in every draw of a bootstrap.

    Attributes:
        of_pictures: the same in the same draws of pictures, all seeds counted alike: how pictures alone scatter.
        margin: how far from it the truth may lie where all draws are alike, as they are without a single error: 90 of
            90 right is no proof of 1.
        counted: it is a rate of right and wrong answers. One error among 90 cannot tell more than none: its interval
            reaches as far as `margin`, too, where draws of the one error alone would make it narrower.
    """

    value: float
    draws: NDArray[np.float64]
    of_pictures: NDArray[np.float64]
    margin: float = 0.0
    counted: bool = False

    def interval(self, least: float = 0.0) -> Interval:
        """`least` is the lowest value there is; the highest is 1."""
        draws = self.draws[np.isfinite(self.draws)]
        if not len(draws):
            return Interval(self.value, float("nan"), float("nan"))
        low, high = np.percentile(draws, [TAIL, 100 - TAIL])
        if self.counted or high - low < ALIKE:
            low = min(low, max(least, self.value - self.margin))
            high = max(high, min(1.0, self.value + self.margin))
        return Interval(self.value, float(low), float(high))

    def minus(self, other: Figure) -> Interval:
        """The paired difference: both are looked at in the same draws."""
        return self._less(other).interval(least=-1.0)

    def scatter_of_seeds(self, other: Figure) -> float:
        """The part, 0 to 1, of the paired difference's variance that is the trainings' and not the test pictures'."""
        change = self._less(other)
        known = np.isfinite(change.draws)
        if not known.any() or not (whole := float(change.draws[known].var())):
            return 0.0
        return max(0.0, 1 - float(change.of_pictures[known].var()) / whole)

    def _less(self, other: Figure) -> Figure:
        return Figure(
            self.value - other.value,
            self.draws - other.draws,
            self.of_pictures - other.of_pictures,
            max(self.margin, other.margin),
            self.counted,
        )


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
        _, self._member = np.unique(np.asarray(groups), return_inverse=True)
        count = int(self._member.max()) + 1
        drawn = random.multinomial(count, np.full(count, 1 / count), size=draws)
        #: draws×N: how often each picture is in.
        self.pictures: NDArray[np.float64] = drawn[:, self._member].astype(np.float64)
        self.seeds: NDArray[np.float64] = (
            random.multinomial(seeds - 1, np.full(seeds, 1 / seeds), size=draws) / (seeds - 1)
            if seeds > 1
            else np.ones((draws, 1))
        )

    def figures(
        self,
        rated: Rated,
        means: Mapping[str, tuple[str, NDArray[np.bool_]]],
        shown: NDArray[np.bool_],
        counted: bool = False,
    ) -> dict[str, Figure]:
        """Means over seeds.

        Args:
            rated: B×N weights, how often each picture counts → each seed's rates, B×K by name.
            means: figure → the rate, and over which of the K classes it is a mean; without any there is no figure.
            shown: N×K, the pictures that each class's rate is measured on.
            counted: the rates are of right and wrong answers.
        """
        groups = [len(set(self._member[of_class])) for of_class in shown.T]
        drawn, exact = rated(self.pictures), rated(np.ones((1, self.pictures.shape[1])))
        figures = {}
        for name, (rate, which) in means.items():
            if not which.any():
                continue
            draws = np.stack([_mean(rates[rate], which) for rates in drawn])
            value = float(np.mean([_mean(rates[rate], which)[0] for rates in exact]))
            # All unseen errors in the class with the fewest pictures: nowhere could they hide better.
            fewest = min(count for count, counts in zip(groups, which, strict=True) if counts)
            margin = unseen_errors(fewest) / which.sum()
            figures[name] = Figure(value, (draws.T * self.seeds).sum(1), draws.mean(0), margin, counted)
        return figures


def unseen_errors(count: int) -> float:
    """The highest rate of errors, 0 to 1, with which `count` pictures still show none in 2.5 of 100 repetitions.

    Clopper & Pearson 1934.
    """
    return float(1 - (TAIL / 100) ** (1 / count))


def classification_figures(
    bootstrap: Bootstrap,
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
    return label_figures(bootstrap, truth[:, None] == index, predicted[..., None] == index, classes, scarce)


def label_figures(
    bootstrap: Bootstrap,
    truth: NDArray[np.bool_],
    predicted: NDArray[np.bool_],
    classes: Sequence[str],
    scarce: Sequence[str],
) -> dict[str, Figure]:
    """`macro_f1`, `scarce_f1` and `scarce_recall` (means over classes), `f1:CLASS` and `recall:CLASS`.

    Args:
        truth: N×K, which of `classes` each picture shows.
        predicted: S×N×K, likewise.
    """

    def rated(weights: NDArray[np.float64]) -> list[Rates]:
        return [_rates(truth, row, weights) for row in predicted]

    present: NDArray[np.bool_] = np.asarray(truth.any(0))
    rare = np.array([name in scarce for name in classes]) & present
    means = {"macro_f1": ("f1", present), "scarce_f1": ("f1", rare), "scarce_recall": ("recall", rare)}
    return bootstrap.figures(rated, means | _by_class(("f1", "recall"), classes, present), truth, counted=True)


def mean_figures(
    bootstrap: Bootstrap,
    rate: str,
    values: NDArray[np.float64],
    classes: Sequence[str],
    means: Mapping[str, Sequence[str]],
) -> dict[str, Figure]:
    """`RATE:CLASS`, a mean over the pictures that have a value, and means of these over classes.

    Args:
        values: S×N×K, of each seed, picture and class; NaN where there is none.
        means: figure → the classes that it is a mean over.
    """

    def rated(weights: NDArray[np.float64]) -> list[Rates]:
        return [{rate: _average(row, weights)} for row in values]

    shown: NDArray[np.bool_] = np.asarray(np.isfinite(values).any(0))
    present: NDArray[np.bool_] = np.asarray(shown.any(0))
    over = {name: (rate, np.array([one in which for one in classes]) & present) for name, which in means.items()}
    counted = bool(np.isin(values[np.isfinite(values)], (0, 1)).all())
    return bootstrap.figures(rated, over | _by_class((rate,), classes, present), shown, counted)


def dice_by_picture(areas: NDArray[np.int64]) -> NDArray[np.float64]:
    """…×K, 2|A∩B| / (|A| + |B|) of each picture and class; NaN where the picture does not show the class.

    Args:
        areas: …×3×K pixels, as of `training.metrics.mask_areas`.
    """
    both, found, truth = np.moveaxis(areas, -2, 0)
    return np.where(truth > 0, 2 * both / np.maximum(found + truth, 1), np.nan)


def without_nan(value: Any) -> Any:
    """None for what is no number, which JSON has no word for; also within dicts."""
    if isinstance(value, dict):
        return {key: without_nan(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _by_class(
    rates: Sequence[str], classes: Sequence[str], present: NDArray[np.bool_]
) -> dict[str, tuple[str, NDArray[np.bool_]]]:
    """A figure `RATE:CLASS` for each rate of each class that is there."""
    return {
        f"{rate}:{name}": (rate, np.arange(len(classes)) == index)
        for index, name in enumerate(classes)
        for rate in rates
        if present[index]
    }


def _rates(truth: NDArray[np.bool_], predicted: NDArray[np.bool_], weights: NDArray[np.float64]) -> Rates:
    """B×K recall and F1; NaN where a class was not drawn. `weights` B×N says how often each picture counts."""
    hits, actual, claimed = weights @ (truth & predicted), weights @ truth, weights @ predicted
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = actual > 0
        recall = np.where(drawn, hits / actual, np.nan)
        f1 = np.where(drawn, 2 * hits / (actual + claimed), np.nan)
    return {"recall": recall, "f1": f1}


def _average(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """B×K weighted means of N×K over the pictures that are not NaN; NaN where none of those was drawn."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: NDArray[np.float64] = (weights @ np.where(known, values, 0)) / (weights @ known)
    return mean


def _mean(rates: NDArray[np.float64], which: NDArray[np.bool_]) -> NDArray[np.float64]:
    """B: over the classes that were drawn; NaN where none was."""
    chosen = rates[:, which]
    known = np.isfinite(chosen)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: NDArray[np.float64] = np.where(known, chosen, 0).sum(1) / known.sum(1)
    return mean
