"""The command `steelgui`: every action of the page, for scripts. Heavy imports wait until a command needs them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from steelgui.connections import watch
from steelgui.data_cli import add_data
from steelgui.desktop_cli import add_desktop
from steelgui.history_cli import URL_HELP, add_history
from steelgui.model_cli import add_models
from steelgui.selftest_command import add_selftest

COMMANDS = (
    "serve",
    "desktop",
    "inspect",
    "data",
    "train",
    "experiment",
    "compare",
    "runs",
    "gan",
    "sample",
    "evaluate",
    "models",
    "history",
    "keys",
    "doctor",
    "selftest",
)
FORMATS = "folders, severstal, masks, mvtec, coco, labelme, yolo or workspace; detected by default"
EPILOG = "Exit status: 0 done, 1 something failed, 2 wrong usage. With --json, stdout holds JSON alone."


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    watch()
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = build_parser(arguments)
    # `steelgui` alone, or with flags only, serves the page.
    first = next((word for word in arguments if not word.startswith("-")), None)
    if not {"-h", "--help", "--version"} & set(arguments) and (first not in COMMANDS or arguments[0].startswith("-")):
        arguments = ["serve", *arguments]
    parsed = parser.parse_args(arguments)
    if argv is None:
        _keep_bytecode(parsed.home)
    try:
        return int(parsed.run(parsed) or 0)
    except KeyboardInterrupt:
        sys.stderr.write("steelgui: stopped\n")
        return 1
    except BrokenPipeError:
        # The reader went away (`| head`); Python would complain again while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError, FloatingPointError) as error:
        if type(error) in (ValueError, OSError) and os.environ.get("STEELGUI_TRACEBACK"):
            raise
        sys.stderr.write(f"steelgui: {error}\n")
        return 2 if type(error).__name__ == "ConfigError" else 1


def build_parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The whole command line; flags made from configurations are added only for `train`, which imports pydantic."""
    parser = argparse.ArgumentParser(
        prog="steelgui",
        description="Inspect steel surfaces for defects. Without a command, opens the page.",
        epilog=EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"steelgui {_version()}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--home", type=Path, metavar="DIR", help="folder for history, models and exports")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    serve = commands.add_parser("serve", parents=[common], help="open the page (the default)", epilog=EPILOG)
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    serve.add_argument("--port", type=int, metavar="N", help="port; the first free one from 7860 by default")
    serve.add_argument("--share", action="store_true", help="also serve through a public link")
    serve.add_argument("--lang", choices=("en", "ko"), help="language; the browser's by default")
    serve.add_argument("--auth", metavar="USER:PASSWORD", help="ask for a login; $STEELGUI_AUTH hides it")
    serve.add_argument(
        "--allow-all",
        action="store_true",
        help="let whoever reaches the page train, delete and name folders of this machine, although nobody logs in",
    )
    serve.add_argument("--upload-mb", type=int, metavar="MB", help="largest upload (default: as in Settings, 256)")
    serve.add_argument(
        "--rate",
        type=int,
        default=600,
        metavar="N",
        help="API requests a minute for each caller from elsewhere; 0 for any",
    )
    serve.add_argument("--inbrowser", action=argparse.BooleanOptionalAction, default=True, help="open the browser")
    serve.add_argument("--kiosk", action="store_true", help="open the kiosk; the rest is behind its PIN")
    serve.add_argument("--kiosk-pin", metavar="PIN", help="the kiosk's PIN from now on, 4 to 12 digits; kept as a hash")
    serve.add_argument("--kiosk-keep", action="store_true", help="keep visitors' captures in the history")
    serve.add_argument(
        "--camera", metavar="N|FILE", help="camera of this machine for the kiosk, or a video file in its place"
    )
    serve.add_argument("--database-url", metavar="URL", help=URL_HELP)
    # Said by `desktop`: where its window finds it, and in which process it lives, without which nobody needs us.
    serve.add_argument("--window-at", metavar="URL", help=argparse.SUPPRESS)
    serve.add_argument("--parent", type=int, metavar="PID", help=argparse.SUPPRESS)
    serve.set_defaults(run=_lazy("serve"))

    add_desktop(commands, common, EPILOG)

    inspect = commands.add_parser(
        "inspect", parents=[common], help="inspect pictures, folders and videos", epilog=EPILOG
    )
    inspect.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="pictures, folders of them, videos")
    inspect.add_argument("--json", action="store_true", help="one JSON object a line")
    inspect.add_argument("--out", type=Path, metavar="DIR", help="write an overlay (PNG) of each picture")
    inspect.add_argument("--fail-on-defect", action="store_true", help="exit with 1 when a defect was found")
    inspect.add_argument(
        "--threshold", type=float, metavar="X", help="score from which a class is found; 0.5, or as set"
    )
    inspect.add_argument("--min-area", type=int, metavar="PX", help="smallest region, pixels; 40, or as set")
    inspect.add_argument(
        "--false-alarms", type=float, metavar="X", help="part of good pictures that may look strange; 0.01, or as set"
    )
    inspect.add_argument("--classifier", metavar="MODEL", help="model name or file, or none; the active one by default")
    inspect.add_argument("--segmenter", metavar="MODEL", help="model name or file, or none; the active one by default")
    inspect.add_argument(
        "--detector", metavar="MODEL", help="anomaly detector, name or file, or none; the active one by default"
    )
    inspect.add_argument("--record", action="store_true", help="also keep the results in the history")
    inspect.add_argument("--database-url", metavar="URL", help=URL_HELP)
    frames = inspect.add_mutually_exclusive_group()
    frames.add_argument("--every", type=int, metavar="N", help="of a video: one of N frames (default: each)")
    frames.add_argument("--fps", type=float, metavar="X", help="of a video: X frames a second")
    inspect.set_defaults(run=_lazy_inspect)

    add_data(commands, common, EPILOG, FORMATS)

    train = commands.add_parser("train", help="train a classifier, a segmenter, an anomaly detector or a GAN")
    kinds = train.add_subparsers(dest="kind", metavar="KIND", required=True)
    trained: tuple[Literal["classifier", "segmenter"], ...] = ("classifier", "segmenter")
    for kind in trained:
        one = kinds.add_parser(kind, parents=[common], help=f"train a {kind}", epilog=EPILOG)
        one.add_argument("--config", type=Path, metavar="FILE", help="JSON recipe; flags given beside it win")
        one.add_argument("--json", action="store_true", help="events as JSON, one a line")
        if "train" in arguments and kind in arguments:
            from steelgui.commands import CONFIGS
            from steelgui.options import add_config_flags
            from training.presets import names

            one.add_argument("--preset", choices=names(kind), help="fills the settings below")
            add_config_flags(one, CONFIGS[kind])
        one.set_defaults(run=_lazy("train"))
    _add_anomaly(kinds, common, wanted="train" in arguments and "anomaly" in arguments)
    _add_gan(kinds, common, wanted="train" in arguments and "gan" in arguments)
    _add_experiment(commands, common, wanted="experiment" in arguments)
    _add_compare(commands, common, wanted="compare" in arguments)
    _add_runs(commands, common)

    evaluate = commands.add_parser("evaluate", parents=[common], help="figures of a model on a data set", epilog=EPILOG)
    evaluate.add_argument("model", metavar="MODEL|FILE", help="name as in `models list`, or a checkpoint")
    evaluate.add_argument("--data", type=Path, required=True, metavar="DIR")
    evaluate.add_argument("--format", default="auto", help=FORMATS)
    evaluate.add_argument(
        "--split", metavar="NAME", help="train, validation, test, a fold, or all (the default; of mvtec: test)"
    )
    evaluate.add_argument(
        "--brightness",
        type=float,
        default=1.0,
        metavar="X",
        help="multiply the pictures' values first: 0.25 is a quarter",
    )
    evaluate.add_argument("--json", action="store_true")
    evaluate.set_defaults(run=_lazy("evaluate"))

    add_models(commands, common, EPILOG)
    add_history(commands, common, EPILOG)
    _add_keys(commands, common)

    doctor = commands.add_parser("doctor", parents=[common], help="is everything here that is needed?", epilog=EPILOG)
    doctor.add_argument("--json", action="store_true")
    doctor.set_defaults(run=_lazy("doctor"))
    add_selftest(commands, EPILOG)
    return parser


