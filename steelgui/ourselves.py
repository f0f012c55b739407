"""How to start this program again, from source or frozen, and with which environment; quick to import."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

#: Where a system's loader looks for shared libraries; PyInstaller keeps the user's own value beside it, as `…_ORIG`.
LIBRARY_PATHS = ("LD_LIBRARY_PATH", "LIBPATH")


def frozen() -> bool:
    """Are we a program made by PyInstaller?"""
    return bool(getattr(sys, "frozen", False))


def ourselves() -> list[str]:
    """The words that start SteelGUI: the frozen executable, or this interpreter with our package."""
    return [sys.executable] if frozen() else [sys.executable, "-m", "steelgui"]


def our_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """For a process of ours that may outlive us: frozen, it is a program of its own and no helper of this one."""
    return {**environment, "PYINSTALLER_RESET_ENVIRONMENT": "1"} if frozen() else dict(environment)


def their_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """For programs of others, such as a browser: without what makes a frozen program load its own libraries."""
    if not frozen():
        return dict(environment)
    theirs = {name: value for name, value in environment.items() if not name.startswith(("_PYI_", "_MEIPASS"))}
    for name in LIBRARY_PATHS:
        theirs.pop(name, None)
        if original := theirs.pop(f"{name}_ORIG", None):
            theirs[name] = original
    return theirs
