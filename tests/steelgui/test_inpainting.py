"""Where clean backgrounds come from, and `sample --background`."""

from __future__ import annotations

import csv
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from commandline import run
from PIL import Image

from models.checkpoint import save_checkpoint
from models.registry import build
from models.spec import NetworkSpec, Preprocess
from steelgui.services.inpainting import Backgrounds
from steelgui.services.synthesis import Synthetic
from training.data import read_dataset
from training.data.record import DataError
from training.data.seen import digest

MASK = np.zeros((32, 32), dtype=bool)
MASK[10:14, 5:25] = True


def line(seed: int, colours: bool = False) -> Synthetic:
    grey = np.where(MASK, 200, 90).astype(np.uint8)
    return Synthetic(np.stack([grey] * 3, 2) if colours else grey, "scratches", seed, MASK)


def test_strips_without_a_defect_give_tiles(strips_folder: Path) -> None:
    backgrounds = Backgrounds(strips_folder)
    first, file = backgrounds.pick(5, 32)
    again, same = backgrounds.pick(5, 32)
    assert first.shape == (32, 32, 3) and first.mean() > 10
    assert np.array_equal(first, again) and file == same
    assert len({backgrounds.pick(seed, 32)[0].tobytes() for seed in range(8)}) >= 6
    made = backgrounds.compose(line(5))
    assert made is not None and made.mask is not None
    assert made.background == file.name and np.array_equal(made.mask, MASK)
    assert made.pictures == (digest(file),), "so that an experiment can refuse it where this is a test picture"
    grey = first.mean(2)
    assert np.abs(made.image[20:] - grey[20:]).max() <= 1, "away from the defect it is the real background"
    assert made.image[12, 10:20].mean() > grey[12, 10:20].mean() + 20
    coloured = backgrounds.compose(line(5, colours=True))
    assert coloured is not None and coloured.image.shape == (32, 32, 3)


def test_clean_squares_beside_real_defects(realdata: Path) -> None:
    backgrounds = Backgrounds(realdata / "neu-det")
    assert len(backgrounds) > 50
    picture, file = backgrounds.pick(1, 64)
    assert picture.shape == (64, 64, 3) and file.parent.name in {"inclusion", "patches", "scratches"}
    held_out = {one.image for one in read_dataset(realdata / "neu-det").samples if one.split != "train"}
    assert held_out and not held_out & {backgrounds.pick(seed, 8)[1] for seed in range(400)}


def test_a_plain_folder_and_what_is_no_background(tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 40), 120, np.uint8)).save(tmp_path / "clean.png")
    made = Backgrounds(tmp_path).compose(line(0))
    assert made is not None and made.background == "clean.png"
    assert Backgrounds(tmp_path).compose(Synthetic(made.image, "scratches", 0, MASK & False)) is None
    assert Backgrounds(tmp_path).compose(Synthetic(made.image, "scratches", 0, MASK | True)) is None
    with pytest.raises(DataError, match="trained with --masks"):
        Backgrounds(tmp_path).compose(Synthetic(made.image, "scratches", 0))
    with pytest.raises(DataError, match="no such folder"):
        Backgrounds(tmp_path / "none")
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(tmp_path / "clean.png")
    with pytest.raises(DataError, match="are black"):
        Backgrounds(tmp_path).pick(0, 32)
    classes = tmp_path / "classes" / "rust"
    classes.mkdir(parents=True)
    Image.fromarray(np.full((40, 40), 120, np.uint8)).save(classes / "a.png")
    with pytest.raises(DataError, match="no clean steel there"):
        Backgrounds(tmp_path / "classes")


def test_sample_on_backgrounds(capsys: pytest.CaptureFixture[str], strips_folder: Path, tmp_path: Path) -> None:
    spec = NetworkSpec(
        "generator", "dcgan", ("scratches",), {"channels": 2, "nz": 8, "ngf": 4},
        preprocess=Preprocess(32, (0.5,) * 3, (0.5,) * 3),
    )  # fmt: skip
    generator = build(spec).eval()
    *_, (_, weight), (_, bias) = generator.named_parameters()
    with torch.no_grad():  # untrained, half of its mask would be on: let it mark a few pixels of each picture
        bias.zero_()
        weight *= 0.5 / generator(torch.randn(32, 8), torch.zeros(32, dtype=torch.long)).std()
        bias[1] = -1.0
    save_checkpoint(tmp_path / "g.safetensors", generator, spec, {})
    words = ["sample", tmp_path / "g.safetensors", *shlex.split("--count 12 --seed 3 --json"), "--home", tmp_path / "h"]
    outs = [tmp_path / "first", tmp_path / "second"]
    for out in outs:
        code, _, err = run(capsys, *words, "--background", strips_folder, "--out", out)
        assert code == 0, err
    rows = list(csv.DictReader((outs[0] / "manifest.csv").open()))
    assert rows, err
    assert all((strips_folder / "train_images" / row["background"]).is_file() for row in rows)
    for row in rows:
        assert np.asarray(Image.open(outs[0] / row["mask"])).any()
        assert (outs[0] / row["file"]).read_bytes() == (outs[1] / row["file"]).read_bytes()
    code, _, err = run(capsys, *words, "--background", tmp_path / "nowhere", "--out", tmp_path / "third")
    assert code == 1 and "there is no such folder" in err