def _add_anomaly(kinds: Any, common: argparse.ArgumentParser, wanted: bool) -> None:
    one = kinds.add_parser("anomaly", parents=[common], help="learn good parts, find what is strange", epilog=EPILOG)
    one.add_argument("--config", type=Path, metavar="FILE", help="JSON recipe; flags given beside it win")
    one.add_argument("--name", metavar="NAME", help="what the run is called")
    one.add_argument("--json", action="store_true", help="events as JSON, one a line")
    if wanted:
        from steelgui.options import add_config_flags
        from training.anomaly.config import AnomalyConfig

        one.add_argument(
            "--out", type=Path, metavar="DIR", help="put the detector there too; its run has it by default"
        )
        add_config_flags(one, AnomalyConfig, skip=frozenset({"out", "resume"}))
    one.set_defaults(run=_lazy_run("train_anomaly"))


def _add_gan(kinds: Any, common: argparse.ArgumentParser, wanted: bool) -> None:
    gan = kinds.add_parser("gan", parents=[common], help="train a GAN on one class, or on all", epilog=EPILOG)
    gan.add_argument("--config", type=Path, metavar="FILE", help="JSON recipe; flags given beside it win")
    gan.add_argument("--preset", choices=("quick", "good", "full", "thesis"), help="fills the settings below")
    gan.add_argument("--name", metavar="NAME", help="what the run is called")
    gan.add_argument("--json", action="store_true", help="events as JSON, one a line")
    if wanted:
        from steelgui.options import add_config_flags
        from training.gan.config import GanConfig

        add_config_flags(gan, GanConfig, skip=frozenset({"out", "resume"}))
    gan.set_defaults(run=_lazy_run("train_gan"))


