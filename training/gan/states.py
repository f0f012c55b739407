"""A run's saved states on disk: the last two and the best, each written whole or not at all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

from models.files import atomic_path
from training.config import ConfigError

KEPT = 2


class States:
    """`checkpoints/state-<seen>.pt` and `checkpoints/best.pt`: tensors and plain values, never a pickle."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, value: dict[str, Any], seen: int, best: bool = False) -> Path:
        """Write a state and drop those that are not kept any more; OSError where the disk is full."""
        path = self.folder / ("best.pt" if best else f"state-{seen:010d}.pt")
        with atomic_path(path) as temporary:
            torch.save(value, temporary)
        if not best:
            for old in self.paths()[:-KEPT]:
                old.unlink(missing_ok=True)
        return path

    def forget_after(self, seen: int) -> None:
        """Drop what was saved later than `seen`: the run has gone back, and would be resumed from there else."""
        for path in self.paths():
            if int(path.stem.split("-")[1]) > seen:
                path.unlink()

    def paths(self) -> list[Path]:
        """Saved states, the oldest first, without the best."""
        return sorted(p for p in self.folder.glob("state-*.pt") if re.fullmatch(r"state-\d+\.pt", p.name))

    def latest(self) -> dict[str, Any]:
        """The newest state that can be read, else the best; ConfigError where there is none."""
        problems = []
        for path in [*reversed(self.paths()), *self.folder.glob("best.pt")]:
            try:
                return self._read(path)
            except Exception as error:  # torch.load raises anything from KeyError to UnpicklingError
                problems.append(f"{path.name} ({error})")
        if problems:
            raise ConfigError(f"resume: no saved state can be read: {'; '.join(problems)}; start afresh")
        raise ConfigError(f"resume: {self.folder} holds no saved state; start without --resume first")

    def best(self) -> dict[str, Any] | None:
        path = self.folder / "best.pt"
        return self._read(path) if path.is_file() else None

    def best_or_latest(self) -> dict[str, Any] | None:
        """The best state, else the newest that can be read; None where there is none."""
        try:
            return self.best() or self.latest()
        except Exception:  # torch.load raises anything from KeyError to UnpicklingError
            try:
                return self.latest()
            except ConfigError:
                return None

    def _read(self, path: Path) -> dict[str, Any]:
        value: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        return value
