"""The flags of `steelgui runs`, `gan` and `sample`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any


def add_runs(commands: Any, common: argparse.ArgumentParser, epilog: str) -> None:
    """`runs`, and what is drawn from a generator: `gan` and `sample`."""
    runs = commands.add_parser("runs", help="trainings under way and ended")
    actions = runs.add_subparsers(dest="action", metavar="ACTION", required=True)
    listed = actions.add_parser("list", parents=[common], help="all of them", epilog=epilog)
    listed.add_argument("--json", action="store_true")
    listed.set_defaults(run=lazy_run("list_runs"))
    show = actions.add_parser("show", parents=[common], help="one of them", epilog=epilog)
    show.add_argument("which", metavar="RUN", help="id, the start of one, or name")
    show.add_argument("--json", action="store_true")
    show.set_defaults(run=lazy_run("show_run"))
    for action, help_text in (
        ("pause", "keep everything and let others compute"),
        ("resume", "go on, also after a crash"),
        ("stop", "save and end"),
        ("save", "save its state now"),
        ("delete", "put it aside"),
        ("undelete", "bring a deleted one back, by its id"),
    ):
        one = actions.add_parser(action, parents=[common], help=help_text, epilog=epilog)
        one.add_argument("which", metavar="RUN", help="id, the start of one, or name")
        one.set_defaults(run=lazy_run("command_run"))
    rename = actions.add_parser("rename", parents=[common], help="call it something else", epilog=epilog)
    rename.add_argument("which", metavar="RUN", help="id, the start of one, or name")
    rename.add_argument("name", metavar="NAME")
    rename.set_defaults(run=lazy_run("rename_run"))
    remedy = actions.add_parser("remedy", parents=[common], help="help a GAN that goes wrong", epilog=epilog)
    remedy.add_argument("which", metavar="RUN", help="id, the start of one, or name")
    remedy.add_argument(
        "name",
        metavar="REMEDY",
        help="lower_g or lower_d (half of that network's learning rate), augment (augment more) or best (back to the "
        "best snapshot, at half of both learning rates)",
    )
    remedy.set_defaults(run=lazy_run("remedy_run"))
    work = actions.add_parser("work", parents=[common], help=argparse.SUPPRESS)
    work.add_argument("which", type=Path, metavar="FOLDER")
    work.set_defaults(run=lazy_run("work"))

    gan = commands.add_parser("gan", help="figures of a trained generator")
    reports = gan.add_subparsers(dest="action", metavar="ACTION", required=True)
    report = reports.add_parser("report", parents=[common], help="how near its pictures come to real", epilog=epilog)
    report.add_argument("which", metavar="RUN", help="id, the start of one, or name")
    report.add_argument("--count", type=int, default=500, metavar="N", help="pictures to draw and measure")
    report.add_argument("--features", default="bundled", metavar="FILE", help="a MobileNetV2 that measures")
    report.add_argument("--json", action="store_true")
    report.set_defaults(run=lazy_run("report"))

    sample = commands.add_parser(
        "sample", parents=[common], help="new pictures from a trained generator, or of real defects varied",
        epilog=epilog,
    )  # fmt: skip
    sample.add_argument(
        "generator",
        metavar="RUN|NAME|DIR",
        help="a run, a model's name, a checkpoint, or a data set, whose defects are put on its clean steel, "
        "or shown in other light where they have no masks",
    )
    sample.add_argument("--count", type=int, default=16, metavar="N")
    sample.add_argument("--seed", type=int, default=0, metavar="S", help="picture i comes from seed S + i")
    sample.add_argument("--class", dest="class_name", metavar="C", help="class; each in turn by default")
    sample.add_argument("--truncation", type=float, default=1.0, metavar="X", help="below 1: safer and more alike")
    sample.add_argument("--at", type=int, metavar="N", help="a run's snapshot at N pictures seen; its best by default")
    sample.add_argument("--out", type=Path, metavar="DIR", help="pictures, masks and manifest.csv")
    sample.add_argument(
        "--scores", action="store_true", help="the classifier's confidence and the nearest distance in the manifest"
    )
    sample.add_argument(
        "--background",
        type=Path,
        metavar="DIR",
        help="put the defects on clean steel, or in the light, of this data set or folder",
    )
    sample.add_argument("--walk", type=Path, metavar="FILE", help="also a walk between seeds, as FILE.gif or FILE.webp")
    sample.add_argument("--frames", type=int, default=48, metavar="N", help="of the walk, at 20 a second")
    sample.add_argument("--seeds", type=int, nargs="+", metavar="S", help="of the walk; S and S + 1 by default")
    sample.add_argument("--json", action="store_true", help="one JSON object a picture")
    sample.set_defaults(run=lazy_run("sample"))


def lazy_run(name: str) -> Callable[[argparse.Namespace], int]:
    """What a command of `run_commands` does, which is imported when it is wanted."""

    def run(arguments: argparse.Namespace) -> int:
        from steelgui import run_commands

        return int(getattr(run_commands, name)(arguments))

    return run
