"""Which trainings a comparison consists of. Needs no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from training.comparison.config import ComparisonConfig


@dataclass(frozen=True)
class Training:
    """One model with one seed."""

    model: str
    seed: int

    @property
    def name(self) -> str:
        """Also of its folder, whatever characters the model's name has."""
        return f"{re.sub(r'[^A-Za-z0-9_.+-]', '_', self.model)}-seed{self.seed}"

    def scores(self, folder: Path) -> Path:
        """What it leaves of the test pictures: it has ended where this is there, or `failure`."""
        return folder / self.name / "scores.npz"

    def failure(self, folder: Path) -> Path:
        """Why it came to nothing, a sentence."""
        return folder / self.name / "failed.txt"

    def ended(self, folder: Path) -> bool:
        return self.scores(folder).is_file() or self.failure(folder).is_file()


def plan(config: ComparisonConfig) -> list[Training]:
    """Seed by seed, so that a comparison that is stopped early has all models."""
    return [Training(model, config.seed + number) for number in range(config.seeds) for model in config.models]
