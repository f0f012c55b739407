"""Inspections in, rows out: the same on SQLite, PostgreSQL and MariaDB."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from PIL import Image
from sqlalchemy import text
from sqlalchemy.exc import StatementError
from stored import NOON, encoded, files, inspection, picture

from steelgui import migrations
from steelgui.database import open_database
from steelgui.history import Cursor, History
from steelgui.history.tables import Base
from steelgui.settings import Settings, StorageError


@pytest.fixture
def settings(tmp_path: Path, database_url: str | None) -> Settings:
    return Settings(home=tmp_path / "제철소 home 100%", database_url=database_url)


@pytest.fixture
def history(settings: Settings) -> Iterator[History]:
    opened = History(settings, now=lambda: NOON, patience=3)
    yield opened
    opened.close()


def test_nothing_is_opened_before_the_first_call(settings: Settings) -> None:
    History(settings)
    assert not settings.home.exists()


def test_a_row_comes_back_as_it_was_recorded(history: History, settings: Settings) -> None:
    made = inspection()
    row = history.record(picture(), made, name="강판 3호기.png", source="upload")
    history.close()
    assert history.get(row.id) == row == history.latest(5)[0]
    assert row.created_at == NOON and row.created_at.tzinfo is UTC
    assert (row.name, row.source, row.verdict, row.label, row.score) == (
        "강판 3호기.png", "upload", "defect", "scratches", 0.91,
    )  # fmt: skip
    assert (row.width, row.height, row.ms) == (64, 40, 12.3)
    assert (row.classifier, row.segmenter, row.note) == ("neu-resnet", "severstal-unet", None)
    assert row.result == made.to_json()
    assert row.thresholds == {"score": 0.4, "min_area": 40, "gate": 10.0, "false_alarms": 0.01}
    assert row.original.is_absolute() and row.original.is_relative_to(settings.originals)
    assert np.array_equal(np.asarray(Image.open(row.original)), picture())
    assert history.get(row.id + 1) is history.get(-1) is history.get(10**30) is None


@pytest.mark.parametrize(("form", "suffix"), [("PNG", ".png"), ("JPEG", ".jpg"), ("BMP", ".bmp"), ("TIFF", ".tif")])
def test_the_original_is_kept_byte_for_byte_with_its_real_suffix(
    history: History, tmp_path: Path, form: str, suffix: str
) -> None:
    content = encoded(picture(), form)
    path = tmp_path / "camera.wrong"
    path.write_bytes(content)
    row = history.record(picture(), inspection(), name=path.name, source="cli", original=path)
    assert row.original.read_bytes() == content
    assert row.original.name == hashlib.sha256(content).hexdigest() + suffix
    assert row.original.parent.name == row.original.name[:2]


def test_bytes_that_are_no_picture_are_replaced_by_the_picture(history: History) -> None:
    row = history.record(picture(), inspection(), name="x", source="api", original=b"nonsense")
    assert np.array_equal(np.asarray(Image.open(row.original)), picture())


def test_the_thumbnail_is_a_small_jpeg_of_the_overlay(history: History) -> None:
    red = np.zeros((256, 1600, 3), dtype=np.uint8)
    red[..., 0] = 255
    row = history.record(picture(0, 256, 1600), inspection(), name="strip", source="batch", overlay=red)
    with Image.open(row.thumbnail) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (256, 41))
        pixel = np.asarray(thumbnail)[20, 100]
    assert pixel[0] > 245 and pixel[1] < 10


def test_the_same_picture_is_kept_once(history: History, settings: Settings) -> None:
    first, second = (history.record(picture(), inspection(), name=name, source="sample") for name in "ab")
    assert first.id != second.id and history.count() == 2
    assert (first.original, first.thumbnail) == (second.original, second.thumbnail)
    assert files(settings) == sorted([first.original, first.thumbnail])


@pytest.mark.parametrize(
    ("name", "stored"), [("가" * 300, "가" * 255), ("a\udcffb\0.png", "a?b.png"), ("📷 '; --.jpg", "📷 '; --.jpg")]
)
def test_any_file_name_can_be_stored(history: History, name: str, stored: str) -> None:
    row = history.record(picture(), inspection(), name=name, source="upload")
    assert row.name == stored
    assert history.latest(1)[0].name == stored


def test_a_label_that_the_classifier_does_not_know_has_no_score(history: History) -> None:
    row = history.record(picture(), inspection(scores={}, models={}), name="x", source="api")
    assert (row.score, row.classifier, row.segmenter) == (None, None, None)


def test_an_unknown_source_is_refused(history: History, settings: Settings) -> None:
    with pytest.raises(ValueError, match="must be one of upload, camera"):
        history.record(picture(), inspection(), name="x", source="fax")
    assert files(settings) == []


def test_eight_threads_and_two_histories_share_one_home(settings: Settings) -> None:
    histories = [History(settings), History(settings)]
    start = threading.Barrier(8)

    def work(worker: int) -> list[int]:
        start.wait()
        own = histories[worker % 2]
        # Every second picture is the same in all threads.
        return [
            own.record(picture(0 if i % 2 else worker), inspection(), name=f"{worker}-{i}", source="batch").id
            for i in range(10)
        ]

    with ThreadPoolExecutor(8) as pool:
        ids = [number for made in pool.map(work, range(8)) for number in made]
    assert len(set(ids)) == 80 == histories[0].count()
    rows = histories[1].latest(100)
    assert all(row.original.is_file() and row.thumbnail.is_file() for row in rows)
    assert len(files(settings)) == 16
    for each in histories:
        each.close()


def test_latest_is_newest_first(settings: Settings) -> None:
    minutes = iter([3, 1, 2])
    history = History(settings, now=lambda: NOON + timedelta(minutes=next(minutes)))
    for name in ("third", "first", "second"):
        history.record(picture(), inspection(), name=name, source="camera")
    assert [row.name for row in history.latest(2)] == ["third", "second"]
    history.close()


def test_times_are_stored_in_utc_and_naive_ones_are_refused(settings: Settings) -> None:
    seoul = timezone(timedelta(hours=9))
    history = History(settings, now=lambda: NOON.astimezone(seoul))
    history.record(picture(), inspection(), name="x", source="camera")
    assert history.latest(1)[0].created_at == NOON
    with history._access.open().connect() as raw:
        assert str(raw.execute(text("SELECT created_at FROM inspections")).scalar()) == "2026-03-01 12:00:00.123456"
    history.close()
    history = History(settings, now=lambda: NOON.replace(tzinfo=None))
    with pytest.raises(StatementError, match="time zone"):
        history.record(picture(), inspection(), name="x", source="camera")
    history.sweep()
    assert len(files(settings)) == 2
    history.close()


def test_pages_visit_every_row_once_when_times_are_equal_and_rows_arrive(settings: Settings) -> None:
    clock = iter([NOON] * 5 + [NOON + timedelta(seconds=1)] * 5 + [NOON + timedelta(seconds=9)] * 9)
    history = History(settings, now=lambda: next(clock))
    made = [history.record(picture(), inspection(), name="x", source="batch").id for _ in range(10)]
    seen: list[int] = []
    before: Cursor | None = None
    while rows := history.page(before, 3):
        seen += [row.id for row in rows]
        before = rows[-1].cursor
        history.record(picture(), inspection(), name="meanwhile", source="camera")
    assert seen == made[::-1]
    history.close()


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Call with `originals` or `thumbnails`: from then on, that folder takes no more files."""
    really = os.replace

    def fill(folder: str) -> None:
        def replace_or_fail(source: str | Path, target: str | Path) -> None:
            if folder in Path(target).parts:
                raise OSError(errno.ENOSPC, "No space left on device")
            really(source, target)

        monkeypatch.setattr(os, "replace", replace_or_fail)

    return fill


