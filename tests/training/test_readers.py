from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from drawn import SQUARE, by_name, mask, picture

from models import rle
from models.tiling import Box
from training.data import READERS, detect_format, read_dataset
from training.data.record import DataError, DataSet, MaskFile, MaskRuns, load_image, load_masks


def severstal(root: Path, table: str, names: tuple[str, ...] = ("a.jpg", "b.jpg")) -> DataSet:
    for name in names:
        picture(root / "train_images" / name)
    (root / "train.csv").write_text(table, encoding="utf-8")
    return read_dataset(root)


# Detection


def test_detection_says_why(tmp_path: Path) -> None:
    picture(tmp_path / "classes" / "ok" / "a.png")
    picture(tmp_path / "pairs" / "images" / "a.png")
    (tmp_path / "pairs" / "masks").mkdir()
    picture(tmp_path / "strips" / "train_images" / "a.png")
    found = {name: detect_format(tmp_path / name) for name in ("classes", "pairs", "strips")}
    assert {name: found_format for name, (found_format, _) in found.items()} == {
        "classes": "folders",
        "pairs": "masks",
        "strips": "severstal",
    }
    assert "one folder a class" in found["classes"][1]
    assert "train_images/" in found["strips"][1]


def test_empty_and_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected class folders .* train\.csv .* masks/"):
        read_dataset(tmp_path)
    with pytest.raises(DataError, match="gone: there is no such folder"):
        read_dataset(tmp_path / "gone")
    with pytest.raises(DataError, match="gone: there is no such folder"):
        read_dataset(tmp_path / "gone", "folders")
    with pytest.raises(DataError, match="no data format called 'coc'; choose from auto, folders"):
        read_dataset(tmp_path, "coc")


@pytest.mark.parametrize("format", sorted(READERS))
def test_every_reader_refuses_an_empty_folder(tmp_path: Path, format: str) -> None:
    with pytest.raises(DataError, match=str(tmp_path)):
        read_dataset(tmp_path, format)


# Class folders


@pytest.mark.parametrize("base", ["", "images"])
def test_class_folders(tmp_path: Path, base: str) -> None:
    for name in ("scratches/b.JPG", "scratches/a.png", "good/c.bmp", ".hidden/x.png", "scratches/.thumb.png"):
        picture(tmp_path / base / name)
    (tmp_path / base / "scratches" / "notes.txt").write_text("no picture")
    (tmp_path / base / "scratches" / "folder.png").mkdir()
    dataset = read_dataset(tmp_path)
    assert dataset.format == "folders"
    assert dataset.classes == ("good", "scratches")
    assert [sample.image.name for sample in dataset.samples] == ["c.bmp", "a.png", "b.JPG"]
    assert dataset.counts() == {"good": 1, "scratches": 2}
    assert {(sample.split, sample.group, sample.mask) for sample in dataset.samples} == {(None, None, None)}


@pytest.mark.parametrize("names", [("train", "validation", "test"), ("Training", "val", "testing")])
def test_split_folders(tmp_path: Path, names: tuple[str, str, str]) -> None:
    for split in names:
        picture(tmp_path / split / "crazing" / f"{split}.png")
    dataset = read_dataset(tmp_path)
    assert dataset.classes == ("crazing",)
    splits = {sample.image.stem: sample.split for sample in dataset.samples}
    assert splits == dict(zip(names, ("train", "validation", "test"), strict=True))


def test_folders_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "scratches").mkdir()
    with pytest.raises(DataError, match=r"no pictures in class folders; put them into .*<class>/"):
        read_dataset(tmp_path)


