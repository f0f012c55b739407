"""Rendered strips: the same seed gives the same bytes, masks mark exactly what a defect changed, nothing half-done."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models import rle
from training.data import strips as module
from training.data.samples import SAMPLES, TILE, render_samples
from training.data.strips import (
    SEVERSTAL_COUNTS,
    STRIP_CLASSES,
    STRIP_HEIGHT,
    STRIP_WIDTH,
    deal_classes,
    render_dataset,
    render_strip,
)

SEVERSTAL_PER_CLASS = {"pitted_surface": 897, "crazing": 247, "scratches": 5150, "patches": 801}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "train.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "strips"
    assert list(render_dataset(folder, 12, 7)) == list(range(1, 13))
    return folder


def test_the_layout_is_severstals(dataset: Path) -> None:
    assert sorted(path.name for path in dataset.iterdir()) == ["train.csv", "train_images"]
    assert (dataset / "train.csv").read_text().startswith("ImageId,ClassId,EncodedPixels\n")
    pictures = sorted((dataset / "train_images").iterdir())
    assert len(pictures) == 12
    for picture in pictures:
        assert picture.suffix == ".jpg" and len(picture.stem) == 9 and int(picture.stem, 16) >= 0
        with Image.open(picture) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "L", (STRIP_WIDTH, STRIP_HEIGHT))
    table = rows(dataset)
    keys = [(row["ImageId"], row["ClassId"]) for row in table]
    assert len(keys) == len(set(keys))
    assert {image for image, _ in keys} < {picture.name for picture in pictures}
    assert {class_id for _, class_id in keys} == {"1", "2", "3", "4"}


def test_the_table_holds_the_rendered_masks(dataset: Path) -> None:
    table = rows(dataset)
    row = next(row for row in table if row["ClassId"] == "2")
    # Rows come in the order of rendering, and every hand here is known, so the strip can be rendered again.
    hands = deal_classes(12, 7)
    number = next(number for number, hand in enumerate(hands) if "crazing" in hand)
    strip = render_strip(np.random.default_rng([7, number]), hands[number])
    assert np.array_equal(rle.decode(row["EncodedPixels"], STRIP_HEIGHT, STRIP_WIDTH), strip.masks["crazing"])
    with Image.open(dataset / "train_images" / row["ImageId"]) as image:
        difference = np.asarray(image).astype(int) - strip.image
    assert np.abs(difference).mean() < 3


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        list(render_dataset(tmp_path / name, 2, seed))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert not set(contents(tmp_path / "one").values()) & set(contents(tmp_path / "other").values())


def test_severstals_counts_add_up() -> None:
    assert sum(SEVERSTAL_COUNTS.values()) == 12568
    for name, count in SEVERSTAL_PER_CLASS.items():
        assert sum(number for hand, number in SEVERSTAL_COUNTS.items() if name in hand) == count


@pytest.mark.parametrize("strips", [12, 13, 40, 200, 1000])
def test_classes_are_dealt_in_severstals_proportions(strips: int) -> None:
    hands = deal_classes(strips, 5)
    assert len(hands) == strips
    dealt = Counter(name for hand in hands for name in hand)
    for name, count in SEVERSTAL_PER_CLASS.items():
        assert dealt[name] >= 1
        # Rare pairs are rounded too, and the least-once rule may add or take a few.
        assert abs(dealt[name] - strips * count / 12568) <= 3
    assert dealt["scratches"] > dealt["patches"] >= dealt["crazing"]
    assert abs(hands.count(()) - strips * 5902 / 12568) <= 3
    assert hands != deal_classes(strips, 6)


@pytest.mark.parametrize("size", [(STRIP_WIDTH, STRIP_HEIGHT), (256, 256), (200, 200), (64, 64)])
@pytest.mark.parametrize("name", STRIP_CLASSES)
def test_a_mask_marks_exactly_what_the_defect_changed(name: str, size: tuple[int, int]) -> None:
    width, height = size
    for seed in range(1 if width > 256 else 3):
        clean = render_strip(np.random.default_rng(seed), (), width, height)
        strip = render_strip(np.random.default_rng(seed), (name,), width, height)
        assert clean.masks == {} and list(strip.masks) == [name]
        mask = strip.masks[name]
        assert strip.image.dtype == np.uint8 and strip.image.shape == mask.shape == (height, width)
        assert mask.dtype == np.bool_ and mask.any() and not mask.all()
        changed = np.abs(strip.image.astype(int) - clean.image)
        assert not changed[~mask].any()
        # Grain may hit black or white and a pale shade may round away; nearly every marked pixel still differs.
        assert (changed[mask] > 0).mean() > 0.9
        # Grain is a share of the grey, about 6 %; so is what it takes to be seen on dark steel as on light.
        assert np.median(changed[mask] / clean.image[mask].clip(1)) >= 0.08


def test_two_classes_leave_the_rest_of_the_strip_alone() -> None:
    names = ("patches", "scratches")
    clean = render_strip(np.random.default_rng(1), (), 256, 256)
    strip = render_strip(np.random.default_rng(1), names, 256, 256)
    assert list(strip.masks) == ["scratches", "patches"]
    outside = ~(strip.masks["scratches"] | strip.masks["patches"])
    assert np.array_equal(strip.image[outside], clean.image[outside])


def test_clean_steel_is_steel() -> None:
    for seed in range(3):
        image = render_strip(np.random.default_rng(seed), ()).image
        steel = image[image > 20]
        assert 40 < steel.mean() < 190 and steel.size > 0.5 * image.size and steel.std() > 5


@pytest.mark.parametrize(
    ("classes", "width", "height", "message"),
    [(("rust",), 256, 256, "unknown strip class 'rust'"), ((), 63, 256, "at least 64"), ((), 256, 10, "at least 64")],
)
def test_a_strip_that_cannot_be_is_refused(classes: tuple[str, ...], width: int, height: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render_strip(np.random.default_rng(0), classes, width, height)


@pytest.mark.parametrize(
    ("strips", "seed", "message"), [(0, 0, "at least 1 strip"), (-3, 0, "at least"), (5, -1, "seed")]
)
def test_a_data_set_that_cannot_be_is_refused(tmp_path: Path, strips: int, seed: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render_dataset(tmp_path / "new", strips, seed)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["train.csv", "train_images"])
def test_a_data_set_is_never_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(FileExistsError, match=f"already holds {name}"):
        render_dataset(tmp_path, 3, 0)
    assert contents(tmp_path) == {name: b"mine"}


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    real = module.render_strip

    def fail_on_scratches(rng: np.random.Generator, classes: tuple[str, ...]) -> module.Strip:
        if "patches" in classes:
            raise error
        return real(rng, classes, 64, 64)

    monkeypatch.setattr(module, "render_strip", fail_on_scratches)
    with pytest.raises(type(error)):
        list(render_dataset(tmp_path / "deep" / "new", 12, 0))
    assert list(tmp_path.iterdir()) == []


def test_giving_up_midway_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    progress = iter(render_dataset(tmp_path, 2, 0))
    assert next(progress) == 1
    assert not (tmp_path / "train.csv").exists() and not (tmp_path / "train_images").exists()
    getattr(progress, "close")()  # noqa: B009 - the promise is an iterator; closing is what a lost caller does
    assert contents(tmp_path) == {"notes.txt": b"mine"}
    assert len(list(tmp_path.iterdir())) == 1


def test_a_table_that_cannot_be_placed_takes_its_pictures_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.rename

    def refuse_table(self: Path, target: Path) -> Path:
        if target.name == "train.csv":
            raise PermissionError("read-only")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", refuse_table)
    with pytest.raises(PermissionError):
        list(render_dataset(tmp_path / "new", 1, 0))
    assert list(tmp_path.iterdir()) == []


def test_the_samples_can_be_remade(tmp_path: Path) -> None:
    paths = render_samples(tmp_path / "samples")
    assert [path.stem for path in paths] == [name for name, *_ in SAMPLES] and len(paths) == 12
    assert sum(path.stat().st_size for path in paths) < 1_200_000
    for path, (_, _, width, _) in zip(paths, SAMPLES, strict=True):
        with Image.open(path) as image:
            assert (image.mode, image.size) == ("L", (width, STRIP_HEIGHT if width > TILE else TILE))