@pytest.mark.parametrize("folder", ["originals", "thumbnails"])
def test_a_full_disk_leaves_nothing_behind(
    history: History, settings: Settings, full_disk: Callable[[str], None], folder: str
) -> None:
    full_disk(folder)
    with pytest.raises(StorageError, match=r"No space left on device.*--home DIR\.$"):
        history.record(picture(), inspection(), name="x", source="upload")
    # With a server they stay until the next sweep.
    assert settings.database_url or files(settings) == []
    history.sweep()
    assert files(settings) == []
    assert history.count() == 0


def test_a_full_disk_keeps_the_files_of_other_rows(
    history: History, settings: Settings, full_disk: Callable[[str], None]
) -> None:
    row = history.record(picture(), inspection(), name="before", source="upload")
    full_disk("thumbnails")
    with pytest.raises(StorageError):
        history.record(picture(), inspection(), name="x", source="upload", overlay=picture(1))
    history.sweep()
    assert files(settings) == sorted([row.original, row.thumbnail])
    assert history.latest(9) == [row]


def test_an_original_that_is_gone_is_one_sentence(history: History, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"gone\.png cannot be read"):
        history.record(picture(), inspection(), name="x", source="cli", original=tmp_path / "gone.png")


def test_the_migrations_lead_to_the_tables(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    engine = open_database(settings.database_path)
    with engine.connect() as connection:
        # The index of names is SQLite's own.
        opts = {"compare_type": True, "include_name": lambda name, *_: not (name or "").startswith("inspection_name")}
        opts["include_object"] = lambda table, name, *_: (
            not (name or "").startswith(("inspection_names", "inspection_terms"))
        )
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, Base.metadata) == []
        assert context.get_current_revision() == migrations.HEAD
    engine.dispose()
