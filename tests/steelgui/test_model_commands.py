"""Models taken in, activated, rolled back and taken elsewhere, as scripts do it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from commandline import run
from stripes import ANGLES, striped_folder

from models.checkpoint import save_checkpoint
from models.registry import build
from models.sidecar import seen_line
from models.spec import NetworkSpec, Preprocess
from steelgui.services.library import Library, copy_model
from steelgui.settings import Settings, weights_folder
from steelgui.ui.sentences import translated
from training.data.seen import digests

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
    assert code == 0 and "mind: macro-F1 of mine is 0.400, that of neu-classifier 0.9" in err

    picture = striped_folder(tmp_path / "data") / "images" / "rare" / "test-0.png"
    code, out, err = run(capsys, "inspect", picture, "--json", *home)
    assert code == 0, err
    found = json.loads(out)
    # The bundled segmenter marks other classes, and would contradict it.
    assert found["models"] == {"classifier": "mine"} and found["defects"] == []
    assert set(found["scores"]) == set(CLASSES)
    code, out, _ = run(capsys, "models", "list", "--json", *home)
    assert [entry["name"] for entry in json.loads(out) if entry["active"]] == ["mine"]

    code, _, err = run(capsys, "models", "rollback", "classifier", *home)
    assert code == 0 and err == "neu-classifier inspects again, mine no more\n"
    assert (
        Library(Settings(home=tmp_path / "home")).default("classifier")
        == weights_folder() / "neu-classifier.safetensors"
    )
    code, out, _ = run(capsys, "models", "rollback", "classifier", "--json", *home)
    assert code == 0 and json.loads(out) == {"active": "neu-classifier", "before": None}


def test_two_of_one_product_inspect_together(tmp_path: Path, striper: Path) -> None:
    library = Library(Settings(home=tmp_path / "home"))
    bundled = (*(weights_folder() / f"neu-{kind}.safetensors" for kind in ("classifier", "segmenter")), None)
    assert library.together() == bundled
    arguments = {"encoder": "test_resnet", "decoder_channels": (16, 16, 8, 8, 8)}
    spec = NetworkSpec("segmenter", "unet", CLASSES[:2], arguments, preprocess=Preprocess(32))
    marker = library.take_in(save_checkpoint(tmp_path / "marker.safetensors", build(spec), spec, {}))
    own = library.take_in(striper)
    library.activate("marker")
    assert library.together() == (None, marker, None)
    library.activate("striper")
    assert library.together() == (own, marker, None)
    library.active.roll_back("segmenter")
    assert library.together() == (own, None, None)
    library.active.roll_back("classifier")
    assert library.together() == bundled


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


def changed(model: Path, name: str, **fields: object) -> Path:
    """A copy of a model whose card claims something else."""
    copy = model.with_name(f"{name}.safetensors")
    copy.write_bytes(model.read_bytes())
    card = json.loads(model.with_suffix(".json").read_text())
    card["spec"] |= fields
    copy.with_suffix(".json").write_text(json.dumps(card))
    return copy


def test_what_is_not_taken_in(capsys: pytest.CaptureFixture[str], tmp_path: Path, striper: Path) -> None:
    home = ("--home", tmp_path / "home")
    for suffix in (".pt", ".pth", ".pkl"):
        with (tmp_path / f"model{suffix}").open("wb") as file:
            torch.save({"weight": torch.zeros(1)}, file)
    broken = changed(striper, "broken")
    broken.write_bytes(striper.read_bytes()[:100])
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes(striper.read_bytes())
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(striper.read_bytes())
    foreign.with_suffix(".json").write_text('{"architectures": ["BertModel"]}')
    arguments = {"pretrained_cfg": 7}
    for words, said in (
        ((tmp_path / "model.pt",), "model.pt: only .safetensors files"),
        ((tmp_path / "model.pth",), "model.pth: only .safetensors files"),
        ((tmp_path / "model.pkl",), "model.pkl: only .safetensors files"),
        ((tmp_path / "none.safetensors",), "none.safetensors: there is no such file"),
        ((broken,), "broken.safetensors: not a safetensors file, or cut off"),
        ((alone,), "alone.safetensors: alone.json is missing beside it"),
        ((foreign,), "foreign.json: not a model card of SteelGUI (no 'spec')"),
        ((changed(striper, "two", classes=CLASSES[:2]),), "card and weights do not belong together"),
        ((changed(striper, "other", architecture="test_vit"),), "it is not a complete test_vit"),
        ((changed(striper, "odd", architecture="resnet9000"),), "timm has no classifier called 'resnet9000'; close: "),
        ((changed(striper, "odder", kind="segmenter"),), "there is no segmenter called 'test_resnet'; choose from"),
        ((changed(striper, "oddest", kind="detector"),), "kind is 'detector'; it must be one of"),
        ((changed(striper, "more", arguments=arguments),), "more.json: "),
        ((striper, "--name", "neu-classifier"), "there is a model called neu-classifier already"),
        ((striper, "--name", "../striper"), "'../striper' cannot be a model's name"),
        ((striper, "--name", ""), "'' cannot be a model's name"),
    ):
        code, out, err = run(capsys, "models", "import", *words, *home)
        assert code == 1 and said in err and not out, (words, err)
        assert err.count("\n") == 1 and "Traceback" not in err, err
    assert not list((tmp_path / "home").rglob("*striper*")) and not list((tmp_path / "home" / "models").iterdir())


def test_what_is_not_activated(capsys: pytest.CaptureFixture[str], tmp_path: Path, striper: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    settings.prepare()
    for path in (striper, striper.with_suffix(".json")):
        (settings.models / path.name).write_bytes(path.read_bytes())
    broken = changed(settings.models / striper.name, "broken")
    broken.write_bytes(b"cut off")
    (settings.models / "alone.safetensors").write_bytes(striper.read_bytes())
    changed(settings.models / striper.name, "two", classes=CLASSES[:2])
    pickled = tmp_path / "model.pt"
    torch.save({"weight": torch.zeros(1)}, pickled)
    before = sorted(settings.models.iterdir())
    for name, said in (
        ("neu-generator", "is a generator; activate a classifier, a segmenter or an anomaly detector"),
        ("nothing", "no model of that name"),
        ("broken", "broken.safetensors: not a safetensors file, or cut off"),
        ("alone", "alone.safetensors: alone.json is missing beside it"),
        ("two", "card and weights do not belong together"),
        (pickled, "model.pt: only .safetensors files"),
        # It would not be found at the next start, and the bundled one would inspect unnoticed.
        (striper, "striper.safetensors is not among the models here; take it in"),
    ):
        code, out, err = run(capsys, "models", "activate", name, "--home", settings.home)
        assert code == 1 and said in err and not out, (name, err)
        assert err.count("\n") == 1 and "Traceback" not in err, err
    library = Library(settings)
    assert library.default("classifier") == weights_folder() / "neu-classifier.safetensors"
    assert not library.active.names("classifier") and sorted(settings.models.iterdir()) == before
    code, _, err = run(capsys, "models", "activate", settings.models / striper.name, "--home", settings.home)
    assert code == 0 and library.default("classifier") == settings.models / striper.name, err


def test_a_model_is_copied_whole_or_not_at_all(tmp_path: Path, striper: Path) -> None:
    """The card cannot be read once the weights are copied: neither is there afterwards."""
    striper.with_suffix(".json").unlink()
    with pytest.raises(OSError, match=r"striper\.json"):
        copy_model(striper, tmp_path / "models" / "mine.safetensors")
    assert not list((tmp_path / "models").iterdir())


def test_a_worse_model_is_told_as_long_as_it_inspects(tmp_path: Path, striper: Path) -> None:
    library = Library(Settings(home=tmp_path / "home"))
    assert library.warning("classifier") is None
    for name, figure in (("poor", 0.4), ("better", 0.6), ("alike", 0.5999), ("none", None)):
        card = striper.with_suffix(".json")
        written = json.loads(card.read_text())
        written["card"] = {"metrics": {"macro_f1": figure}} if figure else {"metrics": ["foreign"]}
        card.write_text(json.dumps(written))
        library.take_in(striper, name)
    library.activate("poor")
    said = library.warning("classifier")
    assert said and "macro-F1 of poor is 0.400, that of neu-classifier 0.9" in said
    assert re.search("[가-힣]", translated(said, "ko"))
    for name, warned in (("better", False), ("alike", False), ("none", False), ("poor", False), ("better", False)):
        library.activate(name)
        assert bool(library.warning("classifier")) == warned, name
    library.activate("poor")
    assert "poor is 0.400, that of better 0.600" in (library.warning("classifier") or "")
    library.active.roll_back("classifier")
    assert library.warning("classifier") is None
    assert library.warning("segmenter") is None


def test_two_on_the_same_pictures(capsys: pytest.CaptureFixture[str], tmp_path: Path, striper: Path) -> None:
    home = ("--home", tmp_path / "home")
    data = striped_folder(tmp_path / "data")
    spec = NetworkSpec("classifier", "test_resnet", CLASSES, preprocess=Preprocess(32))
    torch.manual_seed(1)
    pictures = seen_line(digests((data / "images" / "rare").glob("test-*.png")))
    other = save_checkpoint(
        tmp_path / "two" / "striper.safetensors", build(spec), spec, {"trained_on": {"pictures": pictures}}
    )
    words = ("models", "compare", striper, other, "--data", data, *home)
    code, out, err = run(capsys, *words, "--json")
    assert code == 0 and not err, err
    found = json.loads(out)
    assert (found["split"], found["pictures"], found["main"]) == ("test", 120, "macro_f1")
    assert found["names"] == [str(striper), str(other)], "two of one name are told apart by their files"
    assert {"macro_f1", *(f"{rate}:{name}" for rate in ("f1", "recall") for name in CLASSES)} == set(found["change"])
    assert found["verdict"] in ("a", "b", "no_difference")
    for figure in found["change"].values():
        assert figure["low"] <= figure["value"] <= figure["high"]
    code, out, err = run(capsys, *words, "--split", "validation")
    assert code == 0 and out.startswith("validation: 36 pictures, 36 unlike one another; 95 % intervals")
    assert "these 36 pictures" in out.splitlines()[-1]
    assert "does not say what it has learned from" in err and len(err.splitlines()) == 1
    _, out, err = run(capsys, *words, "--split", "test")
    assert f"{other} has learned from 40 of these 120 pictures" in err
    for a, b, said in (
        ("neu-classifier", "neu-segmenter", "neu-classifier is a classifier, neu-segmenter a segmenter"),
        ("neu-classifier", striper, "do not know the same classes: only one of them has crazing"),
        ("neu-generator", striper, "neu-generator is a generator"),
        (striper, "nothing", "no model of that name"),
    ):
        code, out, err = run(capsys, "models", "compare", a, b, "--data", data, *home)
        assert code == 1 and said in err and not out and err.count("\n") == 1, err
