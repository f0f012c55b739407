"""The flags of `steelgui data`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any


def add_data(commands: Any, common: argparse.ArgumentParser, epilog: str, formats: str) -> None:
    data = commands.add_parser("data", help="look at data sets, take them in, correct and split them, render strips")
    actions = data.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, run: str, help_text: str, *, named: bool = True) -> argparse.ArgumentParser:
        one: argparse.ArgumentParser = actions.add_parser(name, parents=[common], help=help_text, epilog=epilog)
        if named:
            one.add_argument("data", metavar="NAME|DIR", help="a data set of the workspace, or a folder to take in")
        if name != "render":
            one.add_argument("--json", action="store_true")
        one.set_defaults(run=_lazy(run))
        return one

    describe = action("describe", "describe", "counts, imbalance, sizes, duplicates", named=False)
    describe.add_argument("dir", type=Path, metavar="DIR")
    describe.add_argument("--format", default="auto", help=formats)
    render = action("render", "render", "render demo strips in Severstal's layout", named=False)
    render.add_argument("dir", type=Path, metavar="DIR")
    render.add_argument("--strips", type=int, default=200, metavar="N")
    render.add_argument("--seed", type=int, default=0, metavar="S")
    action("list", "list_data", "the workspace's data sets", named=False)
    taken = action(
        "import", "take_in", "take a folder or a ZIP into the workspace; originals stay as they are", named=False
    )
    taken.add_argument("source", type=Path, metavar="DIR|ZIP")
    taken.add_argument("--name", metavar="NAME", help="what it is called; the folder's name by default")
    split = action("split", "split", "deal all pictures to splits, near-duplicates together")
    split.add_argument("--validation", type=float, default=0.2, metavar="X", help="part of the pictures")
    split.add_argument("--test", type=float, default=0.0, metavar="X", help="part of the pictures")
    split.add_argument("--seed", type=int, default=0, metavar="S")
    label = action("label", "label", "correct one picture")
    label.add_argument("picture", metavar="PICTURE", help="its path inside the data set")
    what = label.add_mutually_exclusive_group(required=True)
    what.add_argument("--class", dest="class_name", metavar="C", help="what it shows")
    what.add_argument("--split", metavar="S", help="train, validation or test; near-duplicates go along")
    what.add_argument("--same-as", metavar="PICTURE", help="it shows the same spot as that one")
    what.add_argument("--leave-out", action="store_true", help="count it no more")
    action("undo", "undo", "take the newest correction back")


def _lazy(name: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        from steelgui import data_commands

        return int(getattr(data_commands, name)(arguments))

    return run
