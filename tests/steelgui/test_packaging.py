"""The packaging's own parts on small folders; `build/bundle.py` itself ends with the bundle's self-test."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from importlib.metadata import PathDistribution
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy.engine import make_url

from steelgui.database import _DRIVERS

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "build"))

import bundle  # noqa: E402
import contents  # noqa: E402
import manifest  # noqa: E402
import notices  # noqa: E402
import versionfile  # noqa: E402


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle of three files and a link."""
    made = tmp_path / "Steel 강판"
    (made / "_internal" / "torch" / "lib").mkdir(parents=True)
    (made / "SteelGUI").write_bytes(b"\x7fELF")
    (made / "_internal" / "torch" / "lib" / "libtorch.so").write_bytes(b"t" * 2_000_000)
    (made / "_internal" / "libz.so.1").write_bytes(b"z" * 10)
    (made / "_internal" / "libtorch.so").symlink_to("torch/lib/libtorch.so")
    manifest.write(made, {"name": "SteelGUI", "version": "1.0", "system": "Linux", "machine": "abacus", "cuda": False})
    return made


def test_a_manifest_counts_every_file_once(folder: Path) -> None:
    read = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    files = {file["path"]: file for file in read["files"]}
    assert read["bytes"] == 2_000_014 and sum(read["parts"].values()) == read["bytes"]
    assert read["parts"] == {"torch": 2_000_000, "the rest": 14}
    assert files["_internal/libtorch.so"] == {"path": "_internal/libtorch.so", "link": "torch/lib/libtorch.so"}
    assert files["SteelGUI"]["sha256"] == "3bdbb4fe8397cd2b842430b39ccff01a8663c751945ef5e9a09e267fb8b1d359"


