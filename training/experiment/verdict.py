"""What an experiment's figures say, and no more than that."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from training.experiment.compare import Figure, Interval

#: A difference worth collecting pictures for, where none was seen: five points.
WORTH = 0.05
#: Beyond so many times as many test pictures, or so many seeds, more of them are no advice.
MOST, MOST_SEEDS = 20, 20

#: `helped`: synthetic pictures beat plain training, and balanced sampling where that was tried. `as_balanced`: they
#: beat plain training, but not balanced sampling. `no_difference`: none that this test could show. `worse`: harm.
#: `not_learned`: neither plain training nor the other found a single one of the scarce classes.
Kind = Literal["helped", "as_balanced", "no_difference", "not_learned", "worse", "no_synthetic"]


@dataclass(frozen=True)
class Measures:
    """What a task is judged by.

    Attributes:
        mean: the figure that decides, a mean over the scarce classes; `word` is what it is a mean of.
        rate: what is told of a single class; its figure is `RATE:CLASS`.
        followed: of an epoch's figures on validation those that are told, the one that counts first.
        validated: of a class's figures on validation the one by which a ratio is chosen.
    """

    mean: str
    word: str
    rate: str
    followed: tuple[str, ...]
    validated: str


MEASURES: dict[str, Measures] = {
    "classifier": Measures("scarce_f1", "F1", "recall", ("macro_f1", "accuracy"), "f1"),
    "segmenter": Measures("scarce_dice", "dice", "dice", ("dice_positive", "iou"), "dice_positive"),
}


@dataclass(frozen=True)
class Verdict:
    """The answer, in numbers; a sentence is made from it in each language.

    Attributes:
        arm: the trained arm with synthetic pictures that is judged, chosen on validation; `ratio` likewise.
        gain: of the scarce classes' mean (`Measures.mean`) over plain training.
        over_balanced: likewise over balanced sampling; None where that was not tried.
        label: the scarce class whose `Measures.rate` changed most, from `before` to `after` by `change`.
        balanced_change: the change of the same by balanced sampling.
        pictures: of the scarce classes in the test.
        more: as many more would show the difference from plain training (`no_difference`) or balanced sampling
            (`as_balanced`), or one of five points; 0 where these suffice, None where no number would be sensible.
        seeds: trainings an arm that would show it, with `more`; 0 where those that were run suffice.
        best: the arm to activate: the one with an interval above zero and the highest gain, else `plain`.
    """

    kind: Kind
    arm: str | None
    ratio: float | None
    gain: Interval | None
    over_balanced: Interval | None
    label: str | None
    before: float
    after: float
    change: Interval | None
    balanced_change: float | None
    pictures: int
    more: int | None
    seeds: int
    best: str


def decide(
    figures: Mapping[str, Mapping[str, Figure]],
    judged: tuple[str, float] | None,
    scarce: Sequence[str],
    pictures: int,
    seeds: int,
    measures: Measures,
) -> Verdict:
    """From each arm's figures; the one with synthetic pictures is at its chosen ratio.

    Args:
        figures: arm → its figures, the paired ones of one `Bootstrap`; `plain` is among them.
        judged: the arm with synthetic pictures, and its ratio.
        pictures: of the scarce classes in the test; `seeds` trainings were run of each arm.
    """
    plain, balanced = figures["plain"], figures.get("balanced")
    mean, rate = measures.mean, measures.rate
    gains = {arm: found[mean].minus(plain[mean]) for arm, found in figures.items() if arm != "plain"}
    better = [arm for arm, gain in gains.items() if gain.above_zero]
    best = max(better, key=lambda arm: gains[arm].value, default="plain")
    arm, ratio = judged or ("balanced" if balanced else None, None)
    if arm is None or arm == "plain":
        return Verdict("no_synthetic", None, None, None, None, None, 0, 0, None, None, pictures, None, 0, best)
    gain, found = gains[arm], figures[arm]
    over = found[mean].minus(balanced[mean]) if balanced and judged else None
    kind: Kind = "no_difference"
    if judged is None:
        kind = "no_synthetic"
    elif gain.below_zero:
        kind = "worse"
    elif gain.above_zero:
        kind = "helped" if over is None or over.above_zero else "as_balanced"
    elif plain[mean].value == found[mean].value == 0:
        kind = "not_learned"
    if kind == "as_balanced" and best == arm and "balanced" in better:
        best = "balanced"  # as good, and nothing has to be made for it
    sign = -1 if kind == "worse" else 1
    known = [name for name in scarce if f"{rate}:{name}" in found]
    label = max(
        known, key=lambda name: sign * (found[f"{rate}:{name}"].value - plain[f"{rate}:{name}"].value), default=None
    )
    before = after = 0.0
    change, balanced_change = None, None
    if label is not None:
        key = f"{rate}:{label}"
        before, after, change = plain[key].value, found[key].value, found[key].minus(plain[key])
        balanced_change = balanced[key].value - before if balanced else None
    more, wanted = None, 0
    if kind == "no_difference":
        more, wanted = _more(gain, found[mean].scatter_of_seeds(plain[mean]), pictures, seeds)
    elif kind == "as_balanced" and over and balanced:
        more, wanted = _more(over, found[mean].scatter_of_seeds(balanced[mean]), pictures, seeds)
    return Verdict(
        kind, arm, ratio, gain, over, label, before, after, change, balanced_change, pictures, more, wanted, best
    )


def _more(gain: Interval, of_seeds: float, pictures: int, seeds: int) -> tuple[int | None, int]:
    """What would narrow the interval enough: so many more test pictures, and so many seeds instead of `seeds`.

    Variances add, and each part falls with its own number: that of the seeds, `of_seeds` of the whole, is not helped by
    any number of pictures. Trainings cost nobody's labour, so that seeds alone are asked for where they do.
    """
    half = (gain.high - gain.low) / 2
    if not math.isfinite(half):
        return None, 0
    of_pictures, aim = 1 - of_seeds, (max(abs(gain.value), WORTH) / max(half, 1e-9)) ** 2
    if aim >= 1:
        return 0, 0
    if aim > of_pictures and (wanted := math.ceil(seeds * of_seeds / (aim - of_pictures))) <= MOST_SEEDS:
        return 0, wanted
    if aim > of_seeds and (times := of_pictures / (aim - of_seeds)) <= MOST:
        return _tens(pictures * (times - 1)), 0
    if 1 / aim <= MOST and (wanted := math.ceil(seeds / aim)) <= MOST_SEEDS:
        return _tens(pictures * (1 / aim - 1)), wanted
    return None, 0


def _tens(count: float) -> int:
    return math.ceil(count / 10) * 10


def sentence(verdict: Verdict, measures: Measures) -> str:
    """In English, for the command line and the report."""
    v = verdict
    if v.kind == "no_synthetic":
        if v.gain is None:
            return "Only plain training was run: there is nothing to compare."
        word = "raised" if v.gain.above_zero else "lowered" if v.gain.below_zero else "did not clearly change"
        mean = f"the scarce classes' mean {measures.word} ({_signed(v.gain)})"
        return f"Balanced sampling {word} {mean}; no synthetic pictures were tried."
    if v.kind == "not_learned":
        return (
            f"Neither training learned anything of the scarce classes (mean {measures.word} 0), so nothing can be said "
            "of synthetic pictures: give it more epochs, or a pretrained start."
        )
    if v.kind == "no_difference":
        text = (
            f"No difference that this test set of {v.pictures} pictures of scarce classes could show: "
            f"{_signed(v.gain)} in their mean {measures.word}."
        )
        return text + _advice(v)
    change = f"{measures.rate} on {v.label} from {v.before:.2f} to {v.after:.2f} ({_range(v.change)})"
    mean = f"the scarce classes' mean {measures.word} by {_signed(v.gain)}"
    if v.kind == "worse":
        return f"Synthetic images did harm: they moved {mean}; {change}. Leave them out."
    text = f"Synthetic images raised {change}, and {mean}"
    if v.kind == "helped":
        beside = (
            "" if v.over_balanced is None else f", more than balanced sampling ({_signed(v.over_balanced)} over it)"
        )
        return f"{text}{beside}."
    text += f"; but not more than balanced sampling, which needs none ({_signed(v.over_balanced)} over it)."
    return text + _advice(v)


def _advice(v: Verdict) -> str:
    """What would tell, where these trainings and pictures could not; a sentence with a space before it, or nothing."""
    if v.more is None:
        return ""
    if v.more and v.seeds:
        return f" About {v.more} more test pictures and {v.seeds} seeds would tell."
    if v.seeds:
        return f" It is the trainings that scatter: about {v.seeds} seeds would tell."
    if v.more:
        return f" Collect about {v.more} more test pictures to tell."
    return f" A difference of {WORTH * 100:.0f} points would have shown."


def _signed(interval: Interval | None) -> str:
    return "–" if interval is None else f"{interval.value:+.3f}, {_range(interval)}"


def _range(interval: Interval | None) -> str:
    return "–" if interval is None else f"{interval.low:+.2f} to {interval.high:+.2f}"
