"""Models taken in, activated, rolled back and taken elsewhere, as scripts do it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from commandline import run
from stripes import ANGLES, striped_folder

from models.checkpoint import save_checkpoint
from models.registry import build
from models.spec import NetworkSpec, Preprocess
from steelgui.services.library import Library
from steelgui.settings import Settings, weights_folder

CLASSES = tuple(ANGLES)


@pytest.fixture
def striper(tmp_path: Path) -> Path:
    """A classifier of other classes than the bundled one's."""
    torch.manual_seed(0)
    spec = NetworkSpec("classifier", "test_resnet", CLASSES, preprocess=Preprocess(32))
    return save_checkpoint(tmp_path / "striper.safetensors", build(spec), spec, {"metrics": {"macro_f1": 0.4}})


def test_from_a_file_to_an_inspection_and_back(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, striper: Path
) -> None:
    home = ("--home", tmp_path / "home")
    code, out, err = run(capsys, "models", "import", striper, "--name", "mine", "--json", *home)
    assert code == 0 and json.loads(out)["name"] == "mine", err
    code, _, err = run(capsys, "models", "activate", "mine", *home)
    # The bundled one has 0.98 or more, on other pictures.
    assert code == 0 and "mind: macro_f1 of mine is 0.400, that of neu-classifier 0.9" in err

    picture = striped_folder(tmp_path / "data") / "images" / "rare" / "test-0.png"
    code, out, err = run(capsys, "inspect", picture, "--json", *home)
    assert code == 0, err
    found = json.loads(out)
    assert found["models"]["classifier"] == "mine" and found["models"]["segmenter"] == "neu-segmenter"
    assert set(found["scores"]) == set(CLASSES)
    code, out, _ = run(capsys, "models", "list", "--json", *home)
    assert [entry["name"] for entry in json.loads(out) if entry["active"]] == ["neu-segmenter", "mine"]

    code, _, err = run(capsys, "models", "rollback", "classifier", *home)
    assert code == 0 and err == "neu-classifier inspects again, mine no more\n"
    assert (
        Library(Settings(home=tmp_path / "home")).default("classifier")
        == weights_folder() / "neu-classifier.safetensors"
    )
    code, out, _ = run(capsys, "models", "rollback", "classifier", "--json", *home)
    assert code == 0 and json.loads(out) == {"active": "neu-classifier", "before": None}


def test_a_model_that_is_gone_leaves_the_one_before(tmp_path: Path, striper: Path) -> None:
    library = Library(Settings(home=tmp_path / "home"))
    for name in ("first", "second"):
        library.take_in(striper, name)
        library.activate(name)
    assert library.default("classifier") == tmp_path / "home" / "models" / "second.safetensors"
    (tmp_path / "home" / "models" / "second.safetensors").unlink()
    assert library.default("classifier") == tmp_path / "home" / "models" / "first.safetensors"
    (tmp_path / "home" / "active.json").write_text("[broken")
    assert library.default("classifier") == weights_folder() / "neu-classifier.safetensors"


def test_export_and_show(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    home = ("--home", tmp_path / "home")
    code, out, _ = run(capsys, "models", "export", "neu-generator", "--out", tmp_path / "out", "--json", *home)
    assert (
        code == 0
        and Path(json.loads(out)["path"]).read_bytes() == (weights_folder() / "neu-generator.safetensors").read_bytes()
    )
    assert (tmp_path / "out" / "neu-generator.json").is_file()
    code, out, _ = run(capsys, "models", "show", "neu-classifier", "--json", *home)
    shown = json.loads(out)
    assert shown["trained_on"]["pictures"] == 1439 and shown["kind"] == "classifier"


def test_what_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, striper: Path) -> None:
    home = ("--home", tmp_path / "home")
    pickled = tmp_path / "model.pt"
    pickled.write_bytes(b"code")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(striper.read_bytes()[:100])
    broken.with_suffix(".json").write_text(striper.with_suffix(".json").read_text())
    for words, said in (
        (("import", pickled), "only .safetensors files"),
        (("import", broken), "not a safetensors file, or cut off"),
        (("import", striper, "--name", "neu-classifier"), "there is a model called neu-classifier already"),
        (("activate", "neu-generator"), "is a generator; activate a classifier or a segmenter"),
        (("activate", "nothing"), "no model of that name"),
    ):
        code, out, err = run(capsys, "models", *words, *home)
        assert code == 1 and said in err and not out, (words, err)
    assert not list((tmp_path / "home" / "models").glob("*"))
