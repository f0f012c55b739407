"""Who may do what, from where, and how much."""
# ruff: noqa: F811

from __future__ import annotations

import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from serving import Serve, serve, shared  # noqa: F401  (two of them are fixtures)

from steelgui.api.access import Bucket
from steelgui.guard import refused
from steelgui.services.keys import KeyNameError, Keys
from steelgui.services.workbench import Workbench
from steelgui.settings import Settings, StorageError, assets_folder

TILE = assets_folder() / "samples" / "11-tile-clean.jpg"
LAN = "192.168.0.7:7860"
ASKS: dict[str, Callable[[Any], Any]] = {
    "read": lambda client: client.get("/api/v1/inspections"),
    "inspect": lambda client: client.post("/api/v1/predict", files={"file": ("a.jpg", TILE.read_bytes())}),
    "delete": lambda client: client.delete("/api/v1/inspections/99999999"),
    "train": lambda client: client.post("/api/v1/runs", json={"kind": "gan", "data": "none"}),
}
#: What is answered where it is allowed: there is no such inspection, and no such data set.
DONE = {"read": 200, "inspect": 200, "delete": 404, "train": 422}


def allowed(client: Any) -> set[str]:
    answers = {name: ask(client).status_code for name, ask in ASKS.items()}
    assert all(status in (DONE[name], 401, 403) for name, status in answers.items()), answers
    return {name for name, status in answers.items() if status == DONE[name]}


ALL = {"read", "inspect", "delete", "train"}


@pytest.mark.parametrize(
    ("settings", "login", "may"),
    [
        ({}, False, ALL),
        ({"host": "0.0.0.0"}, False, {"read", "inspect"}),
        ({"share": True}, False, {"read", "inspect"}),
        ({"host": "0.0.0.0", "allow_all": True}, False, ALL),
        ({"auth": ("me", "secret")}, False, set()),
        ({"auth": ("me", "secret"), "allow_all": True}, False, set()),
        ({"host": "0.0.0.0", "auth": ("me", "secret")}, True, ALL),
        ({"share": True, "auth": ("me", "secret")}, False, set()),
    ],
)
def test_what_is_open_to_whom(serve: Serve, settings: dict[str, Any], login: bool, may: set[str]) -> None:
    local = settings.get("host") is None and not settings.get("share")
    client = serve(login=login, at="127.0.0.1:7860" if local else LAN, rate=0, **settings)
    assert allowed(client) == may
    refusal = client.delete("/api/v1/inspections/1")
    if "delete" not in may:
        assert refusal.status_code == (403 if may else 401)
        assert refusal.headers["content-type"] == "application/problem+json"
    for name in ("openapi.json", "docs"):
        assert client.get(f"/api/v1/{name}").status_code == 200
    assert client.get("/healthz").json()["status"] in ("ready", "starting")


def test_a_demos_page_has_no_function_that_trains_or_changes_anything(tmp_path: Path) -> None:
    """What is not there cannot be called, by whatever name."""
    from steelgui.app import build

    def modules(**settings: Any) -> set[str]:
        chosen = Settings(home=tmp_path, **settings)
        page = build(Workbench(chosen), chosen)
        return {fn.fn.__module__.rsplit(".", 1)[-1] for fn in page.fns.values() if fn.fn}

    workshop = {"data_tab", "train_panel", "runs_panel", "curate", "retrain_tab", "models_tab", "correction_panel"}
    assert workshop < modules()
    demo = modules(host="0.0.0.0")
    assert not demo & {*workshop, "workshop", "studio_tab"} and "inspect_tab" in demo


def test_a_key_opens_what_it_allows_until_it_is_revoked(serve: Serve, tmp_path: Path) -> None:
    client = serve(at=LAN, host="0.0.0.0", auth=("me", "secret"), rate=0)
    keys = Keys(Settings(home=tmp_path).keys)  # as another process would
    secret = keys.create("line 1", ["delete", "read"])
    for headers in ({"Authorization": f"Bearer {secret}"}, {"X-API-Key": secret}):
        client.headers = headers
        assert allowed(client) == {"read", "delete"}
    keys.revoke("line 1")
    assert allowed(client) == set()
    assert "revoked" in ASKS["read"](client).json()["detail"]


