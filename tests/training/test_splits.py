from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from training.data import read_dataset
from training.data.duplicates import Fingerprint, group_fingerprints, near_duplicate_groups
from training.data.record import DataError, DataSet, Sample
from training.data.splits import group_stratified_split, select, with_splits
from training.data.strips import render_strip


def samples(*groups: tuple[str, str | None, int]) -> list[Sample]:
    """(labels with + between, group, how many)."""
    made: list[Sample] = []
    for labels, group, count in groups:
        for _ in range(count):
            made.append(Sample(Path(f"{len(made)}.png"), tuple(labels.split("+")), group=group))
    return made


def by_split(found: Sequence[Sample]) -> dict[str | None, dict[str, int]]:
    counted: dict[str | None, Counter[str]] = defaultdict(Counter)
    for sample in found:
        counted[sample.split].update(sample.labels)
    return {split: dict(counts) for split, counts in counted.items()}


def texture(seed: int, side: int = 128) -> NDArray[np.uint8]:
    """Smooth blobs on which a lamp shines from the left."""
    noise = np.random.default_rng(seed).normal(size=(16, 16)).astype(np.float32)
    blobs = np.asarray(Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC))
    return np.clip(120 + 30 * blobs + np.linspace(-30, 30, side), 0, 255).astype(np.uint8)


def save(folder: Path, name: str, grey: NDArray[np.uint8], quality: int = 95) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grey).save(folder / name, quality=quality)
    return folder / name


# Near-duplicates

CHANGES: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    "quarter turn": np.rot90,
    "half turn": lambda grey: np.rot90(grey, 2),
    "three quarters": lambda grey: np.rot90(grey, 3),
    "mirrored": np.fliplr,
    "upside down": np.flipud,
    "transposed": np.transpose,
    "transposed the other way": lambda grey: np.rot90(grey, 2).T,
    "darker": lambda grey: (grey * 0.6).astype(np.uint8),
    "more contrast": lambda grey: (255 * (grey / 255) ** 1.6).astype(np.uint8),
    "another lamp": lambda grey: np.clip(grey + np.linspace(-40, 40, len(grey))[:, None], 0, 255).astype(np.uint8),
    "half the size": lambda grey: grey[::2, ::2],
    "cut": lambda grey: grey[1:-2, 2:-1],
}


@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_found(tmp_path: Path, change: str) -> None:
    paths = [save(tmp_path, f"{seed}.png", texture(seed)) for seed in range(12)]
    paths.append(save(tmp_path, "copy.jpg", np.ascontiguousarray(CHANGES[change](texture(4))), quality=60))
    assert near_duplicate_groups(paths) == [*range(12), 4]


def test_copies_to_the_byte_and_unreadable_files(tmp_path: Path) -> None:
    first, other = save(tmp_path, "a.png", texture(1)), save(tmp_path, "b.png", texture(2))
    (tmp_path / "c.png").write_bytes(first.read_bytes())
    for name in ("empty.png", "also empty.png"):
        (tmp_path / name).touch()
    paths = [
        tmp_path / "empty.png",
        first,
        other,
        tmp_path / "c.png",
        tmp_path / "also empty.png",
        tmp_path / "gone.png",
    ]
    told: list[tuple[int, int]] = []
    assert near_duplicate_groups(paths, progress=lambda done, total: told.append((done, total))) == [0, 1, 2, 1, 3, 4]
    assert told == [(done, 6) for done in range(1, 7)]


def test_nothing_to_compare(tmp_path: Path) -> None:
    assert near_duplicate_groups([]) == []
    assert near_duplicate_groups([save(tmp_path, "a.png", texture(1))]) == [0]
    paths = [save(tmp_path, f"{grey}.png", np.full((40, 40), grey, dtype=np.uint8)) for grey in (0, 90, 91, 255)]
    assert near_duplicate_groups(paths) == [0, 1, 2, 3]


def test_deep_grey_is_not_clipped(tmp_path: Path) -> None:
    paths = []
    for seed in range(6):
        Image.fromarray(texture(seed).astype(np.uint16) * 200).save(tmp_path / f"{seed}.png")
        paths.append(tmp_path / f"{seed}.png")
    paths.append(save(tmp_path, "shallow.png", texture(2)))
    assert near_duplicate_groups(paths) == [0, 1, 2, 3, 4, 5, 2]


def test_copies_of_copies_make_one_group() -> None:
    rng = np.random.default_rng(0)
    prints: list[Fingerprint | None] = []
    base = [rng.normal(128, 20, (32, 32)).astype(np.float32) for _ in range(1200)]
    for number, thumbnail in enumerate([*base, np.rot90(base[7]), np.fliplr(np.rot90(base[7])), base[1100].T]):
        prints.append(Fingerprint(number.to_bytes(4, "big"), thumbnail + rng.normal(0, 2, (32, 32)).astype(np.float32)))
    assert group_fingerprints(prints) == [*range(1200), 7, 7, 1100]


