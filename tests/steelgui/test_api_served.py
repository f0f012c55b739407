"""A real server: the examples of docs/api.md, events as they happen, load, `kill -9`, keys and the page's login."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from commandline import run as command

from benchmarks.api_fuzz import fuzz
from benchmarks.api_load import Server, load, load_and_kill, swept
from steelgui.settings import Settings, assets_folder
from training.runs import Run, Status

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
SAMPLES = assets_folder() / "samples"
TILES = [path.read_bytes() for path in sorted(SAMPLES.glob("*-tile-*.jpg"))]
JSON, FORM = {"Content-Type": "application/json"}, {"Content-Type": "multipart/form-data"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("served") / "home") as server:
        yield server


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)


def test_the_examples_in_the_docs_run(server: Server, tmp_path: Path) -> None:
    (tmp_path / "plate.jpg").write_bytes((SAMPLES / "01-strip-scratches.jpg").read_bytes())
    lines = [example.replace("http://127.0.0.1:7860", server.address) for example in examples("sh")]
    assert len(lines) == 2
    answers = []
    for line in lines:
        done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        answers.append(json.loads(done.stdout))
    assert answers[0].get("label") == "scratches", answers[0]
    assert answers[1].get("inspected") == 2, answers[1]
    [client] = examples("python")
    environment = {**os.environ, "STEELGUI": server.address, "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-c", client], cwd=tmp_path, capture_output=True, text=True, env=environment, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("defect scratches") and done.stdout.count("plate.jpg") == 4
    assert (tmp_path / "plate-overlay.png").read_bytes().startswith(b"\x89PNG")


def test_no_request_breaks_the_server(server: Server, tmp_path: Path) -> None:
    """Schemathesis against the server's own OpenAPI document; hundreds of odd requests."""
    status, report = fuzz(server, 2, 0, tmp_path)
    assert status == 0, report
    cases = re.search(r"(\d+) generated", report)
    assert cases and int(cases[1]) > 300, report


def test_what_cannot_be_parsed_is_answered_as_every_other_problem(server: Server) -> None:
    for answer, status, word in (
        (httpx.get(f"{server.address}/api/v1/runs/a%0Ab"), 404, "no run"),
        (httpx.post(f"{server.address}/api/v1/runs", content=b"D\xff", headers=JSON), 422, "UTF-8"),
        (httpx.post(f"{server.address}/api/v1/inspect", content=b"", headers=FORM), 422, "boundary"),
    ):
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert word in answer.json()["detail"]


def test_events_come_as_they_happen(server: Server) -> None:
    """Nothing between a run and its reader holds them back: not the page's compression either."""
    run = Run.create(Settings(home=server.home).runs, "gan", {"data": "x"}, "watched")
    event = json.dumps({"kind": "note", "step": 0, "text": "강판 " * 200}) + "\n"
    run.events_path.write_text(event, "utf-8")
    address = f"{server.address}/api/v1/runs/{run.id}/events"
    headers = {"Accept-Encoding": "br, gzip"}
    with run.lock(), httpx.stream("GET", address, headers=headers, trust_env=False, timeout=30) as answer:
        run.write_status(Status("running", 0, 2, os.getpid()))
        assert "content-encoding" not in answer.headers
        lines = answer.iter_lines()
        assert next(line for line in lines if line.startswith("event:")) == "event: note"
        # The next one is written only after the first was read.
        with run.events_path.open("a", encoding="utf-8") as file:
            file.write(event.replace("note", "step"))
        assert next(line for line in lines if line.startswith("event:")) == "event: step"
        run.write_status(Status("stopped", 1, 2))
        assert next(line for line in lines if line.startswith("event:")) == "event: end"


def test_load_and_a_kill_lose_nothing_that_was_answered(server: Server) -> None:
    quiet = load(server.address, clients=8, seconds=4, pictures=TILES)
    assert quiet.ids and not quiet.failed
    tally = load_and_kill(server, clients=8, seconds=8, pictures=TILES)
    assert tally.ids and not tally.failed
    found = swept(server.home, [*quiet.ids, *tally.ids])
    assert found["rows"] >= len(quiet.ids) + len(tally.ids)
    assert (found["lost_rows"], found["rows_without_image"], found["images_without_row"]) == (0, 0, 0)


def test_a_login_and_keys_open_a_server_that_others_reach(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "home"
    with Server(home, "--host", "0.0.0.0", "--auth", "me:secret") as server:
        with httpx.Client(base_url=server.address, trust_env=False, timeout=60) as client:
            assert client.get("/api/v1/models").status_code == 401
            assert client.post("/login", data={"username": "me", "password": "wrong"}).status_code == 400
            assert client.post("/login", data={"username": "me", "password": "secret"}).status_code == 200
            assert client.get("/api/v1/models").status_code == 200
            # The session's cookie goes along, but the request is another site's.
            evil = client.delete("/api/v1/inspections/1", headers={"Origin": "https://evil.example"})
            assert evil.status_code == 403
            assert client.delete("/api/v1/inspections/1").status_code == 404
        _, key, _ = command(capsys, "keys", "create", "line", "--home", home)
        headers = {"X-API-Key": key.strip()}

        def status() -> int:
            return httpx.get(f"{server.address}/api/v1/stats", headers=headers, trust_env=False).status_code

        assert status() == 200
        command(capsys, "keys", "revoke", "line", "--home", home)
        assert status() == 401
        _, key, _ = command(capsys, "keys", "create", "line", "--home", home)
        stops_although_somebody_follows_a_run(server, {"Authorization": f"Bearer {key.strip()}"})


def stops_although_somebody_follows_a_run(server: Server, headers: dict[str, str]) -> None:
    run = Run.create(Settings(home=server.home).runs, "gan", {"data": "x"}, "watched")
    address = f"{server.address}/api/v1/runs/{run.id}/events"
    with run.lock(), httpx.stream("GET", address, headers=headers, trust_env=False, timeout=30) as answer:
        assert next(answer.iter_bytes())
        server.process.terminate()
        assert server.process.wait(15) is not None
