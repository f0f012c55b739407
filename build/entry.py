"""Where the frozen program starts: PyInstaller makes `SteelGUI` of this file.

The same file is the window, every command, a training's process and an experiment's helpers, so what it was started
for is decided here before anything heavy is imported.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path


def main() -> int:
    """Exit status of whatever was asked for."""
    # Windows gives no streams to a program that was started without a console; much would fail at its first word.
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115

    # A helper of an experiment never comes back from this; it must not read the words meant for our commands.
    multiprocessing.freeze_support()

    from steelgui.ourselves import LIBRARY_PATHS, our_environment

    # Our libraries are found by now. A browser that we open must find the system's, and not ours.
    os.environ.update(our_environment())
    for name in LIBRARY_PATHS:
        os.environ.pop(name, None)
        if theirs := os.environ.get(f"{name}_ORIG"):
            os.environ[name] = theirs

    from steelgui.cli import COMMANDS
    from steelgui.cli import main as command

    return command(sys.argv[1:] or ["desktop" if "desktop" in COMMANDS else "serve"])


if __name__ == "__main__":
    raise SystemExit(main())
