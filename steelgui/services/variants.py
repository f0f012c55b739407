"""Real defects on other real steel, or in other light: new pictures of a scarce class without any training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.imagefile import image_size
from models.spec import is_defect_free
from steelgui.services.inpainting import SPECK, Backgrounds
from steelgui.services.sampled import Synthetic
from training.data import read_dataset
from training.data.record import DataError, Sample, load_image, load_masks, masked_classes
from training.data.seen import digest
from training.data.splits import with_splits
from training.inpaint import GAINS, inpaint, roughness
from training.material import training_part
from training.relight import relight
from training.views import strip_tiles

#: Defects that are tried for one that leaves some steel to be seen, and backgrounds for one as rough as its own.
TRIES, LOOKS = 16, 8
#: How much stronger or weaker, as a logarithm, the texture of a picture in other light may be.
CONTRAST = 0.2


class Variants:
    """Draws like a generator: a seed makes the same picture, whatever is drawn with it.

    A training picture's defect, mirrored and moved, is cloned into defect-free steel (`training.inpaint`); the
    context of a defect varies, the defect itself hardly does. As "cut, paste and learn" (Dwibedi, Misra and Hebert
    2017, section 4) and "copy-paste" (Ghiasi et al. 2021, section 3), with a seamless rim.

    Of a class without masks nobody knows what to cut out: its pictures, mirrored, get another one's light
    (`training.relight`), and no mask.

    Args:
        folder: a data set; only its training split is looked at.

    Raises:
        DataError: it is no data set, or has no such pictures.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        samples, _, _ = training_part(with_splits(read_dataset(folder)))
        defects = sorted({name for sample in samples for name in sample.labels if not is_defect_free(name)})
        self._samples = samples
        self._marked = _marked(samples, frozenset(defects))
        # A picture of several classes would be more than the one that it is filed under.
        self._unmarked = {
            name: pictures
            for name in defects
            if name not in self._marked and (pictures := [one for one in samples if one.labels == (name,)])
        }
        # Those with masks first: a seed's picture stays what it was before others were added.
        self.classes = (*sorted(self._marked), *sorted(self._unmarked))
        if not self.classes:
            raise DataError(
                f"{folder}: no training picture has a mask, or shows one class of defects alone; there is nothing to "
                "make more of"
            )

    def draw(
        self, count: int, seed: int, label: str | None = None, backgrounds: Backgrounds | None = None
    ) -> Iterator[Synthetic]:
        """`count` pictures from the seeds that follow `seed`, each of its defect's picture's size.

        Args:
            label: one of `classes`; by the seed, each in turn, if left out.
            backgrounds: where the steel, or the light, comes from; the data set's own if left out.

        Raises:
            DataError: no picture shows the class, its defects leave no steel to be seen, or there is none.
            ImageError: a picture cannot be read.
        """
        if label is not None and label not in self.classes:
            raise DataError(f"{self.folder.name} has defects of {', '.join(self.classes)}; it has none of {label!r}")
        for number in range(seed, seed + count):
            name = label or self.classes[number % len(self.classes)]
            if name in self._marked:
                yield self._made(number, name, backgrounds or self._own_steel)
            else:
                yield self._relit(number, name, backgrounds)

    @cached_property
    def _own_steel(self) -> Backgrounds:
        return Backgrounds(self.folder)

    def _made(self, seed: int, label: str, backgrounds: Backgrounds) -> Synthetic:
        rng = np.random.default_rng([seed, self.classes.index(label)])
        for _ in range(TRIES):
            sample = self._marked[label][int(rng.integers(len(self._marked[label])))]
            picture = load_image(sample)
            mask = load_masks(sample, [label], *_whole(sample, picture))[0]
            if mask.sum() < SPECK:
                continue
            picture, mask = _mirrored(rng, picture, mask)
            picture, mask = _moved(picture, mask, rng)
            background, file = _background(backgrounds, picture, mask, rng)
            try:
                image, mask = inpaint(picture, mask, background)
            except ValueError:  # the defect fills its picture: there would be no background to see
                continue
            return Synthetic(_plain(image), label, seed, mask, file.name, (digest(sample.image), digest(file)))
        raise DataError(f"{self.folder.name}: the defects of {label} fill their pictures; no steel is around them")

    def _relit(self, seed: int, label: str, backgrounds: Backgrounds | None) -> Synthetic:
        rng = np.random.default_rng([seed, self.classes.index(label)])
        sample = self._unmarked[label][int(rng.integers(len(self._unmarked[label])))]
        (picture,) = _mirrored(rng, load_image(sample))
        if backgrounds is None:
            lit = self._samples[int(rng.integers(len(self._samples)))]
            light, file = load_image(lit), lit.image
        else:
            light, file = next(backgrounds.parts(rng, 1))
        image = relight(picture, _mirrored(rng, light)[0], float(np.exp(rng.uniform(-CONTRAST, CONTRAST))))
        return Synthetic(_plain(image), label, seed, None, file.name, (digest(sample.image), digest(file)))


