"""Frames of a camera over HTTP, and what keeps the answers from flickering."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from gradio.routes import App
from numpy.typing import NDArray
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from steelgui.app import _logged_in
from steelgui.guard import Guard
from steelgui.live import MAX_BYTES, live_routes
from steelgui.results import Defect, Evidence, Inspection, Thresholds
from steelgui.services.live import AT_ONCE, Steady, shown, steady
from steelgui.services.workbench import Workbench
from steelgui.settings import Settings, assets_folder

SCRATCHED = (assets_folder() / "samples" / "07-tile-scratches.jpg").read_bytes()
JPEG = {"content-type": "image/jpeg"}
Client = TestClient


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    settings.prepare()
    return Workbench(settings)


@pytest.fixture
def client(workbench: Workbench) -> Iterator[Client]:
    with TestClient(Starlette(routes=[live_routes(workbench)])) as opened:
        yield opened


def encoded(width: int = 64, height: int = 64, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, height), (90, 90, 90)).save(stream, kind)
    return stream.getvalue()


# Frames --------------------------------------------------------------------------------------------------------------


def test_a_frame_is_judged_drawn_and_not_recorded(client: Client, workbench: Workbench) -> None:
    answer = client.post("/live/frame?client=a", content=SCRATCHED, headers=JPEG)
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert (told["verdict"], told["label"]) == ("defect", "scratches")
    assert told["score"] > 0.5 and told["ms"] > 0 and "panels" not in told
    assert told["frame"] == {key: told[key] for key in ("verdict", "label", "score")}
    layer = Image.open(io.BytesIO(base64.b64decode(told["overlay"].partition(",")[2])))
    assert layer.size == (told["width"], told["height"])
    opaque = np.asarray(layer.convert("RGBA"))[..., 3] > 0
    assert opaque.sum() == sum(defect["area_px"] for defect in told["defects"]) > 0
    assert workbench.history.count() == 0


def test_thresholds_classes_and_heat_are_the_askers(client: Client) -> None:
    def ask(query: str) -> dict[str, Any]:
        answer = client.post(f"/live/frame?{query}", content=SCRATCHED, headers=JPEG)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    assert ask("client=b&score=1&min_area=4000000")["verdict"] == "ok"
    hidden = ask("client=c&hide=scratches&hide=inclusion&hide=crazing")
    assert hidden["defects"] and hidden["overlay"] is None
    assert len(ask("client=c&heat=1")["overlay"]) > len(ask("client=c")["overlay"])
    panels = ask("client=c&panels=1")["panels"]
    assert (
        'data-verdict="defect"' in panels["verdict"] and "scratches" in panels["areas"] and "<ol>" in panels["scores"]
    )


def test_answers_are_in_the_visitors_language(client: Client) -> None:
    korean = JPEG | {"accept-language": "ko"}
    panels = client.post("/live/frame?panels=1", content=SCRATCHED, headers=korean).json()["panels"]
    assert "결함" in panels["verdict"]
    assert "프레임" in client.post("/live/frame", content=b"", headers={"accept-language": "ko"}).json()["detail"]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_what_browsers_encode_is_read(client: Client, kind: str) -> None:
    headers = {"content-type": f"image/{kind.lower()}"}
    assert client.post("/live/frame", content=encoded(kind=kind), headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("query", "body", "kind", "status", "said"),
    [
        ("", b"", "image/jpeg", 422, "empty"),
        ("", b"not a picture", "image/jpeg", 415, "JPEG, PNG or WebP"),
        ("", SCRATCHED[:400], "image/jpeg", 422, "again"),
        ("", SCRATCHED, "text/plain", 415, "JPEG, PNG or WebP"),
        ("", SCRATCHED, "", 415, "JPEG, PNG or WebP"),
        ("", encoded(kind="TIFF"), "image/png", 415, "JPEG, PNG or WebP"),
        ("", encoded(8, 8), "image/png", 422, "too small"),
        ("", encoded(4096, 1025), "image/png", 413, "megapixels"),
        ("", b"\xff\xd8\xff" + bytes(MAX_BYTES), "image/jpeg", 413, "4 MB"),
        ("?score=high", SCRATCHED, "image/jpeg", 422, "score must be a number"),
        ("?score=nan", SCRATCHED, "image/jpeg", 422, "score must be a number"),
        ("?opacity=1.1", SCRATCHED, "image/jpeg", 422, "0 to 1"),
        ("?min_area=-1", SCRATCHED, "image/jpeg", 422, "min_area"),
    ],
)
def test_what_is_no_frame_is_refused(
    client: Client, query: str, body: bytes, kind: str, status: int, said: str
) -> None:
    for path in ("frame", "snapshot"):
        if "opacity" in query and path == "snapshot":
            continue
        answer = client.post(f"/live/{path}{query}", content=body, headers={"content-type": kind} if kind else {})
        assert answer.status_code == status and said in answer.json()["detail"], answer.text


def test_one_frame_at_a_time_and_no_queue(
    client: Client, workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived, free, look = threading.Semaphore(0), threading.Event(), workbench.queue.look

    def held(image: NDArray[np.uint8]) -> Evidence:
        arrived.release()
        free.wait(60)
        return look(image)

    monkeypatch.setattr(workbench.queue, "look", held)

    def post(name: str) -> Any:
        return client.post(f"/live/frame?client={name}", content=SCRATCHED, headers=JPEG)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [pool.submit(post, f"busy {number}") for number in range(AT_ONCE)]
        try:
            assert all(arrived.acquire(timeout=60) for _ in waiting)
            own, other = post("busy 0"), post("another")
        finally:
            free.set()
    assert (own.status_code, other.status_code) == (429, 503)
    assert own.headers["retry-after"] == other.headers["retry-after"] == "1"
    assert [one.result().status_code for one in waiting] == [200] * AT_ONCE
    assert post("busy 0").status_code == 200, "its turn was not given back"


# Snapshots and access ------------------------------------------------------------------------------------------------


def test_a_snapshot_is_kept_as_it_came(client: Client, workbench: Workbench) -> None:
    before = workbench.history.count()
    answer = client.post("/live/snapshot?source=video&name=clip.mp4 1.50 s&score=0.4", content=SCRATCHED, headers=JPEG)
    assert answer.status_code == 200 and answer.json()["label"] == "scratches"
    assert answer.json()["said"] == "Kept in the history: DEFECT – scratches"
    (row,) = workbench.history.latest(1)
    assert workbench.history.count() == before + 1
    assert (row.source, row.name, row.label, row.thresholds["score"]) == ("video", "clip.mp4 1.50 s", "scratches", 0.4)
    assert row.original.read_bytes() == SCRATCHED
    assert client.post("/live/snapshot", content=SCRATCHED, headers=JPEG).json()["name"].startswith("camera-")
    assert client.post("/live/snapshot?source=kiosk", content=SCRATCHED, headers=JPEG).status_code == 422


def test_the_pages_login_guards_frames_and_snapshots(workbench: Workbench) -> None:
    """As the app is put together, with Gradio's own login."""
    settings = Settings(home=workbench.settings.home, auth=("kim", "steel"), host="0.0.0.0")
    with gr.Blocks(analytics_enabled=False) as page:
        gr.HTML("page")
    page.auth, page.auth_message = [("kim", "steel")], None
    inside: dict[str, Any] = {
        "routes": [live_routes(Workbench(settings))],
        "middleware": [Middleware(Guard, settings=settings, logged_in=_logged_in)],
    }
    app = App.create_app(page, app_kwargs=inside)
    app.auth = {"kim": "steel"}
    before = workbench.history.count()
    with TestClient(app) as visitor:
        for path in ("frame", "snapshot"):
            refused = visitor.post(f"/live/{path}", content=SCRATCHED, headers=JPEG)
            assert refused.status_code == 401 and "sign in" in refused.json()["detail"]
        assert workbench.history.count() == before
        assert visitor.post("/login", data={"username": "kim", "password": "steel"}).status_code == 200
        assert visitor.post("/live/frame", content=SCRATCHED, headers=JPEG).status_code == 200