def test_masks_and_boxes_beside_classes(tmp_path: Path) -> None:
    for name in ("scratches/a.png", "patches/b.png", "good/c.png", "patches/wrong.png", "patches/broken.png"):
        picture(tmp_path / "images" / name)
    mask(tmp_path / "masks" / "a.png", SQUARE.astype(np.uint8) * 255)
    mask(tmp_path / "masks" / "good" / "c.png", np.zeros((20, 30), dtype=np.uint8))
    mask(tmp_path / "masks" / "wrong.png", np.zeros((9, 9), dtype=np.uint8))
    (tmp_path / "masks" / "broken.png").write_text("no mask")
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "b.xml").write_text(
        "<a><object><bndbox><xmin>1</xmin><ymin>3</ymin><xmax>10</xmax><ymax>12</ymax></bndbox></object></a>"
    )
    (tmp_path / "annotations" / "a.xml").write_text("<a><object>")
    dataset = read_dataset(tmp_path)
    found = {sample.image.stem: sample for sample in dataset.samples}
    assert np.array_equal(load_masks(found["a"], ("patches", "scratches"), 20, 30)[1], SQUARE)
    assert found["a"].boxes == ()
    assert found["b"].boxes == (("patches", Box(0, 2, 10, 12)),)
    assert load_masks(found["b"], ("patches",), 20, 30).sum() == 100
    assert found["c"].mask == MaskFile(tmp_path / "masks" / "good" / "c.png", ())
    assert found["wrong"].mask is None
    assert found["broken"].mask is None
    assert sorted(dataset.problems) == [
        "mask broken.png: this is not a picture that can be read; use JPEG, PNG, BMP, TIFF or WebP; "
        "the picture is used without it",
        "wrong.png: the mask is 9×9, but wrong.png is 30×20; they must be of one size; the picture is used without it",
    ]


# Class folders with a table


def table(root: Path, rows: str, header: str = "image,label,group,split", name: str = "split.csv") -> DataSet:
    for number in (1, 2, 3):
        picture(root / "images" / "any" / f"{number}.png")
    (root / name).write_text(f"{header}\n{rows}", encoding="utf-8")
    return read_dataset(root)


def test_table_of_splits(tmp_path: Path) -> None:
    dataset = table(tmp_path, "images/any/1.png,good,7,train\nimages\\any\\2.png,crazing,,val\n")
    assert [(s.image.name, s.labels, s.group, s.split) for s in dataset.samples] == [
        ("1.png", ("good",), "7", "train"),
        ("2.png", ("crazing",), None, "validation"),
    ]
    assert dataset.problems == ()


def test_table_of_folds_with_byte_order_mark_and_spaces(tmp_path: Path) -> None:
    dataset = table(
        tmp_path,
        "images/any/1.png, good ,1,0\nimages/any/2.png,good,2,\n",
        "\ufeffimage, label,group,fold",
        "folds.csv",
    )
    assert [(s.labels, s.split) for s in dataset.samples] == [(("good",), "fold0"), (("good",), None)]


def test_groups_numbered_anew_in_each_class_are_told_apart(tmp_path: Path) -> None:
    rows = "images/any/1.png,a,1,train\nimages/any/2.png,b,1,validation\nimages/any/3.png,b,,train\n"
    assert [s.group for s in table(tmp_path, rows).samples] == ["a/1", "b/1", None]


def test_groups_across_classes_stay_whole(tmp_path: Path) -> None:
    rows = "images/any/1.png,a,1,train\nimages/any/2.png,b,1,train\nimages/any/3.png,b,2,validation\n"
    assert [s.group for s in table(tmp_path, rows).samples] == ["1", "1", "2"]


def test_faulty_rows_are_left_out_and_named(tmp_path: Path) -> None:
    picture(tmp_path.parent / "outside.png")
    rows = [
        "images/any/1.png,good,1,train",
        "images/any/1.png,bad,1,train",
        "images/any/2.png,,1,train",
        "images/any/9.png,good,1,train",
        "../outside.png,good,1,train",
        f"{tmp_path.parent / 'outside.png'},good,1,train",
        "images/../../outside.png,good,1,train",
        "images/any/3.png",
    ]
    dataset = table(tmp_path, "\n".join(rows))
    assert by_name(dataset) == {"1.png": ("good",)}
    assert len(dataset.problems) == 7
    for line, words in enumerate(
        ("listed twice", "no label", "is not there", "lies outside", "lies outside", "lies outside", "no label"),
        start=3,
    ):
        assert f"split.csv line {line}: " in dataset.problems[line - 3]
        assert words in dataset.problems[line - 3]


