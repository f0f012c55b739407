"""The flags of `steelgui models`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any


def add_models(commands: Any, common: argparse.ArgumentParser, epilog: str) -> None:
    models = commands.add_parser("models", help="which models there are")
    actions = models.add_subparsers(dest="action", metavar="ACTION", required=True)
    listed = actions.add_parser("list", parents=[common], help="bundled and own models", epilog=epilog)
    listed.add_argument("--json", action="store_true")
    listed.set_defaults(run=_lazy("list_models"))
    named = {
        "show": "what one was trained on, and its figures",
        "activate": "let it inspect from now on; an open page takes it at its next start",
        "export": "its weights and card, to take elsewhere",
    }
    for action, help_text in named.items():
        one = actions.add_parser(action, parents=[common], help=help_text, epilog=epilog)
        one.add_argument("model", metavar="MODEL", help="name as in `models list`, or a checkpoint")
        if action == "export":
            one.add_argument("--out", type=Path, required=True, metavar="DIR")
            one.add_argument("--onnx", action="store_true", help="also as ONNX, compared with torch on real pictures")
            one.add_argument("--data", type=Path, metavar="DIR", help="pictures to compare on; bundled ones by default")
            one.add_argument(
                "--tolerance", type=float, metavar="X", help="greatest difference of scores let pass (default: 0.001)"
            )
        one.add_argument("--json", action="store_true")
        one.set_defaults(run=_lazy(action))
    two = actions.add_parser("compare", parents=[common], help="two of a kind on the same pictures", epilog=epilog)
    two.add_argument("a", metavar="A", help="name as in `models list`, or a checkpoint; likewise B")
    two.add_argument("b", metavar="B")
    two.add_argument("--data", type=Path, required=True, metavar="DIR")
    two.add_argument("--format", default="auto", help="folders, severstal or masks; detected by default")
    two.add_argument("--split", metavar="NAME", help="test if the data names one, else validation, by default")
    two.add_argument("--json", action="store_true")
    two.set_defaults(run=_lazy("compare"))
    back = actions.add_parser("rollback", parents=[common], help="back to the one before", epilog=epilog)
    off = actions.add_parser("off", parents=[common], help="let none of a kind inspect", epilog=epilog)
    for one, name in ((back, "rollback"), (off, "off")):
        one.add_argument("kind", choices=("classifier", "segmenter", "anomaly"))
        one.add_argument("--json", action="store_true")
        one.set_defaults(run=_lazy(name))
    taken = actions.add_parser("import", parents=[common], help="take a checkpoint in, once it was checked")
    taken.add_argument("file", type=Path, metavar="FILE", help="NAME.safetensors with NAME.json beside it")
    taken.add_argument("--name", metavar="NAME", help="what it is called here; the file's name by default")
    taken.add_argument("--json", action="store_true")
    taken.set_defaults(run=_lazy("take_in"))


def _lazy(name: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        from steelgui import model_commands

        return int(getattr(model_commands, name)(arguments))

    return run
