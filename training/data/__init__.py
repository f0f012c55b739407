"""Data sets: readers behind one registry, and the detection of which one fits a folder."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

from training.data.coco import read_coco
from training.data.folders import read_folders
from training.data.labelme import read_labelme
from training.data.listing import json_files, list_images, subfolders
from training.data.marks import json_layout
from training.data.masks import read_masks
from training.data.mvtec import looks_like_mvtec, read_mvtec
from training.data.record import DataError, DataSet
from training.data.severstal import read_severstal
from training.data.workspace import FILE, Workspace, corrected
from training.data.yolo import is_yolo, read_yolo


def read_workspace(root: Path) -> DataSet:
    """A data set of the workspace: its source as the fitting reader gives it, with the corrections applied.

    Raises:
        DataError: its file is damaged, its source is gone, or it holds no picture.
    """
    workspace = Workspace(root)
    source, edits = workspace.source, workspace.edits()
    if source is not None and not source.is_dir():
        raise DataError(
            f"{root.name}: its pictures were in {source}, which is gone; put them back or import them again"
        )
    if source is not None and (source / FILE).is_file():
        raise DataError(f"{root.name}: its source {source} is a data set of the workspace itself; name the pictures")
    dataset = corrected(read_dataset(source) if source is not None else None, root, edits)
    if not dataset.samples:
        raise DataError(f"{root.name}: it holds no picture; add some from an inspection, or undo what was left out")
    return dataset


READERS: dict[str, Callable[[Path], DataSet]] = {
    "folders": read_folders,
    "severstal": read_severstal,
    "masks": read_masks,
    "mvtec": read_mvtec,
    "coco": read_coco,
    "labelme": read_labelme,
    "yolo": read_yolo,
    "workspace": read_workspace,
}


#: So many JSON files are looked into for a layout.
SNIFFED = 20


def detect_format(root: Path) -> tuple[str, str]:
    """Which reader fits, and a sentence that says why.

    Raises:
        DataError: the folder is missing, empty, or in no layout that a reader knows.
    """
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder")
    if (root / FILE).is_file():
        return "workspace", f"{FILE}: a data set of the workspace"
    if (root / "train.csv").is_file() or (root / "train_images").is_dir():
        return "severstal", "train.csv and train_images/: Severstal's layout"
    if list_images(root / "images") and (root / "masks").is_dir():
        return "masks", "pictures in images/ with masks of the same name in masks/"
    if looks_like_mvtec(root):
        return "mvtec", "good parts in train/ and others in test/: MVTec AD's layout"
    for table in ("split.csv", "folds.csv"):
        if (root / table).is_file():
            return "folders", f"one folder a class, split by {table}"
    if is_yolo(root):
        return "yolo", "a YAML with names, or images/ and labels/: YOLO's layout"
    # Pictures of one class in a folder may well have a JSON each beside them, of something else.
    layouts = [json_layout(file) for file in islice(json_files(root), SNIFFED)]
    if "coco" in layouts:
        return "coco", "a JSON file with images and annotations: COCO's"
    if "labelme" in layouts:
        return "labelme", "a JSON file with shapes for each picture: LabelMe's"
    if subfolders(root):
        return "folders", "one folder a class"
    raise DataError(
        f"{root}: no data set there; expected class folders (DIR/<class>/*.jpg), Severstal's train.csv with "
        "train_images/, images/ with masks/, or annotations of COCO, LabelMe or YOLO"
    )


def read_dataset(root: Path, format: str = "auto") -> DataSet:
    """Read a data set; `format` is a key of `READERS`, or `auto` to detect it.

    Raises:
        DataError: one sentence that names the folder or file and what would be right.
    """
    name = detect_format(root)[0] if format == "auto" else format
    if name not in READERS:
        raise DataError(f"there is no data format called {name!r}; choose from auto, {', '.join(READERS)}")
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder")
    return READERS[name](root)
