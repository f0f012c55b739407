"""Which browser can show a window without bars, and with which flags; pure functions over what they are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePath, PureWindowsPath

#: By what they are called on a Linux or any other PATH, the free ones first.
NAMES = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge"),
    *("microsoft-edge-stable", "brave-browser", "vivaldi"),
)
MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Brave Browser.app/Contents/MacOS/Brave Browser",
)
#: Under one of Windows' folders for programs.
WINDOWS = (
    r"Google\Chrome\Application\chrome.exe",
    r"Microsoft\Edge\Application\msedge.exe",
    r"Chromium\Application\chrome.exe",
    r"BraveSoftware\Brave-Browser\Application\brave.exe",
)
WINDOWS_FOLDERS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")

#: Nothing is asked at the first start, and nothing is fetched from anywhere: what is not on this machine goes to a
#: proxy that is not there.
FLAGS = (
    *("--no-first-run", "--no-default-browser-check", "--no-service-autorun", "--noerrdialogs"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps"),
    *("--disable-domain-reliability", "--disable-client-side-phishing-detection", "--disable-breakpad", "--no-pings"),
    *(
        "--disable-background-mode",
        "--disable-extensions",
        "--disable-session-crashed-bubble",
        "--password-store=basic",
    ),
    *("--hide-crash-restore-bubble", "--proxy-server=127.0.0.1:9", "--proxy-bypass-list=127.0.0.1"),
    "--disable-features=Translate,OptimizationHints,MediaRouter,AutofillServerCommunication",
)


def find_browser(
    system: str, environment: Mapping[str, str], which: Callable[[str], str | None], is_file: Callable[[str], bool]
) -> str | None:
    """Path of a browser that knows `--app`; None where there is none.

    Args:
        system: as `sys.platform` says it.
        which: finds a program on the PATH.
    """
    if system == "win32":
        folders = [environment[name] for name in WINDOWS_FOLDERS if environment.get(name)]
        places = [str(PureWindowsPath(folder, browser)) for browser in WINDOWS for folder in folders]
    elif system == "darwin":
        places = list(MAC)
    else:
        places = []
    return next((place for place in places if is_file(place)), None) or next(filter(None, map(which, NAMES)), None)


def profile_folder(browser: str, home: Path, user: Path) -> Path:
    """Where the browser keeps its things. One out of a snap may not look into the hidden folders of `user`."""
    if PurePath(browser).parts[:2] == ("/", "snap"):
        return user / "snap" / PurePath(browser).name / "common" / f"steelgui-{home.name}"
    return home / "browser"


def app_command(browser: str, url: str, profile: Path, *, root: bool, lang: str | None = None) -> list[str]:
    """A window for one address, and a profile of its own, so that it ends when the window is closed."""
    command = [browser, f"--app={url}", f"--user-data-dir={profile}", "--class=steelgui", "--window-size=1440,940"]
    if lang:
        command.append(f"--lang={lang}")
    # Chromium refuses to start as root with its sandbox; nobody else goes without it.
    return [*command, *FLAGS, *(["--no-sandbox"] if root else [])]
