"""Generated anomalies as extra training pairs of a segmenter: pictures and masks in files, like any others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from models.files import atomic_path
from models.spec import is_defect_free
from training.anomaly.cutpaste import Mask, Picture
from training.anomaly.generated import anomaly
from training.data.record import DataError, MaskFile, Sample, is_marked, load_image, load_masks
from training.data.synthetic import SYNTHETIC

#: What they are called where the data has several classes of defects, or none.
ANOMALY = "anomaly"
#: Pixels around a real defect that no anomaly may touch; tries to find a place, before another picture is taken.
MARGIN, TRIES = 6, 8


def with_anomalies(samples: Sequence[Sample], count: int, seed: int, folder: Path) -> list[Sample]:
    """`count` pictures with an anomaly drawn on defect-free parts, its mask beside that of what the picture shows.

    Their class is the data's, where it has one class of defects, else `ANOMALY`. They are drawn once: where `folder`
    is complete, a resumed training finds them there.

    Args:
        samples: to draw on; those of which not all is known to the pixel are passed over.
        folder: for `images` and `masks`.

    Raises:
        DataError: there is nothing to draw on, or no room.
        ImageError: a picture cannot be read.
    """
    defects = sorted({label for sample in samples for label in sample.labels if not is_defect_free(label)})
    name = defects[0] if len(defects) == 1 else ANOMALY
    names = [*defects, *({name} - set(defects))]
    grounds = [sample for sample in samples if is_marked(sample) and sample.crop is None]
    if not grounds:
        raise DataError("no picture to draw anomalies on: all that a picture shows must be marked, or it must be good")
    values = tuple(enumerate(names, 1))
    done = folder / "pairs.json"
    if not done.is_file():
        _draw(grounds, names, name, count, seed, folder)
    pairs: list[list[str]] = json.loads(done.read_text("utf-8"))
    return [
        Sample(
            folder / "images" / f"{number:05}.png",
            tuple(labels),
            MaskFile(folder / "masks" / f"{number:05}.png", values),
            split=SYNTHETIC,
        )
        for number, labels in enumerate(pairs)
    ]


def _draw(grounds: list[Sample], names: list[str], name: str, count: int, seed: int, folder: Path) -> None:
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    pairs = []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        picture, mask, values = _one(grounds, names, rng)
        values[mask] = names.index(name) + 1
        Image.fromarray(picture).save(folder / "images" / f"{number:05}.png")
        Image.fromarray(values).save(folder / "masks" / f"{number:05}.png")
        pairs.append(sorted(names[value - 1] for value in np.unique(values[values > 0]).tolist()))
    with atomic_path(folder / "pairs.json") as temporary:
        temporary.write_text(json.dumps(pairs), "utf-8")


def _one(grounds: list[Sample], names: list[str], rng: np.random.Generator) -> tuple[Picture, Mask, Picture]:
    """Picture, where its anomaly is, and the mask picture of what else it shows."""
    for _ in range(TRIES * TRIES):
        sample, other = (grounds[number] for number in rng.integers(len(grounds), size=2).tolist())
        image = load_image(sample)
        known = load_masks(sample, names, *image.shape[:2])
        lent = np.asarray(Image.fromarray(load_image(other)).resize(image.shape[1::-1]))
        marked: Mask = np.asarray(known.any(0))
        forbidden = ndimage.binary_dilation(marked, iterations=MARGIN)
        for _ in range(TRIES):
            picture, mask = anomaly(image, lent, rng)
            if not (mask & forbidden).any():
                values = np.zeros(mask.shape, dtype=np.uint8)
                for value, one in enumerate(known, 1):
                    values[one] = value
                return picture, mask, values
    raise DataError("the defects leave no room to draw anomalies beside them; add good pictures to the data")
