from __future__ import annotations

import csv
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from models import rle


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=24)))
def test_round_trip(mask: NDArray[np.bool_]) -> None:
    assert np.array_equal(rle.decode(rle.encode(mask), *mask.shape), mask)


@given(st.lists(st.integers(-(2**70), 2**70), max_size=7))
def test_any_numbers_give_a_mask_or_a_value_error(numbers: list[int]) -> None:
    try:
        assert rle.decode(" ".join(map(str, numbers)), 5, 7).shape == (5, 7)
    except ValueError as error:
        assert "run-length mask" in str(error)


def test_runs_count_from_one_down_the_columns() -> None:
    mask = np.zeros((3, 4), dtype=bool)
    mask[1:, 0] = mask[0, 1] = True
    assert rle.encode(mask) == "2 3"
    assert np.array_equal(rle.decode("2 3", 3, 4), mask)


def test_nothing_and_everything() -> None:
    assert rle.encode(np.zeros((2, 3), dtype=bool)) == ""
    assert not rle.decode("", 2, 3).any()
    assert not rle.decode("  ", 2, 3).any()
    assert rle.encode(np.ones((2, 3), dtype=bool)) == "1 6"
    assert rle.decode("1 6", 2, 3).all()


def test_overlapping_and_unsorted_runs_unite() -> None:
    assert rle.encode(rle.decode("7 2 1 4 2 5", 4, 3)) == "1 8"


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ("1 2 3", "3 numbers"),
        ("-1 2", "leaves the image"),
        ("0 2", "leaves the image"),
        ("1 0", "leaves the image"),
        ("1 -3", "leaves the image"),
        ("12 2", "leaves the image: 4×3 has pixels 1 to 12"),
        ("13 1", "leaves the image"),
        ("2 9223372036854775807", "leaves the image"),
        ("-9223372036854775808 1", "leaves the image"),
        ("9223372036854775808 1", "not a whole number"),
        ("one 2", "not a whole number"),
        ("1.5 2", "not a whole number"),
        ("1,2", "not a whole number"),
    ],
)
def test_faults(runs: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        rle.decode(runs, 3, 4)


@pytest.mark.realdata
def test_severstal_strings_come_back_to_the_letter(realdata: Path) -> None:
    with (realdata / "severstal" / "rle_labels_1000_noimages.csv").open(newline="") as file:
        rows = [row["EncodedPixels"] for row in csv.DictReader(file)]
    began = time.perf_counter()
    changed = [row for row in rows if rle.encode(rle.decode(row, 256, 1600)) != row]
    seconds = time.perf_counter() - began
    print(f"\n{len(rows)} masks of 1600×256 decoded and encoded: {1e3 * seconds / len(rows):.2f} ms each")
    assert len(rows) >= 1000
    assert not changed
