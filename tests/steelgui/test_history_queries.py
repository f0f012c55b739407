"""Pages, counts and figures against plain Python over the same rows, on all three databases."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select
from stored import NOON, inspection, picture

from steelgui.history import ORDERS, Filter, History, HistoryRow, Order, Period, Stats, Step, figures, pages
from steelgui.history.rollup import fill, p95, pace, rank95
from steelgui.history.tables import HourRecord, InspectionRecord, KindRecord, PaceRecord
from steelgui.settings import Settings

LABELS = ("none", "scratches", "Scratches", "균열")
SEOUL, BERLIN, KOLKATA = ZoneInfo("Asia/Seoul"), ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")


@pytest.fixture
def history(tmp_path: Path, database_url: str | None) -> Iterator[History]:
    opened = History(Settings(home=tmp_path, database_url=database_url), now=lambda: NOON)
    yield opened
    opened.close()


def scatter(history: History, count: int, seed: int, span: timedelta = timedelta(days=40)) -> list[HistoryRow]:
    """Random inspections without pictures, around the days on which Berlin's clocks change; newest first."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        # Few different moments and scores, so that the order of equal ones counts.
        moment = datetime(2026, 3, 10, tzinfo=UTC) + span * rng.randrange(400) / 400
        label = rng.choice(LABELS)
        made.append(
            {
                "created_at": moment,
                "name": rng.choice(["Camera_1.jpg", "camera-2 100%.png", "강판 3호기", "a_b", "x"]),
                "source": rng.choice(["camera", "upload", "batch"]),
                "verdict": "ok" if label == "none" else "defect",
                "label": label,
                "score": rng.choice([None, 0.2, 0.5, 0.51, 0.9, 0.9]),
                "width": 8,
                "height": 8,
                "ms": rng.lognormvariate(4, 0.5),
                "classifier": rng.choice([None, "neu", "Neu"]),
                "segmenter": None,
                "original": "originals/00/x.png",
                "thumbnail": "thumbnails/00/x.jpg",
                "result": {},
                "thresholds": {},
                "deleted_at": NOON if rng.random() < 0.1 else None,
            }
        )
    with history._access.open().begin() as connection:
        connection.execute(insert(InspectionRecord), made)
        fill(connection)
        ids = connection.scalars(select(InspectionRecord.id)).all()
    rows = [history.get(number) for number in ids]
    return sorted((row for row in rows if row), key=lambda row: (row.created_at, row.id), reverse=True)


def fits(row: HistoryRow, where: Filter) -> bool:
    return (
        (row.deleted_at is not None) is where.deleted
        and (where.since is None or row.created_at >= where.since)
        and (where.until is None or row.created_at < where.until)
        and where.verdict in (None, row.verdict)
        and (not where.labels or row.label in where.labels)
        and (not where.classifiers or row.classifier in where.classifiers)
        and (not where.sources or row.source in where.sources)
        and (where.min_score is None or (row.score is not None and row.score >= where.min_score))
        and (where.max_score is None or (row.score is not None and row.score <= where.max_score))
        and where.text.lower() in row.name.lower()
    )


def in_order(rows: list[HistoryRow], order: Order) -> list[HistoryRow]:
    if order in ("newest", "oldest"):
        return sorted(rows, key=lambda row: (row.created_at, row.id), reverse=order == "newest")
    sign = -1 if order == "highest" else 1
    return sorted(rows, key=lambda row: (row.score is None, sign * (row.score or 0), sign * row.id))


def questions(seed: int) -> Iterator[Filter]:
    rng = random.Random(seed)
    yield Filter()
    yield Filter(deleted=True)
    for _ in range(14):
        since = datetime(2026, 3, 10, tzinfo=UTC) + timedelta(minutes=rng.randrange(40 * 1440))
        low = rng.choice([0.2, 0.3, 0.5, 0.95])
        yield Filter(
            since=rng.choice([None, None, since]),
            until=rng.choice([None, None, since + timedelta(minutes=rng.choice([20, 600, 20_000]))]),
            verdict=rng.choice([None, None, "ok", "defect"]),
            labels=rng.choice([(), (), ("scratches",), ("균열", "none"), ("nothing",)]),
            classifiers=rng.choice([(), (), ("neu",)]),
            sources=rng.choice([(), (), ("camera",), ("upload", "batch")]),
            min_score=rng.choice([None, None, low]),
            max_score=rng.choice([None, None, 0.9]),
            text=rng.choice(["", "", "camera", "강판", "100%", "_", "era_1", "A_B", '"']),
            deleted=rng.random() < 0.2,
        )


@pytest.mark.parametrize("much", ["little", "much"])
def test_pages_and_counts_are_those_of_plain_python(
    history: History, monkeypatch: pytest.MonkeyPatch, much: str
) -> None:
    if much == "much":
        # As if these few were a million, so that nothing is gathered and sorted.
        for name in ("FEW", "_STRETCH", "_HANDFUL"):
            monkeypatch.setattr(pages, name, 3)
        monkeypatch.setattr(pages, "_HOURS", 5)
    rows = scatter(history, 300, seed=1)
    rng = random.Random(2)
    seen = 0
    for where in questions(3):
        wanted = [row for row in rows if fits(row, where)]
        found = history.summary(where)
        assert (found.count, found.defects) == (len(wanted), sum(row.verdict == "defect" for row in wanted)), where
        assert found.exact
        for order in ORDERS:
            right = [row.id for row in in_order(wanted, order)]
            paged, cursor = [], None
            while some := history.page(cursor, 60, where, order):
                paged += [row.id for row in some]
                cursor = some[-1].cursor
            assert paged == right, (where, order)
            if right:
                at = rng.randrange(len(right))
                before = right[at - 1] if at else None
                after = right[at + 1] if at + 1 < len(right) else None
                row = history.get(right[at])
                assert row is not None and history.neighbours(row, where, order) == (before, after), (where, order)
                seen += 1
    assert seen > 20


