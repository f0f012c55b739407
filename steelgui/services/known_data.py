"""The data sets that somebody may want again."""

from __future__ import annotations

from pathlib import Path

from steelgui.services.datasets import Datasets
from steelgui.services.jobs import Jobs
from steelgui.settings import Settings
from training.runs import RunError

#: Folders outside the workspace that are offered: more would be a history, not a choice.
RECENT = 8


def known_data(settings: Settings) -> list[tuple[str, Path]]:
    """Name and folder: those of the workspace, then what the latest runs learned from; only what is still there."""
    known = {folder.absolute(): folder.name for folder in Datasets(settings).all()}
    recent: dict[Path, str] = {}
    for run in reversed(Jobs(settings).all()):
        if len(recent) == RECENT:
            break
        try:
            folder = Path(run.about()["config"]["data"])
        except (RunError, KeyError, TypeError):
            continue
        if folder not in known and folder.is_dir():
            recent[folder] = f"{folder.name} ({folder.parent})"
    return [(name, folder) for folder, name in (known | recent).items()]
