"""The command line as scripts use it: surface, exit status, and JSON alone on stdout."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commandline import run
from PIL import Image

from steelgui.settings import assets_folder, weights_folder

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = assets_folder() / "samples"


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_inspect_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    broken = tmp_path / "empty.jpg"
    broken.touch()
    tile, strip = SAMPLES / "11-tile-clean.jpg", SAMPLES / "01-strip-scratches.jpg"
    code, out, err = run(
        capsys, "inspect", tile, broken, strip, "--json", "--out", tmp_path / "out", "--home", tmp_path
    )
    assert code == 1
    assert "empty.jpg: the file is empty" in err
    first, second = objects(out)
    assert list(first) == [
        "path",
        "verdict",
        "label",
        "scores",
        "defects",
        "width",
        "height",
        "ms",
        "models",
        "anomaly",
    ]
    assert (first["verdict"], first["path"]) == ("ok", str(tile))
    assert (second["verdict"], second["width"], second["height"]) == ("defect", 1600, 256)
    assert all(set(d) == {"class", "area_px", "area_pct", "regions", "rle"} for d in second["defects"])
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["01-strip-scratches.png", "11-tile-clean.png"]


def test_a_hostile_folder_is_gone_through_to_its_end(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Whatever can be read is judged, everything else gets its one sentence."""
    tile = Image.open(SAMPLES / "11-tile-clean.jpg").convert("L")
    deep = Image.fromarray(np.asarray(tile).astype(np.uint16) * 257)
    folder = tmp_path / "사진 폴더"
    folder.mkdir()
    good = {"grau-ä.png": tile, "16-bit.png": deep, "알파.png": tile.convert("RGBA"), "palette.gif": tile.convert("P")}
    for name, picture in good.items():
        picture.save(folder / name)
    tile.convert("CMYK").save(folder / "cmyk.jpg")
    turned = Image.Exif()
    turned[0x0112] = 6
    tile.resize((200, 100)).save(folder / "turned.jpg", exif=turned)
    tile.save(folder / "moving.gif", save_all=True, append_images=[tile.point(lambda value: 255 - value)])
    whole = (folder / "turned.jpg").read_bytes()
    bad = {"zero.jpg": b"", "text.jpg": b"not a picture", "cut.jpg": whole[: len(whole) // 2]}
    for name, content in bad.items():
        (folder / name).write_bytes(content)
    for width, height in ((1, 1), (1, 20000)):
        Image.new("L", (width, height)).save(folder / f"{width}x{height}.png")
    Image.new("1", (30000, 30000)).save(folder / "bomb.png")
    code, out, err = run(capsys, "inspect", folder, "--json", "--home", tmp_path)
    assert code == 1
    found = {Path(line["path"]).name: line for line in objects(out)}
    assert set(found) == {*good, "cmyk.jpg", "turned.jpg", "moving.gif"}
    assert (found["turned.jpg"]["width"], found["turned.jpg"]["height"]) == (100, 200)
    assert len({found[name]["label"] for name in good}) == 1
    for name in (*bad, "1x1.png", "1x20000.png", "bomb.png"):
        assert sum(f"{name}: " in line for line in err.splitlines()) == 1, err
    assert "Traceback" not in err


def test_fail_on_defect(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    strip = SAMPLES / "01-strip-scratches.jpg"
    assert run(capsys, "inspect", strip, "--home", tmp_path)[0] == 0
    assert run(capsys, "inspect", strip, "--home", tmp_path, "--fail-on-defect")[0] == 1
    assert run(capsys, "inspect", tmp_path / "none.png", "--home", tmp_path)[0] == 1


def test_render_describe_train_evaluate(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The whole way of a user's own data, small."""
    data, model = tmp_path / "strips", tmp_path / "model"
    assert run(capsys, "data", "render", data, "--strips", 24, "--seed", 5)[0] == 0
    code, out, _ = run(capsys, "data", "describe", data, "--json")
    assert code == 0
    described = json.loads(out)
    assert described["format"] == "severstal"
    assert sum(described["classes"].values()) >= 24
    for kind, more in (("classifier", ["--multi-label", "--arch", "mobilenetv2_050"]), ("segmenter", ["--crop", "64"])):
        small = ["--epochs", 1, "--size", 64, "--max-per-epoch", 8, "--batch-size", 4]
        start = ["--init", "random"] if kind == "classifier" else []
        code, out, err = run(
            capsys, "train", kind, "--data", data, "--out", model / kind, *small, *start, *more, "--json"
        )
        assert code == 0, err
        assert [objects(out)[0]["kind"], objects(out)[-1]["kind"]] == ["started", "finished"]
        names = {path.name for path in (model / kind).iterdir()}
        assert {f"{kind}.safetensors", f"{kind}.json"} <= names
        code, out, err = run(capsys, "evaluate", model / kind, "--data", data, "--json")
        assert code == 0, err
        figures = json.loads(out)
        expected = {"accuracy", "macro_f1", "per_class", "confusion", "classes", "n"}
        assert (expected if kind == "classifier" else {"dice", "dice_positive", "iou", "per_class", "n"}) <= set(
            figures
        )


def test_models_and_doctor(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "models", "list", "--json", "--home", tmp_path)
    assert code == 0
    assert {entry["name"] for entry in json.loads(out)} == {"neu-classifier", "neu-generator", "neu-segmenter"}
    code, out, _ = run(capsys, "doctor", "--json", "--home", tmp_path / "a b" / "집")
    assert code == 0
    assert json.loads(out)["missing"] == []


def test_a_broken_own_model_is_listed_with_its_fault(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.safetensors").write_bytes(b"x")
    code, out, _ = run(capsys, "models", "list", "--home", tmp_path)
    assert code == 0
    assert "mine.json is missing" in out
    assert run(capsys, "doctor", "--home", tmp_path)[0] == 1


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["fly"], 2, "unrecognized arguments: fly"),
        (["inspect"], 2, "required"),
        (["train", "classifier"], 2, "data"),
        (["train", "classifier", "--data", ".", "--out", "x", "--epochs", "0"], 2, "epochs"),
        (["train", "classifier", "--config", "no.json"], 2, "no.json cannot be read"),
        (["data", "describe", "/no/such/folder"], 1, "there is no such folder"),
        (["evaluate", "nobody", "--data", "."], 1, "no model of that name"),
        (["serve", "--auth", "alice"], 2, "USER:PASSWORD"),
        (["serve", "--kiosk", "--kiosk-pin", "12"], 2, "4 to 12 digits"),
    ],
)
def test_bad_usage_is_one_sentence(
    words: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, out, err = run(capsys, *words, *([] if words == ["fly"] else ["--home", tmp_path]))
    assert (status, out) == (code, "")
    assert says in err
    assert "Traceback" not in err


def test_a_login_from_the_environment_is_checked_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STEELGUI_AUTH", "alice")
    status, _, err = run(capsys, "serve", "--home", tmp_path)
    assert status == 2
    assert "STEELGUI_AUTH" in err


def test_every_command_takes_home(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["serve"], ["inspect"], ["data", "describe"], ["data", "render"], ["train", "classifier"],
        ["train", "segmenter"], ["evaluate"], ["models", "list"], ["models", "export"],
        ["models", "compare"], ["doctor"],
    ):  # fmt: skip
        code, out, _ = run(capsys, *words, "--help")
        assert code == 0
        assert "--home DIR" in out, words


def test_the_readme_s_commands_exist(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "pip install uv && uv run steelgui" in text
    assert "pip install uv && uv run pytest" in text
    commands = re.findall(r"uv run steelgui ([^`\n#]*)", text)
    assert len(commands) > 6
    for command in commands:
        words = [] if command.startswith("-") else shlex.split(command.split("[")[0])
        words = words[: 2 if words[:1] and words[0] in ("data", "train", "models", "keys", "history") else 1]
        assert run(capsys, *words, "--help")[0] == 0, command
        flags = re.findall(r"--[a-z-]+", command)
        shown = run(capsys, *(words or ["serve"]), "--help")
        assert all(flag in shown[1] for flag in flags), command


def test_a_process_says_json_alone(tmp_path: Path) -> None:
    """Through the real entry point: no library may print into stdout."""
    command = [
        sys.executable,
        "-m",
        "steelgui",
        "inspect",
        SAMPLES / "06-tile-crazing.jpg",
        "--json",
        "--home",
        tmp_path,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert len(objects(done.stdout)) == 1


@pytest.mark.parametrize("forbidden", [True, False])
def test_bytecode_goes_home_where_it_may_not_lie_beside_the_sources(forbidden: bool, tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")}
    if forbidden:
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
    command = [sys.executable, "-m", "steelgui", "models", "list", "--home", tmp_path]
    subprocess.run(command, capture_output=True, check=True, cwd=tmp_path, env=environment)
    assert any(tmp_path.rglob("model_commands.*.pyc")) == forbidden


def test_bundled_weights_are_small() -> None:
    files = list(weights_folder().glob("*.safetensors"))
    assert len(files) >= 2
    assert sum(path.stat().st_size for path in files) <= 25e6
