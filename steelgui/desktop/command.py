"""`steelgui desktop`: the first on a home folder opens the window, a second one brings it to the front."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from steelgui.desktop.instance import Instance
from steelgui.settings import StorageError, default_home

#: Seconds in which a SteelGUI that was asked to quit has ended: its server gets ten of them.
LEAVING = 20.0


def desktop(arguments: argparse.Namespace) -> int:
    """Returns when the window is closed.

    Raises:
        WindowError: there is no window of the wanted kind.
        StorageError: the SteelGUI that has the home folder does not answer.
    """
    home: Path = (arguments.home or default_home()).expanduser().absolute()
    if arguments.install_launcher or arguments.uninstall_launcher:
        from steelgui.desktop import launcher

        for path in launcher.install(arguments.home) if arguments.install_launcher else launcher.uninstall():
            say(str(path))
        return 0
    instance = Instance(home)
    if arguments.quit:
        return _quit(instance, home)
    if not _first(instance, home):
        say("SteelGUI is open already; its window comes to the front.")
        return 0

    from steelgui.desktop.host import Host

    lang = arguments.lang or _kept_language(home)
    return Host(home, instance, lang, arguments.lang, arguments.window, keep=arguments.keep_serving).run()


def say(sentence: str) -> None:
    """To the terminal, if there is one: a windowed program has none."""
    if sys.stderr is not None:
        sys.stderr.write(f"{sentence}\n")
        sys.stderr.flush()


def _first(instance: Instance, home: Path) -> bool:
    """Are we the first on this folder? Else the first one has been told to raise its window; it may be leaving, too."""
    until = time.monotonic() + LEAVING
    while time.monotonic() < until:
        try:
            if instance.claim():
                return True
        except OSError:
            # Nobody can be in a folder that cannot be written; the server says what is wrong with it, in the window.
            return True
        if instance.ask("raise"):
            return False
        time.sleep(0.1)
    raise StorageError(
        f"SteelGUI is open on {home} already, but does not answer; end its process, or choose another folder with "
        "--home DIR."
    )


def _quit(instance: Instance, home: Path) -> int:
    try:
        if instance.claim():
            instance.release()
            say(f"No SteelGUI is open on {home}.")
            return 0
    except OSError:
        return 0
    if not instance.ask("quit") or not instance.wait(LEAVING):
        raise StorageError(f"SteelGUI on {home} does not answer; end its process.")
    return 0


def _kept_language(home: Path) -> str | None:
    """As the user has set it for the page; None follows the browser."""
    import json

    try:
        kept = json.loads((home / "settings.json").read_text("utf-8")).get("language")
    except (OSError, ValueError, AttributeError):
        return None
    return kept if kept in ("en", "ko") else None
