"""The Settings tab: what is built for whom, and what it is filled with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient
from stored import inspection, picture

from steelgui import installable
from steelgui.app import build
from steelgui.history import History
from steelgui.services.inspection import devices
from steelgui.services.workbench import Workbench
from steelgui.settings import Settings
from steelgui.ui import settings_tab as module
from steelgui.ui.i18n import Translator
from steelgui.ui.settings_fragments import device_choices, said_language, status


def tab(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> tuple[module.SettingsTab, set[str]]:
    """The tab of a page, and the ids of all that was built in it."""
    made: list[module.SettingsTab] = []
    first = module.SettingsTab.__post_init__
    monkeypatch.setattr(module.SettingsTab, "__post_init__", lambda self: (made.append(self), first(self))[1])
    page = build(Workbench(settings), settings)
    ids = {str(block.elem_id) for block in page.blocks.values() if str(block.elem_id).startswith("settings-")}
    return made[0], ids


def asked(**headers: str) -> Any:
    return SimpleNamespace(headers=headers)


def test_a_demo_has_language_and_units_of_each_visitors_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made, ids = tab(monkeypatch, Settings(home=tmp_path, share=True))
    assert ids == {"settings-language", "settings-unit", "settings-mm-per-px", "settings-tour"}
    shown = made.on_load(asked(cookie="steelgui_lang=ko; steelgui_mm=0.25"))
    assert shown[made.values["language"]].value == "ko" and shown[made.values["unit"]].value == "mm"
    assert shown[made.values["mm_per_px"]] == 0.25
    assert "언어와 단위" in shown[made.headings["personal"]]
    plain = made.on_load(asked(cookie="steelgui_mm=px"))
    assert plain[made.values["language"]].value == "browser" and plain[made.values["unit"]].value == "px"
    assert not (tmp_path / "settings.json").exists()


def test_the_owner_has_all_of_it_and_a_wrong_value_stays_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    made, ids = tab(monkeypatch, settings)
    assert {"settings-device", "settings-exports", "settings-keep-days", "settings-save"} <= ids
    values = {name: getattr(settings.preferences, name) for name in made.kept}
    said, *shown = made.on_save(asked(), *(values | {"score": 0.8, "keep_gb": 2}).values())
    assert "sg-ok" in said and shown == [0.8, 40] and settings.keep_gb == 2
    said, *_ = made.on_save(asked(**{"accept-language": "ko"}), *(values | {"score": None}).values())
    assert "sg-error" in said and "입력하세요" in said and settings.preferences.score == 0.8
    *_, said, score, area = made.on_defaults(asked())
    assert "sg-ok" in said and (score, area) == (0.5, 40) and settings.keep_gb is None


def test_only_devices_that_are_there_are_offered_and_taken(tmp_path: Path) -> None:
    assert devices()[0] == "cpu"
    choices = device_choices(["cpu", "cuda"], Translator("en"))
    assert [name for _, name in choices] == ["auto", "cpu", "cuda"] and "GPU (CUDA)" in choices[0][0]
    workbench = Workbench(Settings(home=tmp_path))
    before = workbench.inspector
    workbench.preferences.save(device="cpu")
    assert workbench.inspector is not before and workbench.device() == "cpu"
    if "mps" not in devices():
        workbench.preferences.save(device="mps")
        assert workbench.device() == devices()[-1]


def test_a_flag_decides_the_language(tmp_path: Path) -> None:
    assert said_language(Settings(home=tmp_path, lang="ko"), {"cookie": "steelgui_lang=en"}) == "ko"
    assert "<b>" not in status("<b>")


def test_manifest_and_icons_need_no_login() -> None:
    from starlette.applications import Starlette

    with TestClient(Starlette(routes=installable.routes())) as client:
        manifest = client.get("/manifest.json")
        assert manifest.headers["content-type"] == "application/manifest+json"
        assert {icon["purpose"] for icon in manifest.json()["icons"]} == {"any", "maskable"}
        for icon in manifest.json()["icons"]:
            assert client.get(icon["src"].removeprefix(".")).headers["content-type"] == "image/png"


def test_a_flag_of_the_command_line_wins_and_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, max_upload_mb=5)
    made, _ = tab(monkeypatch, settings)
    field = made.values["upload_mb"]
    assert field.interactive is False and "settings.upload_mb_flag" in str(field.info)
    assert made.on_load(asked())[field] == 5
    said, *_ = made.on_save(asked(), *(getattr(settings.preferences, name) for name in made.kept))
    assert "sg-ok" in said and settings.preferences.upload_mb == 256


def test_a_shorter_memory_says_what_goes_and_when(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    made, _ = tab(monkeypatch, settings)
    long_ago = datetime.now(UTC) - timedelta(days=40)
    old = History(settings, now=lambda: long_ago)
    old.record(picture(), inspection(), name="x.png", source="cli")
    old.close()
    values = {name: getattr(settings.preferences, name) for name in made.kept}

    def saved(**changes: float) -> str:
        return str(made.on_save(asked(), *(values | changes).values())[0])

    assert "Older than 30 days: 1. They go for good within a day" in saved(keep_days=30)
    assert "Older" not in saved(keep_days=50)
    assert "oldest beyond that size go for good within a day" in saved(keep_gb=1)
    made.workbench.history.close()
