"""The flags of `steelgui history`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from steelgui.history.values import ORDERS, SOURCES

URL_HELP = (
    "database of the history: postgresql://USER:PASSWORD@HOST/NAME or mysql://…; better in $STEELGUI_DATABASE_URL"
)


def add_history(commands: Any, common: argparse.ArgumentParser, epilog: str) -> None:
    history = commands.add_parser("history", help="what was inspected: list, figures, export, import, purge, backup")
    actions = history.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, run: str, help_text: str, *, filtered: bool = False) -> argparse.ArgumentParser:
        one: argparse.ArgumentParser = actions.add_parser(name, parents=[common], help=help_text, epilog=epilog)
        one.add_argument("--database-url", metavar="URL", help=URL_HELP)
        if filtered:
            _add_filters(one)
        one.add_argument("--json", action="store_true")
        one.set_defaults(run=_lazy(run))
        return one

    listed = action("list", "list_rows", "inspections, the newest first", filtered=True)
    listed.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many (default: 50)")
    listed.add_argument("--order", choices=ORDERS, default="newest", help="by time or by score")
    stats = action("stats", "stats", "counts, defect rate, milliseconds, by day or hour", filtered=True)
    stats.add_argument("--step", choices=("day", "hour"), default="day")
    export = action("export", "export", "pictures with tables of what was found", filtered=True)
    export.add_argument("--out", type=Path, required=True, metavar="DIR|FILE.zip", help="a new folder, or a ZIP")
    taken = action("import", "take_in", "take in an export or a backup; what is here already is left alone")
    taken.add_argument("source", type=Path, metavar="DIR|FILE.zip")
    purge = action("purge", "purge", "remove for good what is due, or what is named")
    purge.add_argument("--trash", action="store_true", help="what is in the trash, all of it")
    purge.add_argument(
        "--older-than", type=float, metavar="DAYS", help="inspected so long ago; with --trash: in the trash for so long"
    )
    purge.add_argument("--dry-run", action="store_true", help="only say how many")
    backup = action("backup", "backup", "all there is in one ZIP, while the app runs")
    backup.add_argument("--out", type=Path, required=True, metavar="FILE.zip")
    action("check", "check", "remove files without a row, name rows without their files")


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--since", type=_moment, metavar="DATE", help="2026-11-22 or 2026-11-22T06:00, local time")
    parser.add_argument("--until", type=_moment, metavar="DATE", help="before that")
    parser.add_argument("--verdict", choices=("ok", "defect"))
    parser.add_argument("--class", dest="labels", nargs="+", default=(), metavar="C", help="any of these classes")
    parser.add_argument(
        "--model", dest="classifiers", nargs="+", default=(), metavar="M", help="judged by any of these"
    )
    parser.add_argument("--source", dest="sources", nargs="+", default=(), choices=SOURCES, metavar="S")
    parser.add_argument("--min-score", type=float, metavar="X")
    parser.add_argument("--max-score", type=float, metavar="X")
    parser.add_argument("--text", default="", metavar="T", help="part of the file's name")
    parser.add_argument("--trashed", dest="deleted", action="store_true", help="what is in the trash")


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write 2026-11-22 or 2026-11-22T06:00") from None


def _lazy(name: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        from steelgui import history_commands

        return int(getattr(history_commands, name)(arguments))

    return run
