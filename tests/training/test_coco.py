"""COCO JSON as many tools write it, and what is wrong with it in one sentence each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotated import FLAT, annotation, coco, write_json
from drawn import SQUARE, by_name, picture
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as official

from models.tiling import Box
from training.data import detect_format, read_dataset
from training.data.record import DataError, MaskShapes, load_masks, masked_classes
from training.data.shapes import draw, polygon, run_lengths, runs

COUNTS = list(run_lengths(SQUARE).counts)


def compressed(mask: np.ndarray[Any, Any]) -> str:
    return str(official.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"].decode())


# Shapes


@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_run_lengths_are_cocos_own(mask: np.ndarray[Any, Any]) -> None:
    height, width = mask.shape
    plain = run_lengths(mask)
    assert runs(compressed(mask), (height, width), width, height) == plain
    assert np.array_equal(draw([plain], height, width), mask)


def test_polygons_cover_what_coco_says_and_join() -> None:
    other = (0.0, 0.0, 5.0, 0.0, 5.0, 5.0, 0.0, 5.0)
    drawn = draw([polygon(FLAT, 30, 20), other, run_lengths(np.zeros((20, 30), dtype=bool))], 20, 30)
    assert np.array_equal(drawn, SQUARE | (np.add.outer(np.arange(20) > 4, np.arange(30) > 4) == 0))


# Layouts


@pytest.mark.parametrize(
    "segmentation",
    [
        [FLAT],
        FLAT,
        [FLAT[:6], [FLAT[0], FLAT[1], *FLAT[4:]]],
        {"size": [20, 30], "counts": COUNTS},
        {"size": [20, 30], "counts": compressed(SQUARE)},
    ],
    ids=["polygon", "without the outer list", "two triangles", "runs", "compressed runs"],
)
@pytest.mark.parametrize("iscrowd", [0, 1])
def test_a_mask_in_each_way(tmp_path: Path, segmentation: Any, iscrowd: int) -> None:
    dataset = read_dataset(coco(tmp_path, annotation(segmentation=segmentation, iscrowd=iscrowd)))
    assert (dataset.format, dataset.classes, dataset.problems) == ("coco", ("none", "scratch"), ())
    assert by_name(dataset) == {"a.png": ("scratch",), "b.png": ("none",)}
    marked, clean = dataset.samples
    found = load_masks(marked, ("dent", "scratch"), 20, 30)
    assert not found[0].any()
    assert np.array_equal(found[1], SQUARE) or (isinstance(segmentation, list) and (found[1] ^ SQUARE).sum() <= 10)
    assert masked_classes(marked) == {"scratch"}
    assert clean.mask == MaskShapes(())


def test_several_classes_on_one_picture(tmp_path: Path) -> None:
    dataset = read_dataset(coco(tmp_path, annotation(), annotation(category=3, segmentation=[[0, 0, 5, 0, 5, 5]])))
    sample = dataset.samples[0]
    assert sample.labels == ("dent", "scratch")
    assert load_masks(sample, sample.labels, 20, 30).any(axis=(1, 2)).all()


def test_a_category_that_means_good(tmp_path: Path) -> None:
    names = [{"id": 3, "name": "OK"}, {"id": 7, "name": "a/b"}]
    dataset = read_dataset(coco(tmp_path, annotation(), annotation(2, 3), annotation(1, 3), categories=names))
    assert by_name(dataset) == {"a.png": ("a_b",), "b.png": ("OK",)}


def test_three_files_with_splits(tmp_path: Path) -> None:
    for split, folder in (("train2017", "train2017"), ("val2017", "val2017"), ("test", "test")):
        picture(tmp_path / folder / "a.png")
        image = {"id": 5, "file_name": "a.png"}
        content = {"images": [image], "annotations": [annotation(5)], "categories": [{"id": 7, "name": "scratch"}]}
        write_json(tmp_path / "annotations" / f"instances_{split}.json", content)
    write_json(tmp_path / "annotations" / "captions_val2017.json", {"images": [], "annotations": [{"caption": "x"}]})
    dataset = read_dataset(tmp_path)
    splits = {sample.image.parent.name: sample.split for sample in dataset.samples}
    assert splits == {"train2017": "train", "val2017": "validation", "test": "test"}
    assert dataset.problems == (
        "captions_val2017.json: no COCO file; it needs the lists images, annotations and categories",
    )


def test_as_roboflow_writes_it(tmp_path: Path) -> None:
    for folder in ("train", "valid"):
        coco(tmp_path / folder, annotation(), file="_annotations.coco.json")
        for name in ("a.png", "b.png"):
            (tmp_path / folder / "images" / name).rename(tmp_path / folder / name)
        (tmp_path / folder / "images").rmdir()
    assert detect_format(tmp_path) == ("coco", "a JSON file with images and annotations: COCO's")
    dataset = read_dataset(tmp_path)
    assert [(s.image.parent.name, s.split) for s in dataset.samples] == [
        ("train", "train"), ("train", "train"), ("valid", "validation"), ("valid", "validation"),
    ]  # fmt: skip


def test_paths_of_another_machine_and_folders(tmp_path: Path) -> None:
    images = [
        {"id": 1, "file_name": r"C:\data\left\a.png"},
        {"id": 2, "file_name": "right/A.PNG"},
        {"id": 3, "file_name": "../../etc/a.png"},
    ]
    for side in ("left", "right"):
        picture(tmp_path / "pictures" / side / "a.png")
    dataset = read_dataset(coco(tmp_path, annotation(1), images=images))
    sides = {sample.image.parent.name: sample.labels for sample in dataset.samples}
    assert sides == {
        "left": ("scratch",),
        "right": ("none",),
        "images": ("none",),
    }  # the third is taken for the nearest


def test_one_picture_in_two_files_keeps_the_marks_of_both(tmp_path: Path) -> None:
    coco(tmp_path, annotation(), file="annotations/instances_train.json")
    coco(tmp_path, annotation(category=3), file="annotations/person_train.json")
    assert by_name(read_dataset(tmp_path))["a.png"] == ("dent", "scratch")


def test_colour_pictures_are_as_large_as_their_orientation_says(tmp_path: Path) -> None:
    from PIL import Image

    coco(tmp_path, annotation())
    turned = Image.new("RGB", (20, 30), "red")
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "images" / "a.png", exif=exif)
    assert by_name(read_dataset(tmp_path))["a.png"] == ("scratch",)


# Boxes


def test_boxes_alone_teach_and_are_told(tmp_path: Path) -> None:
    dataset = read_dataset(coco(tmp_path, annotation(segmentation=[], bbox=[10.4, -2, 9.2, 11.3])))
    sample = dataset.samples[0]
    assert (sample.mask, sample.boxes) == (None, (("scratch", Box(10, 0, 20, 10)),))
    assert load_masks(sample, ("scratch",), 20, 30).sum() == 100
    assert dataset.problems == (
        f"{tmp_path.name}: pictures with boxes instead of masks: 1; a segmenter may learn from the boxes, but is not "
        "judged by them",
    )


def test_one_box_without_a_mask_makes_the_mask_unknown(tmp_path: Path) -> None:
    dataset = read_dataset(coco(tmp_path, annotation(), annotation(segmentation=None, bbox=[0, 0, 3, 3])))
    assert dataset.samples[0].mask is None
    assert len(dataset.samples[0].boxes) == 2


# What is wrong

LEFT_OUT: dict[str, tuple[dict[str, Any], str]] = {
    "two points": ({"segmentation": [[1, 1, 5, 5]]}, "a polygon has fewer than three points"),
    "no point": ({"segmentation": [[]]}, "a polygon has fewer than three points"),
    "odd": ({"segmentation": [[*FLAT, 3]]}, "a polygon has a number without a partner"),
    "far outside": ({"segmentation": [[0, 0, 1e9, 0, 5, 5]]}, "a polygon leaves the picture"),
    "NaN": ({"segmentation": [[0, 0, float("nan"), 0, 5, 5]]}, "the annotation's segmentation is not as COCO has it"),
    "text": ({"segmentation": "all"}, "the annotation's segmentation is not as COCO has it"),
    "unknown category": ({"category_id": 4}, "an annotation is of a category that is not listed"),
    "size": (
        {"segmentation": {"size": [30, 20], "counts": COUNTS}},
        "the run lengths are for a picture of another size",
    ),
    "short": ({"segmentation": {"size": [20, 30], "counts": [5, 5]}}, "the run lengths do not fill the picture"),
    "negative": (
        {"segmentation": {"size": [20, 30], "counts": [605, -5]}},
        "the run lengths do not fill the picture",
    ),
    "no text": ({"segmentation": {"size": [20, 30], "counts": "ä !"}}, "the run lengths are no text of COCO's"),
    "cut off": ({"segmentation": {"size": [20, 30], "counts": "0o"}}, "the run lengths are cut off"),
    "nothing": ({"segmentation": [], "bbox": []}, "an annotation has neither a mask nor a box"),
    "box outside": ({"segmentation": [], "bbox": [90, 90, 5, 5]}, "a box has no area on the picture"),
    "flat box": ({"segmentation": [], "bbox": [3, 3, 0, 5]}, "a box has no area on the picture"),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_an_annotation_of_no_use_takes_its_picture_out(tmp_path: Path, case: str) -> None:
    wrong, words = LEFT_OUT[case]
    dataset = read_dataset(coco(tmp_path, annotation(), annotation(**wrong), annotation(**wrong)))
    assert by_name(dataset) == {"b.png": ("none",)}
    assert dataset.problems == (f"annotations.json: {words}; left out: 1 (first a.png)",)


def test_pictures_that_are_missing_broken_or_of_another_size(tmp_path: Path) -> None:
    images = [{"id": n, "file_name": f"{n}.png", "width": 30, "height": 20} for n in range(1, 6)]
    coco(tmp_path, *(annotation(n) for n in (1, 2, 3, 4, 9)), images=[*images, {"id": 6}, "x"])
    picture(tmp_path / "images" / "3.png", (20, 30))
    (tmp_path / "images" / "4.png").write_bytes(b"no picture")
    picture(tmp_path / "images" / "5.png")
    dataset = read_dataset(tmp_path)
    assert by_name(dataset) == {"5.png": ("none",)}
    assert set(dataset.problems) == {
        "annotations.json: the picture is not there; left out: 2 (first 1.png)",
        "annotations.json: the picture has another size than the file says; left out: 1 (first 3.png)",
        "annotations.json: the picture cannot be read; left out: 1 (first 4.png)",
        "annotations.json: the image's file_name is not as COCO has it; left out: 1 (first image 6)",
        "annotations.json: the image is not as COCO has it; left out: 1 (first image 7)",
        "annotations.json: an annotation is of an image that is not listed; left out: 1 (first annotation 5)",
    }


def test_two_pictures_of_one_name(tmp_path: Path) -> None:
    for folder in ("left", "right"):
        picture(tmp_path / folder / "c.png")
    dataset = read_dataset(coco(tmp_path, images=[{"id": 1, "file_name": "c.png"}, {"id": 2, "file_name": "a.png"}]))
    assert dataset.problems == (
        "annotations.json: several pictures have its name; write their folders before it; left out: 1 (first c.png)",
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"images": [', "x.json: not JSON, or cut off (Expecting value: line 1 column 13 (char 12)); export it again"),
        (b"\xff\xfe{", "x.json: not JSON in UTF-8; export it again"),
        ("[" * 200_000, "x.json: not JSON, or cut off"),
        ("[]", "x.json: no COCO file; it needs the lists images, annotations and categories"),
        (json.dumps({"images": [], "annotations": [], "categories": {}}), "x.json: no COCO file"),
        (json.dumps({"images": [], "annotations": [], "categories": []}), "can be used; there is no picture"),
    ],
)
def test_a_file_that_is_no_coco(tmp_path: Path, content: str | bytes, words: str) -> None:
    (tmp_path / "x.json").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError) as raised:
        read_dataset(tmp_path, "coco")
    assert words in str(raised.value)
    assert str(raised.value).startswith(str(tmp_path))


def test_a_broken_file_does_not_spoil_the_others(tmp_path: Path) -> None:
    coco(tmp_path, annotation(), file="annotations/instances_train.json")
    (tmp_path / "annotations" / "instances_val.json").write_text('{"images": [{"file_name": "a')
    dataset = read_dataset(tmp_path)
    assert by_name(dataset) == {"a.png": ("scratch",), "b.png": ("none",)}
    assert dataset.problems[0].startswith("instances_val.json: not JSON, or cut off")
