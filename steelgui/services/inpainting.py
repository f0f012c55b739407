"""Generated defects on real clean steel: where the backgrounds come from, and how the two are put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from models.imagefile import image_size, read_image
from models.spec import is_defect_free
from models.tiling import Box
from steelgui.services.sampled import Sampled, Synthetic
from training.data import read_dataset
from training.data.clean_crops import clean_crops
from training.data.listing import list_images
from training.data.record import DataError, Sample
from training.data.seen import digest
from training.data.splits import with_splits
from training.gan.config import GanConfig
from training.gan.patches import equal_tiles
from training.inpaint import inpaint
from training.material import training_part

#: A clean square from beside a defect serves if it is at least this part of its picture's short side: a smaller one
#: would be enlarged so much that its texture is another.
SERVES = 0.5
#: Parts with a mean grey up to this lie past the strip's edge.
DARK = float(GanConfig.model_fields["dark"].default)
#: Backgrounds that are looked at for one that is not dark, before a folder is given up.
TRIES = 32
#: A mask of fewer pixels is a speck of the generator's, not a defect.
SPECK = 4


class Backgrounds:
    """The defect-free steel of a folder: clean pictures, or squares from outside the masks of others.

    Of a data set only the training split serves: what is made here is to be learned from, and judged on the rest.

    Args:
        folder: a data set in any layout that a training reads, or just a folder of clean pictures.

    Raises:
        DataError: there is no clean steel in it, or it is no data set.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._parts = _clean_parts(folder)

    def __len__(self) -> int:
        return len(self._parts)

    def pick(self, seed: int, side: int) -> tuple[NDArray[np.uint8], Path]:
        """A background S×S×3 uint8, the same for the same seed, and its file.

        Raises:
            DataError: what was looked at is all past the strip's edge.
            ImageError: a picture cannot be read.
        """
        part, file = next(self.parts(np.random.default_rng(seed), 1))
        return _resized(part, side), file

    def parts(self, rng: np.random.Generator, count: int) -> Iterator[tuple[NDArray[np.uint8], Path]]:
        """`count` backgrounds H×W×3 uint8 of any size, and their files; errors as `pick`."""
        found = 0
        for _ in range(TRIES):
            file, crop = self._parts[int(rng.integers(len(self._parts)))]
            whole = read_image(file)
            boxes = equal_tiles(*whole.shape[:2]) if crop is None else [crop]
            box = boxes[int(rng.integers(len(boxes)))]
            part = whole[box.top : box.bottom, box.left : box.right]
            if part.mean() > DARK:
                yield part, file
                if (found := found + 1) == count:
                    return
        if not found:
            raise DataError(f"{self.folder}: its clean pictures are black; backgrounds with steel in them are needed")

    def compose(self, made: Synthetic) -> Synthetic | None:
        """The same defect on a background that its seed picks; None where the generator made a mask of nothing.

        Raises:
            DataError: the generator makes no masks.
        """
        if made.mask is None:
            raise DataError("this generator makes no masks; one that was trained with --masks can change backgrounds")
        if made.mask.sum() < SPECK:
            return None
        background, file = self.pick(made.seed, made.image.shape[0])
        if made.image.ndim == 2:
            background = background.mean(2).round().astype(np.uint8)
        try:
            image, mask = inpaint(made.image, made.mask, background)
        except ValueError:  # the defect fills its picture: there is no background to see
            return None
        return replace(made, image=image, mask=mask, background=file.name, pictures=(*made.pictures, digest(file)))

    def under(self, samples: Iterable[Sampled]) -> Iterator[Sampled]:
        """The same with another background each, without those that cannot have one; errors as `compose`."""
        for sample in samples:
            if (picture := self.compose(sample.picture)) is not None:
                yield replace(sample, picture=picture)


def _clean_parts(folder: Path) -> list[tuple[Path, Box | None]]:
    """Files and the part of each that is clean; None for all of it."""
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder")
    if (loose := list_images(folder)) and not (folder / "masks").is_dir():
        return [(path, None) for path in loose]
    samples, _, _ = training_part(with_splits(read_dataset(folder)))
    if clean := [sample for sample in samples if sample.labels and all(map(is_defect_free, sample.labels))]:
        return [(sample.image, sample.crop) for sample in clean]
    crops = [crop for crop in clean_crops(samples, 3, 0) if _serves(crop)]
    if not crops:
        raise DataError(
            f"{folder}: no clean steel there; give a folder of defect-free pictures, or a data set whose masks leave "
            "half a picture free"
        )
    return [(crop.image, crop.crop) for crop in crops]


def _serves(sample: Sample) -> bool:
    assert sample.crop is not None
    return sample.crop.right - sample.crop.left >= SERVES * min(image_size(sample.image))


def _resized(part: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """As the training resizes its pictures, so that texture is as fine here as there."""
    pixels = torch.from_numpy(np.ascontiguousarray(part)).permute(2, 0, 1)[None].float()
    resized = F.interpolate(pixels, (side, side), mode="bilinear", antialias=True)[0]
    found: NDArray[np.uint8] = resized.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
    return found
