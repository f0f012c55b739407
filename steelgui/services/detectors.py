"""Anomaly detectors as runs: made from good pictures, watched, put to work."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.sidecar import read_sidecar
from models.spec import is_defect_free
from steelgui.preferences import BOUNDS, PreferenceFile
from steelgui.services.command_line import command_line
from steelgui.services.jobs import Jobs
from steelgui.services.library import Library
from steelgui.settings import Settings
from training.anomaly.config import AnomalyConfig
from training.config import parse
from training.data import read_dataset
from training.data.listing import list_images, subfolders
from training.runs import Run, RunError, State

#: What the pictures of a folder without classes are called.
GOOD = "good"


@dataclass(frozen=True)
class Training:
    """A detector's training as it stands.

    Attributes:
        left: seconds to go, as far as that can be told.
        notes: what came up, in English.
        odd: good pictures that look as if they were not, the strangest first.
        card: of the detector, once it is there.
    """

    id: str
    name: str
    method: str
    state: State
    step: int
    steps: int
    error: str | None
    left: float | None
    notes: tuple[str, ...]
    odd: tuple[Path, ...]
    card: dict[str, Any] | None


class Detectors:
    """Holds nothing but the services below it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.jobs = Jobs(settings)

    def counts(self, data: Path) -> dict[str, int]:
        """Pictures to learn from by class; a plain folder of pictures has one class. DataError where there are none."""
        if not subfolders(data) and (pictures := list_images(data)):
            return {GOOD: len(pictures)}
        return read_dataset(data).training_counts()

    def config(self, data: Path, changes: dict[str, Any]) -> AnomalyConfig:
        """ConfigError in one sentence where something does not fit."""
        return parse(AnomalyConfig, {**changes, "data": data, "out": self.jobs.root})

    def command(self, config: AnomalyConfig) -> str:
        return command_line(["train", "anomaly"], config)

    def start(self, config: AnomalyConfig) -> Run:
        stored = json.loads(config.model_dump_json(exclude={"out", "resume"}))
        run = self.jobs.create("anomaly", stored, f"{config.method} on {config.data.name}")
        self.jobs.start(run)
        return run

    def all(self) -> list[Run]:
        """The newest first."""
        return self.jobs.of_kind("anomaly")

    def find(self, run_id: str | None) -> Run | None:
        return self.jobs.known(run_id)

    def look(self, run: Run) -> Training:
        """RunError where its configuration cannot be read."""
        about, status = run.about(), run.status()
        events = list(run.events())
        told = [event for event in events if event["kind"] == "note"]
        file = _detector(run)
        return Training(
            id=run.id,
            name=str(about["name"]),
            method=str(about["config"]["method"]),
            state=status.state,
            step=status.step,
            steps=status.steps,
            error=status.error,
            left=_left(events) if status.state == "running" else None,
            notes=tuple(str(event["text"]) for event in told),
            odd=tuple(Path(name) for event in told for name in event.get("pictures", ())),
            card=read_sidecar(file)[1] if status.state == "finished" and file.is_file() else None,
        )

    def activate(self, run: Run, alone: bool) -> str:
        """Let the run's detector inspect from now on, at the rate of false alarms that it was asked for; its name.

        Args:
            alone: switch classifier and segmenter off, for parts that they have never seen.

        Raises:
            RunError: the run has not ended, or its detector is gone.
            CheckpointError, OSError: the detector cannot be used or kept.
        """
        file, config = _detector(run), run.about()["config"]
        if run.status().state != "finished" or not file.is_file():
            raise RunError(f"{run.id} has made no detector; wait for its end, or train again")
        name = f"{Path(config['data']).name}-{config['method']}-{run.id[4:8]}-{run.id[9:13]}"
        library = Library(self.settings)
        if name not in {entry.name for entry in library.entries()}:
            library.take_in(file, name)
        library.activate(name)
        for kind in ("classifier", "segmenter") if alone else ():
            library.switch_off(kind)
        least, most = BOUNDS["false_alarms"]
        PreferenceFile(self.settings).save(false_alarms=min(max(config["false_alarms"], least), most))
        return name

    def activated(self) -> str | None:
        """The detector at work; None where there is none."""
        path = Library(self.settings).default("anomaly")
        return path.stem if path else None

    def roll_back(self) -> str | None:
        """Back to the detector before, or to none; what was switched off for the last one inspects again."""
        library = Library(self.settings)
        library.active.roll_back("anomaly")
        for kind in ("classifier", "segmenter"):
            if library.default("anomaly") is None and library.default(kind) is None:
                library.active.roll_back(kind)
        return self.activated()


def good_class(classes: Sequence[str]) -> str | None:
    """The class that is good by its name; None where none is, or there is one class alone."""
    return next((name for name in classes if is_defect_free(name)), classes[0] if len(classes) == 1 else None)


def _detector(run: Run) -> Path:
    return run.folder / f"{run.id}.safetensors"


def _left(events: Sequence[dict[str, Any]]) -> float | None:
    """Seconds to go, by the last step; each takes as long as those before it."""
    last = next((event for event in reversed(events) if event["kind"] == "step"), None)
    if last is None or not last["step"] or "worked_s" not in last:
        return None
    worked, step = float(last["worked_s"]), int(last["step"])
    return worked * (int(last["steps"]) - step) / step
