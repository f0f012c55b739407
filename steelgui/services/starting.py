"""Trainings that are asked for by names alone, as strangers ask: whatever they say, no path of theirs is opened."""

from __future__ import annotations

import re
from collections.abc import Set
from pathlib import Path
from typing import Any

from steelgui.services.datasets import Datasets
from steelgui.services.detectors import Detectors
from steelgui.services.experiments import Experiments
from steelgui.services.library import Library
from steelgui.services.retraining import Retraining
from steelgui.services.studio import Studio
from steelgui.settings import Settings
from training.config import STARTS, ConfigError
from training.gan.config import PRESETS
from training.runs import Run

#: Settings that name files or folders, or that the request has fields of its own for.
NAMED = frozenset({"data", "out", "resume", "synthetic", "features", "class", "class_name", "format"})
_WORD = re.compile(r"[\w.+-]{0,100}")


class Starting:
    """Holds nothing but the services below it."""

    def __init__(self, settings: Settings) -> None:
        self._studio, self._retraining = Studio(settings), Retraining(settings)
        self._detectors = Detectors(settings)
        self._datasets, self._library = Datasets(settings), Library(settings)

    def gan(self, data: str, class_name: str | None, preset: str, changes: dict[str, Any]) -> Run:
        """Make a run and start its worker.

        Raises:
            ConfigError: an unknown name or setting, or a value out of its bounds.
            CheckpointError, RunError: the start has made no generator yet.
        """
        if preset not in PRESETS:
            raise ConfigError(f"preset: there are {', '.join(PRESETS)}, not {preset!r}")
        starts = {*(run.id for run in self._studio.jobs.all()), *(entry.name for entry in self._library.entries())}
        changes = _plain(changes, {"random", "bundled", *starts})
        return self._studio.train(self._data(data), class_name, preset, changes)

    def experiment(self, data: str, sets: list[str], changes: dict[str, Any]) -> Run:
        """As `gan`; `sets` are tags of synthetic sets."""
        known = {one.folder.name for one in Experiments(self._studio.settings).sets()}
        if unknown := set(sets) - known:
            raise ConfigError(f"synthetic: there is no set {min(unknown)!r}; there are {_listed(known)}")
        changes = _plain(changes, set(STARTS))
        return self._retraining.start(self._retraining.config(self._data(data), sets, changes))

    def anomaly(self, data: str, normal: str | None, changes: dict[str, Any]) -> Run:
        """As `gan`; `normal` is the class of the good pictures, None where its name or a setting says so."""
        changes = _plain(changes, set(STARTS)) | ({"normal": normal} if normal else {})
        return self._detectors.start(self._detectors.config(self._data(data), changes))

    def _data(self, name: str) -> Path:
        known = {folder.name: folder for folder in self._datasets.all()}
        if name not in known:
            raise ConfigError(f"data: there is no data set {name!r} in the workspace; there are {_listed(known)}")
        return known[name]


def _plain(changes: dict[str, Any], starts: Set[str]) -> dict[str, Any]:
    """Only numbers and words: timm, for one, takes `local-dir:PATH` for a network's name."""
    for name, value in changes.items():
        if name in NAMED:
            raise ConfigError(f"{name}: not among the settings that a request may change")
        if name == "init" and value not in starts:
            raise ConfigError(f"init: there are {_listed(starts)}, not {value!r}")
        for one in value if isinstance(value, list) else [value]:
            if name != "init" and isinstance(one, str) and not _WORD.fullmatch(one):
                raise ConfigError(f"{name}: a word of letters, digits, _, ., + and -, not {one!r}")
    return changes


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "none yet"
