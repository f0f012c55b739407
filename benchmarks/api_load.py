"""Clients that post pictures to a served SteelGUI: what fails, what is lost, how quick it is; also over a `kill -9`.

`uv run python benchmarks/api_load.py [--clients 8] [--seconds 60] [--kill] [--json]`. Every picture is another one (a
bundled sample with a few bytes behind its end), so that each has a file of its own. With `--kill` the server is killed
in the middle and started again on the same home folder; requests that it was killed in are no failures, but every
inspection that was answered must be in the history, every row must have its pictures and every picture its row.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx

from steelgui.history import Filter, History
from steelgui.settings import Settings, assets_folder

START_SECONDS = 280


class Server:
    """`steelgui serve` in a process of its own; `with Server(home) as server: httpx.get(server.address)`."""

    def __init__(self, home: Path, *flags: str) -> None:
        self.home, self.flags = home, flags
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = home.with_name(home.name + ".log")

    def start(self) -> None:
        """Returns once the models are loaded."""
        words = ["serve", "--home", self.home, "--port", self.port, "--no-inbrowser", *self.flags]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "steelgui", *map(str, words)],
                stdout=log, stderr=log, cwd=Path(__file__).parents[1],
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the server did not start:\n{self.log.read_text(errors='replace')}")
            time.sleep(0.2)

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.address}/healthz", trust_env=False, timeout=10).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """As a power cut would: no handler runs."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()


@dataclass
class Tally:
    """What the clients saw: ids of answered inspections, seconds of each, statuses or errors of the others."""

    ids: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)


def samples() -> list[bytes]:
    """The bundled pictures: five strips, seven tiles."""
    return [path.read_bytes() for path in sorted((assets_folder() / "samples").glob("*.jpg"))]


def load(
    address: str, clients: int, seconds: float, pictures: Sequence[bytes], stop: threading.Event | None = None
) -> Tally:
    """Each client posts one picture after the other for so long, or until `stop`."""
    tally, lock, stop = Tally(), threading.Lock(), stop or threading.Event()
    until = time.monotonic() + seconds

    def post(number: int) -> None:
        with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
            turn = number
            while time.monotonic() < until and not stop.is_set():
                content = pictures[turn % len(pictures)] + os.urandom(8)
                turn += 1
                since = time.perf_counter()
                try:
                    answer = client.post("/api/v1/predict", files={"file": (f"{number}-{turn}.jpg", content)})
                    said = str(answer.status_code)
                except httpx.TransportError as error:
                    said = type(error).__name__
                with lock:
                    if said == "200":
                        tally.ids.append(int(answer.headers["location"].rsplit("/", 1)[1]))
                        tally.seconds.append(time.perf_counter() - since)
                    else:
                        tally.failed[said] += 1

    threads = [threading.Thread(target=post, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally


def load_and_kill(server: Server, clients: int, seconds: float, pictures: Sequence[bytes]) -> Tally:
    """Kill the server in the middle, start it again, and let the clients go on."""
    stop = threading.Event()

    def kill() -> None:
        time.sleep(seconds / 2)
        stop.set()  # no further request; all clients wait for an answer now
        server.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    before = load(server.address, clients, seconds, pictures, stop)
    killer.join()
    server.start()
    after = load(server.address, clients, seconds / 2, pictures)
    # What the clients were in the middle of; a failure after the restart would be one.
    cut = sum(before.failed.values())
    if cut > clients:
        raise RuntimeError(f"{cut} requests were cut off, of {clients} clients")
    return Tally(before.ids + after.ids, before.seconds + after.seconds, after.failed)


def compare(home: Path, ids: list[int]) -> dict[str, int]:
    """The history of a home folder against its pictures, and against what was answered."""
    settings = Settings(home=home)
    history = History(settings)
    rows = []
    # What is in the trash has its pictures too.
    for where in (Filter(), Filter(deleted=True)):
        cursor = None
        while page := history.page(cursor, 500, where):
            rows += page
            cursor = page[-1].cursor
    history.close()
    kept = {path for folder in (settings.originals, settings.thumbnails) for path in folder.rglob("*.*")}
    named = {path for row in rows for path in (row.original, row.thumbnail)}
    return {
        "rows": len(rows),
        "lost_rows": len(set(ids) - {row.id for row in rows}),
        "rows_without_image": len(named - kept),
        "images_without_row": len(kept - named),
    }


def swept(home: Path, ids: list[int], seconds: float = 90) -> dict[str, int]:
    """`compare`, once the running server has removed what the kill left: it looks after itself soon after its start."""
    until = time.monotonic() + seconds
    while (found := compare(home, ids))["images_without_row"] and time.monotonic() < until:
        time.sleep(1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        with Server(home) as server:
            run = load_and_kill if arguments.kill else lambda server, *rest: load(server.address, *rest)
            since = time.monotonic()
            tally = run(server, arguments.clients, arguments.seconds, samples())
            taken = time.monotonic() - since
            left = compare(home, tally.ids)["images_without_row"]
            found = swept(home, tally.ids)
    cuts = statistics.quantiles(tally.seconds, n=20)
    report = {
        "clients": arguments.clients,
        "answered": len(tally.ids),
        "failed": sum(tally.failed.values()),
        "failures": dict(tally.failed),
        **found,
        "left_by_the_kill": left,
        "a_second": round(len(tally.ids) / taken, 1),
        "p50_ms": round(1000 * cuts[9]),
        "p95_ms": round(1000 * cuts[18]),
    }
    print(json.dumps(report) if arguments.json else "\n".join(f"{name:<20} {one}" for name, one in report.items()))


if __name__ == "__main__":
    main()