def test_keys_are_kept_as_digests_for_their_owner_alone(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    secret = keys.create("  line   1 ")
    stored = (tmp_path / "keys.json").read_text()
    assert secret not in stored and secret.removeprefix("sg_") not in stored and "line 1" in stored
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    found = keys.check(secret)
    assert found and found.allow == ("read", "inspect") and keys.check(secret + "x") is None
    for name, allow in (("line 1", ["read"]), ("", ["read"]), ("b", []), ("b", ["fly"])):
        with pytest.raises(KeyNameError):
            keys.create(name, allow)
    with pytest.raises(KeyNameError, match="line 1"):
        keys.revoke("nobody")
    (tmp_path / "keys.json").write_text("{")
    with pytest.raises(StorageError, match=r"keys\.json"):
        keys.check(secret)


@pytest.mark.parametrize(
    ("method", "headers", "settings", "passes"),
    [
        ("GET", {"host": "127.0.0.1:7860"}, {}, True),
        ("POST", {"host": "localhost:7860", "origin": "http://localhost:7860"}, {}, True),
        ("GET", {"host": "[::1]:7860"}, {}, True),
        # A name of the attacker's that points to this machine.
        ("GET", {"host": "rebound.example:7860"}, {}, False),
        ("GET", {}, {}, False),
        ("GET", {"host": "localhost.evil.example"}, {}, False),
        ("GET", {"host": "127.0.0.1:7860", "origin": "https://evil.example"}, {}, False),
        ("POST", {"host": "127.0.0.1:7860", "origin": "null"}, {}, False),
        ("POST", {"host": "127.0.0.1:7860", "origin": "http://127.0.0.1:3000"}, {}, False),
        ("POST", {"host": "127.0.0.1:7860", "sec-fetch-site": "cross-site"}, {}, False),
        ("GET", {"host": "127.0.0.1:7860", "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"}, {}, False),
        ("GET", {"host": "127.0.0.1:7860", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, {}, True),
        ("POST", {"host": "127.0.0.1:7860", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, {}, False),
        ("GET", {"host": "steel.lan", "origin": "http://steel.lan"}, {"host": "0.0.0.0"}, True),
        # A header that the attacker's script may set as well.
        ("POST", {"host": LAN, "x-forwarded-host": "evil.example", "origin": "http://evil.example"},
         {"host": "0.0.0.0"}, False),
        ("POST", {"host": "127.0.0.1", "x-forwarded-host": "x.gradio.live", "origin": "https://x.gradio.live"},
         {"share": True}, True),
    ],
)  # fmt: skip
def test_other_web_sites_stay_out(
    tmp_path: Path, method: str, headers: dict[str, str], settings: dict[str, Any], passes: bool
) -> None:
    assert (refused(method, headers, Settings(home=tmp_path, **settings)) is None) == passes


def test_a_refusal_is_a_problem_with_the_headers_of_everything(serve: Serve, shared: Workbench) -> None:
    answer = serve(shared).get("/api/v1/models", headers={"Origin": "https://evil.example"})
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert "frame-ancestors" in answer.headers["content-security-policy"]
    assert "access-control-allow-origin" not in answer.headers
    assert serve(shared).get("/healthz", headers={"Host": "evil.example"}).status_code == 403


def test_the_bucket_lets_a_tenth_through_at_once_and_fills_again() -> None:
    now = [0.0]
    bucket = Bucket(60, lambda: now[0])
    assert [bucket.take("a") for _ in range(6)] == [0] * 6
    assert bucket.take("a") == pytest.approx(1) and bucket.take("b") == 0
    now[0] = 2.0
    assert [bool(bucket.take("a")) for _ in range(3)] == [False, False, True]
    now[0] = 1000.0
    assert sum(bucket.take("a") == 0 for _ in range(10)) == 6


def test_too_many_requests_and_too_large_ones(serve: Serve) -> None:
    client = serve(at=LAN, host="0.0.0.0", rate=30, max_upload_mb=1)
    big = b"0" * 1_200_000
    assert client.post("/api/v1/predict", files={"file": ("a.jpg", big)}).status_code == 413

    def drops() -> Any:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        yield big

    # Without Content-Length it is counted as it comes.
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    streamed = client.post("/api/v1/predict", content=drops(), headers=headers)
    assert streamed.status_code == 413 and "1 MB" in streamed.json()["detail"]
    assert client.post("/api/v1/runs", content=b" " * 999_000 + big[:2000]).status_code == 413
    refusal = client.get("/api/v1/stats")
    assert refusal.status_code == 429 and int(refusal.headers["retry-after"]) >= 1


def test_more_files_than_a_request_takes(serve: Serve, shared: Workbench) -> None:
    answer = serve(shared).post("/api/v1/inspect", files=[("files", ("a.jpg", b"0"))] * 65)
    assert answer.status_code == 422 and "64" in answer.json()["detail"]


def test_a_full_queue_says_when_to_come_again(serve: Serve, shared: Workbench) -> None:
    client, go = serve(shared), threading.Event()

    def nothing() -> Any:
        go.wait()
        raise ValueError("no picture")

    waiting = [shared.queue.submit(nothing, lambda evidence: evidence) for _ in range(66)]
    answer = ASKS["inspect"](client)
    go.set()
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) >= 1
    assert "waiting" in answer.json()["detail"]
    assert all(one.exception(60) for one in waiting)
    assert ASKS["inspect"](client).status_code == 200
