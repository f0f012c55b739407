"""A million inspections in SQLite: how long filters, pages, counts and figures take.

`uv run python benchmarks/history_rows.py [--rows N] [--home DIR] [--database-url URL]`. Makes plausible rows over a
year (without pictures; a home that has them already is used again), then times kinds of filters in every order at
several depths: a page of 48 with its count, as the History tab asks for them, and the dashboard's figures.
Milliseconds, median and 95th percentile; every question is another one, so that no cache knows the answer.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import insert

from steelgui.history import ORDERS, Filter, History
from steelgui.history.rollup import fill
from steelgui.history.tables import InspectionRecord
from steelgui.results import Inspection, Thresholds
from steelgui.settings import Settings

END = datetime(2026, 11, 1, tzinfo=UTC)
LABELS = {
    "none": 0.72, "scratches": 0.1, "patches": 0.07, "inclusion": 0.05, "pitted_surface": 0.03,
    "rolled-in_scale": 0.02, "crazing": 0.01,
}  # fmt: skip
SOURCES = {"camera": 0.86, "batch": 0.06, "api": 0.05, "upload": 0.02, "kiosk": 0.0095, "sample": 0.0005}
PAGE = 48
SEOUL = ZoneInfo("Asia/Seoul")


def make(history: History, rows: int) -> None:
    """Rows of a line that runs on working days from 6 to 22 o'clock in Seoul, and at half speed else."""
    rng = np.random.default_rng(0)
    seconds = np.sort(rng.uniform(0, 365 * 86400, 2 * rows))
    local = (seconds + 9 * 3600) % 86400 / 3600
    keep = rng.random(2 * rows) < np.where((local > 6) & (local < 22), 0.65, 0.3)
    seconds = rng.permutation(seconds[keep])[:rows]
    seconds.sort()
    label = rng.choice(list(LABELS), len(seconds), p=list(LABELS.values()))
    source = rng.choice(list(SOURCES), len(seconds), p=list(SOURCES.values()))
    score = np.clip(rng.beta(9, 1.2, len(seconds)), 0.05, 1)
    ms = rng.lognormal(np.log(70), 0.25, len(seconds))
    begin = END - timedelta(days=365)
    with history._access.open().begin() as connection:
        for first in range(0, len(seconds), 10_000):
            some = []
            for i in range(first, min(first + 10_000, len(seconds))):
                moment = begin + timedelta(seconds=float(seconds[i]))
                third = "neu-classifier" if seconds[i] < 200 * 86400 else "neu-classifier-2"
                name = f"{source[i]}{i % 4}_{moment:%Y%m%d_%H%M%S}_{i:07d}.jpg"
                if i % 997 == 0:
                    name = f"강판 {i % 13}호기 coil-{i:06d}.png"
                digest = f"{rng.integers(2**63):016x}" * 4
                made = {
                    "verdict": "ok" if label[i] == "none" else "defect",
                    "label": str(label[i]),
                    "scores": {name: round(float(score[i]) if name == label[i] else 0.01, 4) for name in LABELS},
                    "defects": [] if label[i] == "none" else [{"class": str(label[i]), "rle": "1 2 " * 100}],
                }
                some.append(
                    {
                        "created_at": moment,
                        "name": name,
                        "source": str(source[i]),
                        "verdict": made["verdict"],
                        "label": made["label"],
                        "score": float(score[i]) if i % 500 else None,
                        "width": 200,
                        "height": 200,
                        "ms": float(ms[i]),
                        "classifier": "trial" if 100 < seconds[i] / 86400 < 102 else third,
                        "segmenter": "neu-segmenter",
                        "original": f"originals/{digest[:2]}/{digest}.jpg",
                        "thumbnail": f"thumbnails/{digest[2:4]}/{digest[::-1]}.jpg",
                        "result": made,
                        "thresholds": {"score": 0.5, "min_area": 40, "gate": 10.0},
                        "deleted_at": END if i % 400 == 0 else None,
                    }
                )
            connection.execute(insert(InspectionRecord), some)
        fill(connection)


def filters(rng: random.Random) -> Iterator[tuple[str, Filter]]:
    """What people ask, one of each kind, with values of their own."""
    day = END - timedelta(days=rng.randrange(0, 300), hours=9)
    odd = day + timedelta(seconds=rng.randrange(86400))
    label = rng.choice(list(LABELS)[1:])
    yield "everything", Filter()
    yield "a day", Filter(since=day, until=day + timedelta(days=1))
    yield "7 days until now", Filter(since=odd, until=odd + timedelta(days=7))
    yield "30 days, defects", Filter(since=odd, until=odd + timedelta(days=30), verdict="defect")
    yield "defects", Filter(verdict="defect")
    yield "a class", Filter(labels=(label,))
    yield "two classes, a source", Filter(labels=(label, "crazing"), sources=(rng.choice(["batch", "upload"]),))
    yield "a rare source", Filter(sources=("sample",))
    yield "a model", Filter(classifiers=(rng.choice(["trial", "neu-classifier"]),))
    yield "a class in a quarter", Filter(since=odd, until=odd + timedelta(days=90), labels=(label,))
    low = rng.uniform(0.1, 0.9)
    yield "scores, a narrow range", Filter(min_score=low, max_score=low + 0.02)
    yield "scores from", Filter(min_score=low)
    yield "a class and scores to", Filter(labels=(label,), max_score=low)
    yield "text, rare", Filter(text=f"coil-{997 * rng.randrange(1000):06d}")
    yield "text, some", Filter(text="coil-")
    yield "text, a day's", Filter(text=f"{day:%Y%m%d}")
    yield "text, frequent", Filter(text=f"camera{rng.randrange(4)}")
    yield "text, two letters", Filter(text="강판")
    yield "the trash", Filter(deleted=True)
    yield "the trash, a class", Filter(deleted=True, labels=(label,))


