"""Data sets of the workspace: taken in, corrected, split, and taken back; the originals stay as they were."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commandline import run
from PIL import Image
from stripes import striped_folder

from steelgui.services.datasets import Datasets
from steelgui.settings import Settings
from training.data import read_dataset
from training.data.record import DataError, Sample
from training.data.strips import render_dataset

Home = tuple[Datasets, Path, Path]


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """The service, its data set of drawn stripes, and where their originals lie."""
    source = striped_folder(tmp_path / "stripes")
    datasets = Datasets(Settings(home=tmp_path / "home"))
    return datasets, datasets.take_in(source), source


def of(datasets: Datasets, folder: Path, name: str) -> Sample:
    return datasets.sample(folder, name)


def test_taken_in_once_and_read_by_every_training(home: Home) -> None:
    datasets, folder, source = home
    assert datasets.take_in(source) == folder
    assert datasets.take_in(folder) == folder
    assert datasets.take_in(source, "another").name == "another"
    assert read_dataset(folder).counts() == read_dataset(source).counts()
    overview = datasets.overview(folder)
    assert (overview.source, overview.scarcest) == (source, "rare")
    assert overview.splits["train"] == {"level": 40, "rare": 8, "upright": 40}
    assert list(overview.splits) == ["train", "validation", "test"]


CORRECTIONS: dict[str, Callable[[Datasets, Path], object]] = {
    "label": lambda d, f: d.relabel(f, "images/rare/train-0.png", "level"),
    "split": lambda d, f: d.move(f, "images/rare/train-0.png", "test"),
    "duplicate": lambda d, f: d.same_spot(f, "images/rare/train-0.png", "images/rare/test-1.png"),
    "left_out": lambda d, f: d.leave_out(f, "images/rare/train-0.png"),
    "mask": lambda d, f: d.paint(f, "images/rare/train-0.png", "rare", np.eye(32, dtype=bool)),
    "splits": lambda d, f: d.split(f, 0.2, 0.1, 3),
    "added": lambda d, f: d.add(f, f.parents[2] / "stripes/images/rare/train-0.png", "line 3.png", "level"),
}


@pytest.mark.parametrize("what", CORRECTIONS)
def test_every_correction_can_be_taken_back_and_touches_no_original(home: Home, what: str) -> None:
    datasets, folder, source = home
    before, originals, files = read_dataset(folder), contents(source), contents(folder)
    CORRECTIONS[what](datasets, folder)
    after = read_dataset(folder)
    assert after.samples != before.samples
    assert datasets.overview(folder).changes[-1].what == what
    assert contents(source) == originals
    undone = datasets.undo(folder)
    assert undone and undone.what == what
    assert read_dataset(folder).samples == before.samples
    assert contents(folder).keys() == files.keys() | {".lock"}
    assert contents(source) == originals
    assert datasets.undo(folder) is None


def test_a_class_a_split_and_a_duplicate(home: Home) -> None:
    datasets, folder, _ = home
    datasets.relabel(folder, "images/rare/train-0.png", "rare")
    assert datasets.move(folder, "images/rare/train-0.png", "train") == 0
    assert datasets.overview(folder).changes == ()
    datasets.relabel(folder, "images/rare/train-0.png", "rust")
    assert of(datasets, folder, "images/rare/train-0.png").labels == ("rust",)
    assert "rust" in datasets.overview(folder).counts
    assert datasets.same_spot(folder, "images/rare/train-0.png", "images/rare/test-1.png") == 2
    assert of(datasets, folder, "images/rare/train-0.png").split == "test"
    # What is alike moves together.
    assert datasets.move(folder, "images/rare/test-1.png", "validation") == 2
    assert of(datasets, folder, "images/rare/train-0.png").split == "validation"


def test_a_data_set_without_splits_is_split_before_a_picture_moves(home: Home, tmp_path: Path) -> None:
    datasets, _, source = home
    (source / "split.csv").unlink()
    shutil.rmtree(tmp_path / "home")
    folder = datasets.take_in(source)
    assert datasets.overview(folder).splits == {}
    datasets.move(folder, "images/rare/train-0.png", "test")
    assert of(datasets, folder, "images/rare/train-0.png").split == "test"
    assert {sample.split for sample in read_dataset(folder).samples} == {"train", "validation", "test"}


def test_splitting_keeps_near_duplicates_together(home: Home) -> None:
    datasets, folder, _ = home
    datasets.same_spot(folder, "images/rare/train-0.png", "images/rare/train-1.png")
    counts = datasets.split(folder, 0.3, 0.2, seed=5)
    whole = sum(counts.values())
    assert {name: round(count / whole, 1) for name, count in counts.items()} == {
        "train": 0.5,
        "validation": 0.3,
        "test": 0.2,
    }
    one, two = (of(datasets, folder, f"images/rare/train-{number}.png") for number in (0, 1))
    assert (one.group, one.split) == (two.group, two.split)


def test_a_painted_mask_is_the_class_and_an_empty_one_is_none(home: Home) -> None:
    datasets, folder, _ = home
    name, mask = "images/rare/train-0.png", np.zeros((32, 32), dtype=bool)
    mask[4:9, 6:20] = True
    datasets.paint(folder, name, "rare", mask)
    sample = of(datasets, folder, name)
    assert sample.labels == ("rare",)
    assert (datasets.masks(sample, 32, 32)["rare"] == mask).all()
    # Another class over a part of it: both, without overlap.
    other = np.zeros((32, 32), dtype=bool)
    other[4:9, 15:30] = True
    datasets.paint(folder, name, "level", other)
    found = datasets.masks(of(datasets, folder, name), 32, 32)
    assert (found["level"] == other).all()
    assert (found["rare"] == mask & ~other).all()
    for label in ("level", "rare"):
        datasets.paint(folder, name, label, np.zeros((32, 32), dtype=bool))
    assert of(datasets, folder, name).labels == ("none",)


def test_a_mask_goes_with_its_class(tmp_path: Path) -> None:
    for _ in render_dataset(tmp_path / "strips", 12, 1):
        pass
    datasets = Datasets(Settings(home=tmp_path / "home"))
    folder = datasets.take_in(tmp_path / "strips")
    sample = next(s for s in datasets.samples(folder) if len(s.labels) == 1 and s.mask and s.labels[0] != "none")
    height, width = 256, 1600
    before = datasets.masks(sample, height, width)[sample.labels[0]]
    name = datasets.names(folder, [sample])[0]
    datasets.relabel(folder, name, "rust")
    assert (datasets.masks(of(datasets, folder, name), height, width)["rust"] == before).all()
    datasets.relabel(folder, name, "none")
    assert datasets.masks(of(datasets, folder, name), height, width) == {}
    datasets.undo(folder)
    datasets.paint(folder, name, "hole", ~before)
    with pytest.raises(DataError, match="correct its masks instead"):
        datasets.relabel(folder, name, "rust")


def test_a_picture_from_an_inspection_trains(home: Home) -> None:
    datasets, folder, _ = home
    pixels = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    assert datasets.add(folder, pixels, "camera 균열.png", "rare") == folder
    added = next(s for s in read_dataset(folder).samples if "added" in s.image.parts)
    assert (added.labels, added.split) == (("rare",), "train")
    with pytest.raises(DataError, match="already"):
        datasets.add(folder, pixels, "camera 균열.png", "level")
    own = datasets.add(None, pixels, "camera.png", "rust")
    assert read_dataset(own).counts() == {"rust": 1}


BAD: dict[str, tuple[Callable[[Datasets, Path], object], str]] = {
    "no name": (lambda d, f: d.relabel(f, "images/rare/train-0.png", " "), "no usable name"),
    "a path": (lambda d, f: d.relabel(f, "images/rare/train-0.png", "../x"), "no usable name"),
    "no picture": (lambda d, f: d.relabel(f, "images/nothing.png", "rare"), "has no picture"),
    "no split": (lambda d, f: d.move(f, "images/rare/train-0.png", "exam"), "choose from train"),
    "itself": (lambda d, f: d.same_spot(f, "images/rare/train-0.png", "images/rare/train-0.png"), "itself"),
    "parts": (lambda d, f: d.split(f, 0.6, 0.5), "together below 1"),
    "size": (lambda d, f: d.paint(f, "images/rare/train-0.png", "rare", np.ones((3, 4), bool)), "the mask is 4×3"),
    "no set": (lambda d, f: d.find("nobody"), "there are: stripes"),
    "no folder": (lambda d, f: d.take_in(f / "nothing"), "no such folder or ZIP"),
    "no data": (lambda d, f: d.take_in(f.parents[2] / "stripes" / "images" / "rare"), "no data set there"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_done_is_said_and_changes_nothing(home: Home, case: str) -> None:
    datasets, folder, _ = home
    act, sentence = BAD[case]
    before = contents(datasets.root)
    with pytest.raises(DataError) as refused:
        act(datasets, folder)
    assert sentence in str(refused.value)
    assert contents(datasets.root) == before


def test_a_source_that_is_gone_or_a_damaged_file_is_told(home: Home) -> None:
    datasets, folder, source = home
    (source / "images/rare/train-0.png").rename(source / "images/rare/other.png")
    datasets.relabel(folder, "images/rare/train-1.png", "level")
    (source / "images/rare/train-1.png").unlink()
    assert any("train-1.png: it was corrected here" in problem for problem in read_dataset(folder).problems)
    shutil.rmtree(source)
    with pytest.raises(DataError, match="is gone"):
        read_dataset(folder)
    (folder / "dataset.json").write_text('{"source": 3}')
    with pytest.raises(DataError, match="damaged"):
        read_dataset(folder)


def test_commands(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    datasets, _, source = home
    shutil.rmtree(datasets.root)
    archive = tmp_path / "line 3.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(source.rglob("*")):
            opened.write(path, path.relative_to(tmp_path))
    where = ["--home", tmp_path / "home"]
    code, out, _ = run(capsys, "data", "import", archive, "--json", *where)
    taken = json.loads(out)
    assert (code, taken["name"], taken["scarce"]) == (0, "line-3", ["rare"])
    picture = "images/rare/train-0.png"
    assert run(capsys, "data", "label", "line-3", picture, "--class", "level", *where)[0] == 0
    code, out, _ = run(capsys, "data", "label", "line-3", picture, "--class", "level", "--json", *where)
    assert (code, json.loads(out)["result"]) == (0, {"pictures": 0})
    assert run(capsys, "data", "split", "line-3", "--test", "0.2", *where)[0] == 0
    code, out, _ = run(capsys, "data", "list", "--json", *where)
    assert (code, json.loads(out)[0]["changes"]) == (0, 2)
    assert run(capsys, "data", "undo", "line-3", *where)[0] == 0
    assert run(capsys, "data", "label", "line-3", picture, "--leave-out", *where)[0] == 0
    code, out, _ = run(capsys, "data", "describe", taken["folder"], "--json")
    described = json.loads(out)
    assert (code, described["format"], described["classes"]["rare"]) == (0, "workspace", 59)
    code, _, err = run(capsys, "data", "label", "line-3", picture, "--class", "level", *where)
    assert (code, "has no picture" in err) == (1, True)
    # A folder that nobody has taken in is taken in at its first correction.
    assert run(capsys, "data", "label", source, picture, "--split", "test", *where)[0] == 0
    assert (datasets.root / "stripes" / "dataset.json").is_file()
    broken = tmp_path / "broken.zip"
    broken.write_bytes(archive.read_bytes()[:400])
    before = contents(datasets.root)
    code, _, err = run(capsys, "data", "import", broken, *where)
    assert (code, len(err.strip().splitlines())) == (1, 1), err
    assert contents(datasets.root) == before


def test_pictures_that_cannot_be_read_are_said_by_the_check(home: Home) -> None:
    datasets, folder, source = home
    (source / "images/rare/train-0.png").write_bytes(b"no picture")
    Image.open(source / "images/rare/train-1.png").save(source / "images/rare/train-2.png")
    shutil.copy(source / "images/rare/train-1.png", source / "images/rare/train-2.png")
    seen: list[tuple[int, int]] = []
    found = datasets.check(folder, lambda done, total: seen.append((done, total)))
    assert len(found.unreadable) == 1
    assert found.exact.total_images == 2
    assert seen[-1][0] == seen[-1][1] == len(read_dataset(folder).samples)
