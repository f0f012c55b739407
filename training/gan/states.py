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
    """`checkpoints/state-<seen>.pt` and `checkpoints/best.pt`: tensors and plain values, never a pickle.

    Attributes:
        unreadable: sentences about the states that `latest` passed over.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.unreadable: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, value: dict[str, Any], seen: int, best: bool = False) -> Path:
        """Write a state and drop those that are not kept any more; OSError where the disk is full."""
        path = self.folder / ("best.pt" if best else f"state-{seen:010d}.pt")
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            try:
                torch.save(value, file)
            except RuntimeError as error:
                # torch says "unexpected pos"; what the file said before tells why.
                if isinstance(error.__context__, OSError):
                    raise error.__context__ from None
                raise
        if not best:
            for old in self.paths()[:-KEPT]:
                old.unlink(missing_ok=True)
        return path

    def forget_after(self, seen: int) -> None:
        """Drop what was saved later than `seen`: the run has gone back, and would be resumed from there else."""
        for path in self.paths():
            if int(path.stem.split("-")[1]) > seen:
                path.unlink()

    def drop(self, seen: int) -> bool:
        """Drop one state; False, and it stays, where it is the only one that there is."""
        if len(self.paths()) + (self.folder / "best.pt").is_file() < 2:
            return False
        (self.folder / f"state-{seen:010d}.pt").unlink(missing_ok=True)
        return True

    def paths(self) -> list[Path]:
        """Saved states, the oldest first, without the best."""
        return sorted(p for p in self.folder.glob("state-*.pt") if re.fullmatch(r"state-\d+\.pt", p.name))

    def latest(self) -> dict[str, Any]:
        """The newest state that is whole and holds no NaN, else the best; ConfigError where there is none."""
        self.unreadable = problems = []
        for path in [*reversed(self.paths()), *self.folder.glob("best.pt")]:
            try:
                return self._read(path)
            except Exception as error:  # torch.load raises anything from KeyError to UnpicklingError
                problems.append(f"{path.name} ({str(error).partition('. ')[0]})")
        if problems:
            raise ConfigError(f"resume: no saved state can be read: {'; '.join(problems)}; start afresh")
        raise ConfigError(f"resume: {self.folder} holds no saved state; start without --resume first")

    def best(self) -> dict[str, Any] | None:
        """The best state; None where there is none that can be read."""
        try:
            return self._read(self.folder / "best.pt")
        except Exception:  # as above
            return None

    def best_or_latest(self) -> dict[str, Any] | None:
        """The best state, else the newest that can be read; None where there is none."""
        try:
            return self.best() or self.latest()
        except ConfigError:
            return None

    def _read(self, path: Path) -> dict[str, Any]:
        value: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        # The losses are those before the last update: it may have broken what was saved after it.
        if not _finite(value):
            raise ValueError("it holds NaN")
        return value


def _finite(value: Any) -> bool:
    if isinstance(value, torch.Tensor):
        return bool(value.isfinite().all())
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(_finite(part) for part in parts)
