"""What was asked for on the page, as a line for a shell."""

from __future__ import annotations

import shlex
from pathlib import Path

from training.config import RunConfig

#: Where a run lies, and whether it goes on, is the page's own affair.
OWN = ("data", "out", "resume")


def command_line(words: list[str], config: RunConfig) -> str:
    """The same from the command line; only what differs from the defaults is written out."""
    words = ["steelgui", *words, "--data", str(config.data)]
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        if name in OWN or value == field.default:
            continue
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif isinstance(value, tuple):
            words += [f"--{flag}", *(item.name if isinstance(item, Path) else str(item) for item in value)]
        else:
            words += [f"--{flag}", str(value)]
    return shlex.join(words)
