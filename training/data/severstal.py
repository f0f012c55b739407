"""Severstal's layout: ``train.csv`` with run-length masks and ``train_images/``; strips without a row are clean."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from models import rle
from models.imagefile import ImageError, image_size
from training.data.listing import list_images, read_rows
from training.data.record import DataError, DataSet, MaskRuns, Sample, order_classes

CLEAN = "none"
#: ClassId → name, as the thesis behind this project names Severstal's four classes.
CLASS_NAMES = {"1": "pitted_surface", "2": "crazing", "3": "scratches", "4": "patches"}


def read_severstal(root: Path) -> DataSet:
    """Strips with any number of classes each.

    Rows that cannot be used (unknown class, runs that are odd or leave the image, a repeated row, a strip that is not
    there) are left out and named in `problems`.

    Raises:
        DataError: `train.csv` or `train_images/` is missing, or the CSV lacks its columns.
    """
    images = {path.name: path for path in list_images(root / "train_images")}
    if not images:
        raise DataError(f"{root / 'train_images'}: no images there; Severstal's layout needs train_images/*.jpg")
    problems: list[str] = []
    runs: dict[str, dict[str, str]] = defaultdict(dict)
    broken: set[str] = set()
    absent: set[str] = set()
    for line, (image, class_id, pixels) in _rows(root / "train.csv"):
        where = f"train.csv line {line}"
        if not pixels:
            continue
        if image not in images:
            absent.add(image)
        elif class_id not in CLASS_NAMES:
            problems.append(f"{where}: ClassId {class_id!r} is unknown; it must be 1, 2, 3 or 4")
            broken.add(image)
        elif CLASS_NAMES[class_id] in runs[image]:
            problems.append(f"{where}: {image} has class {class_id} twice; the first row counts")
        else:
            try:
                width, height = image_size(images[image])
                rle.parse(pixels, height, width)
                runs[image][CLASS_NAMES[class_id]] = pixels
            except (ImageError, ValueError) as error:
                problems.append(f"{where}: {image}, class {class_id}: {error}")
                broken.add(image)
    if absent:
        problems.append(f"{len(absent)} images of train.csv are not in train_images/ (first {sorted(absent)[0]})")
    # A strip that lost a row would be taught as free of that defect: leave it out altogether.
    samples = tuple(_sample(path, runs.get(name, {})) for name, path in images.items() if name not in broken)
    classes = order_classes({label for sample in samples for label in sample.labels})
    return DataSet(root, "severstal", classes, samples, tuple(problems))


def _sample(path: Path, runs: dict[str, str]) -> Sample:
    return Sample(path, tuple(sorted(runs)) or (CLEAN,), MaskRuns(tuple(sorted(runs.items()))))


def _rows(path: Path) -> list[tuple[int, tuple[str, str, str]]]:
    header, rows = read_rows(path)
    if {"ImageId", "ClassId", "EncodedPixels"} <= set(header):
        return [(line, (row["ImageId"], row["ClassId"], row["EncodedPixels"])) for line, row in rows]
    if {"ImageId_ClassId", "EncodedPixels"} <= set(header):
        split = [(line, row["ImageId_ClassId"].rpartition("_"), row["EncodedPixels"]) for line, row in rows]
        return [(line, (name, class_id, pixels)) for line, (name, _, class_id), pixels in split]
    raise DataError(
        f"{path.name}: its columns are {', '.join(header) or 'missing'}; it needs ImageId,ClassId,EncodedPixels "
        "(or the older ImageId_ClassId,EncodedPixels)"
    )


__all__ = ["CLASS_NAMES", "CLEAN", "read_severstal"]
