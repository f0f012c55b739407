"""MVTec AD's layout: ``train/good/*``, ``test/<defect>/*`` and ``ground_truth/<defect>/<stem>_mask.png``."""

from __future__ import annotations

from pathlib import Path

from models.spec import is_defect_free
from training.data.listing import list_images, subfolders
from training.data.record import DataError, DataSet, MaskFile, Sample, mask_problem, order_classes

MASKS = "ground_truth"


def looks_like_mvtec(root: Path) -> bool:
    """Good pictures alone in `train/`, anything in `test/`."""
    train = subfolders(root / "train")
    return bool(train) and all(is_defect_free(folder.name) for folder in train) and (root / "test").is_dir()


def read_mvtec(root: Path) -> DataSet:
    """Splits `train` and `test` as they are; a picture's label is its folder's name, a mask is binary.

    A mask is called as the picture, with or without `_mask`. Pictures of defects without one are kept and told in
    `problems`, in one sentence where none has a mask.

    Raises:
        DataError: there is no picture in `train/`.
    """
    problems: list[str] = []
    samples = [
        Sample(path, (folder.name,), _mask(root, path, folder.name, problems), split=split)
        for split in ("train", "test")
        for folder in subfolders(root / split)
        for path in list_images(folder)
    ]
    if not any(sample.split == "train" for sample in samples):
        inside = [folder.name for folder in subfolders(root) if looks_like_mvtec(folder)]
        hint = f"; name one of its categories: {', '.join(inside)}" if inside else ""
        raise DataError(f"{root}: no pictures in train/good/{hint or ', where MVTec AD has its good parts'}")
    bad = [sample for sample in samples if not is_defect_free(sample.labels[0])]
    if bad and not (root / MASKS).is_dir():
        problems.append(f"there is no {MASKS}/; pictures can be judged whole, but not to the pixel")
    classes = order_classes({sample.labels[0] for sample in samples})
    return DataSet(root, "mvtec", classes, tuple(samples), tuple(problems))


def _mask(root: Path, image: Path, label: str, problems: list[str]) -> MaskFile | None:
    if is_defect_free(label) or not (root / MASKS).is_dir():
        return None
    for name in (f"{image.stem}_mask", image.stem):
        for suffix in dict.fromkeys((".png", image.suffix, ".bmp", ".tif")):
            path = root / MASKS / label / f"{name}{suffix}"
            if path.is_file():
                if problem := mask_problem(image, path):
                    problems.append(f"{problem}; the picture is used without it")
                    return None
                return MaskFile(path, ((-1, label),))
    problems.append(f"{label}/{image.name}: no mask {image.stem}_mask.png in {MASKS}/{label}/")
    return None
