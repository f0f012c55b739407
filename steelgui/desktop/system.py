"""What the user's system does for us: open a folder or an address, and say something outside of the window."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from steelgui.ourselves import their_environment

#: Whoever is there first; xdg-open knows what the user prefers.
OPENERS = ("xdg-open", "gio", "x-www-browser", "sensible-browser", "firefox")


def open_there(target: str) -> bool:
    """Open a folder or an http address with what the user has for it; False where there is nothing."""
    if sys.platform == "win32":
        os.startfile(target)  # noqa: S606  our own address, or our own folder
        return True
    if sys.platform == "darwin":
        return _run(["open", target])
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    opener = next(filter(None, map(shutil.which, OPENERS)), None)
    if opener is None:
        return False
    return _run([opener, "open", target] if opener.endswith("/gio") else [opener, target])


def notify(title: str, text: str) -> bool:
    """A notice of the desktop; False where there is none, which is no misfortune."""
    if sys.platform == "darwin":
        script = "on run a\ndisplay notification (item 2 of a) with title (item 1 of a)\nend run"
        return _run(["osascript", "-e", script, title, text])
    sender = shutil.which("notify-send")
    return sender is not None and _run([sender, "--app-name=SteelGUI", "--icon=steelgui", title, text])


def _run(command: list[str]) -> bool:
    try:
        # Programs of the system, with our own arguments and no shell.
        subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=their_environment(),
        )
    except OSError:
        return False
    return True
