"""What pictures can be drawn from: runs and their snapshots, models, and the data sets of the workspace."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from models.sidecar import CheckpointError, read_sidecar
from steelgui.services.datasets import Datasets
from steelgui.services.jobs import Jobs
from steelgui.services.library import Library
from steelgui.settings import Settings
from training.data.record import DataError
from training.data.workspace import FILE
from training.runs import RunError

if TYPE_CHECKING:
    from steelgui.services.variants import Variants


@dataclass(frozen=True)
class Source:
    """A checkpoint to draw from, or a data set whose defects are put on other steel or shown in other light.

    Attributes:
        key: finds it again: `run:ID`, `run:ID@SEEN`, `model:NAME`, `data:FOLDER`.
        name: what the run, the model or the data set is called.
        tag: id of the run, the model's name, or what a data set's variants are called; names the synthetic set.
        seen: pictures seen at a snapshot; None for all others.
        classes: empty for a data set that nobody has looked into yet; `find` does.
    """

    key: str
    kind: Literal["best", "snapshot", "model", "data"]
    name: str
    path: Path
    tag: str
    seen: int | None
    classes: tuple[str, ...]


class Sources:
    """Looks them up; nothing heavy is loaded for it."""

    def __init__(self, settings: Settings) -> None:
        self.jobs = Jobs(settings)
        self.library = Library(settings)
        self._datasets = Datasets(settings)
        self._variants: dict[Path, tuple[int, Variants]] = {}
        self._lock = threading.Lock()

    def all(self, run_id: str | None) -> list[Source]:
        """A run's best, its snapshots from the newest, every generator among the models, then the data sets."""
        found: list[Source] = []
        if run_id:
            # Without a check yet, or deleted meanwhile: the models are there all the same.
            with suppress(RunError, CheckpointError):
                found += self._of_run(run_id)
        # A model of the user's stands for a bundled one of the same name, as everywhere.
        models = {
            entry.name: Source(
                f"model:{entry.name}", "model", entry.name, entry.path, entry.name, None, entry.spec.classes
            )
            for entry in self.library.entries()
            if entry.spec is not None and entry.spec.kind == "generator"
        }
        return [*found, *models.values(), *map(_of_data, self._folders(run_id))]

    def find(self, key: str) -> Source:
        """By the key of a source.

        Raises:
            RunError, CheckpointError: it is gone, or was never there.
            DataError: the data set is gone, or shows no defects.
        """
        kind, _, name = key.partition(":")
        if kind == "data":
            return replace(_of_data(Path(name)), classes=self.variants(Path(name)).classes)
        run_id = name.partition("@")[0] if kind == "run" else None
        listed = self._of_run(run_id) if run_id else self.all(None)
        for source in listed:
            if source.key == key:
                return source
        raise CheckpointError(f"{key}: there is no such generator any more; choose another")

    def named(self, name: str, at: int | None = None) -> Source:
        """As the command line names it: a run (its id, the start of one, or name), a model, a checkpoint's file, or a
        data set of the workspace or in a folder.

        Args:
            at: the run's snapshot after so many pictures seen; its best if left out.

        Raises:
            RunError, CheckpointError, DataError: nothing of that name, or no snapshot there.
        """
        if Path(name).is_file():
            if at is not None:
                raise RunError(f"{name} is a file, and only a run has snapshots; leave --at out")
            return self._model(name)
        try:
            run = self.jobs.find(name)
        except RunError:
            if at is not None:
                raise
            folder = next((one for one in (Path(name), self._datasets.root / name) if name and one.is_dir()), None)
            return self._model(name) if folder is None else self.find(f"data:{folder.absolute()}")
        best, *snapshots = self._of_run(run.id)
        if at is None:
            return best
        for source in snapshots:
            if source.seen == at:
                return source
        known = ", ".join(str(source.seen) for source in reversed(snapshots)) or "none"
        raise RunError(f"{name} has no snapshot at {at} pictures; there are {known}")

    def _model(self, name: str) -> Source:
        path = self.library.find(name)
        return Source(f"model:{path.stem}", "model", path.stem, path, path.stem, None, read_sidecar(path)[0].classes)

    def _folders(self, run_id: str | None) -> list[Path]:
        """Data sets of the workspace; before them the one that the run learned from, if it is another."""
        folders = self._datasets.all()
        if run_id:
            with suppress(RunError):
                data = Path(str(self.jobs.find(run_id).about()["config"].get("data", "")))
                folders = [data, *(one for one in folders if one != data)] if data.is_dir() else folders
        return folders

    def _of_run(self, run_id: str) -> list[Source]:
        run = self.jobs.find(run_id)
        name, best = str(run.about()["name"]), run.generator
        classes = read_sidecar(best)[0].classes
        seen = [
            (int(match[1]), path)
            for path in (run.folder / "checkpoints").glob("generator-*.safetensors")
            if (match := re.fullmatch(r"generator-(\d+)", path.stem))
        ]
        return [
            Source(f"run:{run.id}", "best", name, best, run.id, None, classes),
            *(
                Source(f"run:{run.id}@{number}", "snapshot", name, path, run.id, number, classes)
                for number, path in sorted(seen, reverse=True)
            ),
        ]

    def variants(self, folder: Path) -> Variants:
        """What varies a data set's own pictures; DataError where it is gone, or shows no defect."""
        from steelgui.services.variants import Variants

        if not folder.is_dir():
            raise DataError(f"{folder}: there is no such folder any more; choose another data set")
        # A correction of a workspace's data set changes its file; of any other data set nothing tells.
        changed = max(path.stat().st_mtime_ns for path in (folder, folder / FILE) if path.exists())
        with self._lock:
            known = self._variants.get(folder)
            if known is None or known[0] != changed:
                known = self._variants[folder] = changed, Variants(folder)
            return known[1]


def _of_data(folder: Path) -> Source:
    return Source(f"data:{folder}", "data", folder.name, folder, f"variants-{folder.name}", None, ())
