"""Experiments as runs: made, listed, and read; the answer is in the run's folder."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from steelgui.services.jobs import Jobs
from steelgui.settings import Settings
from training.config import ConfigError
from training.data.synthetic import manifest
from training.experiment.config import ExperimentConfig
from training.runs import Run, RunError


@dataclass(frozen=True)
class SyntheticSet:
    """Accepted pictures of one run or model: its folder, what made it, how many there are of each class, and how many
    have a mask."""

    folder: Path
    name: str
    counts: dict[str, int]
    masks: int = 0

    @property
    def total(self) -> int:
        return sum(self.counts.values())


class Experiments:
    """The experiments of one home folder. Holds no state."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.jobs = Jobs(settings)

    def sets(self) -> list[SyntheticSet]:
        """All synthetic sets, by name."""
        found = []
        for folder in sorted(self.settings.synthetic.glob("*/manifest.csv")):
            rows = manifest(folder.parent)
            counts = dict(Counter(row["class"] for row in rows))
            masks = sum(bool(row.get("mask")) for row in rows)
            if counts:
                found.append(SyntheticSet(folder.parent, self._set_name(folder.parent.name), counts, masks))
        return found

    def set_folder(self, name: str) -> Path:
        """A synthetic set by its folder, its tag, or the run that made it; ConfigError where there is none."""
        if Path(name).is_dir():
            return Path(name).absolute()
        tag = name
        if not (self.settings.synthetic / tag).is_dir():
            with suppress(RunError):
                tag = self.jobs.find(name).id
        folder = self.settings.synthetic / tag
        if not folder.is_dir():
            known = ", ".join(item.folder.name for item in self.sets()) or "none yet; accept samples in the GAN Studio"
            raise ConfigError(f"synthetic: there is no set {name!r}; there are {known}")
        return folder

    def create(self, config: ExperimentConfig, name: str | None = None) -> Run:
        """A run that nobody works on yet."""
        stored = json.loads(config.model_dump_json(exclude={"out", "resume"}))
        return self.jobs.create("experiment", stored, name or f"experiment on {config.data.name}")

    def all(self) -> list[Run]:
        """The newest first."""
        return self.jobs.of_kind("experiment")

    def _set_name(self, tag: str) -> str:
        try:
            return str(self.jobs.find(tag).about()["name"])
        except RunError:
            return tag
