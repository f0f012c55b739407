"""The command `steelgui`: every action of the page, for scripts. Heavy imports wait until a command needs them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from steelgui.connections import watch
from steelgui.data_cli import add_data
from steelgui.desktop_cli import add_desktop
from steelgui.history_cli import URL_HELP, add_history
from steelgui.model_cli import add_models
from steelgui.run_cli import add_runs
from steelgui.selftest_command import add_selftest
from steelgui.training_cli import add_training

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

    add_training(commands, common, EPILOG, arguments)
    add_runs(commands, common, EPILOG)

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


def _version() -> str:
    try:
        return version("steelgui")
    except PackageNotFoundError:
        return "from source"
