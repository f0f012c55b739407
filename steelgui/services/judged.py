"""An experiment's test pictures as its trainings judged them; pure functions of `result.json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Judged:
    """One test picture.

    Attributes:
        said: the class that each of the compared arms gives it, plain training first.
        models: of each of these arms the training that says so.
        agreeing: how many of the seeds say so, of the arm that was asked for.
    """

    image: Path
    truth: str
    said: tuple[str, ...]
    models: tuple[str, ...]
    agreeing: int


def plain_arm(result: Result) -> Result | None:
    return next((arm for arm in result["arms"] if arm["arm"] == "plain"), None)


def judged_arm(result: Result) -> Result | None:
    """The arm that the verdict is about; None where plain training was alone."""
    said = result["verdict"]
    return next((arm for arm in result["arms"] if (arm["arm"], arm["ratio"]) == (said["arm"], said["ratio"])), None)


def compared(result: Result) -> list[Result]:
    """Before and after: plain training and the judged arm; none of a segmenter's, which confuses no classes."""
    return [arm for arm in (plain_arm(result), judged_arm(result)) if arm and arm["confusion"] is not None]


def changed(result: Result) -> tuple[list[Judged], list[Judged]]:
    """Pictures that went from wrong to right, and from right to wrong, by the majority of the seeds."""
    arms = compared(result)
    better: list[Judged] = []
    worse: list[Judged] = []
    if len(arms) < 2:
        return better, worse
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
    if side not in range(len(arms)):
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