def _marked(samples: Sequence[Sample], defects: Set[str]) -> dict[str, list[Sample]]:
    """Pictures, or tiles of strips, by each class of `defects` that a mask of theirs shows."""
    masked = [sample for sample in samples if masked_classes(sample) & defects]
    names = sorted({name for sample in masked for name in masked_classes(sample)} & defects)
    found: dict[str, list[Sample]] = defaultdict(list)
    for sample in strip_tiles(masked, names, multi_label=True):
        for name in sorted(masked_classes(sample) & set(sample.labels) & defects):
            found[name].append(sample)
    return found


def _background(
    backgrounds: Backgrounds, picture: NDArray[np.uint8], mask: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Path]:
    """The first that is about as rough as the defect's own surroundings, else the one that comes nearest."""
    height, width = mask.shape
    own = max(roughness(picture.mean(2), ~mask), 1e-6)
    looked_at = []
    for part, file in backgrounds.parts(rng, LOOKS):
        fitted = _fitted(_mirrored(rng, part)[0], height, width, rng)
        ratio = roughness(fitted.mean(2), np.ones_like(mask)) / own
        if GAINS[0] <= ratio <= GAINS[1]:
            return fitted, file
        looked_at.append((abs(np.log(max(ratio, 1e-6))), fitted, file))
    _, fitted, file = min(looked_at, key=lambda one: one[0])
    return fitted, file


def _whole(sample: Sample, picture: NDArray[np.uint8]) -> tuple[int, int]:
    """Height and width of the picture that a sample is, or is a part of."""
    if sample.crop is None:
        return picture.shape[0], picture.shape[1]
    width, height = image_size(sample.image)
    return height, width


def _mirrored(rng: np.random.Generator, *pictures: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """All of them alike; never turned, which would break the rolling direction."""
    for axis in (0, 1):
        if rng.random() < 0.5:
            pictures = tuple(np.flip(picture, axis) for picture in pictures)
    return tuple(np.ascontiguousarray(picture) for picture in pictures)


def _moved(
    picture: NDArray[np.uint8], mask: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The defect elsewhere in its frame; where it touches an edge it goes on, so that it stays along that axis."""
    starts = []
    for axis, length in enumerate(mask.shape):
        taken = np.flatnonzero(mask.any(1 - axis))
        first, after = int(taken[0]), length - 1 - int(taken[-1])
        free = first > 0 and after > 0
        # Of the picture continued by its mirror image on all sides, where the new frame begins.
        starts.append(length + (int(rng.integers(-after, first + 1)) if free else 0))
    (height, width), (top, left) = mask.shape, starts
    around = ((height, height), (width, width))
    frame = slice(top, top + height), slice(left, left + width)
    return np.pad(picture, (*around, (0, 0)), "symmetric")[frame], np.pad(mask, around)[frame]


def _fitted(part: NDArray[np.uint8], height: int, width: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Any H×W of it at its own scale, continued by mirroring where it is too small: texture stays as fine as it is."""
    missing = [max(0, height - part.shape[0]), max(0, width - part.shape[1])]
    whole = np.pad(part, [(0, missing[0]), (0, missing[1]), (0, 0)], "symmetric")
    top = int(rng.integers(whole.shape[0] - height + 1))
    left = int(rng.integers(whole.shape[1] - width + 1))
    return np.ascontiguousarray(whole[top : top + height, left : left + width])


def _plain(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """H×W where all channels are alike."""
    return np.ascontiguousarray(image[..., 0]) if (image == image[..., :1]).all() else image