def test_the_browsers_side_is_served(client: Client) -> None:
    answer = client.get("/live/live.js")
    assert answer.headers["content-type"].startswith("text/javascript") and "export" in answer.text


# Steadiness ----------------------------------------------------------------------------------------------------------


def seen(scratches: float, *masks: str) -> Inspection:
    """A frame with this score; `masks` are classes that were marked on it."""
    marks = tuple(Defect(name, np.ones((4, 4), dtype=bool), 16, 100.0, 1) for name in masks)
    found = scratches >= 0.5 or bool(masks)
    label = "scratches" if scratches >= 0.5 else masks[0] if masks else "none"
    scores = {"scratches": scratches, "none": 1 - scratches}
    return Inspection("defect" if found else "ok", label, scores, marks, 4, 4, 9.0, {}, Thresholds())


def told(frames: list[Inspection], seconds: float = 0.1) -> tuple[list[str], Steady]:
    state, labels = None, []
    for frame in frames:
        state = steady(state, frame, seconds)
        labels.append(shown(frame, state).label)
    assert state
    return labels, state


def test_the_first_frame_is_taken_as_it_is() -> None:
    frame = seen(0.8, "scratches")
    assert shown(frame, steady(None, frame, 1e9)) == replace(frame, scores=frame.scores)


