"""Drawing from any generator at hand, or from a data set's own defects: pictures, scores, walks, sets, archives."""

from __future__ import annotations

import re
import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from models.sidecar import CheckpointError, read_sidecar
from steelgui.services import sampled, synthetic_sets
from steelgui.services.datasets import Datasets
from steelgui.services.jobs import Jobs
from steelgui.services.library import Library
from steelgui.services.sampled import Gap, Progress, Sampled, Score, Synthetic
from steelgui.settings import Settings
from training.config import ConfigError
from training.data.record import DataError
from training.data.workspace import FILE
from training.runs import RunError

if TYPE_CHECKING:
    from steelgui.services.inpainting import Backgrounds
    from steelgui.services.scoring import Scorer
    from steelgui.services.synthesis import Synthesiser
    from steelgui.services.transplants import Transplants

#: Generators that stay loaded: a walk's slider asks for the same one again and again.
LOADED = 3
#: Pictures that `stream` holds at once.
STREAMED = 64
#: What the random numbers' seeds may be, on the page and on the command line.
SEEDS = range(2**31)


@dataclass(frozen=True)
class Source:
    """A checkpoint to draw from, or a data set whose defects are put on other steel.

    Attributes:
        key: finds it again: `run:ID`, `run:ID@SEEN`, `model:NAME`, `data:FOLDER`.
        name: what the run, the model or the data set is called.
        tag: id of the run, the model's name, or what a data set's transplants are called; names the synthetic set.
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


@dataclass
class Draw:
    """Pictures that were drawn together; scores come later, once.

    Attributes:
        generator: the checkpoint's name; empty where real defects were put on other steel.
        config: of the training, for the distances; None where it is not known.
    """

    source: Source
    generator: str
    seen: int | None
    truncation: float
    config: dict[str, Any] | None
    pictures: tuple[Synthetic, ...]
    scores: list[Score] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    #: Numbers of those that are in the synthetic set.
    kept: set[int] = field(default_factory=set)
    #: The visitor has drawn again: nobody waits for the scores of this one.
    superseded: bool = False
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def chosen(self, indices: Sequence[int]) -> list[Sampled]:
        """Some of the pictures with all that is known of them by now; numbers of no picture are passed over."""
        run = self.source.tag if self.source.kind in ("best", "snapshot") else ""
        return [
            Sampled(
                self.pictures[index],
                run,
                self.generator,
                self.seen,
                self.truncation,
                self.scores[index] if self.scores else Score(),
            )
            for index in indices
            if 0 <= index < len(self.pictures)
        ]


@dataclass(frozen=True)
class Kept:
    """An addition to a synthetic set that can be taken back."""

    draw: Draw
    indices: tuple[int, ...]
    added: synthetic_sets.Added


class Sampling:
    """Serves any number of visitors; light to make, networks load on first use."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.jobs = Jobs(settings)
        self.library = Library(settings)
        self.datasets = Datasets(settings)
        self._loaded: OrderedDict[tuple[Path, int], Synthesiser] = OrderedDict()
        self._transplants: dict[Path, tuple[int, Transplants]] = {}
        self._lock = threading.Lock()

    # Which there are --------------------------------------------------------------------------------------------

    def sources(self, run_id: str | None) -> list[Source]:
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
            DataError: the data set is gone, or has no masks, without which there is nothing to cut out.
        """
        kind, _, name = key.partition(":")
        if kind == "data":
            return replace(_of_data(Path(name)), classes=self._transplanter(Path(name)).classes)
        run_id = name.partition("@")[0] if kind == "run" else None
        listed = self._of_run(run_id) if run_id else self.sources(None)
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
        folder = next((one for one in (Path(name), self.datasets.root / name) if name and one.is_dir()), None)
        if folder is not None and at is None:
            return self.find(f"data:{folder.absolute()}")
        if not Path(name).exists():
            try:
                run = self.jobs.find(name)
            except RunError:
                if at is not None:
                    raise
            else:
                listed = self._of_run(run.id)
                if at is None:
                    return listed[0]
                for source in listed[1:]:
                    if source.seen == at:
                        return source
                known = ", ".join(str(source.seen) for source in reversed(listed[1:])) or "none"
                raise RunError(f"{name} has no snapshot at {at} pictures; there are {known}")
        elif at is not None:
            raise RunError(f"{name} is a file, and only a run has snapshots; leave --at out")
        path = self.library.find(name)
        return Source(f"model:{path.stem}", "model", path.stem, path, path.stem, None, read_sidecar(path)[0].classes)

    def _folders(self, run_id: str | None) -> list[Path]:
        """Data sets of the workspace; before them the one that the run learned from, where that is another."""
        folders = self.datasets.all()
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

    # Pictures ---------------------------------------------------------------------------------------------------

    def draw(self, source: Source, count: int, seed: int, label: str | None, truncation: float) -> Draw:
        """Draw `count` pictures.

        Raises:
            CheckpointError: the file cannot be used, or does not know the class.
            ConfigError: count or seed is out of bounds.
            DataError, ImageError: the data set cannot be read, or has no mask of the class.
        """
        _check_count(count)
        check_seeds([seed, seed + count - 1])
        if source.kind == "data":
            made = tuple(self._transplanter(source.path).draw(count, seed, label))
            return Draw(source, "", None, 1.0, _as_learned(source.path, label), made)
        synthesiser = self._synthesiser(source)
        card = synthesiser.checkpoint.card.get("config")
        return Draw(
            source,
            synthesiser.checkpoint.name,
            synthesiser.seen,
            truncation,
            card if isinstance(card, dict) else None,
            tuple(synthesiser.draw(count, seed, label, truncation)),
        )

    def score(self, draw: Draw) -> Iterator[Progress]:
        """Fill in the scores of a draw, telling how far it is; at once where they are there already."""
        if draw.scores:
            return
        for told in self._scorer.score(draw.pictures, draw.config):
            if isinstance(told, tuple):
                draw.scores, draw.gaps = told
            else:
                yield told

    def stream(
        self,
        source: Source,
        count: int,
        seed: int,
        label: str | None,
        truncation: float,
        scores: bool,
        background: Path | None = None,
    ) -> Iterator[Sampled]:
        """Any number of pictures, a part at a time in memory, with their scores if asked for; errors as `draw`.

        Args:
            background: put the defects on clean steel from this data set or folder; those that fill their picture, or
                show nothing, are left out. DataError where it holds none, or the generator makes no masks.
        """
        _check_count(count)
        check_seeds([seed, seed + count - 1])
        grounds = self._backgrounds(background) if background else None
        for start in range(0, count, STREAMED):
            draw = self.draw(source, min(STREAMED, count - start), seed + start, label, truncation)
            if scores:
                for _ in self.score(draw):
                    pass
            found = draw.chosen(range(len(draw.pictures)))
            yield from grounds.under(found) if grounds else found

    def keep(self, draw: Draw, indices: Sequence[int]) -> Kept:
        """Add pictures to the synthetic set of their run or model; OSError where the disk is full."""
        added = synthetic_sets.add(self.settings, draw.source.tag, draw.chosen(indices))
        new = tuple(index for index in indices if index not in draw.kept)
        draw.kept.update(new)
        return Kept(draw, new, added)

    def undo(self, kept: Kept) -> int:
        """Take the latest addition back; how many pictures the set holds still. OSError as `keep`."""
        total = synthetic_sets.remove(kept.added)
        kept.draw.kept.difference_update(kept.indices)
        return total

    def export(self, draw: Draw, indices: Sequence[int]) -> Path:
        """Pictures, masks and manifest as a ZIP, in a folder that no other visitor can guess; OSError as `keep`."""
        return sampled.write_zip(draw.chosen(indices), self._handed_out(f"samples-{draw.source.tag}.zip"))

    # Walks ------------------------------------------------------------------------------------------------------

    def picture_between(
        self, source: Source, seeds: Sequence[int], position: float, label: str | None, truncation: float
    ) -> Synthetic:
        """The picture at a place of a walk; errors as `walk`."""
        return self._walk(source, seeds, [position], label, truncation)[0]

    def walk(
        self, source: Source, seeds: Sequence[int], frames: int, label: str | None, truncation: float, path: Path
    ) -> Path:
        """Write a walk from seed to seed and back to the first as a GIF or WebP that repeats without a jump.

        Raises:
            ConfigError: fewer than two seeds, too few frames, or another kind of file.
            CheckpointError: the generator's file cannot be used, or does not know the class.
            OSError: the disk is full, or the folder cannot be written.
        """
        from steelgui.services.animation import check_animation, write_animation

        check_animation(path, frames)
        positions = [len(seeds) * number / frames for number in range(frames)]
        made = self._walk(source, seeds, positions, label, truncation)
        return write_animation([picture.image for picture in made], path)

    def export_walk(
        self, source: Source, seeds: Sequence[int], frames: int, label: str | None, truncation: float, suffix: str
    ) -> Path:
        """`walk` into a folder that no other visitor can guess."""
        path = self._handed_out(f"walk-{source.tag}-{'-'.join(map(str, seeds[:8]))}{suffix}")
        return self.walk(source, seeds, frames, label, truncation, path)

    def _walk(
        self, source: Source, seeds: Sequence[int], positions: Sequence[float], label: str | None, truncation: float
    ) -> list[Synthetic]:
        check_seeds(seeds)
        if source.kind == "data":
            raise ConfigError(f"{source.name} is a data set; only between a generator's pictures can one walk")
        if len(seeds) < 2:
            raise ConfigError(f"{len(seeds)} seeds; a walk needs two or more")
        return list(self._synthesiser(source).walk(seeds, positions, label, truncation))

    # What they share --------------------------------------------------------------------------------------------

    @cached_property
    def _scorer(self) -> Scorer:
        from steelgui.services.scoring import Scorer

        return Scorer(self.library.default("classifier"))

    def _transplanter(self, folder: Path) -> Transplants:
        from steelgui.services.transplants import Transplants

        if not folder.is_dir():
            raise DataError(f"{folder}: there is no such folder any more; choose another data set")
        # A correction of a workspace's data set changes its file; of any other data set nothing tells.
        changed = max(path.stat().st_mtime_ns for path in (folder, folder / FILE) if path.exists())
        with self._lock:
            known = self._transplants.get(folder)
            if known is None or known[0] != changed:
                known = self._transplants[folder] = changed, Transplants(folder)
            return known[1]

    @staticmethod
    def _backgrounds(folder: Path) -> Backgrounds:
        from steelgui.services.inpainting import Backgrounds

        return Backgrounds(folder)

    def _synthesiser(self, source: Source) -> Synthesiser:
        from steelgui.services.synthesis import Synthesiser

        try:
            # A run's best is overwritten by a better one.
            key = source.path, source.path.stat().st_mtime_ns
        except OSError as error:
            raise CheckpointError(
                f"{source.path.name}: there is no such file in {source.path.parent} any more; choose another generator"
            ) from error
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = Synthesiser(source.path)
                while len(self._loaded) > LOADED:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(key)
            return self._loaded[key]

    def _handed_out(self, name: str) -> Path:
        return self.settings.temporary / uuid.uuid4().hex / name


def _of_data(folder: Path) -> Source:
    return Source(f"data:{folder}", "data", folder.name, folder, f"transplants-{folder.name}", None, ())


def _as_learned(folder: Path, label: str | None) -> dict[str, Any]:
    """As a training's configuration would name the real pictures that distances are measured to."""
    return {"data": str(folder), "out": str(folder), "class_name": label}


def check_seeds(seeds: Sequence[int]) -> None:
    """ConfigError in one sentence for a seed that is out of bounds."""
    for seed in seeds:
        if seed not in SEEDS:
            raise ConfigError(f"seed is {seed}; it must be from 0 to {SEEDS.stop - 1}")


def _check_count(count: int) -> None:
    if count < 1:
        raise ConfigError(f"count is {count}; it must be 1 or more")
