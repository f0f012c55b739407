"""How long an experiment still takes, told from the time of what it has done. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any


def time_left(events: Iterable[Mapping[str, Any]], trainings: int) -> float | None:
    """Seconds to go, if nothing else comes to compute.

    Steps take time, validation among them, and so does what lies between two trainings: the test is judged, and the
    next training reads its pictures. Until one has been judged, its own reading stands for that.

    Args:
        events: of `Run.events`; `worked_s` starts again where the run was resumed.
        trainings: that the experiment consists of.

    Returns:
        None before there is anything to go by.
    """
    stepping, stepped, steps = 0.0, 0, 0
    read: list[float] = []
    judged: list[float] = []
    gaps = read
    at, step, between = 0.0, 0, True
    ended: set[int] = set()
    for event in events:
        now = event.get("worked_s")
        if now is None:
            continue  # of an earlier version
        if event["kind"] == "started":
            at, step, steps, between, gaps = now, event["done"], event["steps"], True, read
        elif event["kind"] == "trial" and event["done"] and between and event["step"] == step:
            ended.add(event["number"])  # told again at the start, or side by side with another
        elif event["kind"] in ("step", "trial"):
            if between:
                gaps.append(now - at)
            else:
                stepping += now - at
                stepped += event["step"] - step
            at, step, between = now, event["step"], False
            if event["kind"] == "trial" and event["done"]:
                ended.add(event["number"])
                between, gaps = True, judged
    if not stepped:
        return None
    to_judge = trainings - len(ended) + (between and gaps is judged)
    return (steps - step) * stepping / stepped + to_judge * fmean(judged or read)
