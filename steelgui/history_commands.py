"""What the commands about the history do; stdout is for results, stderr for progress."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice
from pathlib import Path
from typing import Any

from steelgui.console import print_json, print_line, say, settings_from
from steelgui.history import Filter, History, HistoryRow
from steelgui.settings import StorageError
from training.config import ConfigError


def list_rows(arguments: argparse.Namespace) -> int:
    if arguments.limit < 1:
        raise ConfigError("--limit: give 1 or more")
    with _history(arguments) as history:
        left, cursor = arguments.limit, None
        while left and (rows := history.page(cursor, min(left, 500), _filter(arguments), arguments.order)):
            for row in rows:
                print_json(_object(row)) if arguments.json else print_line(_line(row))
            left, cursor = left - len(rows), rows[-1].cursor
    return 0


def stats(arguments: argparse.Namespace) -> int:
    with _history(arguments) as history:
        found = history.stats(_filter(arguments), arguments.step, _local_zone())
    if arguments.json:
        print_json(
            {
                **{name: getattr(found, name) for name in ("count", "defects", "mean_ms", "p95_ms", "labels")},
                "periods": [{**asdict(period), "start": period.start.isoformat()} for period in found.periods],
            }
        )
        return 0
    rate = f", {100 * found.defects / found.count:.2f} % defective" if found.count else ""
    print_line(f"{found.count} inspections{rate}")
    if found.mean_ms is not None and found.p95_ms is not None:
        print_line(f"{found.mean_ms:.0f} ms on average, 95 % within {found.p95_ms:.0f} ms")
    for label, count in found.labels.items():
        print_line(f"  {label:<24} {count:>8}")
    for period in found.periods:
        if period.count:
            print_line(f"{period.start:%Y-%m-%d %H:%M}  {period.count:>8}  {period.defects:>8} defective")
    return 0


def export(arguments: argparse.Namespace) -> int:
    with _history(arguments) as history:
        found = history.export(arguments.out, _filter(arguments))
    return _told(arguments, "written", found.done, "their pictures are gone", found.skipped, failed=found.skipped)


def take_in(arguments: argparse.Namespace) -> int:
    with _history(arguments) as history:
        found = history.take_in(arguments.source)
    return _told(arguments, "taken in", found.done, "were here already", found.skipped)


def backup(arguments: argparse.Namespace) -> int:
    if arguments.out.suffix.lower() != ".zip":
        raise ConfigError("backup: --out must end in .zip")
    with _history(arguments) as history:
        found = history.backup(arguments.out)
    return _told(arguments, "written", found.done, "lack a picture", found.skipped, failed=found.skipped)


def purge(arguments: argparse.Namespace) -> int:
    """Without flags, what the app itself would remove today."""
    from steelgui.history.rows import Purged
    from steelgui.history.upkeep import TRASH_KEPT

    settings = settings_from(arguments)
    older = None if arguments.older_than is None else timedelta(days=arguments.older_than)
    if older is not None and older < timedelta(0):
        raise ConfigError("--older-than: give days, 0 or more")
    with _history(arguments) as history:
        if arguments.dry_run:
            if arguments.trash:
                due = history.due(older or timedelta(0), None)
            elif older is not None:
                due = history.due(None, older)
            else:
                due = history.due(
                    TRASH_KEPT, None if settings.keep_days is None else timedelta(days=settings.keep_days)
                )
            print_json({"inspections": due}) if arguments.json else print_line(f"{due} inspections would be removed")
            return 0
        purged = Purged()
        if arguments.trash:
            purged += history.purge_trash(older or timedelta(0))
        elif older is not None:
            purged += history.purge_old(older)
        else:
            purged += history.retain(settings.keep_days, settings.keep_gb)
    if arguments.json:
        print_json(asdict(purged))
    else:
        print_line(
            f"{purged.inspections} inspections and {purged.files} files removed, {purged.bytes / 1e6:.1f} MB free"
        )
    return 0


def check(arguments: argparse.Namespace) -> int:
    """Exit status 1 when an inspection's file is gone."""
    with _history(arguments) as history:
        found = history.sweep()
    if found.shared:
        say("another database was used with this home: no file is removed (history/databases.txt, docs/history.md)")
    if arguments.json:
        print_json(asdict(found))
    else:
        print_line(f"{found.removed} files without an inspection removed, {found.bytes / 1e6:.1f} MB free")
        for number, names in islice(sorted(found.missing.items()), 100):
            print_line(f"inspection {number}: {', '.join(names)} missing")
        print_line(f"{len(found.missing)} inspections lack a file")
    return int(bool(found.missing))


@contextmanager
def _history(arguments: argparse.Namespace) -> Iterator[History]:
    settings = settings_from(arguments)
    if not settings.home.is_dir():
        raise StorageError(f"{settings.home} is not there; name the folder with --home DIR.")
    history = History(settings)
    try:
        yield history
    finally:
        history.close()


def _local_zone() -> tzinfo:
    """This machine's; where its name cannot be told, as far from UTC as it is today."""
    from zoneinfo import ZoneInfo

    named = os.environ.get("TZ") or str(Path("/etc/localtime").resolve()).partition("zoneinfo/")[2]
    try:
        return ZoneInfo(named)
    except (ValueError, OSError, KeyError):
        return datetime.now().astimezone().tzinfo or UTC


def _filter(arguments: argparse.Namespace) -> Filter:
    given: dict[str, Any] = {field.name: getattr(arguments, field.name) for field in fields(Filter)}
    for name in ("labels", "classifiers", "sources"):
        given[name] = tuple(given[name])
    return Filter(**given)


def _object(row: HistoryRow) -> dict[str, Any]:
    values = asdict(row)
    for name in ("created_at", "corrected_at", "deleted_at"):
        values[name] = values[name] and values[name].isoformat()
    return {**values, "original": str(row.original), "thumbnail": str(row.thumbnail)}


def _line(row: HistoryRow) -> str:
    score = "" if row.score is None else f"{row.score:.2f}"
    when = f"{row.created_at.astimezone():%Y-%m-%d %H:%M:%S}"
    return f"{row.id:>8}  {when}  {row.verdict.upper():<6}  {row.label:<20} {score:>4}  {row.source:<7} {row.name}"


def _told(arguments: argparse.Namespace, what: str, done: int, why: str, skipped: int, failed: int = 0) -> int:
    if arguments.json:
        print_json({"done": done, "skipped": skipped})
    else:
        print_line(f"{done} inspections {what}")
    if skipped:
        say(
            f"{skipped} left out: they {why}"
            if not failed
            else f"{skipped}: {why}; `steelgui history check` names them"
        )
    return int(failed > 0)
