"""Nothing is lost: locks, servers that go away, kills in the middle of a write."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from databases import PASSWORD, Server
from sqlalchemy import text
from stored import files, inspection, picture

from steelgui.history import History
from steelgui.history.tables import Base
from steelgui.settings import Settings, StorageError

WRITER = """
import sys
from pathlib import Path
from stored import inspection, picture
from steelgui.history import History
from steelgui.settings import Settings
history = History(Settings(home=Path(sys.argv[1]), database_url=sys.argv[2] or None))
number = int(sys.argv[3])
while True:
    row = history.record(picture(number), inspection(), name=str(number), source="api")
    print(row.id, flush=True)
    number += 1
"""
HOLDER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
connection.execute("COMMIT")
"""


def child(code: str, *words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent)


@pytest.fixture
def settings(tmp_path: Path, database_url: str | None) -> Settings:
    return Settings(home=tmp_path, database_url=database_url)


@pytest.fixture(params=["postgresql", "mariadb"])
def running(request: pytest.FixtureRequest) -> Iterator[Server]:
    server: Server = request.getfixturevalue(request.param)
    server.empty()
    yield server
    if not server.up:
        server.start()


def test_kills_in_the_middle_of_writes_leave_nothing_half(settings: Settings) -> None:
    history = History(settings)
    told: list[int] = []
    for number in range(3):
        writer = child(WRITER, settings.home, settings.database_url or "", 1000 * number)
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(3 + number)]
        time.sleep(0.007 * number)
        writer.send_signal(signal.SIGKILL)
        lines += writer.communicate()[0].splitlines()
        told += [int(line) for line in lines if line.strip()]
    # As after a power cut between a file and its row, and within a file.
    (orphan := settings.originals / "ab" / f"{'ab' * 32}.png").parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"half")
    orphan.with_name(f".{'ab' * 20}.01234567.tmp.png").write_bytes(b"half")
    (settings.originals / "ab" / "notes of mine.txt").write_text("not ours")

    swept = history.sweep()
    rows = history.latest(1000)
    assert {row.id for row in rows} >= set(told) and len(told) >= 12
    assert swept.missing == {} and swept.removed >= 2
    named = {path for row in rows for path in (row.original, row.thumbnail)}
    assert set(files(settings)) - {settings.originals / "ab" / "notes of mine.txt"} == named
    assert history.count() == len(rows) == history.stats().count
    history.close()


def test_rows_whose_files_are_gone_are_named(settings: Settings) -> None:
    history = History(settings)
    kept, lost = (history.record(picture(n), inspection(), name=str(n), source="api") for n in range(2))
    lost.thumbnail.unlink()
    # The two pictures differ, and so do their thumbnails.
    assert history.sweep().missing == {lost.id: [f"thumbnails/{lost.thumbnail.parent.name}/{lost.thumbnail.name}"]}
    assert kept.thumbnail.is_file()
    history.close()


def test_a_write_waits_for_another_process_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # SQLite itself waits for half a minute; here it gives up at once, and the history tries again.
    monkeypatch.setattr("steelgui.database.BUSY_SECONDS", 0.05)
    history = History(Settings(home=tmp_path), patience=20)
    history.count()
    holder = child(HOLDER, tmp_path / "history.db", 3)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    begin = time.monotonic()
    row = history.record(picture(), inspection(), name="x", source="camera")
    assert time.monotonic() - begin > 1 and history.latest(5) == [row]
    assert holder.wait() == 0
    history.close()


def test_a_lock_that_stays_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steelgui.database.BUSY_SECONDS", 0.05)
    settings = Settings(home=tmp_path)
    history = History(settings, patience=0.5)
    history.count()
    with closing(sqlite3.connect(settings.database_path, isolation_level=None)) as raw:
        raw.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="locked"):
            history.record(picture(), inspection(), name="x", source="camera")
        assert history.count() == 0
        raw.execute("ROLLBACK")
    assert files(settings) == []
    assert history.record(picture(), inspection(), name="x", source="camera").id == 1
    history.close()


