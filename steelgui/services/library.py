"""Which models there are: the bundled ones and the user's own in `HOME/models`."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.files import atomic_path
from models.sidecar import CheckpointError, read_sidecar
from models.spec import Kind, NetworkSpec
from steelgui.services.active import Active
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
        self.settings, self.active = settings, Active(settings)

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

    def entry(self, name: str) -> ModelEntry:
        """CheckpointError where there is no model of that name, or it cannot be used."""
        path = self.find(name)
        found = next((entry for entry in self.entries() if entry.path == path), None) or _entry(path, bundled=False)
        if found.spec is None:
            raise CheckpointError(found.problem or f"{name} cannot be read")
        return found

    def default(self, kind: Kind) -> Path | None:
        """The model that inspects: the newest that was activated and is still there, else the bundled one, if any."""
        for name in reversed(self.active.names(kind)):
            for folder, _ in self._folders:
                path = folder / f"{name}.safetensors"
                if path.is_file():
                    return path
        path = weights_folder() / f"neu-{kind}.safetensors"
        return path if path.is_file() else None

    def activate(self, name: str) -> tuple[ModelEntry, ModelEntry | None]:
        """Let a model inspect from now on; returns it and the one before.

        Raises:
            CheckpointError: there is no such model, it cannot be loaded, or it is a generator.
        """
        from models.checkpoint import load_checkpoint

        entry = self.entry(name)
        if entry.spec is None or entry.spec.kind == "generator":
            raise CheckpointError(f"{name} is a generator; activate a classifier or a segmenter")
        load_checkpoint(entry.path)  # what is broken shows now, not at the next picture
        before = self.default(entry.spec.kind)
        self.active.activate(entry.spec.kind, entry.name)
        return entry, _entry(before, bundled=before.parent == weights_folder()) if before else None

    def take_in(self, file: Path, name: str | None = None) -> Path:
        """Copy a checkpoint and its card into `HOME/models`, once it has been loaded; returns the copy.

        Raises:
            CheckpointError: it is no checkpoint of ours, or the name is taken.
        """
        from models.checkpoint import load_checkpoint

        if file.suffix != ".safetensors":
            raise CheckpointError(
                f"{file.name}: only .safetensors files with their .json beside them are taken in; others may hold code"
            )
        load_checkpoint(file)
        target = self.settings.models / f"{name or file.stem}.safetensors"
        if target.stem in {entry.name for entry in self.entries()}:
            raise CheckpointError(f"there is a model called {target.stem} already; give another --name")
        copy_model(file, target)
        return target


def copy_model(file: Path, target: Path) -> None:
    """Weights, then card: without its card a checkpoint is not seen. OSError where the disk is full."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for suffix in (".safetensors", ".json"):
        with atomic_path(target.with_suffix(suffix)) as temporary:
            shutil.copyfile(file.with_suffix(suffix), temporary)


def _entry(path: Path, bundled: bool) -> ModelEntry:
    try:
        spec, card = read_sidecar(path)
    except CheckpointError as error:
        return ModelEntry(path.stem, path, bundled, None, {}, str(error))
    return ModelEntry(path.stem, path, bundled, spec, card)
