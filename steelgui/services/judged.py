"""An experiment's test pictures as its trainings judged them; pure functions of `result.json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Result = Mapping[str, Any]
#: Dice that a picture must have gained or lost to be shown: less is the rim of a mask.
CHANGED = 0.05


@dataclass(frozen=True)
class Judged:
    """One test picture.

    Attributes:
        said: the class that each of the compared arms gives it, plain training first; empty for a segmenter's.
        models: of each of these arms the training that says so.
        agreeing: how many of the seeds say so, of the arm that was asked for.
        dice: of a segmenter's: what each of `models` reached, mean over the classes that the picture shows.
    """

    image: Path
    truth: str
    said: tuple[str, ...]
    models: tuple[str, ...]
    agreeing: int
    dice: tuple[float, ...] = ()


def plain_arm(result: Result) -> Result | None:
    return next((arm for arm in result["arms"] if arm["arm"] == "plain"), None)


def judged_arm(result: Result) -> Result | None:
    """The arm that the verdict is about; None where plain training was alone."""
    said = result["verdict"]
    return next((arm for arm in result["arms"] if (arm["arm"], arm["ratio"]) == (said["arm"], said["ratio"])), None)


def compared(result: Result) -> list[Result]:
    """Before and after: plain training and the judged arm."""
    return [arm for arm in (plain_arm(result), judged_arm(result)) if arm]


def of_masks(result: Result) -> bool:
    """Whether defects were marked, and not named."""
    return result.get("task") == "segmenter"


def changed(result: Result) -> tuple[list[Judged], list[Judged]]:
    """Pictures that went from wrong to right, and from right to wrong, by the majority of the seeds; of a segmenter's
    those whose masks have become better, and worse, by more than `CHANGED`, most of all first."""
    arms = compared(result)
    better: list[Judged] = []
    worse: list[Judged] = []
    if len(arms) < 2:
        return better, worse
    if of_masks(result):
        gained = sorted((one for row in result["test"] if (one := _marked(row, arms))), key=lambda one: one[0])
        return [one for gain, one in reversed(gained) if gain > CHANGED], [
            one for gain, one in gained if gain < -CHANGED
        ]
    for row in result["test"]:
        found = _judged(row, arms, 1)
        before, after = (name == found.truth for name in found.said)
        if before != after:
            (better if after else worse).append(found)
    return better, worse


def in_cell(result: Result, side: int, truth: str, predicted: str) -> list[Judged]:
    """Pictures of one cell of a confusion matrix: any seed of the arm filed them there; the most agreed on first.

    Args:
        side: 0 for the matrix before, 1 for the one after; no picture for another, or for a class that is not there.
    """
    arms = compared(result)
    if side not in range(len(arms)) or of_masks(result):
        return []
    key = key_of(arms[side])
    rows = [row for row in result["test"] if row["truth"] == truth and predicted in row["predicted"][key]]
    return sorted((_judged(row, arms, side, predicted) for row in rows), key=lambda found: -found.agreeing)


def cell_counts(result: Result, arm: Result) -> Counter[tuple[str, str]]:
    """Truth and prediction → how many pictures `in_cell` has for them."""
    key = key_of(arm)
    return Counter((row["truth"], name) for row in result["test"] for name in set(row["predicted"][key]))


def key_of(arm: Result) -> str:
    """How `result["test"]` calls an arm's predictions."""
    return str(arm["arm"]) if arm["ratio"] is None else f"{arm['arm']}-{arm['ratio']:g}"


def _marked(row: Result, arms: Sequence[Result]) -> tuple[float, Judged] | None:
    """What a picture's dice gained, mean over the seeds, and the models of the seed that is the most typical of it;
    None where it shows nothing that could be marked."""
    dice = [row["dice"][key_of(arm)] for arm in arms]
    if any(value is None for values in dice for value in values):
        return None
    gains = [after - before for before, after in zip(*dice, strict=True)]
    gain = sum(gains) / len(gains)
    seed = min(range(len(gains)), key=lambda number: abs(gains[number] - gain))
    models = tuple(arm["models"][seed] for arm in arms)
    return gain, Judged(Path(row["image"]), row["truth"], (), models, 1, tuple(values[seed] for values in dice))


def _judged(row: Result, arms: Sequence[Result], side: int, asked: str | None = None) -> Judged:
    """By the majority of each arm's seeds, except for the class `asked` of one arm; a model that says so of each arm,
    with the same seed where there is one, since two seeds differ by themselves."""
    predicted = [row["predicted"][key_of(arm)] for arm in arms]
    said = [Counter(names).most_common(1)[0][0] for names in predicted]
    said[side] = asked or said[side]
    together = [seed for seed, names in enumerate(zip(*predicted, strict=True)) if list(names) == said]
    seeds = [together[0] if together else names.index(name) for names, name in zip(predicted, said, strict=True)]
    models = tuple(arm["models"][seed] for arm, seed in zip(arms, seeds, strict=True))
    return Judged(Path(row["image"]), row["truth"], tuple(said), models, predicted[side].count(said[side]))
