"""A camera's stream: every frame judged, and shown so that nothing flickers. Nothing is recorded."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from steelgui.results import Evidence, Inspection, Thresholds
from steelgui.services.decision import decide
from steelgui.services.workbench import Workbench

#: Seconds in which a change is two thirds taken over: slower than noise, quicker than a person.
SETTLE = 0.4
#: How present a class must have been lately (0 to 1) to be shown, and to stay so: between the two nothing changes.
ENTER, LEAVE = 0.6, 0.3
#: By how much another class must score higher before it takes the label over.
LEAD = 0.15
#: Seconds after which what was seen before says nothing of the present.
FORGET = 3.0
#: Frames that may wait for the networks at once; they run one after another anyway, so more would only be older.
AT_ONCE = 4
#: Streams that are remembered; a browser that goes says nothing.
STREAMS = 64


@dataclass(frozen=True)
class Steady:
    """What a stream has shown lately.

    Attributes:
        scores: every class's score, smoothed over time.
        presence: defect → how steadily it was found lately, 0 to 1.
        found: the defects that count as found.
        label: the one that is named; None of good steel.
    """

    scores: dict[str, float]
    presence: dict[str, float]
    found: frozenset[str]
    label: str | None


def steady(before: Steady | None, seen: Inspection, seconds: float) -> Steady:
    """The state after one more frame, `seconds` after the last one; the first frame is taken as it is.

    It depends on time, not on the number of frames: at one frame a second each is believed at once.
    """
    part = 1.0 if before is None else 1 - math.exp(-seconds / SETTLE)
    past_scores, past_presence = (before.scores, before.presence) if before else ({}, {})
    now = dict.fromkeys(seen.found, 1.0)
    scores = {name: _mixed(past_scores.get(name, score), score, part) for name, score in seen.scores.items()}
    presence = {name: _mixed(past_presence.get(name, 0.0), now.get(name, 0.0), part) for name in {*past_presence, *now}}
    shown_before = before.found if before else frozenset()
    found = frozenset(name for name, value in presence.items() if value >= (LEAVE if name in shown_before else ENTER))
    return Steady(scores, presence, found, _label(before.label if before else None, found, scores, presence))


def shown(seen: Inspection, state: Steady) -> Inspection:
    """The frame's inspection as the stream shows it: smoothed scores, and what is found steadily alone."""
    scores = dict(sorted(state.scores.items(), key=lambda item: -item[1]))
    return replace(
        seen,
        verdict="defect" if state.label else "ok",
        label=state.label or _defect_free(seen),
        scores=scores,
        defects=tuple(defect for defect in seen.defects if defect.name in state.found),
    )


def _mixed(old: float, new: float, part: float) -> float:
    return old + part * (new - old)


def _label(
    before: str | None, found: frozenset[str], scores: dict[str, float], presence: dict[str, float]
) -> str | None:
    if not found:
        return None
    # By name last, so that equal ones do not take turns.
    best = max(sorted(found), key=lambda name: (scores.get(name, 0.0), presence[name]))
    if before in found and scores.get(best, 0.0) - scores.get(before, 0.0) < LEAD:
        return before
    return best


def _defect_free(seen: Inspection) -> str:
    from models.spec import is_defect_free

    return next((name for name in seen.scores if is_defect_free(name)), "none")


class BusyError(RuntimeError):
    """No turn for this frame; `own` where the same stream's last one is not answered yet."""

    def __init__(self, own: bool) -> None:
        super().__init__("the last frame is not answered yet" if own else "others' frames are being inspected")
        self.own = own


class LiveInspection:
    """Judges the frames of any number of streams, each named by its client."""

    def __init__(self, workbench: Workbench, *, now: Callable[[], float] = time.monotonic) -> None:
        self.workbench = workbench
        self._now = now
        self._lock = threading.Lock()
        self._in_flight: set[str] = set()
        self._streams: OrderedDict[str, tuple[float, Steady]] = OrderedDict()

    @contextmanager
    def turn(self, client: str) -> Iterator[None]:
        """One frame at a time for each client and `AT_ONCE` in all; BusyError instead of a queue."""
        with self._lock:
            if client in self._in_flight:
                raise BusyError(own=True)
            if len(self._in_flight) >= AT_ONCE:
                raise BusyError(own=False)
            self._in_flight.add(client)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight.discard(client)

    def look(
        self, client: str, image: NDArray[np.uint8], thresholds: Thresholds
    ) -> tuple[Evidence, Inspection, Inspection]:
        """What the networks saw on one H×W×3 uint8 frame, the verdict on it alone, and as its stream shows it.

        Raises:
            QueueFullError: too many pictures of others wait.
            CheckpointError: the models cannot be loaded.
        """
        self.workbench.queue.check()
        evidence = self.workbench.queue.look(image)
        seen = decide(evidence, thresholds)
        return evidence, seen, shown(seen, self._follow(client, seen))

    def _follow(self, client: str, seen: Inspection) -> Steady:
        with self._lock:
            at = self._now()
            last, before = self._streams.pop(client, (-math.inf, None))
            fresh = at - last <= FORGET and before is not None and set(before.scores) == set(seen.scores)
            state = steady(before if fresh else None, seen, at - last)
            self._streams[client] = at, state
            while len(self._streams) > STREAMS:
                self._streams.popitem(last=False)
            return state
