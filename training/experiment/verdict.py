"""What an experiment's figures say, and no more than that."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from training.experiment.compare import Figure, Interval

#: A difference worth collecting pictures for, where none was seen: five points.
WORTH = 0.05
#: Beyond so many times as many test pictures, more of them are no advice.
MOST = 20

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
        more: as many more would show the difference, or one of five points; 0 where these sufficed, None where no
            number would be sensible.
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
    best: str


def decide(
    figures: Mapping[str, Mapping[str, Figure]],
    judged: tuple[str, float] | None,
    scarce: Sequence[str],
    pictures: int,
    measures: Measures,
) -> Verdict:
    """From each arm's figures; the one with synthetic pictures is at its chosen ratio.

    Args:
        figures: arm → its figures, the paired ones of one `Bootstrap`; `plain` is among them.
        judged: the arm with synthetic pictures, and its ratio.
    """
    plain, balanced = figures["plain"], figures.get("balanced")
    mean, rate = measures.mean, measures.rate
    gains = {arm: found[mean].minus(plain[mean]) for arm, found in figures.items() if arm != "plain"}
    better = [arm for arm, gain in gains.items() if gain.above_zero]
    best = max(better, key=lambda arm: gains[arm].value, default="plain")
    arm, ratio = judged or ("balanced" if balanced else None, None)
    if arm is None or arm == "plain":
        return Verdict("no_synthetic", None, None, None, None, None, 0, 0, None, None, pictures, None, best)
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
    more = _more(gain, pictures) if kind == "no_difference" else None
    return Verdict(kind, arm, ratio, gain, over, label, before, after, change, balanced_change, pictures, more, best)


def _more(gain: Interval, pictures: int) -> int | None:
    """An interval narrows with the root of the number of pictures; rounded up to tens."""
    half = (gain.high - gain.low) / 2
    if not math.isfinite(half):
        return None
    factor = (half / max(abs(gain.value), WORTH)) ** 2
    if factor <= 1:
        return 0
    return math.ceil(pictures * (factor - 1) / 10) * 10 if factor <= MOST else None


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
        if v.more:
            return f"{text} Collect about {v.more} more test pictures to tell."
        return f"{text} A difference of {WORTH * 100:.0f} points would have shown." if v.more == 0 else text
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
    return f"{text}; but not more than balanced sampling, which needs none ({_signed(v.over_balanced)} over it)."


def _signed(interval: Interval | None) -> str:
    return "–" if interval is None else f"{interval.value:+.3f}, {_range(interval)}"


def _range(interval: Interval | None) -> str:
    return "–" if interval is None else f"{interval.low:+.2f} to {interval.high:+.2f}"
