from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.data import read_dataset
from training.data.describe import Description, Sizes, describe


def picture(path: Path, seed: int, size: tuple[int, int] = (80, 60)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).normal(128, 40, (12, 16)).clip(0, 255).astype(np.uint8)
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """good 9, scratches 8 (two alike, one a mirror image of a good one), crazing 1; an empty file and a letter."""
    for number in range(9):
        picture(tmp_path / "good" / f"{number}.png", number)
    for number in range(7):
        picture(tmp_path / "scratches" / f"{number}.png", 20 + number, (100, 50) if number == 0 else (80, 60))
    (tmp_path / "scratches" / "twin.png").write_bytes((tmp_path / "scratches" / "1.png").read_bytes())
    with Image.open(tmp_path / "good" / "3.png") as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "scratches" / "mirror.png")
    (tmp_path / "crazing").mkdir()
    (tmp_path / "crazing" / "empty.png").touch()
    (tmp_path / "good" / "letter.jpg").write_text("Dear colleague")
    (tmp_path / "masks" / "scratches").mkdir(parents=True)
    Image.fromarray(np.full((60, 80), 255, dtype=np.uint8)).save(tmp_path / "masks" / "scratches" / "2.png")
    Image.fromarray(np.full((60, 80), 255, dtype=np.uint8)).save(tmp_path / "masks" / "scratches" / "0.png")
    return tmp_path


def test_everything_is_counted(folder: Path) -> None:
    told: list[tuple[int, int]] = []
    found = describe(read_dataset(folder), lambda done, total: told.append((done, total)))
    assert told == [(done, 20) for done in range(1, 21)]
    assert (found.format, found.found_by, found.images) == ("folders", "one folder a class", 20)
    assert found.classes == {"good": 10, "crazing": 1, "scratches": 9}
    assert found.imbalance == 10
    assert found.scarce == ("crazing",)
    assert found.sizes == Sizes((80, 60), (80, 60), (100, 50), (80, 60), 17)
    assert found.masks == {"scratches": 1}
    assert found.splits == {}
    assert found.exact.groups == (("scratches/1.png", "scratches/twin.png"),)
    assert set(found.near.groups) == {("good/3.png", "scratches/mirror.png"), ("scratches/1.png", "scratches/twin.png")}
    assert (found.near.total_groups, found.near.total_images) == (2, 4)
    assert dict(found.unreadable) == {
        "crazing/empty.png": "the file is empty (0 bytes); save or copy it again",
        "good/letter.jpg": "this is not a picture that can be read; use JPEG, PNG, BMP, TIFF or WebP",
    }
    assert len(found.problems) == 1
    assert "0.png: the mask is 80×60, but 0.png is 100×50" in found.problems[0]


def test_json(folder: Path) -> None:
    found = describe(read_dataset(folder)).to_json()
    back = json.loads(json.dumps(found))
    assert back["classes"] == found["classes"]
    assert back["sizes"]["largest"] == [100, 50]
    assert back["near"]["total_groups"] == 2


def test_lines(folder: Path) -> None:
    lines = describe(read_dataset(folder)).lines()
    assert not any("\n" in line for line in lines)
    assert lines[0] == f"{folder}: 20 pictures in 3 classes"
    assert "Size: 80×60 to 100×50, median 80×60, most often 80×60 (17 pictures)" in lines
    bars = {line.split()[0]: line for line in lines if "█" in line}
    assert bars["good"].count("█") == 30
    assert bars["scratches"].count("█") == 27
    assert bars["crazing"].count("█") == 3
    assert bars["scratches"].endswith("1 mask")
    assert "The largest class has 10.0 times the pictures of the smallest." in lines
    assert "Scarce (under a quarter of the largest defect class): crazing" in lines
    assert "Near-duplicates: 4 pictures in 2 groups" in lines
    assert any(line.startswith("Unreadable: crazing/empty.png: the file is empty") for line in lines)


def test_near_duplicates_across_splits_are_a_problem(tmp_path: Path) -> None:
    for number in range(8):
        picture(tmp_path / ("train" if number < 5 else "validation") / "good" / f"{number}.png", number)
    (tmp_path / "validation" / "good" / "copy.png").write_bytes((tmp_path / "train" / "good" / "2.png").read_bytes())
    found = describe(read_dataset(tmp_path))
    assert found.splits == {"train": {"good": 5}, "validation": {"good": 4}}
    assert found.problems == (
        "groups of near-duplicates in more than one split: 1 (first train/good/2.png and validation/good/copy.png); "
        "scores on such splits are too good",
    )


def test_strips(strips_folder: Path) -> None:
    found = describe(read_dataset(strips_folder))
    assert found.format == "severstal"
    assert found.images == 24
    assert sum(found.classes.values()) >= 24
    assert {name: count for name, count in found.classes.items() if name != "none"} == found.masks
    assert found.sizes
    assert found.sizes.smallest == found.sizes.largest == (1600, 256)
    assert (found.near.total_groups, found.unreadable, found.problems) == (0, (), ())
    assert "Size: 1600×256" in found.lines()


def test_all_unreadable(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "a.png").touch()
    found = describe(read_dataset(tmp_path))
    assert isinstance(found, Description)
    assert found.sizes is None
    assert len(found.unreadable) == 1
    assert found.lines()


@pytest.mark.realdata
def test_magnetic_tile(realdata: Path) -> None:
    found = describe(read_dataset(realdata / "magnetic-tile"))
    assert found.images == 1082
    assert found.classes["free"] == 762
    assert found.imbalance == pytest.approx(762 / 26, abs=0.01)
    assert found.masks["fray"] == 26
    assert set(found.splits) == {"fold0", "fold1", "fold2", "fold3"}
    assert found.near.total_groups > 100
    assert found.unreadable == ()
