"""What is exported as ONNX answers like the network it was made from, and says itself how it is to be used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from commandline import run
from stripes import ANGLES, SIDE, striped_folder

from models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from models.imagefile import read_image
from models.onnxfile import parity, to_onnx
from models.registry import build
from models.spec import Kind, NetworkSpec, Preprocess
from steelgui.services.exporting import PICTURES, pictures
from steelgui.services.inspection import Inspector
from steelgui.settings import assets_folder, weights_folder

ROOT = Path(__file__).resolve().parents[2]


def small(kind: Kind = "classifier", architecture: str = "test_resnet", seed: int = 0, **more: object) -> Checkpoint:
    torch.manual_seed(seed)
    spec = NetworkSpec(kind, architecture, tuple(ANGLES), preprocess=Preprocess(64), **more)  # type: ignore[arg-type]
    return Checkpoint(f"small{seed}", build(spec).eval(), spec, {"metrics": {}})


@pytest.mark.parametrize("kind", ["classifier", "segmenter"])
def test_the_bundled_models_run_elsewhere_as_here(
    kind: Kind, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    name, out = f"neu-{kind}", tmp_path / "new" / "folder"
    words = ("models", "export", name, "--out", out, "--onnx", "--json", "--home", tmp_path / "home")
    code, printed, err = run(capsys, *words)
    assert code == 0, err
    told = json.loads(printed)
    # Twelve bundled pictures, the strips in tiles.
    assert told["parity"]["pictures"] == 12 and told["parity"]["tiles"] > 12
    assert told["parity"]["greatest"] <= told["parity"]["tolerance"] == 1e-3 and told["parity"]["agree"]
    assert {path.name for path in out.iterdir()} == {f"{name}{suffix}" for suffix in (".safetensors", ".json", ".onnx")}
    card = load_checkpoint(out / f"{name}.safetensors").card
    assert card["onnx"]["file"] == f"{name}.onnx" and card["onnx"]["greatest"] == told["parity"]["greatest"]
    assert str(ROOT).encode() not in (out / f"{name}.onnx").read_bytes(), "the file tells where our sources lie"

    # As a program would do it that knows the file alone.
    session = onnxruntime.InferenceSession(out / f"{name}.onnx", providers=["CPUExecutionProvider"])
    says = session.get_modelmeta().custom_metadata_map
    assert says == told["metadata"] and session.get_inputs()[0].name == "images"
    side, mean, std = int(says["size"]), json.loads(says["mean"]), json.loads(says["std"])
    samples = sorted((assets_folder() / "samples").glob("*-tile-*.jpg"))[:3]
    crops = [read_image(path)[:side, :side] for path in samples]
    images = ((np.stack(crops) / 255 - mean) / std).transpose(0, 3, 1, 2).astype(np.float32)
    together, alone = (session.run(None, {"images": given})[0] for given in (images, images[:1]))
    assert np.abs(together[:1] - alone).max() < 1e-4
    path = weights_folder() / f"{name}.safetensors"
    inspector = Inspector(path, None) if kind == "classifier" else Inspector(None, path)
    for found, seen in zip(together, inspector.look_many(crops), strict=True):
        if kind == "classifier":
            assert list(seen.scores) == json.loads(says["classes"])
            assert np.abs(found - list(seen.scores.values())).max() < 1e-4
        else:
            assert list(seen.mask_classes) == json.loads(says["classes"])
            assert np.abs(found * 255 - seen.probabilities).max() < 0.6  # rounded to bytes


@pytest.mark.parametrize(
    "checkpoint",
    [
        small(architecture="test_vit", seed=1),
        small(multi_label=True, seed=2),
        small("segmenter", "fpn", arguments={"encoder": "test_resnet"}, seed=3),
    ],
    ids=["transformer", "multi-label", "fpn"],
)
def test_other_networks(checkpoint: Checkpoint, tmp_path: Path) -> None:
    images = [read_image(path) for path in pictures(striped_folder(tmp_path))[:20]]
    found = parity(to_onnx(checkpoint), checkpoint, images)
    assert found.greatest < 1e-5 and found.differing == 0
    outputs = {"classifier": 1, "segmenter": 3 * 64 * 64}[checkpoint.spec.kind] * (
        3 if checkpoint.spec.multi_label else 1
    )
    assert (found.pictures, found.tiles, found.decisions) == (20, 20, 20 * outputs)


def test_another_network_is_noticed(tmp_path: Path) -> None:
    """The comparison must be able to fail."""
    images = [read_image(path) for path in pictures(striped_folder(tmp_path))]
    found = parity(to_onnx(small(seed=0)), small(seed=1), images)
    assert found.greatest > 1e-3
    assert 0 < found.differing <= found.decisions == PICTURES


def test_what_differs_is_not_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    broken = small()
    next(broken.network.parameters()).data.fill_(float("nan"))
    path = save_checkpoint(tmp_path / "broken.safetensors", broken.network, broken.spec, {})
    out, home = tmp_path / "out", ("--home", tmp_path / "home")
    code, printed, err = run(capsys, "models", "export", path, "--out", out, "--onnx", *home)
    assert code == 1 and not printed
    assert "differs from torch's by nan on 12 pictures, more than the 0.001 allowed; nothing was written" in err
    assert not out.exists()


def test_what_is_refused_before_work(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for model, words, code, said in (
        ("neu-generator", ("--onnx",), 1, "neu-generator is a generator; ONNX is written of classifiers"),
        ("neu-classifier", ("--onnx", "--data", tmp_path / "empty"), 1, "no data set there"),
        ("neu-classifier", ("--data", tmp_path), 2, "--data: it is about the comparison of ONNX"),
        ("neu-classifier", ("--tolerance", "0.1"), 2, "--tolerance: it is about the comparison of ONNX"),
    ):
        words = ("models", "export", model, "--out", tmp_path / "out", *words, "--home", tmp_path / "home")
        status, out, err = run(capsys, *words)
        assert status == code and said in err and not out, err
        assert err.count("\n") == 1 and not (tmp_path / "out").exists()


def test_pictures_are_spread_evenly(tmp_path: Path) -> None:
    found = pictures(striped_folder(tmp_path))
    assert len(found) == len(set(found)) == PICTURES
    assert {path.name.split("-")[0] for path in found} == {"train", "validation", "test"}
    assert {path.parent.name for path in found} == set(ANGLES)
    assert len(pictures(tmp_path / "images" / "level")) == 40 + 12 + 40, "a plain folder of pictures will do"
    assert read_image(found[0]).shape == (SIDE, SIDE, 3)
