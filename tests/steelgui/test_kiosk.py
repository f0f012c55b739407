"""The kiosk's server: what visitors can ask, what they cannot, and that nothing of them stays."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from steelgui.kiosk.booth import WAITING, Booth
from steelgui.kiosk.capture import DRAWN, marks, shrunk, sure
from steelgui.kiosk.gate import Gate
from steelgui.kiosk.lock import FIRST_WAIT, OPEN_FOR, TRIES, Lock, Locked
from steelgui.kiosk.pictures import SHOWN
from steelgui.kiosk.quiz import LEAST, ROUNDS
from steelgui.kiosk.walk import mosaics, render_walk, walk_path
from steelgui.kiosk.web import MAX_BYTES, kiosk_routes, texts
from steelgui.results import Defect, Evidence, Inspection, Thresholds
from steelgui.services.datasets import Datasets
from steelgui.services.workbench import Workbench
from steelgui.settings import Settings, assets_folder

PAGE = assets_folder() / "kiosk"
PIN = "2468"


def served(settings: Settings) -> tuple[Booth, TestClient]:
    booth = Booth(Workbench(settings))
    rest = [Route("/", lambda _: PlainTextResponse("all the rest")), Route("/healthz", lambda _: PlainTextResponse(""))]
    shut = [Middleware(Gate, lock=booth.lock)] if settings.kiosk else []
    return booth, TestClient(Starlette(routes=[*kiosk_routes(booth), *rest], middleware=shut), follow_redirects=False)


@pytest.fixture(scope="module")
def kiosk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Booth, TestClient]]:
    yield served(Settings(home=tmp_path_factory.mktemp("home"), kiosk=True, kiosk_pin=PIN))


def frame(name: str = "07-tile-scratches.jpg") -> bytes:
    return (assets_folder() / "samples" / name).read_bytes()


# Captures ---------------------------------------------------------------------------------------------------------


def test_a_capture_is_answered_and_not_kept(kiosk: tuple[Booth, TestClient]) -> None:
    booth, client = kiosk
    home = booth.settings.home
    before = {path for path in home.rglob("*") if path.is_file()}
    found = client.post("/kiosk/inspect", content=frame()).json()
    assert (found["verdict"], found["label"], found["found"][0]["name"]) == ("defect", "scratches", "scratches")
    layer = Image.open(io.BytesIO(base64.b64decode(found["marks"].split(",")[1])))
    assert layer.mode == "RGBA" and layer.size == (DRAWN, DRAWN)
    assert {path for path in home.rglob("*") if path.is_file()} == before
    assert client.post("/kiosk/inspect?plate=11-tile-clean").json()["marks"] is None
    assert not booth.workbench._kept


def test_a_capture_is_kept_where_that_is_switched_on(tmp_path: Path) -> None:
    booth, client = served(Settings(home=tmp_path, kiosk_keep=True))
    assert client.get("/kiosk/start").json()["keep"] is True
    client.post("/kiosk/inspect", content=frame())
    client.post("/kiosk/inspect?plate=07-tile-scratches")
    client.post("/kiosk/inspect?live=1", content=frame())
    rows = booth.workbench.latest(5)
    assert [row.source for row in rows] == ["kiosk"], "neither a plate, which is no visitor's, nor what passes by"
    booth.workbench.history.close()


@pytest.mark.parametrize(
    ("content", "query", "status"),
    [
        (b"", "", 422),
        (b"no picture", "", 422),
        (frame()[:300], "", 422),
        (b"x" * (MAX_BYTES + 1), "", 413),
        (b"", "?plate=../../etc/passwd", 404),
        (b"", "?plate=01-strip-scratches", 404),
    ],
)
def test_bad_captures_are_refused(content: bytes, query: str, status: int, kiosk: tuple[Booth, TestClient]) -> None:
    answer = kiosk[1].post(f"/kiosk/inspect{query}", content=content)
    assert answer.status_code == status
    assert answer.json()["why"]


def test_too_many_at_once_are_asked_to_wait(kiosk: tuple[Booth, TestClient]) -> None:
    booth, client = kiosk
    booth._waiting = WAITING
    answer = client.post("/kiosk/inspect", content=frame())
    booth._waiting = 0
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_large_frames_shrink_and_strips_keep_their_aspect() -> None:
    assert shrunk(np.zeros((512, 4096, 3), np.uint8)).shape == (128, 1024, 3)
    small = np.zeros((64, 64, 3), np.uint8)
    assert shrunk(small) is small


def test_marks_show_masks_or_else_the_heat() -> None:
    heat = np.zeros((64, 64), np.uint8)
    heat[:8] = 200
    mask = np.zeros((64, 64), bool)
    mask[40:60, 40:60] = True
    evidence = Evidence(np.zeros((64, 64, 3), np.uint8), {}, (), np.zeros((0, 64, 64), np.uint8), heat, {}, 0.0)

    def seen(*defects: Defect, verdict: Any = "defect") -> Inspection:
        return Inspection(verdict, "scratches", {}, defects, 64, 64, 0.0, {}, Thresholds())

    assert marks(evidence, seen(verdict="ok")) is None
    glow = marks(evidence, seen())
    assert glow is not None and glow[10, 10, 3] > 0 and glow[600, 600, 3] == 0
    drawn = marks(evidence, seen(Defect("scratches", mask, 400, 10.0, 1)))
    assert drawn is not None and 0 < drawn[600, 600, 3] < 255 and drawn[10, 10, 3] == 0
    assert tuple(drawn[600, 600, :3]) == (0xD5, 0x5E, 0x00)
    assert [sure(score) for score in (0.95, 0.7, 0.3, None)] == ["very", "fairly", "little", "fairly"]


# The door ---------------------------------------------------------------------------------------------------------


def test_only_the_pin_opens_the_rest(kiosk: tuple[Booth, TestClient]) -> None:
    _, client = kiosk
    asked = client.get("/", headers={"accept": "text/html"})
    assert (asked.status_code, asked.headers["location"]) == (303, "/kiosk/")
    assert client.get("/", headers={"accept": "*/*"}).status_code == 401
    assert client.post("/").status_code == 401
    assert client.get("/kioskx").status_code in (303, 401)
    assert client.get("/healthz").status_code == 200
    assert client.post("/kiosk/pin", json={"pin": "1111"}).status_code == 403
    entered = client.post("/kiosk/pin", json={"pin": PIN})
    assert entered.json() == {"to": "/"}
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(entered.headers["set-cookie"].split("; "))
    assert client.get("/").text == "all the rest"
    # Back in the kiosk, it is shut again.
    assert client.get("/kiosk/").status_code == 200
    assert client.get("/").status_code in (303, 401)
    client.cookies.clear()


def test_a_stranger_s_cookie_and_another_page_open_nothing(kiosk: tuple[Booth, TestClient]) -> None:
    _, client = kiosk
    assert client.get("/", headers={"cookie": "steelgui-kiosk=guess"}).status_code in (303, 401)
    answer = client.post("/kiosk/pin", json={"pin": PIN}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403 and "set-cookie" not in answer.headers
    for body in (b"[]", b"{", b"\xff", json.dumps({"pin": None}).encode(), b"{}"):
        assert client.post("/kiosk/pin", content=body).status_code in (403, 422, 429)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_tries_are_limited_and_the_wait_doubles(tmp_path: Path) -> None:
    clock = Clock()
    lock = Lock(Settings(home=tmp_path, kiosk_pin=PIN), clock)
    for wait in (FIRST_WAIT, 2 * FIRST_WAIT):
        assert [lock.enter("0000") for _ in range(TRIES)] == [None] * TRIES
        with pytest.raises(Locked) as caught:
            lock.enter(PIN)
        assert caught.value.seconds == wait
        clock.now += wait
    token = lock.enter(PIN)
    assert token and lock.passes(token)
    clock.now += OPEN_FOR - 1
    assert lock.passes(token)
    clock.now += OPEN_FOR + 1
    assert not lock.passes(token)


def test_the_pin_is_kept_as_a_hash(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, kiosk_pin="13579")
    assert "13579" not in repr(settings)
    Lock(settings)
    kept = (tmp_path / "kiosk-pin.json").read_text()
    assert "13579" not in kept
    assert Lock(Settings(home=tmp_path)).enter("13579")
    (tmp_path / "kiosk-pin.json").write_text("{}")
    damaged = Lock(Settings(home=tmp_path))
    assert not damaged.known and damaged.enter("13579") is None
    for bad in ("", "123", "12a4", "1" * 13, "١٢٣٤"):
        with pytest.raises(ValueError, match="4 to 12 digits"):
            damaged.keep(bad)


def test_without_a_pin_nobody_gets_out(tmp_path: Path) -> None:
    _, client = served(Settings(home=tmp_path, kiosk=True))
    assert client.get("/kiosk/start").json()["door"] == "shut"
    assert client.post("/kiosk/pin", json={"pin": ""}).status_code == 403
    _, beside = served(Settings(home=tmp_path / "b"))
    assert beside.get("/kiosk/start").json()["door"] == "open"
    assert beside.get("/").text == "all the rest"


# The game ---------------------------------------------------------------------------------------------------------


def play(client: TestClient, guess: Callable[[bytes], bool]) -> tuple[str, dict[str, Any]]:
    game = client.post("/kiosk/quiz", json={}).json()
    told: dict[str, Any] = {}
    for number in range(game["rounds"]):
        png = client.get(f"/kiosk/quiz/{game['game']}/{number}.png")
        told = client.post(
            f"/kiosk/quiz/{game['game']}/guess", json={"round": number, "real": guess(png.content)}
        ).json()
    return game["game"], told


def test_a_game_against_rendered_strips(kiosk: tuple[Booth, TestClient]) -> None:
    booth, client = kiosk
    dealt = client.post("/kiosk/quiz", json={}).json()
    assert set(dealt) == {"game", "rounds", "data"}, "the answers are not in it"
    assert (dealt["rounds"], dealt["data"]) == (ROUNDS, None)
    address = f"/kiosk/quiz/{dealt['game']}"
    game = booth.quiz._games[dealt["game"]]
    first = client.get(f"{address}/0.png")
    assert first.headers["cache-control"] == "no-store"
    picture = Image.open(io.BytesIO(first.content))
    assert (picture.size, picture.mode, picture.format) == ((SHOWN, SHOWN), "L", "PNG")
    # Neither another round's picture nor a second guess.
    assert client.get(f"{address}/1.png").status_code == 409
    assert client.post(f"{address}/guess", json={"round": 1, "real": True}).status_code == 409
    points = []
    for number, steel in enumerate(game.rounds):
        said = client.post(f"{address}/guess", json={"round": number, "real": steel.real}).json()
        assert (said["right"], said["real"], said["label"]) == (True, steel.real, steel.label)
        assert client.post(f"{address}/guess", json={"round": number, "real": True}).status_code == 409
        points.append(said["won"])
    assert points == [10, 15, 20, 25, 30, 30, 30, 30, 30, 30]
    assert said["over"] and said["best"] and said["correct"] == ROUNDS
    assert client.post(f"{address}/name", json={"name": "K1M"}).status_code == 422
    entered = client.post(f"{address}/name", json={"name": "kim"}).json()
    assert entered == {"place": 0, "best": [{"name": "KIM", "points": sum(points)}]}
    assert client.post(f"{address}/name", json={"name": "KIM"}).status_code == 409
    assert client.get("/kiosk/quiz/best").json()["best"] == entered["best"]
    assert not list(booth.settings.home.rglob("*best*")), "nothing of visitors is written"


@pytest.mark.parametrize("body", [{}, {"round": "0", "real": True}, {"round": 0, "real": "yes"}, {"round": None}])
def test_guesses_that_are_none(body: dict[str, Any], kiosk: tuple[Booth, TestClient]) -> None:
    _, client = kiosk
    game = client.post("/kiosk/quiz", json={}).json()["game"]
    assert client.post(f"/kiosk/quiz/{game}/guess", json=body).status_code == 422
    assert client.post("/kiosk/quiz/nobody/guess", json={"round": 0, "real": True}).status_code == 410
    assert client.post(f"/kiosk/quiz/{game}/name", json={"name": "KIM"}).status_code == 409


def test_real_pictures_come_from_the_workspace(tmp_path: Path, strips_folder: Path) -> None:
    settings = Settings(home=tmp_path)
    Datasets(settings).take_in(strips_folder, "시험 strips")
    booth, client = served(settings)
    _, told = play(client, lambda _: True)
    assert LEAST <= told["correct"] <= ROUNDS - LEAST
    game = next(iter(booth.quiz._games.values()))
    assert game.material.data == "시험-strips"
    shared = set(game.material.labels)
    assert shared and {steel.label for steel in game.rounds} <= shared, "the class must not give it away"


def test_a_data_set_that_is_gone_gives_way_to_rendered_strips(tmp_path: Path, strips_folder: Path) -> None:
    import shutil

    copied = tmp_path / "strips"
    shutil.copytree(strips_folder, copied)
    settings = Settings(home=tmp_path / "home")
    booth, client = served(settings)
    Datasets(settings).take_in(copied)
    assert client.post("/kiosk/quiz", json={}).json()["data"] == "strips"
    shutil.rmtree(copied / "train_images")
    assert client.post("/kiosk/quiz", json={}).json()["data"] is None
    assert len(booth.quiz._games) == 2


# The walk, and the page --------------------------------------------------------------------------------------------


def test_the_walk_is_rendered_once_and_comes_round(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    older = settings.cache / "walk-0-old.webp"
    older.parent.mkdir()
    older.touch()
    path = render_walk(settings, frames=3)
    assert path == walk_path(settings) and not older.exists()
    written = path.stat().st_mtime_ns
    assert render_walk(settings, frames=3).stat().st_mtime_ns == written
    with Image.open(path) as walk:
        assert walk.format == "WEBP" and walk.n_frames == 3 and walk.info["loop"] == 0
    one, two, *_ = mosaics(4)
    assert one.shape == two.shape and np.abs(one.astype(int) - two).mean() > 1


def test_until_it_is_rendered_there_is_no_walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Settings) -> Path:
        raise OSError("disk full")

    monkeypatch.setattr("steelgui.kiosk.booth.render_walk", full)
    booth, client = served(Settings(home=tmp_path))
    assert client.get("/kiosk/alive").json() == {"id": booth.start_id, "ready": False, "walk": False}
    assert booth._rendering is None, "visitors' models go first"
    booth.workbench.inspector.load()
    assert booth.walk() is None
    rendering = booth._rendering
    assert rendering is not None
    rendering.join(10)
    assert client.get("/kiosk/walk.webp").status_code == 404
    assert booth._rendering is rendering, "a disk that is full is not tried again and again"


def test_the_page_runs_under_a_strict_policy(kiosk: tuple[Booth, TestClient]) -> None:
    _, client = kiosk
    page = client.get("/kiosk/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert page.headers["permissions-policy"].startswith("camera=(self)")
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|https?:", page.text)
    for path in PAGE.iterdir():
        assert client.get(f"/kiosk/{path.name}").headers["cache-control"] == "no-cache"
        assert not re.search(r"https?://(?!www\.w3\.org)", path.read_text("utf-8")), path
    assert client.get("/kiosk/../settings.py").status_code in (303, 401, 404)
    assert client.get("/kiosk/%2e%2e/style.css").status_code == 404
    assert client.get("/kiosk").headers["location"] == "/kiosk/"


def test_the_page_asks_for_every_text_and_no_other() -> None:
    sources = "".join(path.read_text("utf-8") for path in sorted(PAGE.glob("*.[hj]*")))
    asked = set(re.findall(r"""["'`]kiosk\.([\w.-]+)["'`]""", sources)) - {"css"}
    known = {key for key in texts("en") if not key.startswith("class.")}
    built = {key for key in known if re.match(r"(name|why)\.|result\.sure_", key)} | {"leave"}
    assert asked <= known
    assert known - built == asked - built
    assert {f"why.{name}" for name in ("crazing", "scratches", "inclusion", "other")} <= built
