"""Rendered steel strips: the demo data set, in Severstal's own layout, that needs no licence and no download."""

from __future__ import annotations

import csv
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models import rle
from training.data.strip_defects import PAINTERS, VISIBLE, Layer
from training.data.strip_textures import steel_surface

STRIP_HEIGHT, STRIP_WIDTH = 256, 1600
STRIP_CLASSES = ("pitted_surface", "crazing", "scratches", "patches")
"""Class names in the order of Severstal's ClassId 1–4."""

SEVERSTAL_COUNTS: dict[tuple[str, ...], int] = {
    (): 5902,
    ("scratches",): 4759,
    ("pitted_surface",): 769,
    ("patches",): 516,
    ("scratches", "patches"): 284,
    ("crazing",): 195,
    ("pitted_surface", "scratches"): 91,
    ("pitted_surface", "crazing"): 35,
    ("crazing", "scratches"): 14,
    ("pitted_surface", "crazing", "scratches"): 2,
    ("crazing", "patches"): 1,
}
"""How many of Severstal's 12 568 training strips show exactly these classes together."""

SMALLEST_SIDE = 64
FEWEST_FOR_ALL_CLASSES = 12
JPEG_QUALITY = 95


@dataclass(frozen=True)
class Strip:
    """One rendered strip.

    Attributes:
        image: H×W uint8 grey.
        masks: class name → H×W bool, only classes present, never empty, in ClassId order. Masks may overlap.
    """

    image: NDArray[np.uint8]
    masks: dict[str, NDArray[np.bool_]]


def render_strip(
    rng: np.random.Generator, classes: Sequence[str], width: int = STRIP_WIDTH, height: int = STRIP_HEIGHT
) -> Strip:
    """Render one strip or tile.

    The steel does not depend on ``classes``: generators in the same state give the same picture outside the masks.

    Args:
        rng: where all chance comes from.
        classes: names out of :data:`STRIP_CLASSES`; order and repeats do not matter; none gives a clean strip.
        width: pixels, at least 64.
        height: pixels, at least 64.

    Raises:
        ValueError: an unknown class, or a side below 64 pixels.
    """
    unknown = sorted(set(classes) - set(STRIP_CLASSES))
    if unknown:
        raise ValueError(f"unknown strip class {unknown[0]!r}; choose from {', '.join(STRIP_CLASSES)}")
    if min(width, height) < SMALLEST_SIDE:
        raise ValueError(f"a strip needs sides of at least {SMALLEST_SIDE} pixels, got {width}×{height}")
    # One stream for the steel and one for each class, drawn whether used or not: a defect never moves anything else.
    steel_seed, *class_seeds = rng.integers(0, 2**63, size=1 + len(STRIP_CLASSES)).tolist()
    grey, steel = steel_surface(np.random.default_rng(steel_seed), height, width)
    masks: dict[str, NDArray[np.bool_]] = {}
    for name, class_seed in zip(STRIP_CLASSES, class_seeds, strict=True):
        if name in classes:
            class_rng, layer = np.random.default_rng(class_seed), Layer.empty(height, width)
            # Once nearly always; a faint streak that fell between the pixels gets company rather than an empty mask.
            while not (layer.alpha[:, steel] >= VISIBLE).any():
                PAINTERS[name](class_rng, layer, steel)
            grey, masks[name] = layer.apply(grey, steel)
    return Strip(np.rint(grey).astype(np.uint8), masks)


EVEN_COUNTS: dict[tuple[str, ...], int] = dict.fromkeys([(), *((name,) for name in STRIP_CLASSES)], 1)
"""Every class and the clean strip alike: for teaching, where the rare classes need as many examples as scratches."""


