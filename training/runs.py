"""A run's folder: what was asked, what happened, and where to say pause or stop. The folder is the truth.

config.json    kind, name, when it was made, and the configuration
status.json    state, step and steps, process, error; written whole by the worker
events.jsonl   what the trainer told, one JSON object a line; `worked_s` are the seconds that the run has been worked on
               since it was started or resumed, pauses left out
control        one word for the worker: run, pause, stop, save or a remedy
alive.lock     locked while a worker works on the run
log.txt        what a worker without a terminal printed
samples/ checkpoints/    the trainer's own
"""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, Literal, get_args

from filelock import FileLock, Timeout

from models.files import atomic_write, disk_is_full

#: `refused`: the data or the settings were of no use, so there is no first step and nothing to keep.
State = Literal["queued", "running", "paused", "finished", "stopped", "failed", "interrupted", "refused"]
#: What helps a GAN that goes wrong: half of G's or of D's learning rate, more augmentation, back to the best snapshot.
Remedy = Literal["lower_g", "lower_d", "augment", "best"]
REMEDIES: tuple[Remedy, ...] = get_args(Remedy)
#: Said once, and done at the next step; the others hold until another is said.
Word = Literal["run", "pause", "stop", "save"] | Remedy
WORDS: frozenset[str] = frozenset({"run", "pause", "stop", "save", *REMEDIES})
#: States in which a process must be there; without one, the run was interrupted.
LIVE: frozenset[str] = frozenset({"queued", "running", "paused"})
LONGEST_NAME = 80
#: Two who ask at once whether a worker is alive would take each other for it.
_PROBING = Lock()
#: Bytes at the end of the events in which the last step of any run is found.
TAIL = 65_536


class RunError(ValueError):
    """A run cannot be found or used so; the message says what would be right."""


@dataclass(frozen=True)
class Status:
    """How far a run is. `error` is a sentence where it failed."""

    state: State
    step: int = 0
    steps: int = 0
    pid: int | None = None
    error: str | None = None


