"""Where SteelGUI keeps the user's things, where it finds its own, and how it serves; quick to import."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from steelgui.preferences import Preferences

_PACKAGE = Path(__file__).resolve().parent


class StorageError(OSError):
    """A folder, file or database of the user's cannot be used; the message is one sentence with the way out."""


def default_home() -> Path:
    """`$STEELGUI_HOME` if it is set, else the system's folder for a user's application data."""
    if named := os.environ.get("STEELGUI_HOME"):
        return Path(named)
    # Imported late: on Windows it reads the registry through ctypes, and `--home` makes that needless.
    from platformdirs import user_data_path

    return user_data_path("SteelGUI", appauthor=False)


def default_database_url() -> str | None:
    """`$STEELGUI_DATABASE_URL` if it is set; None is SQLite in the home folder."""
    return os.environ.get("STEELGUI_DATABASE_URL") or None


def _unchanged() -> Preferences:
    # Late, since that module knows this one.
    from steelgui.preferences import Preferences

    return Preferences()


@dataclass(frozen=True)
class Settings:
    """How one SteelGUI runs: what the command line said, and for what it did not say the user's preferences.

    Attributes:
        home: holds everything the user makes; stored absolute, with `~` resolved.
        host, port: where the page is served; None takes the first free port.
        share: also serve through a public Gradio link.
        lang: language of the page; None follows the browser.
        auth: user name and password that the page asks for.
        inbrowser: open the page in the browser at the start.
        kiosk: open the kiosk instead of the page, which then answers only to who has given the PIN.
        kiosk_pin: the kiosk's PIN from now on, 4 to 12 digits; None leaves the one that is kept.
        kiosk_keep: keep visitors' captures in the history and their scores over restarts.
        camera: number or device of a camera at this machine that the kiosk looks through, or a video file in its place;
            None lets the visitor's browser open its own.
        allow_all: let whoever has the address do everything, although there is no login.
        window_at: address at which the window's own process answers; None where a browser is all there is.
        max_upload_mb: megabytes of one upload; None as the preferences say.
        rate: requests a minute that one caller of the API may make where others can reach it; 0 for any number.
        database_url: SQLAlchemy's address of the history's database; None is SQLite in `home`. It may hold a password.
        keep_days, keep_gb: how long, and up to which size, the history is kept; None for ever.
        preferences: what the user has set on the page; changed by `prefer` alone.
    """

    home: Path = field(default_factory=default_home)
    host: str = "127.0.0.1"
    port: int | None = None
    share: bool = False
    lang: Literal["en", "ko"] | None = None
    # Out of the repr, so that no log shows the password.
    auth: tuple[str, str] | None = field(default=None, repr=False)
    inbrowser: bool = True
    kiosk: bool = False
    kiosk_pin: str | None = field(default=None, repr=False)
    kiosk_keep: bool = False
    camera: str | None = None
    allow_all: bool = False
    window_at: str | None = field(default=None, repr=False)
    max_upload_mb: int | None = None
    rate: int = 600
    database_url: str | None = field(default=None, repr=False)
    keep_days: int | None = None
    keep_gb: float | None = None
    preferences: Preferences = field(default_factory=_unchanged)
    flags: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "home", Path(self.home).expanduser().absolute())
        said = [name for name in ("lang", "keep_days", "keep_gb") if getattr(self, name) is not None]
        object.__setattr__(self, "flags", frozenset(said))

    def prefer(self, preferences: Preferences) -> None:
        """Take over what no flag has decided; the one change while SteelGUI runs, seen by all who hold this object."""
        lang = None if self.demo or preferences.language == "browser" else preferences.language
        wanted = {"lang": lang, "keep_days": preferences.keep_days, "keep_gb": preferences.keep_gb}
        for name, value in wanted.items():
            if name not in self.flags:
                object.__setattr__(self, name, value)
        object.__setattr__(self, "preferences", preferences)

    @property
    def upload_mb(self) -> int:
        """Megabytes that one upload may have."""
        return self.max_upload_mb or self.preferences.upload_mb

    @property
    def local(self) -> bool:
        """Is the page for this machine alone?"""
        return not self.share and self.host in ("127.0.0.1", "localhost", "::1")

    @property
    def demo(self) -> bool:
        """Read and inspect only: others can reach the page and nobody asks who they are."""
        return not (self.local or self.auth or self.allow_all)

    @property
    def database_path(self) -> Path:
        return self.home / "history.db"

    @property
    def keys(self) -> Path:
        """Digests of the API's keys."""
        return self.home / "keys.json"

    @property
    def originals(self) -> Path:
        return self.home / "history" / "originals"

    @property
    def thumbnails(self) -> Path:
        return self.home / "history" / "thumbnails"

    @property
    def models(self) -> Path:
        """The user's own checkpoints; the bundled ones are in `weights_folder()`."""
        return self.home / "models"

    @property
    def runs(self) -> Path:
        """Trainings, a folder each."""
        return self.home / "runs"

    @property
    def synthetic(self) -> Path:
        """Accepted pictures of generators, a folder a run."""
        return self.home / "synthetic"

    @property
    def exports(self) -> Path:
        return Path(self.preferences.exports) if self.preferences.exports else self.home / "exports"

    @property
    def cache(self) -> Path:
        """What can be made again."""
        return self.home / "cache"

    @property
    def temporary(self) -> Path:
        """Uploads and what the page shows. Gradio's addresses name it: in a demo it is none of the user's folders."""
        return _nameless() if self.demo else self.home / "tmp"

    def prepare(self) -> None:
        """Make the folders; StorageError if one cannot be made or written."""
        folder = self.home
        try:
            for folder in (self.originals, self.thumbnails, self.models, self.exports, self.temporary, self.home):
                folder.mkdir(parents=True, exist_ok=True)
                # Tried, not asked: os.access() does not know Windows' access lists or full disks.
                with tempfile.TemporaryFile(dir=folder):
                    pass
        except OSError as error:
            reason = error.strerror or str(error)
            raise StorageError(
                f"The folder {folder} cannot be written ({reason}); choose another place with --home DIR."
            ) from error


@cache
def _nameless() -> Path:
    """A temporary folder of this process, gone with it."""
    folder = Path(tempfile.mkdtemp(prefix="steelgui-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def resource(*parts: str) -> Path:
    """Path of a bundled file, `resource("assets", "icon.png")`: from source, from a wheel, or frozen by PyInstaller."""
    frozen = getattr(sys, "_MEIPASS", None)
    if frozen is not None:
        return Path(frozen, *parts)
    # A wheel carries the assets inside this package, because a bare `assets` in site-packages could be anyone's.
    inside = parts[:1] == ("assets",) and (_PACKAGE / "assets").is_dir()
    return (_PACKAGE if inside else _PACKAGE.parent).joinpath(*parts)


def assets_folder() -> Path:
    """Style sheet, icon and sample pictures."""
    return resource("assets")


def weights_folder() -> Path:
    """The bundled checkpoints with their model cards."""
    return resource("models", "weights")
