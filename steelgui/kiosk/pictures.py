"""Steel for "Real or generated?": real pictures and a generator's, prepared so that only the steel tells them apart."""

from __future__ import annotations

import io
import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.imagefile import ImageError
from models.sidecar import CheckpointError
from models.spec import is_defect_free
from steelgui.services.datasets import Datasets
from steelgui.services.sources import Source, Sources
from steelgui.settings import Settings
from training.data.record import DataError, Sample, load_image
from training.data.strips import STRIP_CLASSES, render_strip
from training.runs import RunError

if TYPE_CHECKING:
    from steelgui.services.synthesis import Synthesiser

#: Pixels a side of what is shown; a whole multiple of what generators make here.
SHOWN = 512
#: A class with fewer pictures does not fill a game.
FEWEST = 8
#: Seeds a game draws from; a training shows snapshots of 0 to 63, which a visitor may have seen.
SEEDS = range(1000, 2**31)


@dataclass(frozen=True)
class Material:
    """What a game is dealt from.

    Attributes:
        folder: the data set with the real pictures; None renders strips in their place.
        labels: classes that both sides show, so that the class gives nothing away; all of each where they share none.
    """

    folder: Path | None
    generator: Source
    labels: tuple[str, ...]

    @property
    def data(self) -> str | None:
        return None if self.folder is None else self.folder.name


@dataclass(frozen=True)
class Steel:
    """One picture as it is shown: PNG, what it is, and its class."""

    png: bytes
    real: bool
    label: str


class Pictures:
    """Finds material and prepares pictures; any number of threads may share one."""

    def __init__(self, settings: Settings) -> None:
        self._datasets, self._sources = Datasets(settings), Sources(settings)
        self._loaded: tuple[tuple[Path, int], Synthesiser] | None = None
        self._lock = threading.Lock()

    def material(self) -> Material:
        """The data set and the generator whose classes have most in common.

        Raises:
            CheckpointError: there is no generator at all.
        """
        return choose({folder: self._classes(folder) for folder in self._datasets.all()}, self._generators())

    def deal(self, material: Material, truths: list[bool], chance: random.Random) -> list[Steel]:
        """A picture for each truth (True is real).

        Raises:
            CheckpointError: the generator cannot be loaded.
            DataError: too many of the data set's pictures cannot be read.
        """
        side = self._synthesiser(material.generator.path).checkpoint.spec.preprocess.size
        real, made = self._real(material, side, chance), self._generated(material, side, chance)
        return [next(real if truth else made) for truth in truths]

    def _real(self, material: Material, side: int, chance: random.Random) -> Iterator[Steel]:
        if material.folder is None:
            labels = [label for label in STRIP_CLASSES if label in material.labels] or list(STRIP_CLASSES)
            while True:
                label = chance.choice(labels)
                strip = render_strip(np.random.default_rng(chance.randrange(2**32)), [label], 256, 256)
                if not past_edge(strip.image):
                    yield Steel(prepared(strip.image, side), True, label)
        samples = _fitting(self._datasets.dataset(material.folder).samples, material.labels)
        chance.shuffle(samples)
        for sample in samples:
            with suppress(ImageError, DataError, OSError):
                square = self._square(sample, chance)
                if not past_edge(square):
                    yield Steel(prepared(square, side), True, _shared(sample, material.labels))
        raise DataError(f"{material.data}: too few of its pictures can be read for a game")

    def _square(self, sample: Sample, chance: random.Random) -> NDArray[np.uint8]:
        """The whole of a square picture; of a strip, a square with the defect in it where that is known."""
        image = load_image(sample)
        height, width = image.shape[:2]
        side = min(height, width)
        marked = np.zeros((height, width), dtype=bool)
        if sample.crop is None:
            for mask in self._datasets.masks(sample, height, width).values():
                marked |= mask
        places = (
            np.argwhere(marked) if marked.any() else np.array([[chance.random() * height, chance.random() * width]])
        )
        y, x = places[chance.randrange(len(places))]
        top = int(np.clip(y - side / 2, 0, height - side))
        left = int(np.clip(x - side / 2, 0, width - side))
        return image[top : top + side, left : left + side]

    def _generated(self, material: Material, side: int, chance: random.Random) -> Iterator[Steel]:
        synthesiser = self._synthesiser(material.generator.path)
        labels = [label for label in synthesiser.classes if label in material.labels] or list(synthesiser.classes)
        while True:
            made = next(synthesiser.draw(1, chance.choice(SEEDS), chance.choice(labels)))
            yield Steel(prepared(made.image, side), False, made.label)

    def _synthesiser(self, path: Path) -> Synthesiser:
        from steelgui.services.synthesis import Synthesiser

        key = path, path.stat().st_mtime_ns
        with self._lock:
            if self._loaded is None or self._loaded[0] != key:
                self._loaded = key, Synthesiser(path)
            return self._loaded[1]

    def _generators(self) -> list[Source]:
        """Models, the bundled one first, then the runs that have made one, the newest first."""
        runs = []
        for run in reversed(self._sources.jobs.all()):
            with suppress(RunError, CheckpointError, OSError):
                runs.append(self._sources.named(run.id))
        return [*(source for source in self._sources.all(None) if source.kind == "model"), *runs]

    def _classes(self, folder: Path) -> list[str]:
        """Of a data set, those with enough pictures; none where it cannot be read."""
        with suppress(DataError, OSError):
            counts = self._datasets.dataset(folder).counts()
            return [name for name, count in counts.items() if count >= FEWEST and not is_defect_free(name)]
        return []


def choose(data: Mapping[Path, list[str]], generators: list[Source]) -> Material:
    """The pair with most classes in common, the earlier one of equals; rendered strips where there is no data set.

    Args:
        data: folder → its defect classes; those without any are passed over.

    Raises:
        CheckpointError: no generator.
    """
    if not generators:
        raise CheckpointError("there is no generator to play against; reinstall SteelGUI or train a GAN")
    folders: dict[Path | None, list[str]] = {folder: classes for folder, classes in data.items() if classes}
    pairs = [
        Material(folder, generator, tuple(label for label in generator.classes if label in classes))
        for folder, classes in (folders or {None: list(STRIP_CLASSES)}).items()
        for generator in generators
    ]
    return max(pairs, key=lambda pair: len(pair.labels))


def prepared(image: NDArray[np.uint8], side: int) -> bytes:
    """A square picture, H×H or H×H×3 uint8, as every other: grey, of the generator's resolution, a PNG of `SHOWN`."""
    small = Image.fromarray(image).convert("L").resize((side, side), Image.Resampling.BOX)
    out = io.BytesIO()
    small.resize((SHOWN, SHOWN), Image.Resampling.BICUBIC).save(out, "PNG", compress_level=1)
    return out.getvalue()


def past_edge(image: NDArray[np.uint8]) -> bool:
    """Does a picture, H×W or H×W×3 uint8, show what is beside the strip? No generator here makes that."""
    grey = image if image.ndim == 2 else image.max(axis=2)
    return bool((grey.max(axis=0) < 24).mean() > 0.02 or (grey.max(axis=1) < 24).mean() > 0.02)


def _fitting(samples: tuple[Sample, ...], labels: tuple[str, ...]) -> list[Sample]:
    defects = [sample for sample in samples if not all(map(is_defect_free, sample.labels))]
    return [sample for sample in defects if not labels or set(labels) & set(sample.labels)]


def _shared(sample: Sample, labels: tuple[str, ...]) -> str:
    return next((label for label in sample.labels if label in labels), sample.labels[0])
