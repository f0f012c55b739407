"""Command-line flags made from a configuration's fields, so that help, bounds and choices are written once."""

from __future__ import annotations

import argparse
import shlex
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo


def add_config_flags(
    parser: argparse.ArgumentParser, kind: type[BaseModel], skip: frozenset[str] = frozenset()
) -> None:
    """One flag a field: `--learning-rate 0.001`, `--flips/--no-flips`, choices where the field lists them."""
    for name, info in kind.model_fields.items():
        if name in skip:
            continue
        flag, options = f"--{(info.alias or name).replace('_', '-')}", _options(info)
        # A required field may also come from --config FILE, so it is the configuration that insists, not the parser.
        default = "required" if info.is_required() else f"default: {_shown(info.default)}"
        help_text = f"{info.description} ({default})"
        parser.add_argument(
            flag,
            dest=name,
            default=argparse.SUPPRESS,
            help=help_text.replace("%", "%%"),
            **options,
        )


def config_values(kind: type[BaseModel], arguments: argparse.Namespace) -> dict[str, Any]:
    """The values that were given; everything else keeps the field's default."""
    return {name: getattr(arguments, name) for name in kind.model_fields if hasattr(arguments, name)}


def command_line(words: list[str], config: BaseModel, skip: frozenset[str] = frozenset()) -> str:
    """What would make this configuration in a shell; only what differs from the defaults is written out."""
    written = list(words)
    for name, info in type(config).model_fields.items():
        value = getattr(config, name)
        if name in skip or (value == info.default and not info.is_required()):
            continue
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            written.append(f"--{flag}" if value else f"--no-{flag}")
        elif isinstance(value, tuple):
            written += [f"--{flag}", *(item.name if isinstance(item, Path) else str(item) for item in value)]
        else:
            written += [f"--{flag}", str(value)]
    return shlex.join(written)


def _options(info: FieldInfo) -> dict[str, Any]:
    annotation = info.annotation
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    if annotation is bool:
        return {"action": argparse.BooleanOptionalAction}
    if get_origin(annotation) is Literal:
        choices = get_args(annotation)
        return {"choices": choices, "type": type(choices[0])}
    if get_origin(annotation) is tuple:
        of = get_args(annotation)[0]
        names = {int: "N", float: "X", Path: "PATH"}
        return {"type": of if of in names else str, "nargs": "+", "metavar": names.get(of, "NAME")}
    if annotation is Path:
        return {"type": Path, "metavar": "PATH"}
    metavar = {int: "N", float: "X"}.get(annotation, "TEXT")  # type: ignore[arg-type]
    return {"type": annotation, "metavar": metavar}


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
