"""A camera of this machine: read while somebody looks, told of when lost, there again by itself."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from clips import make_clip
from commandline import run
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from steelgui.kiosk.booth import Booth
from steelgui.kiosk.web import kiosk_routes
from steelgui.services import cameras
from steelgui.services.cameras import RATE, Camera, device, watch
from steelgui.services.videos import VideoError
from steelgui.services.workbench import Workbench
from steelgui.settings import Settings


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(cameras, "AGAIN", 0.05)
    monkeypatch.setattr(cameras, "STALE", 0.6)
    return []


def test_a_file_runs_at_its_own_speed_and_begins_again(tmp_path: Path) -> None:
    frames = watch(str(make_clip(tmp_path / "belt.mp4", numbers=(7, 11), each=3)))
    began = time.monotonic()
    bright = [float(next(frames).mean()) for _ in range(8)]
    # Six frames of a tenth of a second each, then the first two again.
    assert time.monotonic() - began > 0.5
    assert abs(bright[0] - bright[6]) < 1 < abs(bright[0] - bright[3])


def test_the_newest_picture_is_numbered_and_the_camera_is_let_go(
    tmp_path: Path, heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cameras, "IDLE", 0.5)
    camera = Camera(str(make_clip(tmp_path / "belt.mp4")), heard.append)
    until(lambda: camera.newest() is not None)
    shots = {}
    end = time.monotonic() + 0.7
    while time.monotonic() < end:
        shot = camera.newest()
        assert shot is not None
        shots[shot.number] = shot
        time.sleep(0.01)
    numbers = list(shots)
    assert 3 <= len(numbers) <= RATE and all(before < after for before, after in pairwise(numbers))
    assert np.asarray(Image.open(io.BytesIO(shots[numbers[-1]].jpeg))).shape == (200, 200, 3)
    until(lambda: camera._thread is None)
    until(lambda: camera.newest() is not None)
    assert not heard


def test_a_lost_camera_is_told_once_and_comes_back(tmp_path: Path, heard: list[str]) -> None:
    clip = make_clip(tmp_path / "belt.mp4", numbers=(7,), each=3)
    away = clip.rename(tmp_path / "away.mp4")
    camera = Camera(str(clip), heard.append)
    until(lambda: camera.newest() is None and bool(heard))
    time.sleep(0.3)
    assert heard == [f"{clip}: there is no such file; check the name"]
    away.rename(clip)
    until(lambda: camera.newest() is not None)
    assert heard[1:] == [f"{clip}: the camera is there again"]
    clip.rename(away)
    until(lambda: camera.newest() is None)
    assert len(heard) == 3


def test_a_camera_that_is_not_there_is_said_in_one_sentence() -> None:
    for source in ("97", "/dev/video97"):
        with pytest.raises(VideoError, match=r"/dev/video97 cannot be read .*; plug it in"):
            next(watch(source))


@pytest.mark.parametrize(
    ("source", "platform", "name"),
    [
        ("0", "linux", ("/dev/video0", "v4l2")),
        ("/dev/video2", "linux", ("/dev/video2", "v4l2")),
        ("1", "darwin", ("1", "avfoundation")),
        ("USB Camera", "win32", ("video=USB Camera", "dshow")),
    ],
)
def test_each_system_calls_its_cameras_its_own_way(source: str, platform: str, name: tuple[str, str]) -> None:
    assert device(source, platform) == name


def test_windows_has_no_numbers() -> None:
    with pytest.raises(VideoError, match="by name"):
        device("0", "win32")


def test_the_kiosk_hands_out_its_pictures(tmp_path: Path, heard: list[str]) -> None:
    clip = make_clip(tmp_path / "belt.mp4")
    booth = Booth(Workbench(Settings(home=tmp_path / "home", camera=str(clip))))
    client = TestClient(Starlette(routes=kiosk_routes(booth)))
    assert client.get("/kiosk/start").json()["camera"] is True
    first = client.get("/kiosk/camera.jpg")
    assert (first.status_code, first.headers["content-type"]) == (200, "image/jpeg")
    second = client.get("/kiosk/camera.jpg", params={"after": first.headers["X-Number"]})
    assert int(second.headers["X-Number"]) > int(first.headers["X-Number"])
    assert client.get("/kiosk/camera.jpg?after=nonsense").status_code == 200
    clip.unlink()
    until(lambda: client.get("/kiosk/camera.jpg").status_code == 503)
    refused = client.get("/kiosk/camera.jpg")
    assert refused.json() == {"why": "the camera gives no picture"} and refused.headers["Retry-After"] == "1"


def test_without_one_there_are_none(tmp_path: Path) -> None:
    client = TestClient(Starlette(routes=kiosk_routes(Booth(Workbench(Settings(home=tmp_path))))))
    assert client.get("/kiosk/start").json()["camera"] is False
    assert client.get("/kiosk/camera.jpg").status_code == 503


def test_no_camera_for_the_whole_internet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, said = run(capsys, "serve", "--home", str(tmp_path), "--camera", "0", "--share", "--no-inbrowser")
    assert status == 2 and "--share anybody on the internet would look through it" in said
