"""What the Retrain tab shows of an experiment: how far it is, each training's curve, and the answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.imagefile import read_image
from models.sidecar import read_sidecar
from models.spec import Kind
from steelgui.results import Evidence
from steelgui.services.command_line import command_line
from steelgui.services.datasets import Datasets
from steelgui.services.experiments import Experiments
from steelgui.services.heat_maps import HeatMaps
from steelgui.services.judged import Judged
from steelgui.services.library import Library
from steelgui.services.time_left import time_left
from steelgui.settings import Settings
from training.config import parse
from training.data import read_dataset
from training.data.record import DataError, scarce_classes
from training.experiment.config import ExperimentConfig
from training.experiment.plan import plan
from training.experiment.verdict import MEASURES
from training.runs import Run, RunError, State

#: Seconds that a picture of an epoch takes on two slow cores, at 128², and a training whatever its size.
A_PICTURE, A_TRAINING = {"classifier": 0.022, "segmenter": 0.06}, 6.0

Trainings = tuple[tuple[str, float | None], ...]
Curves = tuple[tuple[str, tuple[tuple[int, float], ...]], ...]


@dataclass(frozen=True)
class Experiment:
    """An experiment as it stands.

    Attributes:
        trainings: name and figure on validation (a classifier's F1, a segmenter's dice) of each that was planned; None
            where it has not begun.
        left: seconds to go, as far as that can be told.
        curves: arm and (epoch, figure on validation) of each training, in the order of `trainings`.
        result: `result.json`, once it has ended.
    """

    id: str
    name: str
    state: State
    step: int
    steps: int
    error: str | None
    trainings: Trainings
    left: float | None
    result: dict[str, Any] | None
    epochs: int = 1
    curves: Curves = ()

    @classmethod
    def of(
        cls, run: Run, events: Sequence[dict[str, Any]], trainings: Trainings, epochs: int, curves: Curves = ()
    ) -> Experiment:
        """As `run` stands, whose `events` they are; RunError where its configuration cannot be read."""
        status = run.status()
        left = time_left(events, len(trainings)) if status.state == "running" else None
        result = run.result() if status.state == "finished" else None
        about = (run.id, str(run.about()["name"]), status.state, status.step, status.steps, status.error)
        return cls(*about, trainings, left, result, epochs, curves)


class Retraining:
    """Holds nothing but the services below it."""

    def __init__(self, settings: Settings) -> None:
        self.experiments = Experiments(settings)
        self.jobs = self.experiments.jobs
        self.heat_maps = HeatMaps()
        self.datasets = Datasets(settings)

    def counts(self, data: Path) -> tuple[dict[str, int], tuple[str, ...]]:
        """Training pictures by class, and which of them are scarce; DataError where there is no data set."""
        counts = read_dataset(data).training_counts()
        return counts, scarce_classes(counts)

    def config(self, data: Path, sets: Sequence[str], changes: dict[str, Any]) -> ExperimentConfig:
        """ConfigError in one sentence where something does not fit."""
        folders = [self.experiments.set_folder(name) for name in sets]
        return parse(ExperimentConfig, {**changes, "data": data, "synthetic": folders, "out": self.jobs.root})

    def start(self, config: ExperimentConfig) -> Run:
        run = self.experiments.create(config)
        self.jobs.start(run)
        return run

    def trainings(self, config: ExperimentConfig) -> int:
        return len(plan(config))

    def estimate(self, config: ExperimentConfig, pictures: int) -> float:
        """Seconds for all trainings."""
        one = A_TRAINING + config.epochs * pictures * A_PICTURE[config.task] * (config.size / 128) ** 2
        return len(plan(config)) * one

    def command(self, config: ExperimentConfig) -> str:
        return command_line(["experiment"], config)

    def look(self, run: Run) -> Experiment:
        """RunError where its configuration cannot be read."""
        config = parse(ExperimentConfig, {**run.about()["config"], "out": run.folder})
        events, followed = list(run.events()), MEASURES[config.task].followed[0]
        reached: dict[int, dict[int, float]] = defaultdict(dict)
        for event in events:
            if event["kind"] == "trial":
                reached[event["number"]][event["epoch"]] = event["values"][followed]
        planned = list(enumerate(plan(config), 1))
        trainings = tuple((one.name, reached[number][max(reached[number])] if reached[number] else None)
                          for number, one in planned)  # fmt: skip
        curves = tuple((one.arm, tuple(sorted(reached[number].items()))) for number, one in planned)
        return Experiment.of(run, events, trainings, config.epochs, curves)

    def activate(self, run: Run) -> str:
        """Let the best arm's model inspect from now on; returns its name. Of its seeds the best on validation is taken:
        the test has judged the arm, and no single training.

        Raises:
            RunError: the experiment has not ended, or its models are gone.
            CheckpointError: the model cannot be used.
        """
        result = run.result()
        if result is None:
            raise RunError(f"{run.id} has not ended yet; wait for its answer")
        said = result["verdict"]
        arms = [arm for arm in result["arms"] if arm["arm"] == said["best"]]
        arm = next((arm for arm in arms if arm["ratio"] in (None, said["ratio"])), arms[0])
        files = [_model(run, name) for name in arm["models"]]
        file = max((file for file in files if file.is_file()), key=_validated, default=None)
        if file is None:
            raise RunError(f"the models of {run.id} are gone; run the experiment again")
        name = f"{Path(result['data']['folder']).name}-{said['best']}-{run.id[4:8]}-{run.id[9:13]}"
        library = Library(self.experiments.settings)
        if name not in {entry.name for entry in library.entries()}:
            library.take_in(file, name)
        library.activate(name)
        return name

    def explain(self, run: Run, picture: Judged) -> list[Evidence]:
        """What each of the models of a picture says of it, and looks at or marks, plain training's first.

        Raises:
            RunError: the models are gone.
            ImageError, CheckpointError: the picture or a model cannot be read.
        """
        files = [_model(run, name) for name in picture.models]
        if not all(file.is_file() for file in files):
            raise RunError(f"the models of {run.id} are gone; run the experiment again")
        image = read_image(picture.image)
        return [self.heat_maps.look(image, file, marks=bool(picture.dice)) for file in files]

    def truth(self, run: Run, picture: Judged) -> dict[str, NDArray[np.bool_]]:
        """Class → H×W mask of a test picture as its data set has it.

        Raises:
            DataError: the data set, or the picture in it, is gone.
            ImageError: the picture cannot be read.
        """
        folder = Path(str(run.about()["config"]["data"]))
        found = next((one for one in self.datasets.dataset(folder).samples if one.image == picture.image), None)
        if found is None:
            raise DataError(f"{folder.name} has no picture {picture.image.name}; it may have been left out or moved")
        height, width, _ = self.datasets.pixels(found).shape
        return self.datasets.masks(found, height, width)

    def kind(self, run: Run | None) -> Kind:
        """What an experiment trains, and activating replaces."""
        return "segmenter" if run and run.about()["config"].get("task") == "segmenter" else "classifier"

    def warning(self, kind: Kind) -> str | None:
        """A sentence with figures where the model that inspects is worse than the one before it."""
        return Library(self.experiments.settings).warning(kind)

    def roll_back(self, kind: Kind) -> str | None:
        """Back to the model before; returns which one inspects now."""
        library = Library(self.experiments.settings)
        library.active.roll_back(kind)
        path = library.default(kind)
        return path.stem if path else None

    def activated(self, kind: Kind) -> str | None:
        """The model that was activated last; None while the bundled one inspects."""
        names = Library(self.experiments.settings).active.names(kind)
        return names[-1] or None if names else None

    def find(self, run_id: str | None) -> Run | None:
        return self.jobs.known(run_id)


def _model(run: Run, training: str) -> Path:
    return run.folder / "trainings" / training / f"{training}.safetensors"


def _validated(file: Path) -> float:
    spec, card = read_sidecar(file)
    return float(card["metrics"][MEASURES[spec.kind].followed[0]])