def test_a_server_that_is_gone_for_a_while_costs_no_inspection(tmp_path: Path, running: Server) -> None:
    history = History(Settings(home=tmp_path, database_url=running.url), patience=60)
    before = history.record(picture(0), inspection(), name="before", source="camera")
    running.stop()
    with pytest.raises(StorageError, match="check that the server runs"):
        history.latest(1)
    made = []
    threads = [
        threading.Thread(
            target=lambda n=n: made.append(history.record(picture(n), inspection(), name=str(n), source="camera"))
        )
        for n in (1, 2, 3)
    ]
    for thread in threads:
        thread.start()
    time.sleep(1.5)
    assert made == []
    running.start()
    for thread in threads:
        thread.join(60)
    assert {row.name for row in made} == {"1", "2", "3"}
    assert {row.id for row in history.latest(9)} == {before.id, *(row.id for row in made)}
    assert history.count() == 4 and history.sweep().missing == {}
    history.close()


def test_a_server_that_stays_away_is_told(tmp_path: Path, running: Server) -> None:
    history = History(Settings(home=tmp_path, database_url=running.url), patience=1)
    history.count()
    running.stop()
    with pytest.raises(StorageError) as caught:
        history.record(picture(), inspection(), name="x", source="camera")
    assert PASSWORD not in str(caught.value) and "***" in str(caught.value) and "\n" not in str(caught.value)
    running.start()
    assert history.record(picture(), inspection(), name="x", source="camera").name == "x"
    assert history.count() == 1
    history.close()


def test_an_answer_that_was_lost_makes_no_second_row(tmp_path: Path, running: Server) -> None:
    history = History(Settings(home=tmp_path, database_url=running.url), patience=20)
    history.count()
    engine, lost = history._access.open(), list[int]()
    really = engine.dialect.do_commit

    def commit_and_die(connection: object) -> None:
        really(connection)  # type: ignore[arg-type]
        if not lost:
            lost.append(1)
            running.stop()
            running.start()
            # The answer of the commit comes over a connection that is no more.
            connection.cursor().execute("SELECT 1")  # type: ignore[attr-defined]

    engine.dialect.do_commit = commit_and_die  # type: ignore[method-assign]
    row = history.record(picture(), inspection(), name="x", source="camera")
    assert lost and history.count() == 1 and history.latest(5) == [row]
    history.close()


@pytest.mark.parametrize("name", ["postgresql", "mariadb"])
def test_a_wrong_password_is_one_sentence_without_it(tmp_path: Path, request: pytest.FixtureRequest, name: str) -> None:
    running: Server = request.getfixturevalue(name)
    if name == "postgresql":
        url = running.url.replace("/steel", "/nowhere").replace("//nowhere", "//steel")
    else:
        url = running.url.replace(PASSWORD, "wrong-secret")
    begin = time.monotonic()
    with pytest.raises(StorageError) as caught:
        History(Settings(home=tmp_path, database_url=url)).record(picture(), inspection(), name="x", source="api")
    assert time.monotonic() - begin < 20
    assert "secret" not in str(caught.value) and PASSWORD not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["nosuch://u:secret@h/x", "postgresql://u:secret@h:port/x", "mysql://u:secret@h:port/x"]
)
def test_an_address_that_is_none_is_one_sentence_without_the_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(StorageError, match="address is not understood") as caught:
        History(Settings(home=tmp_path, database_url=url)).count()
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(Settings(home=tmp_path, database_url=url))


def test_two_processes_may_open_an_empty_database_at_once(settings: Settings) -> None:
    if settings.database_url is None:
        settings.prepare()
    else:
        engine = History(settings)._access.open()
        with engine.begin() as connection:
            for table in [*(table.name for table in Base.metadata.sorted_tables), "alembic_version"]:
                connection.execute(text(f"DROP TABLE {table}"))
        engine.dispose()
    writers = [child(WRITER, settings.home, settings.database_url or "", 100 * n) for n in range(3)]
    try:
        for writer in writers:
            assert writer.stdout is not None and writer.stdout.readline().strip().isdigit()
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
