"""Fixtures that many tests share: real pictures where they are at hand, rendered strips everywhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def realdata() -> Path:
    """`../shared/data` beside the repository; without it the test is skipped, or fails where it is required."""
    folder = ROOT.parent / "shared" / "data"
    if not (folder / "neu-det").is_dir():
        reason = f"no real pictures at {folder}"
        if os.environ.get("STEELGUI_REQUIRE_REALDATA") == "1":
            pytest.fail(f"{reason}, but STEELGUI_REQUIRE_REALDATA=1 asks for them")
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def strips_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 rendered strips in Severstal's layout; shared by all tests of a run, so copy it before changing it."""
    from training.data.strips import render_dataset

    folder = tmp_path_factory.mktemp("strips")
    for _ in render_dataset(folder, 24, seed=3):
        pass
    return folder


@pytest.fixture(scope="session")
def postgresql() -> Iterator[object]:
    """A PostgreSQL server of this run's own."""
    from databases import server

    with server("postgresql") as running:
        yield running


@pytest.fixture(scope="session")
def mariadb() -> Iterator[object]:
    """A MariaDB server of this run's own."""
    from databases import server

    with server("mariadb") as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """Each test runs on all three; None is SQLite in the home, a server's database is empty."""
    if request.param == "sqlite":
        return None
    running = request.getfixturevalue(request.param)
    running.empty()
    return str(running.url)
