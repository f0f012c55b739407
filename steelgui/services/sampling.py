"""Drawing from any generator at hand, or from a data set's own defects: pictures, scores, walks, sets, archives."""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.sidecar import CheckpointError
from steelgui.services import sampled, synthetic_sets
from steelgui.services.sampled import Gap, Progress, Sampled, Score, Synthetic
from steelgui.services.sources import Source, Sources
from steelgui.settings import Settings
from training.config import ConfigError

if TYPE_CHECKING:
    from steelgui.services.inpainting import Backgrounds
    from steelgui.services.scoring import Scorer
    from steelgui.services.synthesis import Synthesiser

#: Generators that stay loaded: a walk's slider asks for the same one again and again.
LOADED = 3
#: Pictures that `stream` holds at once.
STREAMED = 64
#: What the random numbers' seeds may be, on the page and on the command line.
SEEDS = range(2**31)


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
        self.sources = Sources(settings)
        self._loaded: OrderedDict[tuple[Path, int], Synthesiser] = OrderedDict()
        self._lock = threading.Lock()

    # Pictures ---------------------------------------------------------------------------------------------------

    def draw(
        self,
        source: Source,
        count: int,
        seed: int,
        label: str | None,
        truncation: float,
        steel: Backgrounds | None = None,
    ) -> Draw:
        """Draw `count` pictures.

        Args:
            steel: under a data set's defects, instead of its own.

        Raises:
            CheckpointError: the file cannot be used, or does not know the class.
            ConfigError: count or seed is out of bounds.
            DataError, ImageError: the data set cannot be read, or does not show the class.
        """
        _check_count(count)
        check_seeds([seed, seed + count - 1])
        if source.kind == "data":
            made = tuple(self.sources.variants(source.path).draw(count, seed, label, steel))
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
        steel = self._backgrounds(background) if background else None

        def parts() -> Iterator[Sampled]:
            for start in range(0, count, STREAMED):
                draw = self.draw(source, min(STREAMED, count - start), seed + start, label, truncation, steel)
                if scores:
                    for _ in self.score(draw):
                        pass
                found = draw.chosen(range(len(draw.pictures)))
                yield from steel.under(found) if steel and source.kind != "data" else found

        return parts()

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

        return Scorer(self.sources.library.default("classifier"))

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