@pytest.mark.parametrize("header", ["image,split", "label,split", "image,label,group", ""])
def test_table_without_its_columns(tmp_path: Path, header: str) -> None:
    with pytest.raises(DataError, match=r"split\.csv: its columns are .*needs image,label and split or fold"):
        table(tmp_path, "", header)


def test_table_without_use(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"split\.csv: no picture of .* can be used; it has no rows"):
        table(tmp_path, "")
    with pytest.raises(DataError, match=r"can be used; split\.csv line 2: .*is not there"):
        table(tmp_path, "9.png,good,1,train\n")


def test_table_that_is_no_text(tmp_path: Path) -> None:
    picture(tmp_path / "any" / "1.png")
    (tmp_path / "split.csv").write_bytes(b"image,label,split\n\xff\xfe\x00\n")
    with pytest.raises(DataError, match=r"split\.csv: not a CSV table in UTF-8 .*save it again"):
        read_dataset(tmp_path)


# Severstal


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_severstal(tmp_path: Path, mark: str) -> None:
    runs = rle.encode(SQUARE)
    dataset = severstal(tmp_path, f"{mark}ImageId,ClassId,EncodedPixels\na.jpg,3,{runs}\na.jpg,1,1 2\n")
    assert dataset.classes == ("none", "pitted_surface", "scratches")
    assert by_name(dataset) == {"a.jpg": ("pitted_surface", "scratches"), "b.jpg": ("none",)}
    assert dataset.samples[1].mask == MaskRuns(())
    masks = load_masks(dataset.samples[0], ("crazing", "scratches"), 20, 30)
    assert not masks[0].any()
    assert np.array_equal(masks[1], SQUARE)
    assert dataset.problems == ()


def test_severstal_in_the_older_columns(tmp_path: Path) -> None:
    dataset = severstal(tmp_path, "ImageId_ClassId,EncodedPixels\na.jpg_1,\na.jpg_4,1 5\nb.jpg_1,\n")
    assert by_name(dataset) == {"a.jpg": ("patches",), "b.jpg": ("none",)}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("a.jpg,1,1 2 3", "3 numbers; it needs pairs"),
        ("a.jpg,1,600 2", "leaves the image: 30×20 has pixels 1 to 600"),
        ("a.jpg,1,-4 2", "leaves the image"),
        ("a.jpg,1,one two", "not a whole number"),
        ("a.jpg,5,1 2", "ClassId '5' is unknown; it must be 1, 2, 3 or 4"),
        ("a.jpg,,1 2", "ClassId '' is unknown"),
    ],
)
def test_severstal_row_that_cannot_be_used_takes_its_strip_out(tmp_path: Path, rows: str, words: str) -> None:
    dataset = severstal(tmp_path, f"ImageId,ClassId,EncodedPixels\n{rows}\na.jpg,2,1 4\n")
    assert by_name(dataset) == {"b.jpg": ("none",)}
    assert len(dataset.problems) == 1
    assert "train.csv line 2: " in dataset.problems[0]
    assert words in dataset.problems[0]


def test_severstal_class_twice_and_strips_absent(tmp_path: Path) -> None:
    dataset = severstal(
        tmp_path, "ImageId,ClassId,EncodedPixels\na.jpg,1,1 2\na.jpg,1,9 2\nz.jpg,1,1 2\n../b.jpg,1,1 2\n"
    )
    assert by_name(dataset) == {"a.jpg": ("pitted_surface",), "b.jpg": ("none",)}
    assert dataset.samples[0].mask == MaskRuns((("pitted_surface", "1 2"),))
    assert dataset.problems == (
        "train.csv line 3: a.jpg has class 1 twice; the first row counts",
        "2 images of train.csv are not in train_images/ (first ../b.jpg)",
    )


def test_severstal_damaged_strip_with_a_row(tmp_path: Path) -> None:
    (tmp_path / "train_images").mkdir()
    (tmp_path / "train_images" / "c.jpg").write_bytes(b"")
    dataset = severstal(tmp_path, "ImageId,ClassId,EncodedPixels\nc.jpg,1,1 2\n")
    assert set(by_name(dataset)) == {"a.jpg", "b.jpg"}
    assert "c.jpg: the file is empty" in dataset.problems[0]


