"""Which models there are: the bundled ones and the user's own in `HOME/models`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.sidecar import CheckpointError, read_sidecar
from models.spec import Kind, NetworkSpec
from steelgui.settings import Settings, weights_folder


@dataclass(frozen=True)
class ModelEntry:
    """One checkpoint; `problem` says why it cannot be used, spec and card are then None and empty."""

    name: str
    path: Path
    bundled: bool
    spec: NetworkSpec | None
    card: dict[str, Any]
    problem: str | None = None

    @property
    def megabytes(self) -> float:
        return self.path.stat().st_size / 1e6


class Library:
    """Reads model cards only; loading weights is `models.sidecar`'s."""

    def __init__(self, settings: Settings) -> None:
        self._folders = ((weights_folder(), True), (settings.models, False))

    def entries(self) -> list[ModelEntry]:
        """Bundled first, then the user's, by name."""
        return [
            _entry(path, bundled) for folder, bundled in self._folders for path in sorted(folder.glob("*.safetensors"))
        ]

    def find(self, name: str) -> Path:
        """A model's name, a checkpoint file, or a folder that holds one checkpoint → the checkpoint.

        Raises:
            CheckpointError: nothing of that name.
        """
        path = Path(name)
        if path.is_dir():
            inside = sorted(path.glob("*.safetensors"))
            if len(inside) == 1:
                return inside[0]
            raise CheckpointError(f"{name}: the folder holds {len(inside)} checkpoints; name one of its files")
        if path.suffix == ".safetensors" or path.is_file():
            return path
        known = {entry.name: entry.path for entry in self.entries()}
        if name not in known:
            raise CheckpointError(
                f"{name}: no model of that name and no such file; known: {', '.join(known) or 'none'}"
            )
        return known[name]

    def default(self, kind: Kind) -> Path | None:
        """The bundled model of a kind, or None if it is not there."""
        path = weights_folder() / f"neu-{kind}.safetensors"
        return path if path.is_file() else None


def _entry(path: Path, bundled: bool) -> ModelEntry:
    try:
        spec, card = read_sidecar(path)
    except CheckpointError as error:
        return ModelEntry(path.stem, path, bundled, None, {}, str(error))
    return ModelEntry(path.stem, path, bundled, spec, card)