#: Of this process alone, for a machine that others use too; --cpu.
clock = time.perf_counter


def timed(do: Callable[[], Any]) -> float:
    begin = clock()
    do()
    return 1000 * (clock() - begin)


def p95(values: list[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))]


def show(name: str, values: list[float]) -> None:
    print(f"{name:<28} {statistics.median(values):8.1f} {p95(values):8.1f} {max(values):8.1f}  n={len(values)}")


def pages(history: History, rounds: int) -> None:
    """The first page with its count, one some clicks further, and one from a place deep in the history."""
    rng = random.Random(1)
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for kind, where in filters(rng):
            order = rng.choice(ORDERS)
            cursor = None
            for depth in range(3):
                rows: list[Any] = []

                def ask(where: Filter = where, order: Any = order, cursor: Any = cursor, rows: Any = rows) -> None:
                    history.summary(where)
                    rows.extend(history.page(cursor, PAGE, where, order))

                found.setdefault(kind, []).append(timed(ask))
                if not rows:
                    break
                cursor = rows[-1].cursor
                if depth == 1:
                    middle = END - timedelta(days=rng.randrange(365))
                    cursor = cursor._replace(created_at=middle, score=rng.random() if cursor.score else None)
    print(f"\n{'page and count':<28} {'p50':>8} {'p95':>8} {'worst':>8}")
    for kind, values in found.items():
        show(kind, values)
    show("all", [value for values in found.values() for value in values])


def figures(history: History, rounds: int) -> None:
    rng = random.Random(2)
    days: dict[str, list[float]] = {}
    for _ in range(rounds):
        label = rng.choice(list(LABELS))
        since = END - timedelta(days=rng.randrange(1, 300), seconds=rng.randrange(86400))
        month = Filter(since=since, until=since + timedelta(days=30))
        for kind, where, step, zone in (
            ("stats, a year by day, Seoul", Filter(), "day", SEOUL),
            ("stats, a year, one class", Filter(labels=(label,)), "day", SEOUL),
            ("stats, a year, Berlin", Filter(), "day", ZoneInfo("Europe/Berlin")),
            ("stats, 30 days by hour", month, "hour", SEOUL),
            ("stats, 30 days, Kolkata", month, "day", ZoneInfo("Asia/Kolkata")),
            ("stats, 30 days, score ≥ 0.9", replace(month, min_score=0.9), "day", SEOUL),
        ):
            days.setdefault(kind, []).append(timed(lambda w=where, s=step, z=zone: history.stats(w, s, z)))
        days.setdefault("facets", []).append(timed(history.facets))
        row = history.page(None, 1, Filter(until=since, labels=(label,)))[0]
        days.setdefault("neighbours", []).append(timed(lambda r=row: history.neighbours(r, Filter(labels=(r.label,)))))
    print(f"\n{'figures':<28} {'p50':>8} {'p95':>8} {'worst':>8}")
    for kind, values in days.items():
        show(kind, values)


def writes(history: History) -> None:
    image = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    made = Inspection("ok", "none", {"none": 0.99}, (), 200, 200, 50.0, {"classifier": "neu"}, Thresholds())
    times, ids = [], []
    for number in range(100):
        image[0, 0] = number
        times.append(timed(lambda: ids.append(history.record(image, made, name="new.png", source="camera").id)))
    print(f"\n{'writes':<28} {'p50':>8} {'p95':>8} {'worst':>8}")
    show("record", times)
    show("delete and restore 48", [timed(lambda: (history.delete(ids[:48]), history.restore(ids[:48])))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--home", type=Path, default=Path(tempfile.gettempdir()) / "steelgui-history-rows")
    parser.add_argument("--database-url")
    parser.add_argument("--cpu", action="store_true", help="CPU time, where others use the machine too")
    arguments = parser.parse_args()
    if arguments.cpu:
        global clock
        clock = time.process_time
    history = History(Settings(home=arguments.home, database_url=arguments.database_url))
    if history.count() == 0:
        print(f"making {arguments.rows:,} rows takes {timed(lambda: make(history, arguments.rows)) / 1000:.0f} s")
    print(f"{history.count():,} inspections in {arguments.home}")
    pages(history, arguments.rounds)
    figures(history, arguments.rounds)
    writes(history)
    history.close()


if __name__ == "__main__":
    main()
