"""LabelMe's files, its kinds of shapes, and what is wrong with them."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotated import CORNERS, labelme, shape, write_json
from drawn import SQUARE, by_name, picture
from PIL import Image

from training.data import read_dataset
from training.data.record import DataError, load_masks

Mask = np.ndarray[Any, np.dtype[np.bool_]]


def drawn(root: Path) -> Mask:
    (sample,) = read_dataset(root).samples
    return np.asarray(load_masks(sample, ("scratch",), 20, 30)[0])


def small_mask(mask: Mask) -> str:
    file = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.mark.parametrize(
    "one",
    [
        shape(),
        shape("rectangle", [CORNERS[0], CORNERS[2]]),
        shape("rectangle", [CORNERS[2], CORNERS[0]]),
        shape("rectangle", CORNERS),
        shape("mask", [[10, 4], [19, 8]], mask=small_mask(SQUARE[4:9, 10:20])),
    ],
    ids=["polygon", "rectangle", "rectangle from below", "rectangle of four", "mask"],
)
def test_a_square_in_each_way(tmp_path: Path, one: dict[str, Any]) -> None:
    assert np.array_equal(drawn(labelme(tmp_path, one)), SQUARE)


def test_a_circle_and_a_line_have_the_area_of_labelmes_own_export(tmp_path: Path) -> None:
    circle = drawn(labelme(tmp_path / "circle", shape("circle", [[15, 10], [15, 16]])))
    assert circle.sum() == pytest.approx(np.pi * 36, rel=0.06)
    line = drawn(labelme(tmp_path / "line", shape("line", [[4, 10], [24, 10]])))
    assert (line.sum(axis=0).max(), line.sum()) == (10, 200)
    strip = drawn(labelme(tmp_path / "strip", shape("linestrip", [[4, 6], [14, 6], [24, 14]])))
    assert 180 < strip.sum() < 280


def test_classes_splits_and_good_parts(tmp_path: Path) -> None:
    labelme(tmp_path / "train", shape(), shape(label="dent"))
    labelme(tmp_path / "val", name="b")
    dataset = read_dataset(tmp_path)
    assert (dataset.format, dataset.classes) == ("labelme", ("none", "dent", "scratch"))
    assert {s.image.name: (s.labels, s.split) for s in dataset.samples} == {
        "a.png": (("dent", "scratch"), "train"),
        "b.png": (("none",), "validation"),
    }
    assert dataset.problems == ()


def test_json_in_a_folder_of_its_own_and_a_path_of_another_machine(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    picture(tmp_path / "images" / "b.png")
    for name, path in (("a", r"..\images\a.png"), ("b", r"D:\work\b.png")):
        labelme(tmp_path / "json", shape(), name=name, imagePath=path)
        (tmp_path / "json" / f"{name}.png").unlink()
    assert by_name(read_dataset(tmp_path)) == {"a.png": ("scratch",), "b.png": ("scratch",)}


def test_a_renamed_pair_is_found_by_its_name(tmp_path: Path) -> None:
    assert by_name(read_dataset(labelme(tmp_path, shape(), imagePath="before.png"))) == {"a.png": ("scratch",)}


LEFT_OUT: dict[str, tuple[dict[str, Any], str]] = {
    "two points": ({"shapes": [shape(points=CORNERS[:2])]}, "a polygon has fewer than three points"),
    "a point": ({"shapes": [shape("point", CORNERS[:1])]}, "a point has no area"),
    "unknown": (
        {"shapes": [shape("points", CORNERS)]},
        "a shape of the kind points is unknown here, or lacks points",
    ),
    "short": (
        {"shapes": [shape("circle", CORNERS[:1])]},
        "a shape of the kind circle is unknown here, or lacks points",
    ),
    "no mask": ({"shapes": [shape("mask", CORNERS[:2], mask="%%")]}, "a mask inside cannot be read"),
    "mask outside": (
        {"shapes": [shape("mask", [[25, 18], [35, 23]], mask=small_mask(SQUARE[4:9, 10:20]))]},
        "a mask inside leaves the picture",
    ),
    "another size": ({"imageWidth": 40}, "the picture has another size than the file says"),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_a_file_of_no_use_is_left_out_and_told(tmp_path: Path, case: str) -> None:
    wrong, words = LEFT_OUT[case]
    labelme(tmp_path, name="b")
    dataset = read_dataset(labelme(tmp_path, **wrong))
    assert by_name(dataset) == {"b.png": ("none",)}
    assert dataset.problems == (f"{tmp_path.name}: {words}; left out: 1 (first a.json)",)


def test_what_else_is_wrong(tmp_path: Path) -> None:
    labelme(tmp_path, shape())
    write_json(tmp_path / "again.json", json.loads((tmp_path / "a.json").read_text()))
    write_json(tmp_path / "gone.json", {"shapes": [], "imagePath": "gone.png"})
    write_json(tmp_path / "kind.json", {"shapes": [{"label": "x"}], "imagePath": "a.png"})
    (tmp_path / "torn.json").write_text('{"shapes": [], "imagePath": "a.p')
    picture(tmp_path / "unlabelled.png")
    dataset = read_dataset(tmp_path)
    assert by_name(dataset) == {"a.png": ("scratch",)}
    told = [sentence.removeprefix(f"{tmp_path.name}: ") for sentence in dataset.problems]
    assert told[:3] == [
        "another file is of the same picture; left out: 1 (first again.json)",
        "the picture is not there; left out: 1 (first gone.json)",
        "not as LabelMe saves it; left out: 1 (first kind.json, shapes.0.points)",
    ]
    assert told[3].startswith("not JSON, or cut off")
    assert told[4] == (
        "a picture has no LabelMe file, so that nobody knows whether it is good; left out: 1 (first unlabelled.png)"
    )


def test_nothing_of_use(tmp_path: Path) -> None:
    labelme(tmp_path, shape(), imageHeight=9)
    with pytest.raises(DataError, match=r"nothing of it can be used; .*: the picture has another size"):
        read_dataset(tmp_path)
