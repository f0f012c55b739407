from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from steelgui import settings
from steelgui.settings import Settings, StorageError, assets_folder, resource, weights_folder

REPOSITORY = Path(__file__).parents[2]


def test_home_comes_from_the_argument_then_the_environment_then_the_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STEELGUI_HOME", str(tmp_path / "env"))
    assert Settings(home=tmp_path / "named").home == tmp_path / "named"
    assert Settings().home == tmp_path / "env"
    monkeypatch.setenv("STEELGUI_HOME", "")
    assert Settings().home.name == "SteelGUI"


def test_home_is_absolute_and_stays_when_the_folder_changes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    chosen = Settings(home=Path("here"))
    monkeypatch.chdir("/")
    assert chosen.home == tmp_path / "here"
    assert "~" not in str(Settings(home=Path("~/steel")).home)


def test_prepare_makes_every_folder_and_leaves_no_probe(tmp_path: Path) -> None:
    chosen = Settings(home=tmp_path / "제철소 home" / "deep")
    chosen.prepare()
    chosen.prepare()
    for folder in (chosen.originals, chosen.thumbnails, chosen.models, chosen.exports, chosen.temporary):
        assert folder.is_dir() and folder.is_relative_to(chosen.home)
    assert not [path for path in chosen.home.rglob("*") if path.is_file()]


def test_a_home_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(StorageError) as caught:
        Settings(home=blocked).prepare()
    message = str(caught.value)
    assert str(blocked) in message and "--home DIR" in message and "\n" not in message


def test_the_password_is_not_in_the_repr() -> None:
    assert "hunter2" not in repr(Settings(auth=("kim", "hunter2")))


def test_resources_from_source() -> None:
    assert assets_folder() == REPOSITORY / "assets"
    assert weights_folder() == REPOSITORY / "models" / "weights"
    assert resource("assets", "a", "b.css") == REPOSITORY / "assets" / "a" / "b.css"


def test_resources_from_a_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "steelgui"
    (package / "assets").mkdir(parents=True)
    monkeypatch.setattr(settings, "_PACKAGE", package)
    assert assets_folder() == package / "assets"
    assert weights_folder() == tmp_path / "site-packages" / "models" / "weights"


def test_resources_when_frozen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert assets_folder() == tmp_path / "assets"
    assert weights_folder() == tmp_path / "models" / "weights"


def test_settings_and_history_import_nothing_heavy() -> None:
    heavy = "{'torch', 'gradio', 'sqlalchemy', 'alembic', 'numpy', 'PIL', 'platformdirs'}"
    code = f"import sys, steelgui.settings, steelgui.history; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