def plain_stats(rows: list[HistoryRow], step: Step, zone: tzinfo) -> Stats:
    def begin(row: HistoryRow) -> datetime:
        moment = row.created_at.astimezone(zone).replace(minute=0, second=0, microsecond=0, fold=0)
        return moment.replace(hour=0) if step == "day" else moment

    by_period: dict[datetime, list[HistoryRow]] = {}
    for row in rows:
        by_period.setdefault(begin(row), []).append(row)
    starts, unit = [], timedelta(days=1) if step == "day" else timedelta(hours=1)
    while rows and (not starts or starts[-1] < max(by_period)):
        starts.append(starts[-1] + unit if starts else min(by_period))
    times = sorted(row.ms for row in rows)
    return Stats(
        count=len(rows),
        defects=sum(row.verdict == "defect" for row in rows),
        mean_ms=pytest.approx(sum(times) / len(times)) if times else None,
        p95_ms=times[rank95(len(times))] if times else None,
        labels=Counter(row.label for row in rows),
        periods=tuple(
            Period(start, len(of), sum(row.verdict == "defect" for row in of), Counter(row.label for row in of))
            for start in starts
            for of in [by_period.get(start, [])]
        ),
    )


@pytest.mark.parametrize(("zone", "step"), [(UTC, "day"), (SEOUL, "day"), (BERLIN, "hour"), (KOLKATA, "day")])
def test_figures_are_those_of_plain_python(history: History, zone: tzinfo, step: Step) -> None:
    rows = scatter(history, 300, seed=4)
    for where in questions(5):
        found = history.stats(where, step, zone)
        assert found == plain_stats([row for row in rows if fits(row, where)], step, zone), where
        assert list(found.labels.values()) == sorted(found.labels.values(), reverse=True)


def test_percentiles_of_many_come_from_the_counts(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row for row in scatter(history, 600, seed=6) if row.deleted_at is None]
    exact = history.stats().p95_ms
    monkeypatch.setattr(figures, "EXACT", 10)
    assert exact is not None and history.stats().p95_ms == pytest.approx(exact, rel=0.06)
    odd = Filter(since=rows[-1].created_at + timedelta(days=3, minutes=7), verdict="defect")
    found, wanted = history.stats(odd).p95_ms, plain_stats([row for row in rows if fits(row, odd)], "day", UTC).p95_ms
    assert found == pytest.approx(wanted, rel=0.06)


def test_a_count_that_stops_says_so(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    scatter(history, 200, seed=7)
    monkeypatch.setattr(pages, "FEW", 3)
    monkeypatch.setattr(figures, "LOOKED", 50)
    exact, bounded = history.summary(Filter(verdict="defect")), history.summary(Filter(min_score=0.2))
    assert exact.exact and not bounded.exact
    assert 0 < bounded.count <= 50


def counts(history: History) -> list[list[tuple[object, ...]]]:
    """What is counted, with kinds in words and without those of which there are none."""
    with history._access.read() as session:
        kinds = {row.id: row for row in session.scalars(select(KindRecord))}
        return [
            sorted(
                (*(getattr(row, name) for name in names), kind.deleted, kind.label, kind.classifier, kind.source)
                for row in session.scalars(select(table))
                for kind in [kinds[getattr(row, "kind", None) or row.id]]
                if row.count
            )
            for table, names in (
                (KindRecord, ("count",)),
                (HourRecord, ("hour", "count")),
                (PaceRecord, ("day", "pace", "count")),
            )
        ]


def test_the_counts_follow_every_change(history: History) -> None:
    ids = [
        history.record(picture(), inspection(ms=10.0 * number + 1), name="x", source="batch").id for number in range(6)
    ]
    history.correct(ids[:3], "ok")
    history.correct(ids[2:3], None)
    history.delete(ids[3:5])
    history.delete(ids[3:5])
    history.restore(ids[4:])
    history.annotate(ids, "looked at")
    history.purge(ids[3:4])
    assert (history.count(), history.summary(Filter(deleted=True)).count) == (5, 0)
    kept = counts(history)
    with history._access.open().begin() as connection:
        fill(connection)
    assert kept == counts(history)
    assert history.facets().labels == ("ok", "scratches")
    assert history.stats().labels == {"scratches": 3, "ok": 2}


def test_of_two_times_95_percent_are_not_beyond_the_longer() -> None:
    assert [rank95(count) for count in (1, 2, 19, 20, 21, 100)] == [0, 1, 18, 18, 19, 94]


def test_the_scale_of_paces_reads_percentiles_to_a_few_percent() -> None:
    rng = random.Random(8)
    times = sorted(rng.lognormvariate(4, 0.6) for _ in range(5000))
    assert p95(Counter(map(pace, times))) == pytest.approx(times[4749], rel=0.05)
    assert p95({pace(70.0): 1}) == pytest.approx(70, rel=0.05)
    assert pace(0.0) < pace(1.0)


def test_hours_of_another_zone_are_not_those_of_utc(history: History) -> None:
    """Half an hour off in Kolkata: 18:29 UTC is that day, 18:31 the next."""
    for minute in (29, 31):
        moment = datetime(2026, 3, 1, 18, minute, tzinfo=UTC)
        clocked = History(history._access._settings, now=lambda moment=moment: moment)  # type: ignore[misc]
        clocked.record(picture(), inspection(), name="x", source="batch")
        clocked.close()
    assert [period.start.day for period in history.stats(zone=KOLKATA).periods] == [1, 2]
    assert [period.count for period in history.stats(zone=timezone(timedelta(hours=9))).periods] == [2]
