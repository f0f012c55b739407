"""The window's parts that need no screen: which window, one instance, the splash's server, logs, the launcher."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from urllib.parse import urlsplit

import pytest

from steelgui.desktop import launcher
from steelgui.desktop.browsers import app_command, find_browser, profile_folder
from steelgui.desktop.front import Front, Story
from steelgui.desktop.instance import Instance
from steelgui.desktop.logs import last_lines, open_log, rotate
from steelgui.desktop.server import Server, sentence
from steelgui.desktop.windows import WindowError, kinds
from steelgui.languages import LANGUAGES
from steelgui.ports import first_free
from steelgui.settings import StorageError

ROOT = Path(__file__).parents[2]


# Which window -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "webview", "browser", "tried"),
    [
        ("auto", True, True, ("webview", "app", "browser")),
        ("auto", False, True, ("app", "browser")),
        ("auto", False, False, ("browser",)),
        ("app", True, True, ("app",)),
        ("browser", True, True, ("browser",)),
    ],
)
def test_which_windows_are_tried(wanted: str, webview: bool, browser: bool, tried: tuple[str, ...]) -> None:
    assert kinds(wanted, webview=webview, browser=browser) == tried


@pytest.mark.parametrize("wanted", ["webview", "app"])
def test_a_window_that_is_not_here(wanted: str) -> None:
    with pytest.raises(WindowError, match=f"--window {wanted}: .* install"):
        kinds(wanted, webview=False, browser=False)


def test_browsers_of_three_systems() -> None:
    on_path = {"google-chrome": "/opt/google/chrome/google-chrome", "chromium": "/usr/bin/chromium"}
    assert find_browser("linux", {}, on_path.get, lambda _: False) == "/usr/bin/chromium"
    assert find_browser("linux", {}, lambda _: None, lambda _: True) is None
    edge = r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe"
    folders = {"PROGRAMFILES": r"C:\Program Files", "PROGRAMFILES(X86)": r"C:\Program Files (x86)"}
    assert find_browser("win32", folders, lambda _: None, lambda path: PureWindowsPath(path) == PureWindowsPath(edge))
    chrome = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
    assert find_browser("darwin", {}, lambda _: None, lambda path: path == chrome) == chrome


def test_a_browser_out_of_a_snap_keeps_its_profile_where_it_may() -> None:
    home, user = Path("/home/a/.local/share/SteelGUI"), Path("/home/a")
    assert profile_folder("/usr/bin/chromium", home, user) == home / "browser"
    assert profile_folder("/snap/bin/chromium", home, user) == user / "snap/chromium/common/steelgui-SteelGUI"


def test_only_root_goes_without_the_sandbox() -> None:
    command = app_command("chromium", "http://127.0.0.1:1/x/", Path("/p"), root=False, lang="ko")
    assert command[:3] == ["chromium", "--app=http://127.0.0.1:1/x/", "--user-data-dir=/p"]
    assert "--lang=ko" in command
    assert "--no-sandbox" not in command
    assert "--no-sandbox" in app_command("chromium", "u", Path("/p"), root=True)


# One instance -------------------------------------------------------------------------------------------------------


@pytest.fixture
def front() -> Iterator[Front]:
    asked: list[str] = []
    one = Front(lambda: Story(log="/x/desktop.log"), {"raise": lambda: asked.append("raise")}, lambda _: None, None)
    one.asked = asked  # type: ignore[attr-defined]
    yield one
    one.close()


def test_a_second_start_reaches_the_first(tmp_path: Path, front: Front) -> None:
    first, second = Instance(tmp_path / "집"), Instance(tmp_path / "집")
    assert first.claim()
    assert not second.claim()
    assert not second.ask("raise")  # the first one has not said yet where it is
    first.tell(front.address)
    if sys.platform != "win32":
        assert first.path.stat().st_mode & 0o077 == 0
    assert second.ask("raise")
    assert not second.ask("nonsense")
    until = time.monotonic() + 5
    while not front.asked and time.monotonic() < until:  # type: ignore[attr-defined]
        time.sleep(0.02)
    assert front.asked == ["raise"]  # type: ignore[attr-defined]
    threading.Timer(0.2, first.release).start()
    assert second.wait(10)
    assert second.claim()
    second.release()


@pytest.mark.parametrize(
    "left", ["", "{}", "[]", '{"address": "http://127.0.0.1:9/x/"}', '{"address": "http://a.b:80/"}']
)
def test_what_a_crash_left_is_no_first_one(tmp_path: Path, left: str) -> None:
    (tmp_path / "desktop.json").write_text(left)
    one = Instance(tmp_path)
    assert not one.ask("raise")
    assert one.claim()
    one.release()
    assert not (tmp_path / "desktop.json").exists()


# The splash ---------------------------------------------------------------------------------------------------------


def ask(front: Front, method: str, path: str, **headers: str) -> tuple[int, str]:
    parts = urlsplit(front.address)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=5)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_the_splash_speaks_the_browsers_language(front: Front) -> None:
    path = urlsplit(front.address).path
    for lang, said in (("ko", "시작하는 중"), ("en", "Starting")):
        status, html = ask(front, "GET", path, **{"Accept-Language": lang})
        assert status == 200
        assert f'<html lang="{lang}">' in html
        assert said in html
        assert not [mark for mark in ("{LANG}", "{FIRST}", "{STYLE}", "{SCRIPT}") if mark in html]
        # Whole in itself: nothing is fetched but its icon.
        assert "http:" not in html.replace("http://www.w3.org", "")
    assert json.loads(ask(front, "GET", f"{path}story")[1])["log"] == "/x/desktop.log"
    assert ask(front, "GET", f"{path}quit")[0] == 200


def test_who_does_not_know_the_word_gets_nothing(front: Front) -> None:
    path = urlsplit(front.address).path
    for wrong in ("/", "/story", "/x/", "/%ff/story", f"{path}../story", f"{path}../../etc/passwd"):
        assert ask(front, "GET", wrong)[0] == 404, wrong
    assert ask(front, "POST", "/x/raise")[0] == 404
    assert ask(front, "POST", f"{path}nothing")[0] == 404
    assert ask(front, "GET", f"{path}raise")[0] == 404  # a link does nothing
    assert ask(front, "POST", f"{path}painted?soon")[0] == 400


def test_all_words_of_the_script_are_there() -> None:
    import re

    from steelgui.languages import table

    script = (ROOT / "assets" / "desktop" / "front.js").read_text("utf-8")
    used = set(re.findall(r"words\.(\w+)", script)) | set(re.findall(r'\["(\w+)", \(\)', script))
    used |= {"find", "kept"}  # said to the terminal
    for lang in LANGUAGES:
        assert used == {key.removeprefix("desktop.") for key in table(lang) if key.startswith("desktop.")}


# The server and its log -----------------------------------------------------------------------------------------------


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    server = Server(tmp_path / "file" / "home", open_log(tmp_path), None, "http://127.0.0.1:1/x/")
    assert server.ended() is None
    server.stop()  # of what was never started
    port = first_free()
    assert port is not None
    server.start(port)
    until = time.monotonic() + 60
    while server.ended() is None and time.monotonic() < until:
        time.sleep(0.1)
    assert server.ended() == 1
    said = sentence(server.said())
    assert said is not None
    assert said.startswith(f"The folder {tmp_path / 'file'}")
    assert not server.answers()
    server.stop()


def test_a_traceback_is_no_sentence() -> None:
    assert sentence(["Traceback (most recent call last):", "ValueError: that was wrong."]) is None
    assert sentence(["SteelGUI: http://127.0.0.1:7860/  (Ctrl-C stops it)"]) is None
    assert sentence([]) is None
    assert sentence(["Port 7860 is in use; choose another."]) == "Port 7860 is in use; choose another."


def test_the_log_is_kept_short(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    for turn in range(5):
        log.write_text(f"round {turn}\n" * 20)
        rotate(log, limit=100, kept=2)
    assert sorted(path.name for path in log.parent.iterdir()) == ["desktop.1.log", "desktop.2.log"]
    assert last_lines(log.with_suffix(".1.log"), count=1) == ["round 4"]
    assert last_lines(log.with_suffix(".2.log"), count=1) == ["round 3"]
    assert last_lines(log) == []
    log.write_bytes("첫째\n둘째\xff\n\n".encode("latin-1", "ignore") + "셋째\n".encode())
    assert last_lines(log, count=1) == ["셋째"]


def test_a_log_without_a_home(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    log = open_log(tmp_path / "file")
    assert log.is_file()
    shutil.rmtree(log.parent)


# The launcher ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="launchers are for Linux")
def test_the_launcher_comes_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    paths = launcher.install(Path('/tmp/내 "강판" 100%'))
    entry = tmp_path / "applications" / "steelgui.desktop"
    assert paths[0] == entry
    assert all(path.is_file() for path in paths)
    text = entry.read_text("utf-8")
    assert 'desktop --home "/tmp/내 \\\\"강판\\\\" 100%%"' in text
    if validate := shutil.which("desktop-file-validate"):
        said = subprocess.run([validate, str(entry)], capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stdout
    launcher.install(None)  # again, over the first one
    assert launcher.uninstall() == paths
    assert launcher.uninstall() == []


@pytest.mark.skipif(sys.platform != "linux", reason="launchers are for Linux")
def test_a_launcher_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    with pytest.raises(StorageError, match="cannot be written"):
        launcher.install(None)


def test_the_window_waits_for_nothing_heavy() -> None:
    code = (
        "import sys\nimport steelgui.desktop.command, steelgui.desktop.host\n"
        "heavy = {'torch', 'gradio', 'sqlalchemy', 'pydantic', 'numpy', 'PIL', 'psutil', 'starlette'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True)
