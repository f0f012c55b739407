"""YOLO's text files, polygons and boxes, with splits and names, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from annotated import LINE, yolo
from drawn import SQUARE, by_name, picture

from models.tiling import Box
from training.data import detect_format, read_dataset
from training.data.record import DataError, MaskShapes, load_masks

BOX = "1 0.5 0.5 0.2 0.5\n"


@pytest.mark.parametrize(
    "names", ["names: [scratch, dent]", "names:\n  0: scratch\n  1: dent", "nc: 2\nnames: {0: scratch, 1: dent}"]
)
def test_polygons(tmp_path: Path, names: str) -> None:
    dataset = read_dataset(yolo(tmp_path, names=names))
    assert (dataset.format, dataset.classes, dataset.problems) == ("yolo", ("none", "scratch"), ())
    marked, clean = dataset.samples
    assert np.array_equal(load_masks(marked, ("scratch",), 20, 30)[0], SQUARE)
    assert (clean.mask, clean.labels, clean.split) == (MaskShapes(()), ("none",), "train")


def test_names_of_a_text_file_or_none_at_all(tmp_path: Path) -> None:
    assert by_name(read_dataset(yolo(tmp_path, names="")))["a.png"] == ("class0",)
    (tmp_path / "classes.txt").write_text("kratzer\n\n")
    assert by_name(read_dataset(tmp_path))["a.png"] == ("kratzer",)


def test_boxes_beside_polygons(tmp_path: Path) -> None:
    dataset = read_dataset(yolo(tmp_path, f"{BOX}\n{LINE}\n"))
    sample = dataset.samples[0]
    assert (sample.mask, sample.labels) == (None, ("dent", "scratch"))
    assert sample.boxes == (("dent", Box(12, 5, 18, 15)), ("scratch", Box(10, 4, 20, 9)))
    assert "pictures with boxes instead of masks: 1;" in dataset.problems[0]


@pytest.mark.parametrize("layout", ["images/{}", "{}/images"])
def test_splits_of_both_layouts(tmp_path: Path, layout: str) -> None:
    (tmp_path / "data.yaml").write_text("train: ../train/images\nval: ../valid/images\nnames: [scratch]\n")
    for split in ("train", "valid", "test"):
        image = picture(tmp_path / layout.format(split) / "a.png")
        text = Path(str(image).replace("images", "labels")).with_suffix(".txt")
        text.parent.mkdir(parents=True)
        text.write_text(LINE)
    assert [sample.split for sample in read_dataset(tmp_path).samples] == ["test", "train", "validation"]


def test_splits_of_the_yaml(tmp_path: Path) -> None:
    for year in ("2023", "2024", "2025"):
        yolo(tmp_path, split=year)
    (tmp_path / "data.yaml").write_text(
        f"path: {tmp_path}\ntrain: [images/2023, images/2024]\nval: {tmp_path}/images/2025\nnames: [scratch]\n"
    )
    splits = {sample.image.parent.name: sample.split for sample in read_dataset(tmp_path).samples}
    assert splits == {"2023": "train", "2024": "train", "2025": "validation"}


def test_detection(tmp_path: Path) -> None:
    yolo(tmp_path / "a", names="")
    assert detect_format(tmp_path / "a")[0] == "yolo"
    picture(tmp_path / "b" / "ok" / "1.png")
    (tmp_path / "b" / "config.yaml").write_text("model: {names: 3}")
    assert detect_format(tmp_path / "b")[0] == "folders"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0 0.1 0.1 0.5 1.2 0.9 0.9", "a value lies outside 0 to 1"),
        ("0 0.1 0.1 nan 0.2 0.9 0.9", "a value lies outside 0 to 1"),
        ("0 0.1 0.1 0.5 0.6 0.9", "a polygon has a number without a partner"),
        ("0 0.1 0.1", "a polygon has fewer than three points"),
        ("0", "a polygon has fewer than three points"),
        ("0 0.5 0.5 0 0.1", "a box has no area on the picture"),
        ("2 0.5 0.5 0.1 0.1", "a class number has no name"),
        ("scratch 0.5 0.5 0.1 0.1", "a line holds something that is no number"),
        ("0 0.5 0.5 0,1 0.1", "a line holds something that is no number"),
    ],
)
def test_a_line_of_no_use_takes_its_picture_out(tmp_path: Path, line: str, words: str) -> None:
    dataset = read_dataset(yolo(tmp_path, f"{LINE}\n{line}\n"))
    assert by_name(dataset) == {"b.png": ("none",)}
    assert dataset.problems == (f"{tmp_path.name}: {words}; left out: 1 (first a.txt line 2)",)


def test_pictures_that_nobody_labelled_are_not_good_parts(tmp_path: Path) -> None:
    yolo(tmp_path)
    picture(tmp_path / "images" / "test" / "c.png")
    (tmp_path / "images" / "train" / "b.png").write_bytes(b"")
    dataset = read_dataset(tmp_path)
    assert by_name(dataset) == {"a.png": ("scratch",)}
    assert dataset.problems == (
        f"{tmp_path.name}: no picture of the folder has a text file in labels; left out: 1 (first c.png)",
        f"{tmp_path.name}: the picture cannot be read; left out: 1 (first b.png)",
    )


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("names: [scratch", "data.yaml: no YAML that can be read"),
        ("names: scratch", "the names of its YAML are neither a list nor numbers with names"),
        ("names: {a: b}", "the names of its YAML are neither a list nor numbers with names"),
    ],
)
def test_a_yaml_of_no_use(tmp_path: Path, table: str, words: str) -> None:
    yolo(tmp_path, names="")
    (tmp_path / "data.yaml").write_text(table)
    with pytest.raises(DataError, match=words):
        read_dataset(tmp_path)


def test_no_picture(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: [scratch]")
    with pytest.raises(DataError, match="nothing of it can be used; there is no picture"):
        read_dataset(tmp_path)