def test_clean_strips_of_like_texture_stay_apart(tmp_path: Path) -> None:
    paths = [
        save(tmp_path, f"{seed}.jpg", render_strip(np.random.default_rng([9, seed]), ()).image) for seed in range(16)
    ]
    assert near_duplicate_groups(paths) == list(range(16))
    strip = np.asarray(Image.open(paths[3]))
    paths.append(save(tmp_path, "turned.jpg", np.rot90(strip, 2).copy(), quality=70))
    assert near_duplicate_groups(paths)[-1] == 3


@pytest.mark.realdata
def test_rotated_pictures_of_neu_are_found(realdata: Path, tmp_path: Path) -> None:
    folder = realdata / "neu-det" / "images"
    paths = sorted(folder.rglob("*.jpg"))[::20]
    copies = []
    for number, path in enumerate(paths[::3]):
        grey = np.rot90(np.asarray(Image.open(path).convert("L")), number % 4)
        copies.append(save(tmp_path, f"{number}.jpg", np.ascontiguousarray(grey if number % 2 else grey.T), quality=75))
    began = time.perf_counter()
    groups = near_duplicate_groups([*paths, *copies])
    found = [groups[len(paths) + number] == groups[3 * number] for number in range(len(copies))]
    print(f"\n{sum(found)} of {len(found)} found among {len(groups)} in {time.perf_counter() - began:.1f} s")
    assert sum(found) >= 0.95 * len(found)
    assert len(set(groups[: len(paths)])) >= len(paths) - 1


@pytest.mark.realdata
def test_known_pairs_of_neu(realdata: Path) -> None:
    """Pairs found by eye; split.csv keeps only the second together."""
    folder = realdata / "neu-det" / "images"
    pairs = [("scratches", 232, 247), ("patches", 101, 105), ("inclusion", 188, 210), ("pitted_surface", 171, 292)]
    paths = [folder / name / f"{name}_{number}.jpg" for name, *numbers in pairs for number in numbers]
    others = [path for path in sorted(folder.rglob("*.jpg"))[::16] if path not in paths]
    groups = near_duplicate_groups([*paths, *others])
    assert groups[:8] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert len(set(groups[8:])) >= len(others) - 2


# Splits


def test_proportions_are_kept() -> None:
    found = group_stratified_split(samples(("a", None, 100), ("b", None, 20), ("c", None, 5)), {"x": 0.8, "y": 0.2}, 0)
    assert by_split(found) == {"x": {"a": 80, "b": 16, "c": 4}, "y": {"a": 20, "b": 4, "c": 1}}


def test_seed_decides_and_repeats() -> None:
    data = samples(("a", None, 30), ("b", None, 30))
    one, again, other = (group_stratified_split(data, {"train": 0.8, "validation": 0.2}, seed) for seed in (1, 1, 2))
    assert one == again
    assert one != other
    assert [sample.image for sample in one] == [sample.image for sample in data]


def test_large_groups_stay_whole() -> None:
    data = samples(("a", "big", 50), *(("a", f"g{number}", 2) for number in range(25)), ("b", "big", 3), ("b", "s", 2))
    found = by_split(group_stratified_split(data, {"train": 0.8, "validation": 0.2}, 0))
    assert found == {"train": {"a": 80, "b": 3}, "validation": {"a": 20, "b": 2}}


def test_two_groups_of_a_rare_class_go_both_ways() -> None:
    data = samples(("a", None, 50), ("rare", "1", 7), ("rare", "2", 1))
    found = by_split(group_stratified_split(data, {"train": 0.9, "validation": 0.1}, 0))
    assert (found["train"]["rare"], found["validation"]["rare"]) == (7, 1)


def test_several_labels() -> None:
    data = samples(("a", None, 40), ("a+b", None, 10), ("b+c", None, 5), ("none", None, 45))
    found = by_split(group_stratified_split(data, {"train": 0.8, "validation": 0.2}, 5))
    assert found["validation"] == {"a": 10, "b": 3, "c": 1, "none": 9}


def test_parts_of_one_picture_stay_together() -> None:
    data = [Sample(Path(f"{number // 4}.png"), ("a",)) for number in range(40)]
    found = group_stratified_split(data, {"train": 0.5, "validation": 0.5}, 0)
    assert all(len({sample.split for sample in found[start : start + 4]}) == 1 for start in range(0, 40, 4))


