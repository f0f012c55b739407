"""`steelgui history`: lists, figures, exports that can be taken in again, purges, backups, checks."""

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from commandline import run
from databases import Server
from stored import files, inspection, picture

from steelgui.history import Filter, History, HistoryRow
from steelgui.settings import Settings

NOW = datetime.now(UTC)
TOLD = [field.name for field in fields(HistoryRow) if field.name not in ("id", "original", "thumbnail")]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Three inspections: 40 days old, 2 days old and corrected, new and in the trash; the first two share a picture."""
    folder = tmp_path / "집"
    made = []
    for age, name, shown in ((40, "=old.png", 0), (2, "강판.png", 0), (0, "new.png", 1)):
        moment = NOW - timedelta(days=age)
        history = History(Settings(home=folder), now=lambda moment=moment: moment)  # type: ignore[misc]
        made.append(history.record(picture(shown), inspection(), name=name, source="camera"))
        history.close()
    history = History(Settings(home=folder))
    history.correct([made[1].id], "ok")
    history.annotate([made[1].id], "looked at, 정상")
    history.delete([made[2].id])
    history.close()
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path, database_url: str | None) -> Iterator[list[str]]:
    """Flags of another, empty home, on each database in turn."""
    (tmp_path / "other").mkdir()
    yield ["--home", str(tmp_path / "other"), *(["--database-url", database_url] if database_url else [])]


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def told(home: Path, url: str | None = None) -> list[tuple[Any, ...]]:
    history = History(Settings(home=home, database_url=url))
    rows: list[HistoryRow] = [*history.every(), *history.every(Filter(deleted=True))]
    values = [
        (*(getattr(row, name) for name in TOLD), row.original.read_bytes(), row.thumbnail.read_bytes()) for row in rows
    ]
    assert history.count() == history.stats().count
    history.close()
    return values


def test_list_and_its_filters(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    code, out, _ = run(capsys, "history", "list", "--home", home, "--json")
    newest, oldest = lines(out)
    assert code == 0 and (newest["name"], oldest["name"]) == ("강판.png", "=old.png")
    assert (newest["label"], newest["verdict"], newest["note"]) == ("ok", "ok", "looked at, 정상")
    assert Path(newest["original"]).is_file()
    since = f"{NOW - timedelta(days=10):%Y-%m-%d}"
    for flags, names in (
        (["--since", since], ["강판.png"]),
        (["--until", since], ["=old.png"]),
        (["--class", "scratches", "x"], ["=old.png"]),
        (["--text", "강판", "--verdict", "ok", "--source", "camera", "upload"], ["강판.png"]),
        (["--trashed"], ["new.png"]),
        (["--limit", "1", "--order", "oldest"], ["=old.png"]),
        (["--min-score", "0.95"], []),
    ):
        assert [
            row["name"] for row in lines(run(capsys, "history", "list", "--home", home, "--json", *flags)[1])
        ] == names
    _, out, _ = run(capsys, "history", "list", "--home", home)
    assert "DEFECT  scratches" in out and len(out.splitlines()) == 2


def test_stats(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    code, out, _ = run(capsys, "history", "stats", "--home", home, "--json")
    found = json.loads(out)
    assert code == 0 and (found["count"], found["defects"], found["mean_ms"]) == (2, 1, 12.3)
    assert found["labels"] == {"scratches": 1, "ok": 1} and len(found["periods"]) in (38, 39, 40)
    assert "2 inspections, 50.00 % defective" in run(capsys, "history", "stats", "--home", home)[1]


@pytest.mark.parametrize("form", ["folder", "out.zip"])
def test_an_export_is_taken_in_again(
    capsys: pytest.CaptureFixture[str], home: Path, elsewhere: list[str], tmp_path: Path, form: str
) -> None:
    out = tmp_path / form
    assert run(capsys, "history", "export", "--home", home, "--out", out)[:2] == (0, "2 inspections written\n")
    content = (
        zipfile.ZipFile(out).read("inspections.csv") if form == "out.zip" else (out / "inspections.csv").read_bytes()
    )
    table = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    # No spreadsheet takes a file's name for a formula.
    assert [row["name"] for row in table] == ["'=old.png", "강판.png"]
    assert run(capsys, "history", "import", out, *elsewhere)[:2] == (0, "2 inspections taken in\n")
    url = elsewhere[3] if len(elsewhere) > 2 else None
    assert told(tmp_path / "other", url) == told(home)[:2]
    code, out_text, err = run(capsys, "history", "import", out, *elsewhere)
    assert (code, out_text) == (0, "0 inspections taken in\n") and "were here already" in err
    code, _, err = run(capsys, "history", "export", "--home", home, "--out", tmp_path)
    assert code == 1 and "is not empty" in err


def test_a_backup_is_a_home_and_can_be_taken_in(
    capsys: pytest.CaptureFixture[str], home: Path, elsewhere: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "backup.zip"
    assert run(capsys, "history", "backup", "--home", home, "--out", out)[:2] == (0, "3 inspections written\n")
    with zipfile.ZipFile(out) as archive:
        archive.extractall(tmp_path / "unpacked")
    assert told(tmp_path / "unpacked") == told(home)
    assert run(capsys, "history", "import", out, *elsewhere)[0] == 0
    # And back again, from whatever database.
    again = tmp_path / "again.zip"
    assert run(capsys, "history", "backup", *elsewhere, "--out", again)[:2] == (0, "3 inspections written\n")
    (tmp_path / "third").mkdir()
    assert run(capsys, "history", "import", again, "--home", tmp_path / "third")[0] == 0
    assert told(tmp_path / "third") == told(home)


def test_purges(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    def purge(*flags: object) -> str:
        return run(capsys, "history", "purge", "--home", home, *flags)[1]

    settings = Settings(home=home)
    assert purge("--older-than", 30, "--dry-run") == "1 inspections would be removed\n"
    assert purge("--dry-run") == "0 inspections would be removed\n"
    # The picture of the old one is another's too.
    assert purge("--older-than", 30).startswith("1 inspections and 0 files removed")
    assert len(files(settings)) == 4
    assert purge("--trash", "--older-than", 1).startswith("0 inspections")
    assert json.loads(purge("--trash", "--json"))["files"] == 2
    assert [row[1] for row in told(home)] == ["강판.png"] and len(files(settings)) == 2
    assert run(capsys, "history", "purge", "--home", home, "--older-than", -1)[0] == 2


def test_check_removes_orphans_and_names_what_is_missing(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    history = History(Settings(home=home))
    trashed = history.page(None, 1, Filter(deleted=True))[0]
    history.close()
    orphan = home / "history" / "originals" / "ab" / f"{'ab' * 32}.png"
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"x" * 5)
    trashed.original.unlink()
    code, out, _ = run(capsys, "history", "check", "--home", home, "--json")
    found = json.loads(out)
    assert (code, found["removed"], found["bytes"], list(found["missing"])) == (1, 1, 5, [str(trashed.id)])
    code, _, err = run(capsys, "history", "backup", "--home", home, "--out", home / "b.zip")
    assert code == 1 and "history check" in err


def damaged(home: Path, out: Path, capsys: pytest.CaptureFixture[str], change: str) -> None:
    run(capsys, "history", "export", "--home", home, "--out", out)
    rows = out / "inspections.jsonl"
    first = json.loads(rows.read_text().splitlines()[0])
    if change == "path":
        first["original"] = "../../etc/passwd"
    elif change == "score":
        first["score"] = "high"
    elif change == "result":
        first["result"] = {}
    elif change == "picture":
        (out / first["original"]).write_bytes(b"another")
    elif change == "gone":
        shutil.rmtree(out / "thumbnails")
    elif change == "no rows":
        rows.unlink()
        return
    rows.write_text(json.dumps(first) + "\n" if change != "json" else "{")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("path", "line 1 of inspections.jsonl is wrong: original"),
        ("score", "line 1 of inspections.jsonl is wrong: score"),
        ("result", "is no inspection of SteelGUI"),
        ("json", "line 1 of inspections.jsonl is wrong"),
        ("picture", "is damaged"),
        ("gone", "is missing in the export"),
        ("no rows", "give what `history export` wrote"),
    ],
)
def test_a_damaged_export_is_refused_and_leaves_nothing(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path, change: str, sentence: str
) -> None:
    damaged(home, tmp_path / "out", capsys, change)
    (tmp_path / "other").mkdir()
    code, _, err = run(capsys, "history", "import", tmp_path / "out", "--home", tmp_path / "other")
    assert code == 1 and sentence in err and len(err.splitlines()) == 1
    assert files(Settings(home=tmp_path / "other")) == [] and told(tmp_path / "other") == []


def test_bad_usage_is_one_sentence(capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path) -> None:
    for words, sentence in (
        (["list", "--since", "yesterday"], "is no date"),
        (["list", "--source", "fax"], "invalid choice"),
        (["list", "--limit", "0"], "--limit"),
        (["backup", "--out", tmp_path / "x.tar"], ".zip"),
    ):
        code, _, err = run(capsys, "history", *words, "--home", home)
        assert code == 2 and sentence in err
    code, _, err = run(capsys, "history", "list", "--home", tmp_path / "nowhere")
    assert code == 1 and "is not there" in err
    (tmp_path / "x.zip").write_bytes(b"no zip")
    code, _, err = run(capsys, "history", "import", tmp_path / "x.zip", "--home", home)
    assert code == 1 and "cannot be read" in err


def test_the_address_may_come_from_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path, postgresql: Server
) -> None:
    postgresql.empty()
    monkeypatch.setenv("STEELGUI_DATABASE_URL", postgresql.url)
    assert run(capsys, "history", "stats", "--home", home)[1] == "0 inspections\n"
    monkeypatch.setenv("STEELGUI_DATABASE_URL", "postgresql://steel:secret@127.0.0.1:1/steel")
    code, out, err = run(capsys, "history", "stats", "--home", home)
    assert (code, out) == (1, "") and "secret" not in err and "check that the server runs" in err
