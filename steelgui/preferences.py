"""What the user has set on the Settings page: bounds, and the file in which it outlives a restart."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from models.files import atomic_write
from steelgui.settings import Settings, StorageError

if TYPE_CHECKING:
    from steelgui.results import Thresholds

Language = Literal["browser", "en", "ko"]
Unit = Literal["px", "mm"]
Device = Literal["auto", "cpu", "cuda", "mps"]
#: Name → what may be chosen, and the least and most of a number.
CHOICES = {"language": get_args(Language), "unit": get_args(Unit), "device": get_args(Device)}
BOUNDS: dict[str, tuple[float, float]] = {
    "mm_per_px": (0.0001, 100),
    "score": (0.05, 0.95),
    "min_area": (0, 2000),
    "gate": (1, 100),
    "false_alarms": (0.001, 0.2),
    "keep_days": (1, 36500),
    "keep_gb": (0.1, 100_000),
    "upload_mb": (1, 2048),
}
WHOLE = ("min_area", "keep_days", "upload_mb")
FILE = "settings.json"


class PreferenceError(ValueError):
    """A value cannot be taken; the message is one sentence with what would be right."""


@dataclass(frozen=True)
class Preferences:
    """Everything that is kept over restarts; a flag of the command line wins over it.

    Attributes:
        language: of the page; `browser` follows each visitor's browser.
        unit, mm_per_px: `mm` shows areas in mm² as well; the side of one pixel in millimetres.
        score, min_area, gate, false_alarms: see `Thresholds`; where Inspect, Batch and the command line begin.
        device: what the networks run on; `auto` takes a GPU if there is one.
        exports: folder for what is exported; empty for the one in the home folder.
        keep_days, keep_gb: how long, and up to which size, the history is kept; None for ever.
        upload_mb: the largest file that the page takes.

    Raises:
        PreferenceError: a value is of another kind, or out of its bounds.
    """

    language: Language = "browser"
    unit: Unit = "px"
    mm_per_px: float = 0.1
    score: float = 0.5
    min_area: int = 40
    gate: float = 10.0
    device: Device = "auto"
    exports: str = ""
    keep_days: int | None = None
    keep_gb: float | None = None
    upload_mb: int = 256
    false_alarms: float = 0.01

    def __post_init__(self) -> None:
        for one in fields(self):
            object.__setattr__(self, one.name, _checked(one.name, getattr(self, one.name), one.default))

    @property
    def thresholds(self) -> Thresholds:
        from steelgui.results import Thresholds

        return Thresholds(self.score, self.min_area, self.gate, self.false_alarms)

    @property
    def scale(self) -> float | None:
        """Millimetres a pixel where areas are to be shown in mm², else None."""
        return self.mm_per_px if self.unit == "mm" else None


def _checked(name: str, value: Any, default: Any) -> Any:
    if known := CHOICES.get(name):
        if value not in known:
            raise PreferenceError(f"{name}: {value} is unknown; choose from {', '.join(known)}")
        return value
    if name not in BOUNDS:
        return _folder(name, value)
    if value is None and default is None:
        return None
    least, most = BOUNDS[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PreferenceError(f"{name}: give a number from {least} to {most}")
    # `not`, because nan compares with nothing.
    if not least <= value <= most:
        raise PreferenceError(f"{name} is {value}; give a number from {least} to {most}")
    return int(value) if name in WHOLE else float(value)


def _folder(name: str, value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise PreferenceError(f"{name}: give the path of a folder, or nothing for the one in the home folder")
    if value.strip() and not Path(value.strip()).expanduser().is_absolute():
        raise PreferenceError(f"{name}: {value} is not a whole path; give one that begins at the root of the disk")
    return str(Path(value.strip()).expanduser()) if value.strip() else ""


def read(path: Path) -> tuple[Preferences, str | None]:
    """The preferences in a file, and one sentence if it could not be used; a broken one is put aside, never fatal."""
    try:
        values = json.loads(path.read_text("utf-8"))
        if not isinstance(values, dict):
            raise PreferenceError("it must hold one JSON object")
        # What a newer SteelGUI has written besides is passed over.
        return Preferences(**{one.name: values[one.name] for one in fields(Preferences) if one.name in values}), None
    except FileNotFoundError:
        return Preferences(), None
    except OSError as error:
        reason = error.strerror or str(error)
        return Preferences(), f"The settings in {path} cannot be read ({reason}); those of the start are used."
    except (ValueError, RecursionError) as error:
        aside = path.with_name(f"{path.stem}.broken{path.suffix}")
        try:
            path.replace(aside)
        except OSError:
            aside = path
        return (
            Preferences(),
            f"The settings were not usable ({error}); they lie in {aside}, and those of the start hold.",
        )


def write(path: Path, preferences: Preferences) -> None:
    """Whole or not at all; StorageError if the disk does not take it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, json.dumps(asdict(preferences), ensure_ascii=False, indent=1) + "\n")
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"The settings could not be kept in {path} ({reason}); make room and save again.") from error


class PreferenceFile:
    """The preferences of one home: read at the start, handed to `Settings`, changed by the page.

    Attributes:
        trouble: one sentence if the file could not be used at the start, until something is saved.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.path = settings.home / FILE
        self._lock = threading.Lock()
        preferences, self.trouble = read(self.path)
        settings.prefer(preferences)

    def save(self, **changes: Any) -> Preferences:
        """Change some values, for good and at once.

        Raises:
            PreferenceError, StorageError: nothing was changed.
        """
        with self._lock:
            # Read again: another window of another SteelGUI may have saved meanwhile.
            wanted = replace(read(self.path)[0], **changes)
            _writable(wanted.exports)
            write(self.path, wanted)
            self.settings.prefer(wanted)
            self.trouble = None
        return wanted


def _writable(folder: str) -> None:
    """Tried, as `Settings.prepare` tries its own."""
    if not folder:
        return
    import tempfile

    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"The folder {folder} cannot be written ({reason}); choose another one.") from error