def deal_classes(
    strips: int, seed: int, counts: Mapping[tuple[str, ...], int] = SEVERSTAL_COUNTS
) -> list[tuple[str, ...]]:
    """Deal which classes each strip shows, in the proportions of ``counts`` (largest remainder), shuffled by ``seed``.

    From 12 strips on every class occurs at least once, at the expense of the commonest hand.

    Raises:
        ValueError: ``strips`` below 1 or a negative ``seed``.
    """
    if strips < 1:
        raise ValueError(f"a data set needs at least 1 strip, got {strips}")
    if seed < 0:
        raise ValueError(f"the seed must not be negative, got {seed}")
    total = sum(counts.values())
    dealt = {hand: strips * count // total for hand, count in counts.items()}
    by_remainder = sorted(counts, key=lambda hand: -(strips * counts[hand] % total))
    for hand in by_remainder[: strips - sum(dealt.values())]:
        dealt[hand] += 1
    if strips >= FEWEST_FOR_ALL_CLASSES:
        for name in STRIP_CLASSES:
            if not any(count and name in hand for hand, count in dealt.items()):
                dealt[max(dealt, key=lambda hand: dealt[hand])] -= 1
                dealt[(name,)] += 1
    deck = [hand for hand, count in dealt.items() for _ in range(count)]
    # The third number keeps this stream apart from those of the strips, which are seeded with two.
    order = np.random.default_rng([seed, strips, 1]).permutation(len(deck))
    return [deck[place] for place in order]


def render_dataset(
    folder: Path, strips: int, seed: int, counts: Mapping[tuple[str, ...], int] = SEVERSTAL_COUNTS
) -> Iterator[int]:
    """Write ``folder/train.csv`` and ``folder/train_images/*.jpg`` as Severstal has them.

    Picture ``i`` depends on ``seed``, ``i`` and the classes dealt to it only. All is built in a hidden folder beside
    its final place and moved at the end, so a run that fails or is given up leaves nothing that reads as a data set.

    Args:
        folder: created if missing.
        strips: how many, at least 1.
        seed: 0 or above; the same number of strips and seed give the same bytes.
        counts: in which proportions classes occur together.

    Yields:
        How many strips are done, 1 to ``strips``; the data set is in place when the last number comes.

    Raises:
        ValueError: ``strips`` below 1 or a negative ``seed``; at the call, before anything is written.
        FileExistsError: the folder already holds a ``train.csv`` or ``train_images``; likewise.
    """
    hands = deal_classes(strips, seed, counts)
    for name in ("train.csv", "train_images"):
        if (folder / name).exists():
            raise FileExistsError(f"{folder} already holds {name}; choose an empty folder")
    return _write(folder, hands, seed)


def _write(folder: Path, hands: list[tuple[str, ...]], seed: int) -> Iterator[int]:
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".strips-", dir=folder))
    try:
        (staging / "train_images").mkdir()
        with (staging / "train.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(("ImageId", "ClassId", "EncodedPixels"))
            for number, hand in enumerate(hands):
                strip = render_strip(np.random.default_rng([seed, number]), hand)
                name = _image_name(seed, number)
                Image.fromarray(strip.image).save(staging / "train_images" / name, quality=JPEG_QUALITY)
                for class_name, mask in strip.masks.items():
                    table.writerow((name, STRIP_CLASSES.index(class_name) + 1, rle.encode(mask)))
                if number + 1 < len(hands):
                    yield number + 1
        # The table goes last: a reader that finds it finds every picture too.
        (staging / "train_images").rename(folder / "train_images")
        try:
            (staging / "train.csv").rename(folder / "train.csv")
        except BaseException:
            shutil.rmtree(folder / "train_images")
            raise
        staging.rmdir()
    except BaseException:
        # Also when the caller closes the generator or presses Ctrl+C.
        shutil.rmtree(staging, ignore_errors=True)
        for path in made:
            if not any(path.iterdir()):
                path.rmdir()
        raise
    yield len(hands)


def _image_name(seed: int, number: int) -> str:
    """Nine hex digits, as Severstal names its pictures; an odd stride never repeats within 16⁹ strips."""
    start = int.from_bytes(hashlib.blake2b(str(seed).encode(), digest_size=8).digest(), "big")
    return f"{(start + number * 0x9E3779B97) % 16**9:09x}.jpg"
