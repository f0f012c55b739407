"""The data sets of the workspace: taken in from a folder or a ZIP, looked at, corrected, split; originals untouched."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.files import atomic_path
from models.imagefile import read_image
from models.spec import is_defect_free
from steelgui.overlay import outlined
from steelgui.settings import Settings
from training.data import read_dataset
from training.data.archive import unpack
from training.data.describe import Description, describe, mask_counts, split_counts
from training.data.record import DataError, DataSet, Sample, load_masks, scarce_classes
from training.data.splits import split_anew
from training.data.workspace import ADDED, FILE, MASKS, Change, Edit, Workspace

SPLITS = ("train", "validation", "test")
#: Part of the pictures that validates where somebody moves a picture before the data was split.
VALIDATION = 0.2
LONGEST_NAME = 60

Progress = Callable[[int, int], None]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Overview:
    """A data set in numbers, as it stands after its corrections.

    Attributes:
        counts: pictures by class; `training` those of them that are not held out, `masks` those whose mask shows it.
        scarce: defect classes with few training pictures.
        imbalance: training pictures of the largest class for one of the smallest.
        splits: split → class → pictures; empty where the data names none.
        changes: the newest last.
    """

    folder: Path
    source: Path | None
    pictures: int
    counts: dict[str, int]
    training: dict[str, int]
    masks: dict[str, int]
    scarce: tuple[str, ...]
    imbalance: float
    splits: dict[str, dict[str, int]]
    problems: tuple[str, ...]
    changes: tuple[Change, ...]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def scarcest(self) -> str | None:
        """The defect class with the fewest training pictures."""
        defects = {name: count for name, count in self.training.items() if not is_defect_free(name)}
        return min(defects, key=lambda name: (defects[name], name), default=None)


class Datasets:
    """Everything below `HOME/data`. Keeps what was read until a data set changes."""

    def __init__(self, settings: Settings) -> None:
        self.root = settings.home / "data"
        self._read: dict[Path, tuple[float, DataSet]] = {}
        self._lock = threading.Lock()

    # Which there are --------------------------------------------------------------------------------------------

    def all(self) -> list[Path]:
        """Their folders, the one that was changed last first."""
        return [file.parent for file in sorted(self.root.glob(f"*/{FILE}"), key=lambda file: -file.stat().st_mtime)]

    def find(self, name: str) -> Path:
        """By its name or its folder; DataError where there is none."""
        for folder in (self.root / name, Path(name)):
            if name and (folder / FILE).is_file():
                return folder.absolute()
        known = ", ".join(folder.name for folder in self.all()) or "none yet"
        raise DataError(f"there is no data set {name!r} in the workspace; there are: {known}")

    def take_in(self, source: Path, name: str | None = None, progress: Progress | None = None) -> Path:
        """The workspace's data set for a folder, a ZIP, or itself; made where there is none yet.

        A folder's pictures stay where they are, a ZIP is unpacked into the workspace.

        Raises:
            DataError: it holds no data set, or is no ZIP that can be taken in; nothing is left behind.
            OSError: the disk is full.
        """
        # Without "..", as readers name pictures; links are not followed.
        source = Path(os.path.normpath(source.expanduser().absolute()))
        if source.is_dir() and (source / FILE).is_file():
            read_dataset(source)
            return source
        if not source.exists():
            raise DataError(f"{source}: there is no such folder or ZIP; check the path")
        self.root.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            known = next((folder for folder in self.all() if Workspace(folder).source == source), None)
            if known and name in (None, known.name):
                return known
        folder = self._free(name or (source.name if source.is_dir() else source.stem))
        try:
            folder.mkdir()
            inside = source if source.is_dir() else unpack(source, folder / "pictures", progress)
            Workspace.create(folder, inside)
            self.dataset(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder

    # What is in them --------------------------------------------------------------------------------------------

    def dataset(self, folder: Path) -> DataSet:
        """As it stands; DataError where it cannot be read."""
        mark = (folder / FILE).stat().st_mtime_ns if (folder / FILE).is_file() else 0
        with self._lock:
            kept = self._read.get(folder)
        if kept and kept[0] == mark:
            return kept[1]
        found = read_dataset(folder)
        with self._lock:
            self._read[folder] = mark, found
        return found

    def forget(self, folder: Path) -> None:
        """Read it anew next time: its source may have changed."""
        with self._lock:
            self._read.pop(folder, None)

    def overview(self, folder: Path) -> Overview:
        dataset, workspace = self.dataset(folder), Workspace(folder)
        counts, training = dataset.counts(), dataset.training_counts()
        splits = split_counts(dataset)
        return Overview(
            folder,
            workspace.source,
            len(dataset.samples),
            counts,
            training,
            mask_counts(dataset),
            scarce_classes(training),
            max(training.values()) / max(1, min(training.values())) if training else 1.0,
            {name: splits[name] for name in sorted(splits, key=_place)},
            dataset.problems,
            tuple(workspace.changes()),
        )

    def samples(self, folder: Path, label: str | None = None, split: str | None = None) -> list[Sample]:
        """Those of one class, or of one split, or all, by class and name."""
        chosen = [
            sample
            for sample in self.dataset(folder).samples
            if (not label or label in sample.labels) and (not split or sample.split == split)
        ]
        return sorted(chosen, key=lambda sample: (sample.labels, sample.image.name))

    def sample(self, folder: Path, name: str) -> Sample:
        """By the name that `names` gives; DataError where it is gone."""
        samples = self.dataset(folder).samples
        for sample, known in zip(samples, self.names(folder, samples), strict=True):
            if known == name:
                return sample
        raise DataError(f"{folder.name} has no picture {name}; it may have been left out or moved")

    def names(self, folder: Path, samples: Sequence[Sample]) -> list[str]:
        """How corrections call pictures."""
        return Workspace(folder).names([sample.image for sample in samples])

    def pixels(self, sample: Sample) -> NDArray[np.uint8]:
        """H×W×3; ImageError where it cannot be read."""
        return read_image(sample.image)

    def picture(self, sample: Sample, side: int) -> NDArray[np.uint8]:
        """A picture, at most `side` pixels a side, with the outlines of its masks in its classes' colours; ImageError
        or DataError where picture or mask cannot be read."""
        whole = self.pixels(sample)
        height, width, _ = whole.shape
        masks = self.masks(sample, height, width)
        small = Image.fromarray(whole)
        small.thumbnail((side, side))
        drawn = np.asarray(small)
        for name, mask in masks.items():
            shrunk = Image.fromarray(mask).resize(small.size, Image.Resampling.NEAREST)
            drawn = outlined(drawn, np.asarray(shrunk), name)
        return drawn

    @staticmethod
    def hole(side: int) -> NDArray[np.uint8]:
        """What stands for a picture that cannot be read: a grey square with a cross."""
        lines = np.eye(side, dtype=bool) | np.eye(side, dtype=bool)[::-1]
        return np.asarray(np.where(lines[..., None], 90, 40) * np.ones(3), dtype=np.uint8)

    def check(self, folder: Path, progress: Progress | None = None) -> Description:
        """Decode every picture: sizes, duplicates, what cannot be read."""
        return describe(self.dataset(folder), progress)

    def masks(self, sample: Sample, height: int, width: int) -> dict[str, NDArray[np.bool_]]:
        """Class → H×W mask of each class whose mask is known and marks something."""
        names = [name for name in sample.labels if not is_defect_free(name)]
        # Boxes stand in for masks in training only: painted over, they would pass for one.
        found = load_masks(replace(sample, boxes=()), names, height, width)
        return {name: mask for name, mask in zip(names, found, strict=True) if mask.any()}

    # Corrections ------------------------------------------------------------------------------------------------

    def relabel(self, folder: Path, name: str, label: str) -> None:
        """Another class, which is no change where it is the same.

        Raises:
            DataError: the picture shows several classes, or the class has no usable name.
        """
        label, sample = class_name(label), self.sample(folder, name)
        if len(sample.labels) > 1:
            raise DataError(f"{sample.image.name} shows {len(sample.labels)} classes; correct its masks instead")
        if sample.labels != (label,):
            self._change(folder, "label", f"{sample.image.name} → {label}", {name: Edit(labels=(label,))})

    def move(self, folder: Path, name: str, split: str) -> int:
        """To another split, near-duplicates with it; returns how many. A data set without splits is split first."""
        if split not in SPLITS:
            raise DataError(f"there is no split {split!r}; choose from {', '.join(SPLITS)}")
        if any(sample.split is None for sample in self.dataset(folder).samples):
            self.split(folder, validation=VALIDATION)
        sample = self.sample(folder, name)
        along = [one for one in self._alike(folder, sample) if one.split != split]
        edits = dict.fromkeys(self.names(folder, along), Edit(split=split))
        if edits:
            self._change(folder, "split", f"{sample.image.name} → {split}", edits)
        return len(edits)

    def same_spot(self, folder: Path, name: str, as_name: str) -> int:
        """Mark a picture as a near-duplicate of another, so that no split parts them; returns how many are alike."""
        if name == as_name:
            raise DataError(f"{Path(name).name} is no duplicate of itself; choose another picture first")
        one, other = self.sample(folder, name), self.sample(folder, as_name)
        group = other.group or f"same:{as_name}"
        alike = list({*self._alike(folder, one), *self._alike(folder, other)})
        edits = dict.fromkeys(self.names(folder, alike), Edit(group=group, split=other.split))
        self._change(folder, "duplicate", f"{one.image.name} = {other.image.name}", edits)
        return len(edits)

    def leave_out(self, folder: Path, name: str) -> None:
        """Count it no more; its file stays."""
        sample = self.sample(folder, name)
        if len(self.dataset(folder).samples) == 1:
            raise DataError(f"{sample.image.name} is the only picture; a data set needs one")
        self._change(folder, "left_out", sample.image.name, {name: Edit(left_out=True)})

    def paint(self, folder: Path, name: str, label: str, mask: NDArray[np.bool_]) -> None:
        """Replace a class's mask on one picture; an empty one says that the class is not there.

        Args:
            mask: H×W bool, of the picture's size.
        """
        label, sample = class_name(label), self.sample(folder, name)
        height, width, _ = read_image(sample.image).shape
        if mask.shape != (height, width):
            raise DataError(f"the mask is {mask.shape[1]}×{mask.shape[0]}, but the picture is {width}×{height}")
        # Where it overlaps another class it is what somebody has just said that counts.
        others = {one: marked & ~mask for one, marked in self.masks(sample, height, width).items() if one != label}
        masks = {one: marked for one, marked in sorted({**others, label: mask}.items()) if marked.any()}
        index = np.zeros((height, width), dtype=np.uint8)
        for number, marked in enumerate(masks.values(), 1):
            index[marked] = number
        free = next((name for name in self.dataset(folder).classes if is_defect_free(name)), "none")
        file = self._keep_mask(folder, name, index)
        edit = Edit(labels=tuple(masks) or (free,), mask=file, classes=tuple(masks))
        self._change(folder, "mask", f"{sample.image.name}: {label}", {name: edit})

    def marking(self, folder: Path, name: str, label: str, mask: Mask | None) -> Edit:
        """Where a picture of the data set's own shows its class, H×W; of None, or a good part, nothing."""
        if mask is None or is_defect_free(label):
            return Edit()
        return Edit(mask=self._keep_mask(folder, name, mask.astype(np.uint8)), classes=(label,))

    def _keep_mask(self, folder: Path, name: str, index: NDArray[np.uint8]) -> str:
        """Of value i + 1 where class i is marked; returns how edits call it."""
        file = f"{MASKS}/{Path(name).stem}-{_digest(index.tobytes())}.png"
        (folder / MASKS).mkdir(exist_ok=True)
        with atomic_path(folder / file) as temporary:
            Image.fromarray(index).save(temporary, "PNG")
        return file

    def split(
        self, folder: Path, validation: float, test: float = 0.0, seed: int = 0, progress: Progress | None = None
    ) -> dict[str, int]:
        """Deal all pictures anew, near-duplicates together; returns how many each split has.

        Raises:
            DataError: the parts leave nothing to train on.
        """
        if not 0 < validation < 1 or test < 0 or validation + test >= 1:
            raise DataError(
                f"validation {validation:g} and test {test:g}: both parts of the whole, above 0, and together below 1"
            )
        parts = {"train": 1 - validation - test, "validation": validation} | ({"test": test} if test else {})
        dealt = split_anew(self.dataset(folder), parts, seed, progress)
        names = self.names(folder, dealt)
        edits = {name: Edit(split=one.split, group=one.group) for name, one in zip(names, dealt, strict=True)}
        said = " ".join(f"{name} {part:.0%}" for name, part in parts.items())
        self._change(folder, "splits", f"{said}, seed {seed}", edits)
        return dict(Counter(one.split or "" for one in dealt))

    def add(
        self, folder: Path | None, picture: Path | NDArray[np.uint8], name: str, label: str, mask: Mask | None = None
    ) -> Path:
        """Copy a picture into a data set as a training picture of a class; None adds it to `corrections`.

        Args:
            mask: H×W, where it shows the class; None where that is not known.

        Raises:
            DataError: the class has no usable name, or the picture is there already.
        """
        label = class_name(label)
        folder = self.own(folder)
        pixels = read_image(picture) if isinstance(picture, Path) else picture
        file = added_file(pixels, name)
        if (folder / file).is_file():
            raise DataError(f"{name} is in {folder.name} already; change its class on the Data page")
        edit = self.adding(folder, file, pixels, label).then(self.marking(folder, file, label, mask))
        self._change(folder, "added", f"{name} → {label}", {file: edit})
        return folder

    def own(self, folder: Path | None) -> Path:
        """The data set that was named, or the one of corrections, made where there is none yet."""
        if folder is None:
            folder = self.root / "corrections"
            if not (folder / FILE).is_file():
                Workspace.create(folder, None)
        return folder

    def adding(self, folder: Path, file: str, pixels: NDArray[np.uint8], label: str) -> Edit:
        """Write a picture of the data set's own, and say what makes it one."""
        (folder / ADDED).mkdir(exist_ok=True)
        with atomic_path(folder / file) as temporary:
            Image.fromarray(pixels).save(temporary, "PNG")
        known = Workspace(folder).source is not None and any(one.split for one in self.dataset(folder).samples)
        return Edit(labels=(label,), split="train" if known else None, added=True)

    def undo(self, folder: Path) -> Change | None:
        """Take the newest correction back; None where there is none."""
        return Workspace(folder).undo()

    def _change(self, folder: Path, what: str, detail: str, edits: Mapping[str, Edit]) -> None:
        Workspace(folder).change(what, detail, edits)

    def _alike(self, folder: Path, sample: Sample) -> Sequence[Sample]:
        if sample.group is None:
            return [sample]
        return [one for one in self.dataset(folder).samples if one.group == sample.group]

    def _free(self, name: str) -> Path:
        plain = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:LONGEST_NAME] or "data"
        taken = {path.name for path in self.root.iterdir()} if self.root.is_dir() else set()
        numbers = (plain if number == 1 else f"{plain}-{number}" for number in range(1, len(taken) + 2))
        return self.root / next(one for one in numbers if one not in taken)


def class_name(text: str) -> str:
    """A class as data sets write it; DataError where it cannot be a folder's name."""
    name = text.strip()
    if not name or len(name) > LONGEST_NAME or name.startswith(".") or re.search(r'[\\/:*?"<>|\x00-\x1f]', name):
        raise DataError(
            f'the class {text!r} has no usable name; 1 to {LONGEST_NAME} characters, none of them \\ / : * ? " < > |'
        )
    return name


def added_file(pixels: NDArray[np.uint8], name: str) -> str:
    """Where a data set keeps a picture of its own: the same picture of the same name is there once."""
    return f"{ADDED}/{Path(name).stem[:LONGEST_NAME]}-{_digest(pixels.tobytes())}.png"


def _place(split: str) -> tuple[int, str]:
    return (SPLITS.index(split) if split in SPLITS else len(SPLITS), split)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:8]
