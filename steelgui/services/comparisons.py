"""Comparisons of kinds of models, as runs: made, listed, estimated, read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from steelgui.services.command_line import command_line
from steelgui.services.jobs import Jobs
from steelgui.services.retraining import Experiment
from steelgui.settings import Settings
from training.comparison.config import ComparisonConfig, preset_of
from training.comparison.plan import plan
from training.config import parse
from training.data import read_dataset
from training.experiment.verdict import MEASURES
from training.runs import Run

#: Seconds a picture of a training on one slow core, from the milliseconds of `docs/compare.md`.
A_PICTURE = {
    "mobilenetv2": 0.06,
    "thesis-cnn": 0.012,
    "thesis-resnet18": 0.43,
    "thesis-resnet34": 0.83,
    "thesis-resnet50": 1.5,
    "thesis-resnet101": 2.7,
    "thesis-resnet152": 3.9,
    "thesis-efficientnet-b0": 0.1,
    "thesis-efficientnet-b3": 0.19,
    "unet": 0.1,
    "thesis-unet": 0.6,
}
#: A picture of any other model; what a training costs to start and to judge.
OTHER, A_TRAINING = 0.1, 8.0


class Comparisons:
    """The comparisons of one home folder. Holds no state."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.jobs = Jobs(settings)

    def config(self, data: Path, models: list[str], changes: dict[str, Any]) -> ComparisonConfig:
        """ConfigError in one sentence where something does not fit."""
        return parse(ComparisonConfig, {**changes, "data": data, "models": models, "out": self.jobs.root})

    def create(self, config: ComparisonConfig, name: str | None = None) -> Run:
        """A run that nobody works on yet."""
        stored = json.loads(config.model_dump_json(exclude={"out", "resume"}))
        return self.jobs.create("comparison", stored, name or f"comparison on {config.data.name}")

    def start(self, config: ComparisonConfig) -> Run:
        run = self.create(config)
        self.jobs.start(run)
        return run

    def all(self) -> list[Run]:
        """The newest first."""
        return self.jobs.of_kind("comparison")

    def find(self, run_id: str | None) -> Run | None:
        return self.jobs.known(run_id)

    def pictures(self, data: Path) -> int:
        """That a training learns from, about; DataError where there is no data set."""
        dataset = read_dataset(data)
        training = sum(sample.split not in ("validation", "test") for sample in dataset.samples)
        return training if training < len(dataset.samples) else round(0.64 * training)

    def estimate(self, config: ComparisonConfig, pictures: int) -> float:
        """Seconds for all trainings."""
        looks = config.epochs * (config.budget or pictures)
        each = sum(A_TRAINING + looks * A_PICTURE.get(name, OTHER) for name in config.models)
        return config.seeds * each

    def command(self, config: ComparisonConfig) -> str:
        """The same from the command line."""
        return command_line(["compare"], config)

    def look(self, run: Run) -> Experiment:
        """RunError where its configuration cannot be read."""
        config = parse(ComparisonConfig, {**run.about()["config"], "out": run.folder})
        events = list(run.events())
        reached: dict[tuple[str, int], float] = {}
        for event in events:
            if event["kind"] == "trial":
                followed = MEASURES[preset_of(event["arm"]).kind].followed[0]
                reached[event["arm"], event["seed"]] = event["values"].get(followed, 0.0)
        trainings = tuple((one.name, reached.get((one.model, one.seed))) for one in plan(config))
        return Experiment.of(run, events, trainings, config.epochs)