def test_verify_finds_what_is_not_as_it_was(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert manifest.differences(folder) == []
    assert bundle.main(["--verify", str(folder)]) == 0
    (folder / "SteelGUI").write_bytes(b"\x7fELf")
    (folder / "_internal" / "libz.so.1").unlink()
    (folder / "_internal" / "libtorch.so").unlink()
    (folder / "_internal" / "libtorch.so").symlink_to("/etc/passwd")
    (folder / "mine.txt").write_text("?")
    assert set(manifest.differences(folder)) == {
        "changed: SteelGUI",
        "changed: _internal/libtorch.so",
        "missing: _internal/libz.so.1",
        "extra: mine.txt",
    }
    assert bundle.main(["--verify", str(folder)]) == 1
    assert "4 differences" in capsys.readouterr().out


@pytest.mark.parametrize("text", [None, "{", "[]", '{"files": 3}', '{"files": [{}]}'])
def test_what_is_no_bundle_is_refused_in_a_sentence(
    tmp_path: Path, text: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    assert bundle.main(["--verify", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("bundle: ") and said.count("\n") == 1 and "manifest.json" in said


def installed(site: Path, name: str, files: dict[str, str], metadata: str = "") -> PathDistribution:
    """A distribution as pip leaves it."""
    info = site / f"{name}-1.0.dist-info"
    files = {**files, f"{info.name}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{metadata}\n"}
    for path, text in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    (info / "RECORD").write_text("".join(f"{path},,\n" for path in files))
    return PathDistribution(info)


def test_notices_hold_the_texts_and_tell_where_there_is_none(tmp_path: Path) -> None:
    good = installed(
        tmp_path,
        "good",
        {
            "good/__init__.py": "",
            "good/license.py": "GPL = 1",
            "good-1.0.dist-info/licenses/LICENSE": "Do as you like.",
            "good/vendored/LICENCE.txt": "Do as you like.",
            "good/NOTICE": "By Ada.",
        },
        "License-Expression: MIT",
    )
    bare = installed(tmp_path, "bare", {"bare.py": ""}, "Classifier: License :: OSI Approved :: BSD License")
    unused = installed(tmp_path, "unused", {"unused.py": ""})
    sources = [tmp_path / "good" / "__init__.py", tmp_path / "bare.py", tmp_path / "unused-1.0.dist-info" / "METADATA"]
    found, strays = notices.owners([*map(str, sources), "/usr/lib/libz.so.1"], [good, bare, unused])
    assert [one.metadata["Name"] for one in found] == ["bare", "good"]
    assert strays == [os.path.normpath("/usr/lib/libz.so.1")]

    pieces = [notices.piece(one) for one in found]
    assert [piece.licence for piece in pieces] == ["BSD License", "MIT"]
    assert sorted(text for _, text in pieces[1].texts) == ["By Ada.", "Do as you like."]
    text = notices.notices(pieces)
    assert text.count("Do as you like.") == 1 and "GPL = 1" not in text
    assert "  bare 1.0\n" in text.split("No licence text came with these")[1]


def test_python_and_its_starter_are_among_the_pieces() -> None:
    pieces = {piece.name: piece for piece in notices.pieces([str(json.__file__), str(np.__file__)], ROOT)}
    assert {"Python", "pyinstaller", "numpy"} <= set(pieces) and "steelgui" not in pieces
    assert all(pieces[name].texts for name in ("Python", "pyinstaller", "numpy"))


def test_an_archive_unpacks_to_the_same(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORK", "DIST"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(bundle, name, tmp_path / name)
    about = json.loads((folder / "manifest.json").read_text())
    published = bundle.publish(folder)
    assert published == tmp_path / "DIST" / "SteelGUI" and not folder.exists()
    monkeypatch.setattr(bundle.shutil, "which", lambda _: None)
    made = bundle.archive(published, about)
    assert made.name == "SteelGUI-1.0-linux-abacus-cpu.tar.gz"
    assert made.with_name(f"{made.name}.sha256").read_text().split() == [manifest.digest(made), made.name]
    with tarfile.open(made) as tar:
        tar.extractall(tmp_path / "again", filter="tar")
    assert manifest.differences(tmp_path / "again" / "SteelGUI") == []
    assert list((tmp_path / "WORK").iterdir()) == []


def test_a_new_bundle_takes_the_place_of_the_old(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "DIST", tmp_path / "dist")
    (tmp_path / "dist" / "SteelGUI").mkdir(parents=True)
    (tmp_path / "dist" / "SteelGUI" / "old.txt").write_text("old")
    bundle.publish(folder)
    assert [path.name for path in (tmp_path / "dist").iterdir()] == ["SteelGUI"]
    assert manifest.differences(tmp_path / "dist" / "SteelGUI") == []


REPORT = (
    '{{"ok": {ok}, "seconds": 1, "steps": [{{"name": "inspect", "ok": {ok}, "seconds": 1, "detail": "no plate"}}]}}'
)


@pytest.mark.skipif(os.name == "nt", reason="the programs are shell scripts")
@pytest.mark.parametrize(
    ("script", "refused"),
    [
        (f"echo '{REPORT.format(ok='true')}'", None),
        (f"echo '{REPORT.format(ok='false')}'; exit 1", "inspect: no plate"),
        ("echo oh dear >&2; exit 3", r"no answer \(exit status 3\).*oh dear"),
        (
            f"echo 1 > \"$(dirname $0)/left\"; echo '{REPORT.format(ok='true')}'",
            "wrote into its own folder.*extra: left",
        ),
    ],
)
def test_a_bundle_that_does_not_work_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, refused: str | None
) -> None:
    monkeypatch.setattr(bundle, "WORK", tmp_path)
    folder = tmp_path / "new"
    folder.mkdir()
    program = bundle.program(folder)
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    manifest.write(folder, {})
    if refused is None:
        bundle.check(folder)
        return
    with pytest.raises(bundle.BundleError, match=refused):
        bundle.check(folder)


def sources() -> Iterator[tuple[Path, ast.AST]]:
    for path in sorted(path for name in contents.OWN for path in (ROOT / name).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield path, node


def test_nothing_that_we_import_is_left_out() -> None:
    imported = set()
    for _, node in sources():
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imported.add(node.module)
    out = contents.excluded(video=False)
    met = {name for name in imported for one in out if name == one or name.startswith(f"{one}.")}
    assert "torch" in imported
    assert {name.split(".")[0] for name in met} <= set(contents.VIDEO)
    assert not set(contents.excluded(video=True)) & set(contents.VIDEO)


def test_no_module_of_ours_is_imported_by_a_name_that_pyinstaller_cannot_read() -> None:
    """Where one is, its targets belong into `contents.HIDDEN`, and its file here."""
    found = {
        path.relative_to(ROOT).as_posix()
        for path, node in sources()
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Attribute) and node.func.attr == "import_module")
            or (isinstance(node.func, ast.Name) and node.func.id in ("__import__", "import_module"))
        )
    }
    assert found == set()


def test_everything_that_the_spec_names_is_there() -> None:
    for name in [*contents.own_modules(), *contents.HIDDEN, *contents.DATA_PACKAGES, *contents.LIBRARY_PACKAGES]:
        assert find_spec(name), name
    for source, _ in contents.OWN_FILES:
        assert (ROOT / source).exists(), source
    modules = set(contents.own_modules())
    assert {"steelgui.cli", "models.registry", "training.worker", "steelgui.migrations"} <= modules
    assert not any("versions" in name for name in modules)


def test_drivers_of_databases_are_in() -> None:
    """SQLAlchemy imports dialect and driver by name."""
    for name in set(_DRIVERS.values()):
        dialect = make_url(f"{name}://").get_dialect()
        assert name.split("+")[1] in contents.HIDDEN
        base = [one.__module__ for one in dialect.__mro__]
        assert set(base) & set(contents.HIDDEN), name


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("torch/bin/protoc-3.21.12.0", False),
        ("torch/bin/torch_shm_manager", True),
        ("torch/lib/libtorch_cuda.so", True),
        (r"torch\lib\libjitbackend_test.dll", False),
        ("nvidia/cu13/lib/libcusolverMg.so.12", False),
        ("nvidia/cu13/lib/libcusolver.so.12", True),
        ("gradio/templates/frontend/static/ffmpeg/ffmpeg-core.wasm", False),
        ("gradio/templates/frontend/static/fonts/a.woff2", True),
        ("assets/style.css", True),
    ],
)
def test_what_nothing_loads_is_dropped(path: str, kept: bool) -> None:
    assert (contents.dropped(path) is None) == kept


@pytest.mark.parametrize(("number", "four"), [("0.1.0", "(0, 1, 0, 0)"), ("1.2rc3", "(1, 2, 3, 0)")])
def test_windows_is_told_the_version(number: str, four: str) -> None:
    text = versionfile.text(number)
    ast.parse(text)
    assert f"filevers={four}" in text and f"'ProductVersion', '{number}'" in text


def test_the_entry_answers_without_streams_too(tmp_path: Path) -> None:
    """As on Windows, where a program without a console has none."""
    entry = str(ROOT / "build" / "entry.py")
    told = subprocess.run([sys.executable, entry, "--version"], capture_output=True, text=True, cwd=ROOT, check=True)
    assert told.stdout.startswith("steelgui ")
    code = (
        "import runpy, sys\nsys.stdout = sys.stderr = None\nsys.argv = ['SteelGUI', 'keys', 'revoke', 'nobody']\n"
        f"runpy.run_path({entry!r}, run_name='__main__')"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "STEELGUI_HOME": str(tmp_path)}
    silent = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=False)
    assert (silent.returncode, silent.stdout, silent.stderr) == (1, b"", b"")
