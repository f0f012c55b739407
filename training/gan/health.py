"""How a run is doing, in one word: from what D says, how samples vary, and how near training pictures they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from training.runs import Remedy

Health = Literal["waiting", "learning", "d_wins", "g_wins", "collapsing", "memorising"]
#: What is wrong → what helps: first while pictures can be augmented more, then when they cannot.
REMEDY_FOR: Mapping[str, tuple[Remedy, Remedy]] = {
    "d_wins": ("augment", "lower_d"),
    "g_wins": ("lower_g", "lower_g"),
    "collapsing": ("best", "best"),
    "memorising": ("augment", "best"),
}

#: Steps (one a second in the events) over which D's opinions are averaged.
WINDOW = 30
#: D is this sure of everything: its gradient teaches G nothing any more.
SURE = 0.97
#: Samples vary less than this part of what real pictures do, or less than half of what they did at their best.
LOW_DIVERSITY, LOST_DIVERSITY = 0.25, 0.5
#: Samples lie nearer to a training picture than this part of what training pictures do to each other. Planted copies
#: under noise reach 0.33 at most, held-out pictures 0.9, blurred averages 0.7 (`benchmarks/gan_alarms.py`).
COPIED = 0.4


def diagnose(steps: Sequence[Mapping[str, Any]], checks: Sequence[Mapping[str, Any]]) -> Health:
    """One word for a run.

    Args:
        steps: `step` events as JSON, in order; their `losses` hold D's mean probability of `real` and `fake`.
        checks: `checked` events as JSON, in order; their `values` hold `diversity` and `nearest`.
    """
    diversities = [float(check["values"]["diversity"]) for check in checks]
    if diversities and len(diversities) >= 3:
        # The first checks of any run show noise that varies little; only what was won can be lost.
        now, best = diversities[-1], max(diversities)
        if best >= 2 * LOW_DIVERSITY and (now < LOW_DIVERSITY or now < LOST_DIVERSITY * best):
            return "collapsing"
        if max(diversities[-3:]) < LOW_DIVERSITY and len(diversities) >= 6:
            return "collapsing"
    if checks and float(checks[-1]["values"]["nearest"]) < COPIED:
        return "memorising"
    recent = [step["losses"] for step in list(steps)[-WINDOW:]]
    if len(recent) < 5:
        return "learning" if checks else "waiting"
    real = sum(float(losses["real"]) for losses in recent) / len(recent)
    fake = sum(float(losses["fake"]) for losses in recent) / len(recent)
    if real > SURE and fake < 1 - SURE:
        return "d_wins"
    if fake > SURE - 0.1 and fake > real:
        return "g_wins"
    return "learning"


def remedy_for(health: str, augment: float) -> Remedy | None:
    """What helps against a state of health at a strength of augmentation from 0 to 1; None where nothing is wrong."""
    if health not in REMEDY_FOR:
        return None
    return REMEDY_FOR[health][augment >= 1]
