"""Keeps the history in order while the app runs: at its start, and once a day."""

from __future__ import annotations

import sys
import threading

from steelgui.history import History
from steelgui.settings import Settings, StorageError

DAY = 24 * 3600.0
#: After the start, when the first visitor has his page.
SOON = 20.0


def upkeep(history: History, settings: Settings) -> str:
    """Sweep, empty the trash of what has lain there for 30 days, and keep to the set age and size; what was done."""
    swept = history.sweep()
    # Read anew each time, for the settings page changes them.
    purged = history.retain(settings.keep_days, settings.keep_gb)
    told = []
    if swept.removed:
        told.append(f"{swept.removed} files without an inspection removed")
    if swept.missing:
        told.append(f"{len(swept.missing)} inspections without their files; `steelgui history check` names them")
    if purged.inspections:
        told.append(f"{purged.inspections} old inspections removed, {purged.bytes / 1e6:.1f} MB free")
    return "; ".join(told)


def keep_up(history: History, settings: Settings, stop: threading.Event, soon: float = SOON) -> threading.Thread:
    """A thread that does so until `stop` is set."""

    def work() -> None:
        pause = soon
        while not stop.wait(pause):
            pause = DAY
            try:
                told = upkeep(history, settings)
            except StorageError as error:
                told = str(error)
            if told:
                print(f"SteelGUI: {told}", file=sys.stderr, flush=True)  # noqa: T201

    thread = threading.Thread(target=work, name="upkeep", daemon=True)
    thread.start()
    return thread
