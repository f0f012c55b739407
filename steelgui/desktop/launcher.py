"""The entry in the menu of a Linux desktop: one file, and icons in the user's own theme."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from models.files import atomic_write
from steelgui.ourselves import ourselves
from steelgui.settings import StorageError, assets_folder

ENTRY = """[Desktop Entry]
Type=Application
Version=1.0
Name=SteelGUI
GenericName=Steel surface inspection
GenericName[ko]=강판 표면 검사
Comment=Inspect steel surfaces, generate scarce defects, retrain
Comment[ko]=강판 표면을 검사하고, 드문 결함을 생성하고, 다시 학습합니다
Exec={command}
Icon=steelgui
Terminal=false
Categories=Science;ImageProcessing;
Keywords=steel;defect;inspection;
StartupNotify=true
StartupWMClass=steelgui
Actions=quit;

[Desktop Action quit]
Name=Quit
Name[ko]=종료
Exec={command} --quit
"""
#: Where in a theme → which file of the assets.
ICONS = {
    "192x192/apps/steelgui.png": "icon-192.png",
    "512x512/apps/steelgui.png": "icon-512.png",
    "scalable/apps/steelgui.svg": "icon.svg",
}


def entry(home: Path | None) -> str:
    """The text of the file, for this program as it was started."""
    words = [*ourselves(), "desktop", *(["--home", str(home.expanduser().absolute())] if home else [])]
    return ENTRY.format(command=" ".join(map(_quoted, words)))


def install(home: Path | None) -> list[Path]:
    """Write the entry and its icons; what is there is replaced.

    Raises:
        StorageError: not on Linux, or a folder cannot be written.
    """
    if sys.platform != "linux":
        raise StorageError("A launcher is installed on Linux only; elsewhere keep SteelGUI in the Dock or the taskbar.")
    menu, *icons = _paths()
    try:
        for path in (menu, *icons):
            path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(menu, entry(home))
        for path, name in zip(icons, ICONS.values(), strict=True):
            shutil.copyfile(assets_folder() / name, path)
    except OSError as error:
        raise StorageError(f"The launcher cannot be written to {menu.parent} ({error.strerror or error}).") from error
    return [menu, *icons]


def uninstall() -> list[Path]:
    """Take away what `install` wrote, and return it; the home folder stays."""
    gone = [path for path in _paths() if path.is_file()]
    for path in gone:
        path.unlink()
    return gone


def _paths() -> list[Path]:
    """Of the entry, and of each icon; in the user's own folders."""
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return [data / "applications" / "steelgui.desktop", *(data / "icons" / "hicolor" / place for place in ICONS)]


def _quoted(word: str) -> str:
    """A word of `Exec`: quoted as desktops want it, not as shells do; `%` alone would stand for a file."""
    word = word.replace("%", "%%")
    if re.fullmatch(r"[\w/.%+:@=-]+", word):
        return word
    for mark in '\\"`$':
        word = word.replace(mark, f"\\{mark}")
    # Once more, since the file has escapes of its own.
    return '"' + word.replace("\\", "\\\\") + '"'
