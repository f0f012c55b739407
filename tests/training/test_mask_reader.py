from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn import SQUARE, by_name, mask, picture
from numpy.typing import NDArray

from training.data import read_dataset
from training.data.record import DataError, DataSet, load_masks


def pairs(
    root: Path, masks: dict[str, NDArray[np.generic]], mode: str = "L", size: tuple[int, int] = (30, 20)
) -> DataSet:
    for name, values in masks.items():
        picture(root / "images" / f"{name.removesuffix('_mask')}.jpg", size)
        mask(root / "masks" / f"{name}.png", values, mode)
    return read_dataset(root)


@pytest.mark.parametrize("high", [1, 255])
@pytest.mark.parametrize("suffix", ["", "_mask"])
def test_binary_masks(tmp_path: Path, high: int, suffix: str) -> None:
    dataset = pairs(
        tmp_path, {f"a{suffix}": SQUARE.astype(np.uint8) * high, f"b{suffix}": np.zeros((20, 30), np.uint8)}
    )
    assert dataset.format == "masks"
    assert by_name(dataset) == {"a.jpg": ("defect",), "b.jpg": ("none",)}
    assert np.array_equal(load_masks(dataset.samples[0], ("defect",), 20, 30)[0], SQUARE)


def test_one_bit_masks(tmp_path: Path) -> None:
    dataset = pairs(tmp_path, {"a": SQUARE, "b": np.zeros_like(SQUARE)})
    assert by_name(dataset) == {"a.jpg": ("defect",), "b.jpg": ("none",)}
    assert np.array_equal(load_masks(dataset.samples[0], ("defect",), 20, 30)[0], SQUARE)


def test_binary_masks_in_colour_and_with_transparency(tmp_path: Path) -> None:
    square = SQUARE.astype(np.uint8) * 255
    opaque = np.full_like(square, 255)
    dataset = pairs(tmp_path, {"a": np.dstack([square, square * 0, square * 0]), "b": np.dstack([square, opaque])})
    for sample in dataset.samples:
        assert np.array_equal(load_masks(sample, ("defect",), 20, 30)[0], SQUARE)


def test_binary_mask_with_the_ringing_of_a_jpeg(tmp_path: Path) -> None:
    noisy = np.where(SQUARE, 250, 3).astype(np.uint8)
    dataset = pairs(tmp_path, {"a": noisy, "b": np.full((20, 30), 4, dtype=np.uint8)})
    assert by_name(dataset) == {"a.jpg": ("defect",), "b.jpg": ("none",)}


@pytest.mark.parametrize("mode", ["L", "P"])
def test_indexed_masks(tmp_path: Path, mode: str) -> None:
    values = SQUARE.astype(np.uint8)
    values[15:, :5] = 2
    (tmp_path / "classes.txt").write_text("scratches\npatches\n", encoding="utf-8")
    dataset = pairs(tmp_path, {"a": values, "b": np.where(values == 2, 2, 0).astype(np.uint8), "c": values * 0}, mode)
    assert by_name(dataset) == {"a.jpg": ("scratches", "patches"), "b.jpg": ("patches",), "c.jpg": ("none",)}
    masks = load_masks(dataset.samples[0], ("scratches", "patches"), 20, 30)
    assert np.array_equal(masks[0], SQUARE)
    assert masks[1].sum() == 25


def test_indexed_masks_without_names(tmp_path: Path) -> None:
    assert pairs(tmp_path, {"a": SQUARE.astype(np.uint8) * 2}).classes == ("class2",)


def test_one_name_names_binary_masks(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("dents\n", encoding="utf-8")
    assert pairs(tmp_path, {"a": SQUARE.astype(np.uint8) * 255}).classes == ("dents",)


def test_mask_faults_leave_the_pair_out(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("one\ntwo\n", encoding="utf-8")
    picture(tmp_path / "images" / "alone.jpg")
    mask(tmp_path / "masks" / "lonely.png", SQUARE)
    (tmp_path / "masks" / "text.png").write_text("no mask")
    picture(tmp_path / "images" / "text.jpg")
    dataset = pairs(
        tmp_path,
        {
            "good": SQUARE.astype(np.uint8),
            "high": SQUARE.astype(np.uint8) * 3,
            "size": np.zeros((20, 31), dtype=np.uint8),
        },
    )
    assert by_name(dataset) == {"good.jpg": ("one",)}
    assert sorted(dataset.problems) == [
        "alone.jpg: no mask of that name in masks/",
        "high.png: value 3 has no name in classes.txt, which lists 2",
        "lonely.png: no picture of that name in images/",
        "mask text.png: this is not a picture that can be read; use JPEG, PNG, BMP, TIFF or WebP",
        "size.png: the mask is 31×20, but size.jpg is 30×20; they must be of one size",
    ]


def test_no_pairs(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.jpg")
    (tmp_path / "masks").mkdir()
    with pytest.raises(DataError, match="no pairs; put pictures into images/ and masks of the same name into masks/"):
        read_dataset(tmp_path)
    mask(tmp_path / "masks" / "a.png", np.zeros((5, 5), dtype=np.uint8))
    with pytest.raises(DataError, match=r"none of its 1 pairs can be used; the first: a\.png: the mask is 5×5"):
        read_dataset(tmp_path)


def test_mask_that_changed_size_since(tmp_path: Path) -> None:
    dataset = pairs(tmp_path, {"a": SQUARE.astype(np.uint8)})
    with pytest.raises(DataError, match=r"a\.png: the mask is 30×20, but a\.jpg is 40×20; they must be of one size"):
        load_masks(dataset.samples[0], dataset.classes, 20, 40)
