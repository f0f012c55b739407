"""models ← training ← steelgui, gradio only at the top, and no heavy import where a command should be quick."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
INSPECTION = ("decision", "inspection", "library", "workbench")
SOURCES = sorted(path for name in ("models", "training", "steelgui") for path in (ROOT / name).rglob("*.py"))


def imports(path: Path, *, top_level_only: bool = False) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def test_the_walk_sees_the_packages() -> None:
    assert len(SOURCES) > 30
    assert "torch" in set(imports(ROOT / "models" / "imaging.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    above = {"models": {"training", "steelgui"}, "training": {"steelgui"}, "steelgui": set()}[package]
    roots = {name.split(".")[0] for name in imports(path)}
    assert not roots & above, f"{path.name} in {package} imports {sorted(roots & above)} from above"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_gradio_is_known_to_the_page_alone(path: Path) -> None:
    parts = path.relative_to(ROOT).parts
    if parts[:2] == ("steelgui", "ui") or parts == ("steelgui", "app.py"):
        return
    assert not any(name.split(".")[0] == "gradio" for name in imports(path))


def test_inspection_never_imports_training() -> None:
    services = [ROOT / "steelgui" / "services" / f"{name}.py" for name in INSPECTION]
    for path in [*services, ROOT / "steelgui" / "overlay.py"]:
        assert not any(name.split(".")[0] == "training" for name in imports(path)), path


def test_build_is_no_package_and_visible_to_git() -> None:
    assert not (ROOT / "build" / "__init__.py").exists()
    ignored = subprocess.run(["git", "check-ignore", "build/steelgui.spec"], cwd=ROOT, capture_output=True, check=False)
    assert ignored.returncode == 1, "an ignore rule hides build/"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom steelgui.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'gradio', 'sqlalchemy', 'pydantic', 'numpy', 'onnx', 'onnxruntime'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True)


@pytest.mark.parametrize("words", [["runs", "list"], ["data", "describe", "strips"]], ids=" ".join)
def test_lists_and_looks_load_neither_networks_nor_page(words: list[str], tmp_path: Path, strips_folder: Path) -> None:
    (tmp_path / "strips").symlink_to(strips_folder, target_is_directory=True)
    code = (
        "import sys\nfrom steelgui.cli import main\n"
        f"assert main({[*words, '--home', str(tmp_path / 'home')]!r}) == 0\n"
        "heavy = {'torch', 'torchvision', 'timm', 'gradio', 'pandas', 'sqlalchemy', 'fastapi'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr


def test_the_page_and_data_describe_wait_for_no_torch(tmp_path: Path) -> None:
    """Both are to be there within seconds; a fresh process tells, since this one has torch loaded."""
    code = f"""
import sys
from pathlib import Path
import training.data.describe
from steelgui.app import build
from steelgui.services.workbench import Workbench
from steelgui.settings import Settings
settings = Settings(home=Path({str(tmp_path)!r}))
build(Workbench(settings), settings)
heavy = {{"torch", "timm", "segmentation_models_pytorch", "onnx", "onnxruntime", "onnxscript"}}
print(sorted(heavy & set(sys.modules)))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert found.stdout.strip() == "[]", found.stderr


def test_libraries_that_drag_in_what_nobody_needs_are_imported_in_one_place() -> None:
    wide = {"timm", "torchvision", "segmentation_models_pytorch", "torchmetrics"}
    found = {path.name for path in SOURCES if wide & {name.split(".")[0] for name in imports(path)}}
    assert found == {"libraries.py"}
