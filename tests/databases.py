"""Database servers from Debian's packages, each in a temporary folder, on a free port, for one run of the tests."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, delete, text
from sqlalchemy.exc import OperationalError

NAMES = ("postgresql", "mariadb")
PASSWORD = "s3cret-스틸"


class Server:
    """One server; `start` and `stop` as often as a test likes, the data stays."""

    user: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.folder / "server.log").open("ab")
        self._process = subprocess.Popen(self._command(), stdout=log, stderr=log, cwd="/", **_as(self.user))
        end = time.monotonic() + 60
        while True:
            try:
                self.execute("SELECT 1")
                return
            except OperationalError:
                if time.monotonic() > end or self._process.poll() is not None:
                    raise RuntimeError((self.folder / "server.log").read_text()) from None
                time.sleep(0.1)

    def stop(self) -> None:
        """At once and without a good-bye, as far as the history can tell."""
        if self._process is not None:
            # PostgreSQL's own processes outlive a killed parent for a while, and the next start would meet them.
            self._process.send_signal(signal.SIGQUIT if self.user == "postgres" else signal.SIGKILL)
            self._process.wait(30)
            self._process = None

    @property
    def up(self) -> bool:
        return self._process is not None

    def execute(self, *statements: str) -> None:
        engine = create_engine(self.admin_url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    def empty(self) -> None:
        """Remove all rows; the tables stay, for migrations are slow."""
        from steelgui.database import open_database
        from steelgui.history.tables import Base

        engine = open_database(self.url)
        with engine.begin() as connection:
            for table in Base.metadata.sorted_tables:
                # The history keeps its name.
                if table.name != "inspection_store":
                    connection.execute(delete(table))
        engine.dispose()

    def _command(self) -> list[str]:
        raise NotImplementedError

    @property
    def admin_url(self) -> str:
        raise NotImplementedError

    @property
    def url(self) -> str:
        """As a user writes it, with a password."""
        raise NotImplementedError


class PostgreSQL(Server):
    user = "postgres"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        newest = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        self._bin, data = newest, folder / "data"
        _run(self.user, str(newest / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "--no-sync")
        self.start()
        self.execute(f"CREATE USER steel PASSWORD '{PASSWORD}'", "CREATE DATABASE steel OWNER steel")

    def _command(self) -> list[str]:
        options = ("fsync=off", f"port={self.port}", "listen_addresses=127.0.0.1")
        flags = [word for option in options for word in ("-c", option)]
        return [str(self._bin / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder), *flags]

    @property
    def admin_url(self) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def url(self) -> str:
        return f"postgresql://steel:{PASSWORD}@127.0.0.1:{self.port}/steel"


class MariaDB(Server):
    user = "mysql"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        install = ("mariadb-install-db", "--no-defaults", f"--datadir={folder / 'data'}", "--skip-test-db")
        _run(self.user, *install, "--auth-root-authentication-method=normal")
        self.start()
        self.execute(
            "CREATE DATABASE steel CHARACTER SET utf8mb4",
            f"CREATE USER steel@'%' IDENTIFIED BY '{PASSWORD}'",
            "GRANT ALL ON steel.* TO steel@'%'",
        )

    def _command(self) -> list[str]:
        return [
            *("mariadbd", "--no-defaults", f"--datadir={self.folder / 'data'}", f"--socket={self.folder / 'socket'}"),
            *(f"--port={self.port}", "--bind-address=127.0.0.1", f"--pid-file={self.folder / 'pid'}"),
            *("--skip-name-resolve", "--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=64M"),
        ]

    @property
    def admin_url(self) -> str:
        return f"mysql+pymysql://root@127.0.0.1:{self.port}/"

    @property
    def url(self) -> str:
        return f"mysql://steel:{PASSWORD}@127.0.0.1:{self.port}/steel"


@contextmanager
def server(name: str) -> Iterator[Server]:
    """A server of one kind; skips without the package, or fails where STEELGUI_REQUIRE_DATABASES=1 asks for it."""
    there = bool(list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))) if name == "postgresql" else _has_mariadb()
    if not there:
        reason = f"no {name} server here (Debian: apt-get install postgresql mariadb-server)"
        if os.environ.get("STEELGUI_REQUIRE_DATABASES") == "1":
            pytest.fail(f"{reason}, but STEELGUI_REQUIRE_DATABASES=1 asks for it")
        pytest.skip(reason)
    # Not in pytest's folder: that one is root's alone, and the servers refuse root.
    folder = Path(tempfile.mkdtemp(prefix=f"steelgui-{name}-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres" if name == "postgresql" else "mysql")
    running: Server | None = None
    try:
        running = PostgreSQL(folder) if name == "postgresql" else MariaDB(folder)
        yield running
    finally:
        if running is not None:
            running.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _has_mariadb() -> bool:
    return shutil.which("mariadbd") is not None and shutil.which("mariadb-install-db") is not None


def _as(user: str) -> dict[str, Any]:
    """For Popen: the servers refuse root."""
    return {"user": user, "group": user, "extra_groups": []} if os.geteuid() == 0 else {}


def _run(user: str, *command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", **_as(user))
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
