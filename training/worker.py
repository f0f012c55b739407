"""Works on a run: waits for its turn, drives the trainer, writes down what it tells, obeys the control file."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import Any

from filelock import FileLock, Timeout

from models.files import disk_is_full
from training.events import Busy, Cancelled, Event, to_json
from training.runs import REMEDIES, Run, RunError, Status, Word, all_runs

#: Seconds between two looks at the control file while there is nothing else to do.
POLL = 0.2
#: Seconds in which a run's lock must come free: whoever asks whether a worker is alive holds it for a moment.
PROBED = 2.0
#: Seconds between two steps in the events file: a curve needs no more, and a day's run stays readable.
STEPS_EVERY = 1.0

Trainer = Generator[Event, str | None, None]


def trainer_of(kind: str, config: dict[str, Any]) -> Trainer:
    """The generator of a run kind; RunError for an unknown one."""
    if kind == "gan":
        from training.config import parse
        from training.gan.config import GanConfig
        from training.gan.train import train_gan

        return train_gan(parse(GanConfig, config))
    if kind == "experiment":
        from training.config import parse
        from training.experiment.config import ExperimentConfig
        from training.experiment.run import train_experiment

        return listening(train_experiment(parse(ExperimentConfig, config)))
    if kind == "anomaly":
        from training.anomaly.config import AnomalyConfig
        from training.anomaly.train import train_anomaly
        from training.config import parse

        return listening(train_anomaly(parse(AnomalyConfig, config)))
    if kind == "comparison":
        from training.comparison.config import ComparisonConfig
        from training.comparison.run import train_comparison
        from training.config import parse

        return listening(train_comparison(parse(ComparisonConfig, config)))
    raise RunError(f"there is no training called {kind!r}")


def listening(events: Iterator[Event]) -> Trainer:
    """A training that saves by itself, after each epoch, as one that can be told to: the answer is its next event."""
    for event in events:
        while (yield event) is not None:
            event = Busy("saving")


def work(run: Run, tell: Callable[[Event | Status], None] = lambda _: None) -> Status:
    """Train until the end, a stop, or a failure; returns the last status, which is also on disk.

    Args:
        tell: hears every event and every change of state: a progress bar.

    Raises:
        RunError: another worker is at it.
        Whatever the trainer raises, after it was written down.
    """
    lock = run.lock()
    try:
        lock.acquire(timeout=PROBED)
    except Timeout:
        raise RunError(f"{run.id} is being worked on already; pause or stop it there") from None
    try:
        return _Worker(run, tell).work()
    finally:
        lock.release()


class _Worker:
    def __init__(self, run: Run, tell: Callable[[Event | Status], None]) -> None:
        self.run, self.tell = run, tell
        self.status = Status("queued", pid=os.getpid())
        self.turn = FileLock(run.folder.parent / "compute.lock")
        self._written_at = 0.0
        #: When the work began; pauses move it on.
        self._since = 0.0

    def work(self) -> Status:
        run = self.run
        resume = any(run.folder.glob("checkpoints/state-*.pt"))
        try:
            about = run.about()
            config = {**about["config"], "out": str(run.folder), "resume": resume}
            self._tidy()
            if not self._wait_for_turn():
                return self._set("stopped")
            return self._drive(trainer_of(about["kind"], config))
        except KeyboardInterrupt:
            self._set("stopped")
            raise
        except BaseException as error:
            if disk_is_full(error):
                full = RunError(
                    f"the disk that holds {run.folder} is full; make room and resume: it goes on from its last "
                    "saved state, which is whole"
                )
                with suppress(OSError):
                    self._set("failed", error=str(full))
                raise full from error
            self._set("refused" if self._refused(error) else "failed", error=f"{error}" or type(error).__name__)
            raise
        finally:
            self.turn.release(force=True)

    def _tidy(self) -> None:
        """Remove the halves of files that a worker was killed over; they are hidden, and as large as what they were to
        become. Nobody else writes tensors and grids here."""
        for pattern in (".*.tmp.safetensors", "checkpoints/.*.tmp*", "samples/.*.tmp*"):
            for half in self.run.folder.glob(pattern):
                half.unlink(missing_ok=True)

    def _drive(self, trainer: Trainer) -> Status:
        asked: str | None = None
        self._set("running")
        self._since = time.monotonic()
        try:
            while True:
                try:
                    event = trainer.send(asked)
                except StopIteration:
                    return self._set("finished", step=self.status.steps)
                asked = None
                self._note(event)
                # The trainer listens at its steps only; a word that comes in between waits for the next.
                word = self.run.take() if event.kind == "step" else self.run.told()
                if event.kind == "step":
                    if word == "save" or word in REMEDIES:
                        asked = word
                    elif word in ("pause", "stop"):
                        self._note(trainer.send("save"))
                        word = self._paused() if word == "pause" else word
                if word == "stop":
                    self._note(Cancelled(self.status.step))
                    return self._set("stopped")
        finally:
            trainer.close()

    def _note(self, event: Event) -> None:
        self.tell(event)
        if event.kind == "started":
            if self.run.events_path.exists():
                self.run.forget_after(event.done)
            self._set("running", step=event.done, steps=event.steps)
        if event.kind == "busy":
            return
        if event.kind == "note" and event.back:
            self.run.forget_after(event.step)
            self._set("running", step=event.step)
        if event.kind == "step":
            if time.monotonic() - self._written_at < STEPS_EVERY:
                return
            self._written_at = time.monotonic()
            self._set("running", step=event.step, steps=event.steps)
        # Opened each time: a reader may have it copied or moved, and one line a second costs nothing.
        told = {**to_json(event), "worked_s": round(time.monotonic() - self._since, 1)}
        with self.run.events_path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(told, ensure_ascii=False) + "\n")

    def _refused(self, error: BaseException) -> bool:
        """Did it fail for what the user gave it, before there was anything to keep?"""
        from models.imagefile import ImageError
        from models.sidecar import CheckpointError
        from training.config import ConfigError
        from training.data.record import DataError

        given = isinstance(error, (CheckpointError, ConfigError, DataError, ImageError, RunError))
        return given and self.status.steps == 0 and not any(self.run.folder.glob("checkpoints/*.pt"))

    def _paused(self) -> Word:
        """Let others compute until somebody says run or stop."""
        self._set("paused")
        paused_at = time.monotonic()
        self.turn.release(force=True)
        while (word := self.run.take()) not in ("run", "stop"):
            time.sleep(POLL)
        if word == "run" and not self._wait_for_turn():
            word = "stop"
        if word == "run":
            self._set("running")
        self._since += time.monotonic() - paused_at
        return word

    def _wait_for_turn(self) -> bool:
        """One training at a time, in the order in which they were made; False when told to stop meanwhile."""
        self._set("queued")
        while True:
            if self.run.told() == "stop":
                return False
            if self._first_in_line():
                try:
                    self.turn.acquire(timeout=0)
                    return True
                except Timeout:
                    pass
            time.sleep(POLL)

    def _first_in_line(self) -> bool:
        earlier = (other for other in all_runs(self.run.folder.parent) if other.id < self.run.id)
        return not any(other.alive() and other.status().state == "queued" for other in earlier)

    def _set(self, state: Any, **changes: Any) -> Status:
        before = self.status
        self.status = Status(**{**before.__dict__, "state": state, **changes})
        self.run.write_status(self.status)
        if before.state != state:
            self.tell(self.status)
        return self.status