def _add_experiment(commands: Any, common: argparse.ArgumentParser, wanted: bool) -> None:
    one = commands.add_parser(
        "experiment",
        parents=[common],
        help="do synthetic pictures help? Trainings with and without them on one split",
        epilog=EPILOG,
    )
    one.add_argument("--config", type=Path, metavar="FILE", help="JSON recipe; flags given beside it win")
    one.add_argument("--name", metavar="NAME", help="what the run is called")
    one.add_argument("--out", type=Path, metavar="DIR", help="also put result.json, figures.csv and report.html there")
    one.add_argument("--json", action="store_true", help="the result as one JSON object")
    if wanted:
        from steelgui.options import add_config_flags
        from training.experiment.config import ExperimentConfig

        add_config_flags(one, ExperimentConfig, skip=frozenset({"out", "resume"}))
    one.set_defaults(run=_lazy_run("experiment"))


def _add_compare(commands: Any, common: argparse.ArgumentParser, wanted: bool) -> None:
    one = commands.add_parser(
        "compare", parents=[common], help="kinds of models side by side, on one split of a data set", epilog=EPILOG
    )
    one.add_argument("--config", type=Path, metavar="FILE", help="JSON recipe; flags given beside it win")
    one.add_argument("--name", metavar="NAME", help="what the run is called")
    one.add_argument("--lang", choices=("en", "ko"), default="en", help="language of the page that --out writes")
    one.add_argument("--out", type=Path, metavar="DIR", help="also put comparison.html, .csv and .json there")
    one.add_argument("--json", action="store_true", help="the result as one JSON object")
    if wanted:
        from steelgui.options import add_config_flags
        from training.comparison.config import ComparisonConfig

        add_config_flags(one, ComparisonConfig, skip=frozenset({"out", "resume"}))
    one.set_defaults(run=_lazy_compare)


def _add_keys(commands: Any, common: argparse.ArgumentParser) -> None:
    keys = commands.add_parser("keys", help="who may use the JSON API from elsewhere")
    actions = keys.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser("create", parents=[common], help="a new key; it is shown this once", epilog=EPILOG)
    create.add_argument("name", metavar="NAME", help="whose it is")
    create.add_argument(
        "--allow", default="read,inspect", metavar="WHAT", help="of read,inspect,delete,train (default: read,inspect)"
    )
    listed = actions.add_parser("list", parents=[common], help="which there are", epilog=EPILOG)
    revoke = actions.add_parser("revoke", parents=[common], help="let it open nothing from now on", epilog=EPILOG)
    revoke.add_argument("name", metavar="NAME")
    for action in (create, listed):
        action.add_argument("--json", action="store_true")
    for action in (create, listed, revoke):
        action.set_defaults(run=_lazy("keys"))


