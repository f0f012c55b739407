"""Generated anomalies as training pairs of a segmenter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from plates import plate, plates_folder, write

from models.checkpoint import load_checkpoint
from training.anomaly.extra import with_anomalies
from training.config import SegmenterConfig
from training.data import read_dataset
from training.data.record import DataError, Sample, load_image, load_masks
from training.material import gather
from training.segmenter import train_segmenter


@pytest.fixture
def drawn(tmp_path: Path) -> list[Sample]:
    """Six good plates, six with a spot and its mask."""
    plates_folder(tmp_path / "plates", good=6)
    return list(read_dataset(tmp_path / "plates").samples)


def masks_of(sample: Sample, *names: str) -> NDArray[np.bool_]:
    height, width = load_image(sample).shape[:2]
    return load_masks(sample, names, height, width)


def test_pairs_are_of_the_only_class_and_beside_real_defects(drawn: list[Sample], tmp_path: Path) -> None:
    pairs = with_anomalies(drawn, 12, 0, tmp_path / "extra")
    assert len(pairs) == 12
    assert {pair.labels for pair in pairs} == {("spot",)}
    parts = [masks_of(pair, "spot")[0].mean() for pair in pairs]
    assert 0 < min(parts) < max(parts) < 0.8
    assert len({load_image(pair).tobytes() for pair in pairs}) == 12


def test_of_several_classes_they_are_one_of_their_own(drawn: list[Sample], tmp_path: Path) -> None:
    from dataclasses import replace

    bad = [sample for sample in drawn if sample.labels == ("spot",)]
    dents = [replace(sample, labels=("dent",), mask=None) for sample in bad[:2]]
    pairs = with_anomalies([*bad, *dents], 8, 0, tmp_path / "extra")
    assert {pair.labels for pair in pairs} == {("anomaly", "spot")}, "dents that nobody marked are not drawn on"
    for pair in pairs:
        spot, anomaly = masks_of(pair, "spot", "anomaly")
        assert spot.any()
        assert anomaly.any()
        assert not (spot & anomaly).any()


def test_they_are_drawn_once_and_are_the_same_each_time(drawn: list[Sample], tmp_path: Path) -> None:
    first, again = (with_anomalies(drawn, 3, 7, tmp_path / name) for name in ("a", "b"))
    assert all(np.array_equal(load_image(x), load_image(y)) for x, y in zip(first, again, strict=True))
    written = first[0].image.stat().st_mtime_ns
    assert with_anomalies(drawn, 3, 7, tmp_path / "a") == first
    assert first[0].image.stat().st_mtime_ns == written


def test_nothing_to_draw_on(drawn: list[Sample], tmp_path: Path) -> None:
    from dataclasses import replace

    unmarked = [replace(sample, labels=("dent",), mask=None) for sample in drawn]
    with pytest.raises(DataError, match="no picture to draw anomalies on"):
        with_anomalies(unmarked, 1, 0, tmp_path / "extra")


def test_no_room(tmp_path: Path) -> None:
    write(tmp_path / "data" / "images" / "spot" / "a.png", plate(np.random.default_rng(0), spot=False)[0])
    (tmp_path / "data" / "masks" / "spot").mkdir(parents=True)
    Image.new("L", (96, 96), 255).save(tmp_path / "data" / "masks" / "spot" / "a.png")
    samples = read_dataset(tmp_path / "data").samples
    with pytest.raises(DataError, match="leave no room"):
        with_anomalies(samples, 1, 0, tmp_path / "extra")


def test_a_segmenter_learns_from_them(strips_folder: Path, tmp_path: Path) -> None:
    config = SegmenterConfig(
        data=strips_folder, out=tmp_path / "out", anomalies=4, encoder="mobilenetv2_050", crop=64, size=64,
        batch_size=4, max_per_epoch=8, epochs=1, init="random", device="cpu", precision="fp32",
    )  # fmt: skip
    material = gather(config)
    assert material.counts()["anomaly"] == 4
    assert [sample.split for sample in material.train[-4:]] == ["synthetic"] * 4
    assert gather(config.model_copy(update={"anomalies": 0})).train == material.train[:-4]
    list(train_segmenter(config, material))
    assert "anomaly" in load_checkpoint(config.best).spec.classes
