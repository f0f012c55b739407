"""A disk that is really full: a file system of a few megabytes, where the system lets us make one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from stored import files, inspection, picture

from steelgui.history import History
from steelgui.settings import Settings, StorageError


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not sys.platform.startswith("linux"):
        pytest.skip("small file systems are made with Linux' tmpfs")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", folder], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_loses_nothing_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1_000_000))
    settings = Settings(home=small_disk / "home")
    history = History(settings, patience=0.2)
    kept = []
    with pytest.raises(StorageError, match=r"full|No space left") as refused:
        for seed in range(200):
            row = history.record(picture(seed, 160, 160), inspection(), name=f"{seed}.png", source="cli")
            kept.append(row.id)
    assert len(kept) > 5, "there was room for some"
    assert str(settings.home) in str(refused.value)
    # All of one or nothing of it; and what is kept can be read, and thrown away, on the full disk.
    rows = history.latest(500)
    assert sorted(row.id for row in rows) == kept
    assert len(files(settings)) == 2 * len(kept)
    assert history.sweep().removed == 0
    assert history.summary().count == len(kept)
    # Room again: as if nothing had been.
    ballast.unlink()
    after = history.record(picture(900, 160, 160), inspection(), name="after.png", source="cli")
    assert history.get(after.id) and history.count() == len(kept) + 1
    assert history.purge([kept[0]]).inspections == 1
    history.close()


def test_the_page_starts_on_a_full_disk_with_a_sentence(small_disk: Path) -> None:
    settings = Settings(home=small_disk / "home")
    settings.prepare()
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space left"), ballast.open("wb", buffering=0) as out:
        while True:
            out.write(bytes(65536))
    with pytest.raises(StorageError, match=r"(?i)full|no space left"):
        History(settings, patience=0.2).count()
