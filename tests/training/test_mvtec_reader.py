"""MVTec AD's layout: splits, labels, masks by several names, and what is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from drawn import picture
from plates import plates_folder, write

from training.data import detect_format, read_dataset
from training.data.record import DataError, MaskFile


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    return plates_folder(tmp_path / "bottle", good=3, tested=3)


def test_splits_labels_and_masks(plates: Path) -> None:
    assert detect_format(plates)[0] == "mvtec"
    dataset = read_dataset(plates)
    assert dataset.classes == ("good", "spot")
    assert [(s.split, s.labels[0]) for s in dataset.samples] == [
        *[("train", "good")] * 3,
        *[("test", "good")] * 3,
        *[("test", "spot")] * 3,
    ]
    assert [isinstance(s.mask, MaskFile) for s in dataset.samples] == [False] * 6 + [True] * 3
    assert dataset.problems == ()


def test_masks_by_other_names_and_without_a_fellow(plates: Path) -> None:
    masks = plates / "ground_truth" / "spot"
    (masks / "000_mask.png").rename(masks / "000.png")
    (masks / "001_mask.png").unlink()
    write(masks / "002_mask.png", np.zeros((20, 20), dtype=np.uint8))
    dataset = read_dataset(plates)
    assert [s.mask is not None for s in dataset.samples if s.labels == ("spot",)] == [True, False, False]
    assert dataset.problems[0] == "spot/001.png: no mask 001_mask.png in ground_truth/spot/"
    assert "they must be of one size; the picture is used without it" in dataset.problems[1]


def test_without_ground_truth_it_says_so_once(plates: Path) -> None:
    shutil.rmtree(plates / "ground_truth")
    dataset = read_dataset(plates)
    assert dataset.format == "mvtec"
    assert len(dataset.samples) == 9
    assert dataset.problems == ("there is no ground_truth/; pictures can be judged whole, but not to the pixel",)


def test_the_folder_of_all_categories_names_them(plates: Path) -> None:
    with pytest.raises(DataError, match="no pictures in train/good/; name one of its categories: bottle"):
        read_dataset(plates.parent, "mvtec")


def test_classes_in_train_are_no_mvtec(tmp_path: Path) -> None:
    for name in ("train/good/a.png", "train/bad/b.png", "test/bad/c.png"):
        picture(tmp_path / name)
    assert detect_format(tmp_path)[0] == "folders"
