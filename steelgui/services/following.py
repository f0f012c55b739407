"""A run's events as they grow: read once each, however long the run and however often somebody looks."""

from __future__ import annotations

import math
import os
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from training.gan.health import WINDOW
from training.runs import Run, read_event

#: Points a curve at most: more make a browser slow and no line clearer.
POINTS = 400
#: Runs that are kept in memory: those that the visitors of a day watch and compare.
FOLLOWED = 16
#: Bytes before the place where reading goes on; if they are others now, the file was written anew.
SEAM = 64


class Curve:
    """Points in order, thinned as they come: each is the mean of as many neighbours, so that a line does not jump."""

    def __init__(self) -> None:
        self._full: list[tuple[int, float]] = []
        self._width, self._sum, self._count, self._x = 1, 0.0, 0, 0

    def add(self, x: int, y: float) -> None:
        """A value that is no number is passed over: it cannot be drawn."""
        if not math.isfinite(y):
            return
        self._x, self._sum, self._count = x, self._sum + y, self._count + 1
        if self._count < self._width:
            return
        self._full.append((x, self._sum / self._count))
        self._sum, self._count = 0.0, 0
        if len(self._full) >= POINTS:
            pairs = zip(self._full[::2], self._full[1::2], strict=True)
            self._full = [(second[0], (first[1] + second[1]) / 2) for first, second in pairs]
            self._width *= 2

    def points(self) -> list[tuple[int, float]]:
        """At most `POINTS`; the last one may stand for fewer values than the others."""
        return [*self._full, (self._x, self._sum / self._count)] if self._count else list(self._full)


@dataclass
class Told:
    """What the events of a run say, up to now.

    Attributes:
        curves: by name; `g`, `d`, `real`, `fake` and a growing network's `depth`.
        last: the newest step.
        recent: the newest steps since the last remedy, for a diagnosis.
        checks: `checked` events in order.
        notes: `note` events in order.
        remedy: a remedy that no check has judged yet.
    """

    curves: dict[str, Curve] = field(
        default_factory=lambda: {name: Curve() for name in ("g", "d", "real", "fake", "depth")}
    )
    last: dict[str, Any] | None = None
    recent: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=WINDOW))
    checks: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    remedy: str | None = None

    def add(self, event: dict[str, Any]) -> None:
        """Take an event in; KeyError, TypeError or ValueError where it is none of ours."""
        if event["kind"] == "step":
            step, losses = int(event["step"]), {name: float(value) for name, value in event["losses"].items()}
            memory = {name: int(value) for name, value in event.get("memory", {}).items()}
            event = {**event, "losses": losses, "images_per_s": float(event["images_per_s"]), "memory": memory}
            for name, curve in self.curves.items():
                if name in losses:
                    curve.add(step, losses[name])
            self.last = event
            self.recent.append(event)
        elif event["kind"] == "checked":
            values = {name: float(value) for name, value in event["values"].items()}
            values["kid"], values["diversity"], values["nearest"]
            self.checks.append(
                {**event, "step": int(event["step"]), "samples": str(event["samples"]), "values": values}
            )
            self.remedy = None
        elif event["kind"] == "note":
            self.notes.append({**event, "text": str(event["text"])})
            if event.get("remedy"):
                self.remedy = str(event["remedy"])
                self.recent.clear()


class _Follower:
    """Where reading has come to in one events file."""

    def __init__(self) -> None:
        self.lock = Lock()
        self._start()

    def _start(self) -> None:
        self.told, self._at, self._seam, self._file = Told(), 0, b"", 0

    def read(self, run: Run) -> Told:
        try:
            with run.events_path.open("rb") as file:
                self._find_place(file)
                new = file.read()
        except OSError:
            self._start()
            return self.told
        # The last line may still be on its way.
        whole = new[: new.rfind(b"\n") + 1]
        for line in whole.splitlines():
            event = read_event(line)
            try:
                if event:
                    self.told.add(event)
            except (KeyError, TypeError, ValueError, AttributeError):
                continue
        self._at += len(whole)
        self._seam = (self._seam + whole)[-SEAM:]
        return self.told

    def _find_place(self, file: Any) -> None:
        """Go on after what was read, or start afresh where the file was written anew: a run that went back."""
        number = os.fstat(file.fileno()).st_ino
        file.seek(self._at - len(self._seam))
        if number != self._file or file.read(len(self._seam)) != self._seam:
            self._start()
            file.seek(0)
        self._file = number


class Following:
    """Followers of the runs that were looked at last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._followers: OrderedDict[str, _Follower] = OrderedDict()

    @contextmanager
    def told(self, run: Run) -> Iterator[Told]:
        """What a run's events say now; it stays so within the block, although others look at the same run."""
        with self._lock:
            follower = self._followers.setdefault(str(run.folder), _Follower())
            self._followers.move_to_end(str(run.folder))
            while len(self._followers) > FOLLOWED:
                self._followers.popitem(last=False)
        with follower.lock:
            yield follower.read(run)