def test_severstal_takes_masks_of_any_length(tmp_path: Path) -> None:
    picture(tmp_path / "train_images" / "a.jpg", (1600, 256))
    runs = " ".join(f"{start} 1" for start in range(1, 256 * 1600, 10))
    assert len(runs) > 2**17
    (tmp_path / "train.csv").write_text(f"ImageId,ClassId,EncodedPixels\na.jpg,1,{runs}\n")
    assert by_name(read_dataset(tmp_path)) == {"a.jpg": ("pitted_surface",)}


@pytest.mark.parametrize("header", ["ImageId,EncodedPixels", "a,b,c", ""])
def test_severstal_without_its_columns(tmp_path: Path, header: str) -> None:
    with pytest.raises(DataError, match=r"train\.csv: its columns are .*needs ImageId,ClassId,EncodedPixels"):
        severstal(tmp_path, f"{header}\na.jpg,1,1 2\n")


def test_severstal_with_a_part_missing(tmp_path: Path) -> None:
    picture(tmp_path / "train_images" / "a.jpg")
    with pytest.raises(DataError, match=r"train\.csv: there is no such file"):
        read_dataset(tmp_path)
    shutil.rmtree(tmp_path / "train_images")
    (tmp_path / "train.csv").write_text("ImageId,ClassId,EncodedPixels\n")
    with pytest.raises(DataError, match=r"layout needs train_images/\*\.jpg"):
        read_dataset(tmp_path)


def test_rendered_strips(strips_folder: Path) -> None:
    dataset = read_dataset(strips_folder)
    assert (dataset.format, len(dataset.samples), dataset.problems) == ("severstal", 24, ())
    assert dataset.classes == ("none", "crazing", "patches", "pitted_surface", "scratches")
    sample = next(s for s in dataset.samples if s.labels != ("none",))
    height, width, _ = load_image(sample).shape
    assert (height, width) == (256, 1600)
    assert load_masks(sample, sample.labels, height, width).any(axis=(1, 2)).all()


# Real pictures


@pytest.mark.realdata
def test_neu_det(realdata: Path) -> None:
    dataset = read_dataset(realdata / "neu-det")
    assert len(dataset.samples) == 1620
    assert set(dataset.counts().values()) == {270}
    assert sum(sample.split == "validation" for sample in dataset.samples) == 180
    masked = [sample for sample in dataset.samples if sample.mask]
    assert {sample.labels[0] for sample in masked} == {"inclusion", "patches", "scratches"}
    assert len(masked) == 810
    assert all(sample.boxes for sample in dataset.samples if sample.mask is None)
    assert dataset.problems == ()
    assert load_masks(masked[0], masked[0].labels, 200, 200).any()


@pytest.mark.realdata
def test_magnetic_tile(realdata: Path) -> None:
    dataset = read_dataset(realdata / "magnetic-tile")
    assert dataset.classes[0] == "free"
    assert dataset.counts()["free"] == 762
    assert sum(sample.mask is not None for sample in dataset.samples) == len(dataset.samples) == 1082
    assert {sample.split for sample in dataset.samples} == {"fold0", "fold1", "fold2", "fold3"}
    assert dataset.problems == ()


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["neu-det", "magnetic-tile"])
def test_groups_of_the_tables_never_cross_their_splits(realdata: Path, name: str) -> None:
    splits: dict[str | None, set[str | None]] = {}
    for sample in read_dataset(realdata / name).samples:
        splits.setdefault(sample.group, set()).add(sample.split)
    assert None not in splits
    assert max(map(len, splits.values())) == 1


@pytest.mark.realdata
def test_casting_and_severstal(realdata: Path) -> None:
    assert read_dataset(realdata / "casting").counts() == {"ok_front": 262, "def_front": 453}
    strip = read_dataset(realdata / "severstal").samples[0]
    assert strip.labels == ("patches", "scratches")
    assert load_masks(strip, strip.labels, 256, 1600).any(axis=(1, 2)).all()
