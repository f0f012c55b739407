"""Which models there are: the bundled ones and the user's own in `HOME/models`."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.files import atomic_path
from models.sidecar import CheckpointError, read_sidecar
from models.spec import FIGURE_NAMES, FIGURES, Kind, NetworkSpec
from steelgui.services.active import Active
from steelgui.settings import Settings, weights_folder

#: Kinds that inspect, in the order of `Library.together`.
INSPECTING: tuple[Kind, ...] = ("classifier", "segmenter", "anomaly")
#: In the place of a name: nothing of this kind inspects.
OFF = ""
#: No name of a model: it would lie in another folder, be hidden, or be no file name on Windows.
NO_NAME = re.compile(r'^\.|[<>:"/\\|?*\x00-\x1f]|^$')


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
            CheckpointError: nothing of that name, or a file that is no checkpoint of ours.
        """
        path = Path(name)
        if path.is_dir():
            inside = sorted(path.glob("*.safetensors"))
            if len(inside) == 1:
                return inside[0]
            raise CheckpointError(f"{name}: the folder holds {len(inside)} checkpoints; name one of its files")
        if path.suffix == ".safetensors":
            return path
        if path.is_file():
            raise _foreign(path)
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
        """The model that inspects: the newest that was activated and is still there, else the bundled one, if any; None
        where the kind was switched off. No anomaly detector is bundled."""
        return None if self._is_off(kind) else next(iter(self._chosen(kind)), None)

    def together(self) -> tuple[Path | None, Path | None, Path | None]:
        """Classifier, segmenter and anomaly detector that inspect together.

        A segmenter that marks classes which the classifier does not know is one of another product, and its masks would
        contradict the scores. Then one inspects alone: what somebody has activated, of two the classifier. Where all
        were switched off, since the last one is gone, that holds no more.
        """
        classifier, segmenter, detector = map(self.default, INSPECTING)
        if not (classifier or segmenter or detector):
            classifier, segmenter = (next(iter(self._chosen(kind)), None) for kind in INSPECTING[:2])
        if classifier is None or segmenter is None:
            return classifier, segmenter, detector
        known, marked = (_entry(path, self._bundled(path)).spec for path in (classifier, segmenter))
        if known is None or marked is None or set(marked.classes) <= set(known.classes):
            return classifier, segmenter, detector
        alone = self._bundled(classifier) and not self._bundled(segmenter)
        return (None, segmenter, detector) if alone else (classifier, None, detector)

    def warning(self, kind: Kind) -> str | None:
        """A sentence with figures where the model that inspects is worse than the one before it; None where it is not,
        or a card has no figure. It holds until another one inspects, whoever activated it."""
        after, before = (*self._chosen(kind), None, None)[:2]
        if after is None or before is None:
            return None
        return worse(_entry(after, self._bundled(after)), _entry(before, self._bundled(before)))

    def _chosen(self, kind: Kind) -> list[Path]:
        """What was activated and is still there, the newest first; the bundled one is always last."""
        names = [*(name for name in reversed(self.active.names(kind)) if name != OFF), f"neu-{kind}"]
        paths = (folder / f"{name}.safetensors" for name in dict.fromkeys(names) for folder, _ in self._folders)
        return [path for path in paths if path.is_file()]

    def _is_off(self, kind: Kind) -> bool:
        return self.active.names(kind)[-1:] == [OFF]

    def _bundled(self, path: Path) -> bool:
        return path.parent == weights_folder()

    def activate(self, name: str) -> tuple[ModelEntry, ModelEntry | None]:
        """Let a model inspect from now on; returns it and the one before.

        Raises:
            CheckpointError: there is no such model here, it cannot be loaded, or it is a generator.
        """
        from models.checkpoint import load_checkpoint

        entry = self.entry(name)
        if entry.spec is None or entry.spec.kind == "generator":
            raise CheckpointError(f"{name} is a generator; activate a classifier, a segmenter or an anomaly detector")
        if entry.path.absolute().parent not in {folder.absolute() for folder, _ in self._folders}:
            raise CheckpointError(
                f"{entry.path.name} is not among the models here; take it in with `steelgui models import` first"
            )
        load_checkpoint(entry.path)  # what is broken shows now, not at the next picture
        before = self.default(entry.spec.kind)
        self.active.activate(entry.spec.kind, entry.name)
        return entry, _entry(before, self._bundled(before)) if before else None

    def switch_off(self, kind: Kind) -> str | None:
        """Let no model of a kind inspect; returns the one that did. `Active.roll_back` brings it back.

        Raises:
            CheckpointError: nothing else would inspect.
        """
        before = self.default(kind)
        if before and not any(self.default(other) for other in INSPECTING if other != kind):
            raise CheckpointError(f"nothing but {before.stem} inspects; activate a model of another kind first")
        if before:
            self.active.activate(kind, OFF)
        return before.stem if before else None

    def take_in(self, file: Path, name: str | None = None) -> Path:
        """Copy a checkpoint and its card into `HOME/models`, once it has been loaded; returns the copy.

        Raises:
            CheckpointError: it is no checkpoint of ours, or the name is taken or no name of a file.
        """
        from models.checkpoint import load_checkpoint

        if file.suffix != ".safetensors":
            raise _foreign(file)
        name = file.stem if name is None else name
        if NO_NAME.search(name):
            raise CheckpointError(f"{name!r} cannot be a model's name; take letters, digits, - and _")
        load_checkpoint(file)
        target = self.settings.models / f"{name}.safetensors"
        if target.stem in {entry.name for entry in self.entries()}:
            raise CheckpointError(f"there is a model called {target.stem} already; give another --name")
        copy_model(file, target)
        return target


def copy_model(file: Path, target: Path) -> None:
    """Weights and card, both or neither: one without the other is of no use. OSError where the disk is full."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as weights, atomic_path(target.with_suffix(".json")) as card:
        shutil.copyfile(file, weights)
        shutil.copyfile(file.with_suffix(".json"), card)


def worse(entry: ModelEntry, before: ModelEntry) -> str | None:
    """A warning with figures where the model before has better ones, to the three decimals that it tells.

    Each has its figure from its own validation split, so this is a hint; `steelgui models compare` judges both on the
    same pictures.
    """
    if entry.spec is None or before.spec is None or entry.spec.kind not in FIGURES:
        return None
    name = FIGURES[entry.spec.kind]
    figures = (one.card.get("metrics") for one in (entry, before))
    new, old = (found.get(name) if isinstance(found, dict) else None for found in figures)
    if not (isinstance(new, float) and isinstance(old, float) and round(new, 3) < round(old, 3)):
        return None
    return (
        f"mind: {FIGURE_NAMES[name]} of {entry.name} is {new:.3f}, that of {before.name} {old:.3f}, each on its own "
        "validation split"
    )


def _foreign(file: Path) -> CheckpointError:
    return CheckpointError(
        f"{file.name}: only .safetensors files with their .json beside them are taken in; others may hold code"
    )


def _entry(path: Path, bundled: bool) -> ModelEntry:
    try:
        spec, card = read_sidecar(path)
    except CheckpointError as error:
        return ModelEntry(path.stem, path, bundled, None, {}, str(error))
    return ModelEntry(path.stem, path, bundled, spec, card)
