"""The trash, retention by age and size, and the thread of the app, on all three databases."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from stored import files, inspection, picture

from steelgui.history import Filter, History, HistoryRow
from steelgui.history.files import OWNERS
from steelgui.services.upkeep import keep_up, upkeep
from steelgui.settings import Settings

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    """What time the history thinks it is."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def settings(tmp_path: Path, database_url: str | None) -> Settings:
    return Settings(home=tmp_path, database_url=database_url)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def history(settings: Settings, clock: Clock) -> Iterator[History]:
    opened = History(settings, now=clock)
    yield opened
    opened.close()


def record(history: History, *pictures: int) -> list[HistoryRow]:
    return [history.record(picture(number), inspection(), name=str(number), source="batch") for number in pictures]


def names(history: History) -> list[str]:
    return sorted(row.name for where in (Filter(), Filter(deleted=True)) for row in history.every(where))


def test_the_trash_is_kept_for_thirty_days(history: History, settings: Settings, clock: Clock) -> None:
    first, second, third, _ = record(history, 1, 2, 3, 3)
    history.delete([first.id, third.id])
    clock.pass_by(days=10)
    history.delete([second.id])
    assert upkeep(history, settings) == ""
    assert history.restore([third.id]) == history.delete([third.id]) == 1
    clock.pass_by(days=20, seconds=1)
    assert upkeep(history, settings).startswith("1 old inspections removed")
    assert names(history) == ["2", "3", "3"] and not first.original.exists() and not first.thumbnail.exists()
    clock.pass_by(days=10)
    upkeep(history, settings)
    # The third's picture is the fourth's too.
    assert names(history) == ["3"] and files(settings) == sorted([third.original, third.thumbnail])
    assert history.get(first.id) is None and history.restore([first.id, second.id]) == 0


def test_retention_by_age(history: History, settings: Settings, clock: Clock) -> None:
    record(history, 1, 2)
    clock.pass_by(days=6)
    record(history, 2, 3)
    clock.pass_by(days=2)
    assert upkeep(history, settings) == "" and len(names(history)) == 4
    assert upkeep(history, replace(settings, keep_days=7)).startswith("2 old inspections removed")
    assert names(history) == ["2", "3"] and len(files(settings)) == 4
    assert history.count() == history.stats().count == 2
    # In the trash or not, what is old goes.
    history.delete([history.latest(1)[0].id])
    upkeep(history, replace(settings, keep_days=0))
    clock.pass_by(seconds=1)
    upkeep(history, replace(settings, keep_days=0))
    assert names(history) == [] and files(settings) == []


def test_retention_by_size_takes_the_oldest(history: History, settings: Settings, clock: Clock) -> None:
    for number in range(50):
        clock.pass_by(minutes=1)
        record(history, number)
    size = sum(path.stat().st_size for path in files(settings))
    assert upkeep(history, replace(settings, keep_gb=size / 1e9)) == ""
    upkeep(history, replace(settings, keep_gb=0.7 * size / 1e9))
    left = names(history)
    assert 14 < len(left) <= 35 and str(49) in left and str(0) not in left
    assert sum(path.stat().st_size for path in files(settings)) <= 0.7 * size
    assert len(files(settings)) == 2 * len(left)
    upkeep(history, replace(settings, keep_gb=0.0))
    assert names(history) == [] == files(settings)


def test_a_purge_and_new_inspections_of_the_same_picture_do_not_meet(history: History, settings: Settings) -> None:
    """Each picture is removed and recorded at once, over and over: no row may lose its file."""
    stop = threading.Event()

    def purging() -> None:
        while not stop.is_set():
            history.purge([row.id for row in history.latest(3)])
            history.sweep()

    thread = threading.Thread(target=purging)
    thread.start()
    try:
        for _ in range(15):
            record(history, 1, 2)
    finally:
        stop.set()
        thread.join()
    assert history.sweep().missing == {}
    kept = {path for row in history.latest(100) for path in (row.original, row.thumbnail)}
    assert set(files(settings)) == kept


def test_the_thread_of_the_app_works_soon_and_stops(
    history: History, settings: Settings, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = record(history, 1)
    history.delete([row.id])
    clock.pass_by(days=31)
    stop = threading.Event()
    thread = keep_up(history, settings, stop, soon=0.01)
    end = time.monotonic() + 20
    while names(history) and time.monotonic() < end:
        time.sleep(0.05)
    stop.set()
    thread.join(20)
    assert not thread.is_alive() and names(history) == []
    assert "1 old inspections removed" in capsys.readouterr().err


def test_pictures_that_another_database_may_need_are_left(settings: Settings, history: History, tmp_path: Path) -> None:
    """Started once without the address of its server, or with a new file in place of the old: nothing may be swept."""
    (row,) = record(history, 1)
    for url in (f"sqlite:///{tmp_path / 'new.db'}", f"sqlite:///{tmp_path / 'used.db'}"):
        other = History(Settings(home=settings.home, database_url=url))
        if "used" in url:
            record(other, 1)
            assert other.purge([1]).inspections == 1
        assert other.sweep().removed == 0 and row.original.is_file() and row.thumbnail.is_file()
        other.close()
    # Now two rely on the folder, and neither takes a file away.
    assert history.purge([row.id]).inspections == 1
    swept = history.sweep()
    assert swept.shared and swept.removed == 0 and len(files(settings)) == 2


def test_a_new_history_sweeps_nothing_of_one_from_before_there_were_names(
    settings: Settings, history: History, tmp_path: Path
) -> None:
    (row,) = record(history, 1)
    (tmp_path / "history" / OWNERS).unlink()
    new = History(Settings(home=settings.home, database_url=f"sqlite:///{tmp_path / 'new.db'}"))
    assert new.sweep().removed == 0 and row.original.is_file()
    new.close()
    # Its own takes it for its own again.
    (other,) = record(history, 2)
    assert history.purge([row.id]).files == 2 and files(settings) == sorted([other.original, other.thumbnail])