def test_a_verdict_does_not_flicker() -> None:
    labels, _ = told([seen(0.9)] * 5 + [seen(0.45), seen(0.55)] * 20)
    assert set(labels) == {"scratches"}
    labels, _ = told([seen(0.1)] * 5 + [seen(0.6), seen(0.1), seen(0.1)] * 20)
    assert set(labels) == {"none"}


def test_a_lasting_change_is_followed_within_a_second() -> None:
    labels, state = told([seen(0.1)] * 10 + [seen(0.9)] * 10)
    assert labels[10] == "none" and labels[-1] == "scratches" and "none" not in labels[15:]
    assert state.scores["scratches"] == pytest.approx(0.9, abs=0.1)
    assert told([seen(0.9)] * 10 + [seen(0.1)] * 10)[0][-1] == "none"


def test_a_slow_stream_is_believed_at_once() -> None:
    assert told([seen(0.1), seen(0.9), seen(0.1)], seconds=1.0)[0] == ["none", "scratches", "none"]


def test_a_mask_of_one_frame_is_not_shown() -> None:
    _, state = told([seen(0.1)] * 5)
    flash = seen(0.1, "patches")
    assert shown(flash, steady(state, flash, 0.1)).defects == ()
    _, lasting = told([flash] * 10)
    assert [one.name for one in shown(flash, lasting).defects] == ["patches"]


def test_the_label_stays_until_another_is_clearly_ahead() -> None:
    def both(a: float, b: float) -> Inspection:
        frame = seen(0.9)
        return replace(frame, label="a" if a > b else "b", scores={"a": a, "b": b, "none": 0.0})

    assert set(told([both(0.8, 0.7)] + [both(0.70, 0.75), both(0.75, 0.70)] * 10)[0]) == {"a"}
    assert told([both(0.8, 0.7)] + [both(0.55, 0.95)] * 20)[0][-1] == "b"


def test_silence_is_no_evidence(workbench: Workbench) -> None:
    from steelgui.services.live import FORGET, LiveInspection

    at = [0.0]
    live = LiveInspection(workbench, now=lambda: at[0])
    scratched = np.asarray(Image.open(io.BytesIO(SCRATCHED)).convert("RGB"))
    clean = np.full_like(scratched, 120)
    _, alone, _ = live.look("a", clean, Thresholds())
    live.look("b", scratched, Thresholds())
    at[0] = 0.05
    assert live.look("b", clean, Thresholds())[2].label == "scratches", "one frame was believed"
    at[0] += FORGET + 1
    assert live.look("b", clean, Thresholds())[2].label == alone.label
