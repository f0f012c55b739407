"""What the Settings page keeps: bounds, the file, and who wins."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest

from steelgui.preferences import PreferenceError, PreferenceFile, Preferences, read, write
from steelgui.settings import Settings, StorageError
from steelgui.ui.i18n import Translator


def test_what_is_saved_is_there_at_the_next_start_and_acts_at_once(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "제철소")
    PreferenceFile(settings).save(language="ko", score=0.7, keep_days=30, exports=str(tmp_path / "out"), gate=2)
    again = Settings(home=settings.home)
    assert PreferenceFile(again).trouble is None
    for one in (settings, again):
        assert (one.lang, one.keep_days, one.keep_gb) == ("ko", 30, None)
        assert one.exports == tmp_path / "out" and (tmp_path / "out").is_dir()
        assert (one.preferences.thresholds.score, one.preferences.thresholds.gate) == (0.7, 2)
    PreferenceFile(again).save(language="browser", keep_days=None)
    assert again.lang is None and again.keep_days is None and again.preferences.score == 0.7


def test_a_flag_wins_and_a_demo_follows_its_visitors(tmp_path: Path) -> None:
    write(tmp_path / "settings.json", Preferences(language="ko", keep_days=30))
    told = Settings(home=tmp_path, lang="en", keep_days=7)
    PreferenceFile(told).save(language="ko", keep_days=90)
    assert (told.lang, told.keep_days) == ("en", 7)
    demo = Settings(home=tmp_path, share=True)
    PreferenceFile(demo)
    assert demo.lang is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"score": 1.5}, "score is 1.5; give a number from 0.05 to 0.95"),
        ({"score": float("nan")}, "score is nan"),
        ({"score": None}, "score: give a number"),
        ({"min_area": True}, "min_area: give a number"),
        ({"mm_per_px": 0}, "mm_per_px is 0"),
        ({"keep_days": 0}, "keep_days is 0"),
        ({"upload_mb": "1"}, "upload_mb: give a number"),
        ({"language": "de"}, "language: de is unknown; choose from browser, en, ko"),
        ({"language": []}, "language: [] is unknown"),
        ({"device": "tpu"}, "device: tpu is unknown"),
        ({"exports": "relative/place"}, "is not a whole path"),
        ({"exports": 3}, "give the path of a folder"),
        ({"exports": "/a\0b"}, "give the path of a folder"),
    ],
)
def test_what_is_out_of_bounds_changes_nothing(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    settings = Settings(home=tmp_path)
    kept = PreferenceFile(settings)
    with pytest.raises(PreferenceError) as caught:
        kept.save(**changes)
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert Translator("ko").problem(caught.value) != str(caught.value)
    assert settings.preferences == Preferences() and not kept.path.exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"score": 7}', '{"score": "high"}', "\x00\xff", '{"min_area": 1e999}', "[" * 100_000]
)
def test_a_broken_file_is_put_aside_and_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(text.encode("latin-1"))
    settings = Settings(home=tmp_path)
    kept = PreferenceFile(settings)
    assert settings.preferences == Preferences()
    assert kept.trouble and str(tmp_path / "settings.broken.json") in kept.trouble and "\n" not in kept.trouble
    assert not path.exists() and (tmp_path / "settings.broken.json").read_bytes() == text.encode("latin-1")
    assert Translator("ko").said(kept.trouble) != kept.trouble
    kept.save(score=0.6)
    assert kept.trouble is None and read(path)[0].score == 0.6


def test_a_newer_versions_fields_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"score": 0.8, "colour_of_the_bikeshed": "red"}))
    assert read(path) == (Preferences(score=0.8), None)


def test_every_field_comes_back_from_the_file(tmp_path: Path) -> None:
    other = Preferences("ko", "mm", 0.25, 0.6, 100, 3, "cpu", str(tmp_path), 30, 2.5, 64, 0.02)
    assert all(asdict(other)[one.name] != one.default for one in fields(Preferences))
    write(tmp_path / "settings.json", other)
    assert read(tmp_path / "settings.json") == (other, None)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text("{}")
    path.chmod(0)
    preferences, trouble = read(path)
    assert preferences == Preferences() and trouble and "cannot be read" in trouble and path.exists()


def test_a_disk_that_takes_nothing_leaves_what_was(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    kept = PreferenceFile(settings)
    (tmp_path / "home").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="could not be kept"):
        kept.save(score=0.7)
    assert settings.preferences.score == 0.5
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StorageError, match="choose another one"):
        PreferenceFile(Settings(home=tmp_path / "other")).save(exports=str(blocked / "deep"))
