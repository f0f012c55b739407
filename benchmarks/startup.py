"""How long a start takes: commands that need no networks, the page, and the first inspection on it.

    uv run python benchmarks/startup.py [--frozen dist/SteelGUI/SteelGUI] [--runs 5] [--cold] [--imports 15] [--json]

Medians with the quickest and the slowest, and beside the time the processor's seconds, which depend less on what else
runs on the machine. Each program is started once beforehand, so that its files are in memory and its modules compiled;
`--cold` empties the page cache before each start instead, which only root can do and only Linux knows.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from steelgui.ourselves import ourselves
from steelgui.selftest import talk
from steelgui.settings import assets_folder

#: The targets of issue 7, seconds: from source, frozen.
TARGETS = {"--help": (0.5, 0.5), "page answers": (3.5, 4.5), "page → first inspection": (2.0, 2.0)}
CACHES = Path("/proc/sys/vm/drop_caches")
SAMPLE = assets_folder() / "samples" / "01-strip-scratches.jpg"


@dataclass
class Row:
    """Seconds by the clock and of the processor, a run each."""

    name: str
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def add(self, wall: float, cpu: float) -> None:
        self.wall.append(wall)
        self.cpu.append(cpu)

    def line(self, target: float | None) -> str:
        figures = f"{statistics.median(self.wall):7.2f}  {min(self.wall):6.2f} – {max(self.wall):<6.2f}"
        aimed = "" if target is None else f"≤ {target}"
        return f"{self.name:<26} {figures} {statistics.median(self.cpu):7.2f}  {aimed}"


def command(program: Sequence[str], words: Sequence[str], row: Row) -> None:
    """One start to its end."""
    since = time.perf_counter()
    process = subprocess.Popen([*program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)  # or it would be waited for again
    wall = time.perf_counter() - since
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} ended with status {process.returncode}")
    row.add(wall, used.ru_utime + used.ru_stime)


def served(program: Sequence[str], home: Path, page: Row, first: Row, again: Row) -> None:
    """One start of the server: to the page, from there to an inspection that was asked for at once, and one more."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    words = ["serve", "--no-inbrowser", "--port", str(port), "--home", str(home)]
    process = psutil.Popen([*program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    since, used = time.perf_counter(), 0.0

    def lap(row: Row) -> None:
        nonlocal since, used
        now, times = time.perf_counter(), process.cpu_times()
        row.add(now - since, times.user + times.system - used)
        since, used = now, times.user + times.system

    try:
        while True:
            with suppress(OSError):
                talk.get(f"{address}/")
                break
            if process.poll() is not None:
                raise SystemExit(f"the server ended with status {process.returncode}")
            time.sleep(0.01)
        lap(page)
        for row in (first, again):
            talk.post_picture(f"{address}/api/v1/predict", SAMPLE.name, SAMPLE.read_bytes())
            lap(row)
    finally:
        process.terminate()
        process.wait(30)


def measure(program: Sequence[str], runs: int, before: Callable[[], None], folder: Path) -> list[Row]:
    home, strips = folder / "home", folder / "strips"
    subprocess.run([*program, "data", "render", strips, "--strips", "4"], check=True, capture_output=True)
    place = ["--home", str(home)]
    starts = {
        "--help": ["--help"],
        "--version": ["--version"],
        "runs list": ["runs", "list", *place],
        "data describe (4 strips)": ["data", "describe", str(strips), *place],
    }
    rows = []
    for name, words in starts.items():
        rows.append(Row(name))
        command(program, words, Row("beforehand"))
        for _ in range(runs):
            before()
            command(program, words, rows[-1])
    page, first, again = (Row(name) for name in ("page answers", "page → first inspection", "a second inspection"))
    served(program, home, *(Row("beforehand") for _ in range(3)))
    for _ in range(runs):
        before()
        served(program, home, page, first, again)
    return [*rows, page, first, again]


def drop_caches() -> None:
    os.sync()
    CACHES.write_text("3")


def imports(code: str, count: int) -> list[tuple[float, str]]:
    """Milliseconds of the slowest modules to import, each without what it imports itself."""
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True)
    found = re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", done.stderr)
    return sorted(((int(micro) / 1000, name) for micro, name in found), reverse=True)[:count]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--frozen", type=Path, metavar="PATH", help="a frozen program, measured after the source")
    parser.add_argument("--cold", action="store_true", help="from the disk")
    parser.add_argument("--imports", type=int, default=0, metavar="N", help="also the N slowest imports of each half")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if arguments.cold and not os.access(CACHES, os.W_OK):
        raise SystemExit(f"--cold: {CACHES} cannot be written; only root on Linux can empty the page cache")
    programs = {"from source": ourselves()}
    if arguments.frozen:
        programs["frozen"] = [str(arguments.frozen.absolute())]
    report: dict[str, dict[str, dict[str, list[float]]]] = {}
    for kind, (title, program) in enumerate(programs.items()):
        with tempfile.TemporaryDirectory() as folder:
            rows = measure(program, arguments.runs, drop_caches if arguments.cold else lambda: None, Path(folder))
        report[title] = {row.name: {"wall": row.wall, "cpu": row.cpu} for row in rows}
        if not arguments.json:
            print(f"\n{title}, {'cold' if arguments.cold else 'warm'}, {arguments.runs} runs, {os.cpu_count()} cores, "
                  f"load {os.getloadavg()[0]:.1f}")  # fmt: skip
            print(f"{'seconds':<26}  median   from – to     processor  target")
            for row in rows:
                print(row.line(TARGETS[row.name][kind] if row.name in TARGETS else None))
    halves = {"the page": "import steelgui.app as a; a._import_gradio(); import steelgui.ui.shell, steelgui.web",
              "the models": "import torch, models.checkpoint"}  # fmt: skip
    for what, code in halves.items() if arguments.imports else ():
        print(f"\nslowest imports of {what}, ms", file=sys.stderr)
        for milliseconds, name in imports(code, arguments.imports):
            print(f"{milliseconds:8.1f}  {name}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(report))


if __name__ == "__main__":
    main()
