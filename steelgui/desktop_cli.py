"""The flags of `steelgui desktop`."""

from __future__ import annotations

import argparse
from typing import Any

KINDS = ("auto", "webview", "app", "browser")


def add_desktop(commands: Any, common: argparse.ArgumentParser, epilog: str) -> None:
    desktop = commands.add_parser(
        "desktop",
        parents=[common],
        help="open SteelGUI in a window of its own; a second start raises it",
        epilog=epilog,
    )
    desktop.add_argument("--lang", choices=("en", "ko"), help="language; the system's by default")
    desktop.add_argument(
        "--window",
        choices=KINDS,
        default="auto",
        help="webview (pywebview), app (Chromium, Chrome or Edge without its bars) or browser (a tab); the first that "
        "works by default",
    )
    desktop.add_argument("--keep-serving", action="store_true", help="go on without the window, until `desktop --quit`")
    instead = desktop.add_mutually_exclusive_group()
    instead.add_argument("--quit", action="store_true", help="end the SteelGUI of this home folder; trainings go on")
    instead.add_argument("--install-launcher", action="store_true", help="put it into the menu of a Linux desktop")
    instead.add_argument("--uninstall-launcher", action="store_true", help="take it out of there")
    desktop.set_defaults(run=_lazy)


def _lazy(arguments: argparse.Namespace) -> int:
    from steelgui.desktop.command import desktop

    return desktop(arguments)
