"""Drawn pictures with all that is known of them, on their way to a folder, a ZIP or a synthetic set."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.files import atomic_path, atomic_write

#: Of every manifest: folder, ZIP and synthetic set.
COLUMNS = (
    *("file", "mask", "class", "run", "generator", "seed", "truncation", "confidence", "distance"),
    *("background", "pictures"),
)


@dataclass(frozen=True)
class Synthetic:
    """One generated picture: H×W×3 or H×W uint8, its class, its mask (H×W bool) where the generator makes one.

    Attributes:
        background: name of the real picture that its defect was put on, if it was.
        pictures: digests of the real pictures that parts of it are taken from.
    """

    image: NDArray[np.uint8]
    label: str
    seed: int
    mask: NDArray[np.bool_] | None = None
    background: str = ""
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Score:
    """How good a drawn picture is, as far as that could be told.

    Attributes:
        confidence: the classifier's that the picture shows its class, 0 to 1; None where it does not know the class.
        distance: to the nearest training picture, over the median of the same between training pictures of the class;
            far below 1 is a copy. None where the training pictures are gone.
        nearest: that training picture, H×W or H×W×3 uint8.
    """

    confidence: float | None = None
    distance: float | None = None
    nearest: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Progress:
    """What is done at present, and how much of it; `total` is 0 where that is not known."""

    stage: Literal["reading", "training_pictures", "distance", "confidence"]
    done: int
    total: int


@dataclass(frozen=True)
class Gap:
    """Why pictures lack a score.

    Attributes:
        kind: `classes` that the classifier does not know, `card` that says nothing of a training, a folder of data that
            is `gone`, or `data` that cannot be read.
        why: the classes, the folder, or a sentence.
    """

    kind: Literal["classes", "card", "gone", "data"]
    why: str = ""


@dataclass(frozen=True)
class Sampled:
    """A picture, what made it, and its score.

    Attributes:
        run: id of the run that trained the generator; empty for a model.
        generator: the checkpoint's name.
        seen: training pictures that the generator had seen; None where that is not known.
    """

    picture: Synthetic
    run: str
    generator: str
    seen: int | None
    truncation: float
    score: Score = Score()

    @property
    def name(self) -> str:
        """File name that tells apart what the same seed gives at another time or truncation."""
        at = "" if self.seen is None else f"-{self.seen}"
        cut = "" if self.truncation == 1 else f"-t{self.truncation:g}"
        return f"{self.picture.seed:010d}{at}{cut}.png"

    def row(self, file: str, mask: str) -> dict[str, str]:
        """Its line in a manifest."""
        confidence, distance = self.score.confidence, self.score.distance
        return {
            "file": file,
            "mask": mask,
            "class": self.picture.label,
            "run": self.run,
            "generator": self.generator,
            "seed": str(self.picture.seed),
            "truncation": f"{self.truncation:g}",
            "confidence": "" if confidence is None else f"{confidence:.4f}",
            "distance": "" if distance is None else f"{distance:.4f}",
            "background": self.picture.background,
            "pictures": " ".join(self.picture.pictures),
        }


def class_folder(label: str) -> str:
    """A class as the name of a folder; a model's card is foreign text and must not lead out of the set."""
    return "".join("_" if character in '/\\:*?"<>|' else character for character in label).lstrip(".") or "_"


def write_folder(samples: Iterable[Sampled], folder: Path) -> Iterator[Path]:
    """Write `<class>-<seed>.png`, masks in `masks/`, and `manifest.csv` at the end; yields each picture's path.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for sample in samples:
        name = f"{class_folder(sample.picture.label)}-{sample.picture.seed:06d}.png"
        rows.append(write_pictures(sample, folder, name))
        yield folder / name
    atomic_write(folder / "manifest.csv", table(rows))


def write_pictures(sample: Sampled, folder: Path, name: str) -> dict[str, str]:
    """A picture as `name`, its mask as `masks/name`; returns its manifest row."""
    pictures = _pictures(sample, name)
    for inside, pixels in pictures.items():
        path = folder / inside
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            Image.fromarray(pixels).save(temporary, "PNG")
    return _row(sample, pictures)


def write_zip(samples: Sequence[Sampled], path: Path) -> Path:
    """`<class>/<name>.png`, `masks/…` and `manifest.csv` in an archive; it stands there whole or not at all.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    # Stored, not deflated: PNG is compressed already.
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for sample in samples:
            name = f"{class_folder(sample.picture.label)}/{sample.name}"
            pictures = _pictures(sample, name)
            for inside, pixels in pictures.items():
                packed = io.BytesIO()
                Image.fromarray(pixels).save(packed, "PNG")
                archive.writestr(inside, packed.getvalue())
            rows.append(_row(sample, pictures))
        # Excel takes UTF-8 for Korean names only with a byte-order mark.
        archive.writestr("manifest.csv", ("\ufeff" + table(rows)).encode())
    return path


def table(rows: Iterable[Mapping[str, str]]) -> str:
    """Rows as CSV; columns that an older manifest lacks stay empty."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, restval="", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _pictures(sample: Sampled, name: str) -> dict[str, NDArray[np.uint8]]:
    """File name → pixels: the picture, then its mask where there is one."""
    mask = sample.picture.mask
    masks = {} if mask is None else {f"masks/{name}": mask.astype(np.uint8) * np.uint8(255)}
    return {name: sample.picture.image, **masks}


def _row(sample: Sampled, pictures: Mapping[str, NDArray[np.uint8]]) -> dict[str, str]:
    file, mask = [*pictures, ""][:2]
    return sample.row(file, mask)
