"""Runs over HTTP: started by names alone, controlled, and followed from wherever one was cut off."""
# ruff: noqa: F811

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from plates import plates_folder
from serving import Serve, serve  # noqa: F401  (a fixture)
from starlette.testclient import TestClient

from steelgui.api.events import place
from steelgui.services.datasets import Datasets
from steelgui.settings import Settings
from training.runs import Run, Status

STEPS = [{"kind": "step", "step": n, "steps": 3, "losses": {"g": 1.0}, "images_per_s": 9.0} for n in (1, 2, 3)]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """One that has ended, and tells of a path."""
    run = Run.create(Settings(home=tmp_path).runs, "gan", {"data": "/secret/data"}, "crazing")
    told = [*STEPS, {"kind": "saved", "path": str(run.folder / "checkpoints" / "best.pt"), "epoch": 3, "best": True}]
    run.events_path.write_text("".join(json.dumps(event) + "\n" for event in told))
    run.write_status(Status("finished", 3, 3))
    return run


def events(text: str) -> list[tuple[str, str, dict[str, Any]]]:
    """(event, id, data) of a whole stream."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in lines:
            found.append((lines["event"], lines["id"], json.loads(lines["data"])))
    return found


def test_events_are_told_from_where_a_reader_was_cut_off(serve: Serve, run: Run, tmp_path: Path) -> None:
    client = serve()
    address = f"/api/v1/runs/{run.id}/events"
    answer = client.get(address)
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = events(answer.text)
    assert [kind for kind, _, _ in found] == ["step", "step", "step", "saved", "end"]
    assert found[-1][2]["state"] == "finished"
    assert found[3][2]["path"] == "best.pt" and str(tmp_path) not in answer.text
    again = events(client.get(address, headers={"Last-Event-ID": found[1][1]}).text)
    assert again == found[2:]
    # A browser that comes back after the end is told to stay away.
    assert client.get(address, headers={"Last-Event-ID": found[-1][1]}).status_code == 204


def test_a_run_that_went_back_is_told_anew(serve: Serve, run: Run) -> None:
    client = serve()
    address = f"/api/v1/runs/{run.id}/events"
    last = events(client.get(address).text)[1][1]
    run.forget_after(1)
    again = events(client.get(address, headers={"Last-Event-ID": last}).text)
    assert [kind for kind, _, _ in again] == ["restarted", "step", "end"]
    for odd in ("x", "1.x", "-1.5", "9" * 40, "1." + "9" * 40):
        assert events(client.get(address, headers={"Last-Event-ID": odd}).text)
    assert place("²") == (0, 0)


def test_a_line_that_is_still_being_written_waits(serve: Serve, run: Run) -> None:
    with run.events_path.open("a") as file:
        file.write('{"kind": "st')
    kinds = [kind for kind, _, _ in events(serve().get(f"/api/v1/runs/{run.id}/events").text)]
    assert kinds == ["step", "step", "step", "saved", "end"]


def test_list_and_control(serve: Serve, run: Run) -> None:
    client = serve()
    [row] = client.get("/api/v1/runs").json()
    assert (row["id"], row["name"], row["state"], row["step"]) == (run.id, "crazing", "finished", 3)
    assert client.get(f"/api/v1/runs/{run.id}").json() == row
    refusal = client.post(f"/api/v1/runs/{run.id}/pause")
    assert refusal.status_code == 409 and "finished" in refusal.json()["detail"]
    assert client.post(f"/api/v1/runs/{run.id}/explode").status_code == 404
    for name in ("none", "..%2f..%2fetc", run.id[:8]):
        assert client.post(f"/api/v1/runs/{name}/stop").status_code == 404


def refusal(client: TestClient, **asked: Any) -> str:
    answer = client.post("/api/v1/runs", json={"kind": "gan", **asked})
    assert answer.status_code == 422, answer.text
    return str(answer.json()["detail"])


def test_nothing_in_a_request_is_taken_for_a_path(serve: Serve, strips_folder: Path, tmp_path: Path) -> None:
    client = serve()
    Datasets(Settings(home=tmp_path)).take_in(strips_folder, "strips")
    for name in (str(strips_folder), "../data/strips", "", "nothing"):
        assert "there are strips" in refusal(client, data=name)
    for settings, said in (
        ({"features": "/etc/passwd"}, "features: "),
        ({"out": "/tmp/x"}, "out: "),
        ({"init": "/tmp/model.safetensors"}, "init: there are bundled"),
        ({"device": "cuda:/x"}, "device: a word"),
        ({"wings": 2}, "wings"),
        ({"size": 63}, "size"),
    ):
        assert said in refusal(client, data="strips", settings=settings)
    assert "preset: " in refusal(client, data="strips", preset="huge")
    experiment = {"kind": "experiment", "data": "strips"}
    assert "arch: a word" in refusal(client, **experiment, settings={"arch": "local-dir:/tmp", "arms": ["plain"]})
    detector = {"kind": "anomaly", "data": "strips"}
    assert "init: there are bundled" in refusal(client, **detector, settings={"init": "/tmp/model.safetensors"})
    assert "encoder: a word" in refusal(client, **detector, settings={"encoder": "local-dir:/tmp"})
    assert "method" in refusal(client, **detector, settings={"method": "tea leaves"})
    assert "synthetic: there is no set" in refusal(client, **experiment, synthetic=["/tmp"])
    assert client.get("/api/v1/runs").json() == []


def test_a_training_is_started_followed_and_stopped(serve: Serve, strips_folder: Path, tmp_path: Path) -> None:
    """A real worker in a process of its own."""
    client = serve()
    Datasets(Settings(home=tmp_path)).take_in(strips_folder, "strips")
    small = {"size": 32, "images": 100_000, "ngf": 4, "ndf": 4, "checks": 1, "check_samples": 16, "batch_size": 4}
    asked = {"kind": "gan", "data": "strips", "class": "scratches", "settings": small}
    answer = client.post("/api/v1/runs", json=asked)
    assert answer.status_code == 201, answer.text
    address = answer.headers["location"]
    # The whole stream is one answer here, so somebody has to stop the run; the word waits for the worker.
    stopped = client.post(f"{address}/stop")
    assert stopped.status_code == 200, stopped.text
    kinds = [kind for kind, _, _ in events(client.get(f"{address}/events").text)]
    assert kinds[-1] == "end"
    assert client.get(address).json()["state"] in ("stopped", "interrupted")


def test_a_detector_is_trained_by_a_request(serve: Serve, tmp_path: Path) -> None:
    client = serve()
    Datasets(Settings(home=tmp_path)).take_in(plates_folder(tmp_path / "plates"), "parts")
    small = {"size": 64, "bank": 32, "folds": 2, "false_alarms": 0.2}
    answer = client.post("/api/v1/runs", json={"kind": "anomaly", "data": "parts", "class": "good", "settings": small})
    assert answer.status_code == 201, answer.text
    address = answer.headers["location"]
    kinds = [kind for kind, _, _ in events(client.get(f"{address}/events").text)]
    assert kinds[-2:] == ["finished", "end"]
    assert client.get(address).json() | {"kind": "anomaly", "state": "finished"} == client.get(address).json()