class Run:
    """One run's folder; cheap to make, reads the disk when asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name

    @classmethod
    def create(cls, root: Path, kind: str, config: dict[str, Any], name: str | None = None) -> Run:
        """Make a folder under `root`; its id sorts by time. OSError where the disk is full or cannot be written."""
        root.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC)
        # With the fraction: of two runs made in one second the list must know the older one.
        run = cls(root / f"{now:%Y%m%d-%H%M%S-%f}-{kind}-{secrets.token_hex(2)}")
        run.folder.mkdir()
        about = {"kind": kind, "name": name or run.id, "created": now.isoformat(timespec="seconds"), "config": config}
        try:
            run._write(about)
            run.write_status(Status("queued"))
        except BaseException:
            shutil.rmtree(run.folder, ignore_errors=True)
            raise
        return run

    # What it is -------------------------------------------------------------------------------------------------

    def about(self) -> dict[str, Any]:
        """`kind`, `name`, `created` (ISO 8601, UTC) and `config`; RunError where the file is broken."""
        try:
            value: dict[str, Any] = json.loads((self.folder / "config.json").read_text("utf-8"))
            value["config"], value["kind"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{self.id}: config.json cannot be read ({error}); delete the run") from error
        return value

    @property
    def kind(self) -> str:
        """`gan`, `experiment` or `comparison`; empty where config.json is broken."""
        try:
            return str(self.about()["kind"])
        except RunError:
            return ""

    @property
    def generator_path(self) -> Path:
        """Where a GAN's run keeps its best snapshot."""
        return self.folder / f"{self.id}.safetensors"

    @property
    def generator(self) -> Path:
        """The best snapshot that a GAN's run has kept; RunError before its first check."""
        path = self.generator_path
        if not path.is_file():
            raise RunError(f"{self.about()['name']} has made no generator yet; wait for its first check")
        return path

    def rename(self, name: str) -> None:
        """RunError for a name of no characters, or of more than a list has room for."""
        name = " ".join(name.split())
        if not 0 < len(name) <= LONGEST_NAME:
            raise RunError(f"a run's name has 1 to {LONGEST_NAME} characters, this one {len(name)}")
        self._write({**self.about(), "name": name})

    def change(self, **values: Any) -> None:
        """Other values in the configuration; RunError where it cannot be read."""
        about = self.about()
        self._write({**about, "config": {**about["config"], **values}})

    def _write(self, about: dict[str, Any]) -> None:
        atomic_write(self.folder / "config.json", json.dumps(about, indent=1, ensure_ascii=False))

    # How it stands ----------------------------------------------------------------------------------------------

    def status(self) -> Status:
        """The worker's last word, corrected where no worker is alive any more."""
        try:
            value = json.loads((self.folder / "status.json").read_text("utf-8"))
            status = Status(**value)
            if status.state not in get_args(State):
                raise ValueError(status.state)
        except (OSError, ValueError, TypeError):
            status = Status("interrupted")
        if status.state in LIVE and not self.alive():
            # A worker that was just spawned has not locked its run yet; it gets a moment.
            if status.state == "queued" and time.time() - self._touched() < 20:
                return status
            return Status("interrupted", status.step, status.steps)
        return status

    def write_status(self, status: Status) -> None:
        path, text = self.folder / "status.json", json.dumps(status.__dict__).encode()
        try:
            atomic_write(path, text)
        except OSError as error:
            if not disk_is_full(error) or not path.is_file():
                raise
            # A full disk has no room for a second file, but the block of the first one is ours to write over.
            with path.open("r+b") as file:
                file.write(text.ljust(path.stat().st_size))

    def alive(self) -> bool:
        """Is a worker at it? The lock tells, not the process number, which the system may have given away again."""
        with _PROBING:
            lock = self.lock()
            try:
                lock.acquire(timeout=0)
            except Timeout:
                return True
            lock.release()
            return False

    def lock(self) -> FileLock:
        return FileLock(self.folder / "alive.lock")

    def _touched(self) -> float:
        try:
            return (self.folder / "status.json").stat().st_mtime
        except OSError:
            return 0.0

    # What is said to it -----------------------------------------------------------------------------------------

    def say(self, word: Word) -> None:
        atomic_write(self.folder / "control", word)

    def told(self) -> Word | None:
        """The word in `control`, if there is a known one."""
        try:
            word = (self.folder / "control").read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return word if word in WORDS else None  # type: ignore[return-value]

    def take(self) -> Word | None:
        """The word in `control`, which is empty then: a word that is said meanwhile is not lost, but comes next."""
        taken = self.folder / "control.taken"
        try:
            (self.folder / "control").replace(taken)
            word = taken.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return word if word in WORDS else None  # type: ignore[return-value]

    # What happened ----------------------------------------------------------------------------------------------

    @property
    def events_path(self) -> Path:
        return self.folder / "events.jsonl"

    def events(self) -> Iterator[dict[str, Any]]:
        """Events as JSON objects; a line that was cut off by a crash, or is broken, is passed over."""
        try:
            lines = self.events_path.read_text("utf-8", errors="replace").splitlines()
        except OSError:
            return
        for line in lines:
            if event := read_event(line):
                yield event

    def result(self) -> dict[str, Any] | None:
        """What an experiment or a comparison came to, its `result.json`; None before it has ended."""
        try:
            value: dict[str, Any] = json.loads((self.folder / "result.json").read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return value

    def speed(self) -> float | None:
        """Pictures a second, as the last step told it; reads the end of the events only."""
        try:
            with self.events_path.open("rb") as file:
                file.seek(max(0, self.events_path.stat().st_size - TAIL))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return None
        for line in reversed(lines):
            if event := read_event(line):
                speed = event.get("images_per_s")
                if event["kind"] == "step" and isinstance(speed, (int, float)):
                    return float(speed)
        return None

    def forget_after(self, step: int) -> None:
        """Drop events beyond a step: the run goes on from there and will tell them again. Notes stay, as history."""
        kept = [
            event
            for event in self.events()
            if event["kind"] == "note" or (_step_of(event) <= step and event["kind"] != "finished")
        ]
        atomic_write(self.events_path, "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in kept))


def read_event(line: str | bytes) -> dict[str, Any] | None:
    """A line of `events.jsonl`; None where it was cut off or is broken."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) and "kind" in value else None


def _step_of(event: dict[str, Any]) -> float:
    step = event.get("step", event.get("epoch", 0))
    return step if isinstance(step, (int, float)) else 0


def all_runs(root: Path) -> list[Run]:
    """Runs under a folder, the oldest first; hidden and deleted ones are left out."""
    if not root.is_dir():
        return []
    return [Run(path.parent) for path in sorted(root.glob("*/config.json")) if not path.parent.name.startswith(".")]


def find_run(root: Path, name: str) -> Run:
    """By id, by the start of one, or by name; RunError where none or several fit."""
    runs = all_runs(root)
    exact = [run for run in runs if run.id == name] or [run for run in runs if _is_called(run, name)]
    fitting = exact or [run for run in runs if run.id.startswith(name)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise RunError(f"{name}: {len(fitting)} runs fit; give more of the id ({', '.join(r.id for r in fitting[:4])})")
    raise RunError(f"{name}: there is no such run; known: {', '.join(run.id for run in runs[-8:]) or 'none'}")


def _is_called(run: Run, name: str) -> bool:
    try:
        return bool(run.about().get("name") == name)
    except RunError:  # one broken run must not hide the others
        return False