def _add_runs(commands: Any, common: argparse.ArgumentParser) -> None:
    runs = commands.add_parser("runs", help="trainings under way and ended")
    actions = runs.add_subparsers(dest="action", metavar="ACTION", required=True)
    listed = actions.add_parser("list", parents=[common], help="all of them", epilog=EPILOG)
    listed.add_argument("--json", action="store_true")
    listed.set_defaults(run=_lazy_run("list_runs"))
    show = actions.add_parser("show", parents=[common], help="one of them", epilog=EPILOG)
    show.add_argument("which", metavar="RUN", help="id, the start of one, or name")
    show.add_argument("--json", action="store_true")
    show.set_defaults(run=_lazy_run("show_run"))
    for action, help_text in (
        ("pause", "keep everything and let others compute"),
        ("resume", "go on, also after a crash"),
        ("stop", "save and end"),
        ("save", "save its state now"),
        ("delete", "put it aside"),
        ("undelete", "bring a deleted one back, by its id"),
    ):
        one = actions.add_parser(action, parents=[common], help=help_text, epilog=EPILOG)
        one.add_argument("which", metavar="RUN", help="id, the start of one, or name")
        one.set_defaults(run=_lazy_run("command_run"))
    rename = actions.add_parser("rename", parents=[common], help="call it something else", epilog=EPILOG)
    rename.add_argument("which", metavar="RUN", help="id, the start of one, or name")
    rename.add_argument("name", metavar="NAME")
    rename.set_defaults(run=_lazy_run("rename_run"))
    remedy = actions.add_parser("remedy", parents=[common], help="help a GAN that goes wrong", epilog=EPILOG)
    remedy.add_argument("which", metavar="RUN", help="id, the start of one, or name")
    remedy.add_argument(
        "name",
        metavar="REMEDY",
        help="lower_g or lower_d (half of that network's learning rate), augment (augment more) or best (back to the "
        "best snapshot, at half of both learning rates)",
    )
    remedy.set_defaults(run=_lazy_run("remedy_run"))
    work = actions.add_parser("work", parents=[common], help=argparse.SUPPRESS)
    work.add_argument("which", type=Path, metavar="FOLDER")
    work.set_defaults(run=_lazy_run("work"))

    gan = commands.add_parser("gan", help="figures of a trained generator")
    reports = gan.add_subparsers(dest="action", metavar="ACTION", required=True)
    report = reports.add_parser("report", parents=[common], help="how near its pictures come to real", epilog=EPILOG)
    report.add_argument("which", metavar="RUN", help="id, the start of one, or name")
    report.add_argument("--count", type=int, default=500, metavar="N", help="pictures to draw and measure")
    report.add_argument("--features", default="bundled", metavar="FILE", help="a MobileNetV2 that measures")
    report.add_argument("--json", action="store_true")
    report.set_defaults(run=_lazy_run("report"))

    sample = commands.add_parser(
        "sample", parents=[common], help="new pictures from a trained generator, or of real defects on other steel",
        epilog=EPILOG,
    )  # fmt: skip
    sample.add_argument(
        "generator",
        metavar="RUN|NAME|DIR",
        help="a run, a model's name, a checkpoint, or a data set with masks, whose defects are put on its clean steel",
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
        "--background", type=Path, metavar="DIR", help="put the defects on clean steel from this data set or folder"
    )
    sample.add_argument("--walk", type=Path, metavar="FILE", help="also a walk between seeds, as FILE.gif or FILE.webp")
    sample.add_argument("--frames", type=int, default=48, metavar="N", help="of the walk, at 20 a second")
    sample.add_argument("--seeds", type=int, nargs="+", metavar="S", help="of the walk; S and S + 1 by default")
    sample.add_argument("--json", action="store_true", help="one JSON object a picture")
    sample.set_defaults(run=_lazy_run("sample"))


def _keep_bytecode(home: Path | None) -> None:
    """Keep compiled modules in our own folder where the environment forbids them beside their sources.

    Containers like to set PYTHONDONTWRITEBYTECODE; compiling Gradio and torch anew would then add five seconds to
    every start. As a command only: a program that imports us decides for itself.
    """
    if sys.dont_write_bytecode and sys.pycache_prefix is None:
        from steelgui.settings import default_home

        sys.pycache_prefix = str((home or default_home()).expanduser().absolute() / "bytecode")
        sys.dont_write_bytecode = False


def _lazy(name: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        from steelgui import commands

        return int(getattr(commands, name)(arguments))

    return run


def _lazy_inspect(arguments: argparse.Namespace) -> int:
    from steelgui.inspect_command import inspect

    return inspect(arguments)


def _lazy_compare(arguments: argparse.Namespace) -> int:
    from steelgui.compare_command import compare

    return compare(arguments)


def _lazy_run(name: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        from steelgui import run_commands

        return int(getattr(run_commands, name)(arguments))

    return run


def _version() -> str:
    try:
        return version("steelgui")
    except PackageNotFoundError:
        return "from source"
