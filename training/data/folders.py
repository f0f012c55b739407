"""One folder a class: ``DIR/<class>/*``, ``DIR/images/<class>/*`` or ``DIR/{train,validation,test}/<class>/*``."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

from models.spec import is_defect_free
from models.tiling import Box
from training.data.listing import SPLIT_NAMES, list_images, read_rows, subfolders
from training.data.record import DataError, DataSet, MaskFile, Sample, mask_problem, order_classes

#: Folders beside the classes that hold something else.
NOT_CLASSES = frozenset({"annotations", "images", "labels", "masks"})
#: Picture, class, group, split.
Found = tuple[Path, str, str | None, str | None]


def read_folders(root: Path) -> DataSet:
    """Single-label pictures; `split.csv` or `folds.csv`, `masks/` and Pascal VOC `annotations/` are honoured.

    Rows and masks that cannot be used are told in `problems`. Groups that are numbered anew in each class become
    `class/number`.

    Raises:
        DataError: there is no picture in any class folder, or the CSV lacks its columns or has no row of use.
    """
    problems: list[str] = []
    table = next((root / name for name in ("split.csv", "folds.csv") if (root / name).is_file()), None)
    if table:
        found = _from_table(root, table, problems)
    else:
        base = root / "images" if subfolders(root / "images") else root
        splits: dict[Path, str | None] = {
            p: SPLIT_NAMES[p.name.lower()] for p in subfolders(base) if p.name.lower() in SPLIT_NAMES
        }
        found = [
            (path, label.name, None, split)
            for folder, split in (splits or {base: None}).items()
            for label in subfolders(folder)
            if label.name not in NOT_CLASSES
            for path in list_images(label)
        ]
    if not found and table:
        why = problems[0] if problems else "it has no rows below its header"
        raise DataError(f"{table.name}: no picture of {root.name} can be used; {why}")
    if not found:
        raise DataError(
            f"{root}: no pictures in class folders; put them into {root.name}/<class>/ (or images/<class>/, "
            "train/<class>/ and validation/<class>/)"
        )
    samples = tuple(
        Sample(path, (label,), _mask(root, path, label, problems), _boxes(root, path, label), group, split)
        for path, label, group, split in found
    )
    return DataSet(root, "folders", order_classes({label for _, label, _, _ in found}), samples, tuple(problems))


def _from_table(root: Path, table: Path, problems: list[str]) -> list[Found]:
    header, rows = read_rows(table)
    if not {"image", "label"} <= set(header) or not {"split", "fold"} & set(header):
        raise DataError(
            f"{table.name}: its columns are {', '.join(header) or 'missing'}; it needs image,label and split or fold "
            "(and group, where pictures are alike)"
        )
    found: list[Found] = []
    seen: set[Path] = set()
    for line, row in rows:
        # Compared as written, links not followed: a data set may well be made of links to where the pictures lie.
        path = Path(os.path.normpath(root / row["image"].replace("\\", "/")))
        if Path(os.path.normpath(root)) not in path.parents:
            problems.append(f"{table.name} line {line}: {row['image']} lies outside {root.name}")
        elif path in seen:
            problems.append(f"{table.name} line {line}: {row['image']} is listed twice; the first row counts")
        elif not row["label"]:
            problems.append(f"{table.name} line {line}: {row['image']} has no label")
        elif not path.is_file():
            problems.append(f"{table.name} line {line}: {row['image']} is not there")
        else:
            split = row.get("split") or (f"fold{row['fold']}" if row.get("fold") else None)
            found.append((path, row["label"], row.get("group") or None, SPLIT_NAMES.get(split or "", split)))
        seen.add(path)
    return _named_groups(found)


def _named_groups(found: list[Found]) -> list[Found]:
    """Tell apart groups that are numbered anew in each class, lest strangers be kept together.

    They are where one number lies in two splits, but the same number of one class never does.
    """
    whole: dict[str, set[str | None]] = defaultdict(set)
    by_class: dict[tuple[str, str], set[str | None]] = defaultdict(set)
    for _, label, group, split in found:
        if group:
            whole[group].add(split)
            by_class[group, label].add(split)
    if max(map(len, whole.values()), default=0) < 2 or max(map(len, by_class.values())) > 1:
        return found
    return [(path, label, f"{label}/{group}" if group else None, split) for path, label, group, split in found]


def _mask(root: Path, image: Path, label: str, problems: list[str]) -> MaskFile | None:
    for folder in (root / "masks" / label, root / "masks"):
        path = folder / f"{image.stem}.png"
        if path.is_file():
            if problem := mask_problem(image, path):
                problems.append(f"{problem}; the picture is used without it")
                return None
            return MaskFile(path, () if is_defect_free(label) else ((-1, label),))
    return None


def _boxes(root: Path, image: Path, label: str) -> tuple[tuple[str, Box], ...]:
    path = root / "annotations" / f"{image.stem}.xml"
    if not path.is_file():
        return ()
    try:
        # Expat itself refuses entities that grow without bound, and reads no external ones.
        found = ElementTree.parse(path).iterfind("object/bndbox")  # noqa: S314
        sides = [[int(float(box.findtext(side, ""))) for side in ("xmin", "ymin", "xmax", "ymax")] for box in found]
    except (ElementTree.ParseError, ValueError):
        return ()  # boxes only help the training; a picture without them is as good as any other
    return tuple((label, Box(max(0, x0 - 1), max(0, y0 - 1), x1, y1)) for x0, y0, x1, y1 in sides)
