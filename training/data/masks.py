"""Picture and mask pairs: ``DIR/images/*`` and ``DIR/masks/<same name>.png``, binary or with one value a class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.data.listing import list_images
from training.data.record import DataError, DataSet, MaskFile, Sample, mask_problem, order_classes, read_mask

#: More distinct values than this, and a mask is a grey picture rather than an index map.
MAX_CLASSES = 32


def read_masks(root: Path) -> DataSet:
    """Pairs by file stem (a mask may add ``_mask``); labels are the classes that the mask shows.

    Binary masks give the class that ``classes.txt`` names, or `defect`. Indexed masks (values 1, 2, …) take their
    names from ``classes.txt``, one a line for 1, 2, …, or become `class1`, `class2`, … Pairs that cannot be used (no
    mask, another size, a value without a name) are left out and told in `problems`.

    Raises:
        DataError: no pair can be used.
    """
    masks = {path.stem.removesuffix("_mask"): path for path in list_images(root / "masks")}
    pairs = [(path, masks[path.stem]) for path in list_images(root / "images") if path.stem in masks]
    problems = [
        f"{p.name}: no mask of that name in masks/" for p in list_images(root / "images") if p.stem not in masks
    ]
    stems = {image.stem for image, _ in pairs}
    problems += [
        f"{path.name}: no picture of that name in images/" for stem, path in masks.items() if stem not in stems
    ]
    if not pairs:
        raise DataError(f"{root}: no pairs; put pictures into images/ and masks of the same name into masks/")
    values: dict[Path, list[int]] = {}
    for image, mask in pairs:
        if problem := mask_problem(image, mask):
            problems.append(problem)
            continue
        try:
            values[mask] = np.unique(read_mask(mask)).tolist()
        except DataError as error:
            problems.append(str(error))
    names = _names(root / "classes.txt")
    highest = max((found[-1] for found in values.values() if found), default=0)
    # Everything is 0/1 or 0/255 (with JPEG's ringing in between): a binary mask.
    binary = len(names) < 2 and (highest <= 1 or highest > MAX_CLASSES)
    samples: list[Sample] = []
    for image, mask in pairs:
        if mask not in values:
            continue
        present = [] if binary else [value for value in values[mask] if value > 0]
        if unknown := [value for value in present if names and value > len(names)]:
            problems.append(f"{mask.name}: value {unknown[0]} has no name in classes.txt, which lists {len(names)}")
            continue
        table = (
            ((-1, names[0] if names else "defect"),)
            if binary
            else tuple((v, names[v - 1] if names else f"class{v}") for v in present)
        )
        peak = values[mask][-1]
        shown = peak > (127 if peak > 1 else 0) if binary else bool(present)
        samples.append(Sample(image, tuple(name for _, name in table) if shown else ("none",), MaskFile(mask, table)))
    if not samples:
        raise DataError(f"{root}: none of its {len(pairs)} pairs can be used; the first: {problems[0]}")
    classes = order_classes({label for sample in samples for label in sample.labels})
    return DataSet(root, "masks", classes, tuple(samples), tuple(problems))


def _names(path: Path) -> list[str]:
    if not path.is_file():
        return []
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
