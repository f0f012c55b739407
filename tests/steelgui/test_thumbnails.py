"""The history's thumbnails over HTTP."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from stored import inspection

from steelgui.history import History
from steelgui.settings import Settings
from steelgui.thumbnails import thumbnail_route


def served(settings: Settings) -> TestClient:
    return TestClient(Starlette(routes=[thumbnail_route(settings)]))


def stored(settings: Settings) -> str:
    history = History(settings)
    row = history.record(np.zeros((64, 64, 3), np.uint8), inspection(), name="x.png", source="cli")
    history.close()
    return row.thumbnail.name


def test_a_thumbnail_by_its_content(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    answer = served(settings).get(f"/thumbnails/{stored(settings)}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert "immutable" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("name", ["0" * 64 + ".jpg", "..%2F..%2Fhistory.db", "history.db", "x.jpg", "%00.jpg"])
def test_nothing_else_is_handed_out(name: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    stored(settings)
    assert served(settings).get(f"/thumbnails/{name}").status_code == 404


def test_who_has_not_logged_in_sees_none(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, auth=("one", "two"))
    assert served(settings).get(f"/thumbnails/{stored(settings)}").status_code == 401


def test_a_demos_temporary_folder_names_no_home(tmp_path: Path) -> None:
    demo = Settings(home=tmp_path, host="0.0.0.0")
    assert demo.demo and demo.temporary == demo.temporary
    assert str(tmp_path) not in str(demo.temporary) and demo.temporary.is_dir()
    assert Settings(home=tmp_path).temporary == tmp_path / "tmp"
