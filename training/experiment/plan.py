"""Which trainings an experiment consists of. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from training.experiment.config import WITH_SYNTHETIC, ExperimentConfig


@dataclass(frozen=True)
class Training:
    """One arm with one seed; `ratio` is None without synthetic pictures."""

    arm: str
    ratio: float | None
    seed: int

    @property
    def name(self) -> str:
        return f"{self.arm}{'' if self.ratio is None else f'-{self.ratio:g}'}-seed{self.seed}"


def plan(config: ExperimentConfig) -> list[Training]:
    """Seed by seed, so that an experiment that is stopped early has all arms."""
    return [
        Training(arm, ratio, config.seed + number)
        for number in range(config.seeds)
        for arm in config.arms
        for ratio in (config.ratios if arm in WITH_SYNTHETIC else (None,))
    ]