@pytest.mark.parametrize("fractions", [{}, {"train": 1.0, "validation": 0.0}, {"train": -1.0}])
def test_odd_fractions(fractions: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="fractions must be above 0"):
        group_stratified_split([], fractions, 0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sets(st.sampled_from("abcd"), max_size=3), st.none() | st.sampled_from("123456789")), max_size=60
    ),
    st.integers(0, 3),
)
def test_groups_never_cross(drawn: list[tuple[set[str], str | None]], seed: int) -> None:
    data = [Sample(Path(f"{i}.png"), tuple(sorted(labels)), group=group) for i, (labels, group) in enumerate(drawn)]
    found = group_stratified_split(data, {"train": 0.7, "validation": 0.3}, seed)
    assert [sample.image for sample in found] == [sample.image for sample in data]
    assert {sample.split for sample in found} <= {"train", "validation"}
    for group in "123456789":
        assert len({sample.split for sample in found if sample.group == group}) <= 1


def dataset(found: Sequence[Sample], root: Path = Path("steel")) -> DataSet:
    classes = tuple(sorted({label for sample in found for label in sample.labels}))
    return DataSet(root, "folders", classes, tuple(found))


def test_splits_that_are_there_stay() -> None:
    for names in (("train", "validation"), ("fold0", "fold1"), ("test",)):
        given_splits = [Sample(Path(f"{name}.png"), ("a",), split=name) for name in names]
        whole = dataset(given_splits)
        assert with_splits(whole) is whole


def test_validation_is_cut_from_train_where_there_is_none() -> None:
    data = [Sample(Path(f"{i}.png"), ("a",), group=str(i), split="test" if i < 5 else "train") for i in range(25)]
    found = with_splits(dataset(data))
    assert by_split(found.samples) == {"test": {"a": 5}, "train": {"a": 16}, "validation": {"a": 4}}
    assert [sample.split for sample in found.samples[:5]] == ["test"] * 5
    assert found.problems == ("steel names no validation split; 20% of train is held out for it",)


def test_splits_in_part_are_dealt_anew() -> None:
    data = [Sample(Path(f"{i}.png"), ("a",), group=str(i), split="train" if i % 2 else None) for i in range(20)]
    found = with_splits(dataset(data))
    assert by_split(found.samples) == {"train": {"a": 16}, "validation": {"a": 4}}
    assert found.problems == ("some pictures have a split and some have none; all are split anew",)


def test_classes_that_cannot_be_validated_are_told() -> None:
    data = samples(*(("a", str(number), 1) for number in range(20)), ("b", "one", 4), ("c", "lone", 1))
    found = with_splits(dataset(data))
    splits = by_split(found.samples)
    assert (splits["train"]["b"], splits["train"]["c"]) == (4, 1)
    assert found.problems == (
        "b: has 4 pictures, all near-duplicates of one another; it stays in train and is not validated",
        "c: has only 1 picture; it stays in train and is not validated",
    )


def test_copies_are_kept_on_one_side(tmp_path: Path) -> None:
    for seed in range(10):
        for turn in range(4):
            save(tmp_path / ("good" if seed % 2 else "bad"), f"{seed}-{turn}.png", np.rot90(texture(seed), turn).copy())
    found = with_splits(read_dataset(tmp_path), validation=0.4)
    splits: dict[str, set[str | None]] = defaultdict(set)
    for sample in found.samples:
        splits[sample.image.name.split("-")[0]].add(sample.split)
    assert all(len(names) == 1 for names in splits.values())
    assert by_split(found.samples) == {"train": {"good": 12, "bad": 12}, "validation": {"good": 8, "bad": 8}}
    assert len({sample.group for sample in found.samples}) == 10


def test_rendered_strips_split(strips_folder: Path) -> None:
    found = with_splits(read_dataset(strips_folder))
    assert len(select(found, "train")) + len(select(found, "validation")) == 24
    assert 3 <= len(select(found, "validation")) <= 8


@pytest.mark.parametrize("part", [0.0, 1.0, -0.2])
def test_odd_validation_part(part: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        with_splits(dataset(samples(("a", None, 3))), part)


def test_select() -> None:
    names = ("train", "validation", "fold0", "fold1", None)
    whole = dataset([Sample(Path(f"{name}.png"), ("a",), split=name) for name in names])
    assert select(whole, "all") == whole.samples
    for asked, found in {"train": 0, "val": 1, "validation": 1, "0": 2, "fold0": 2, "1": 3}.items():
        assert select(whole, asked) == (whole.samples[found],)
    for asked in ("7", "tset"):
        with pytest.raises(
            DataError, match=f"steel has no split '{asked}'; choose from all, fold0, fold1, train, valid"
        ):
            select(whole, asked)
    with pytest.raises(DataError, match=r"choose from all$"):
        select(dataset(samples(("a", None, 1))), "train")
