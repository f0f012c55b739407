"""Pictures in, verdicts out, and the history they leave."""
# ruff: noqa: F811

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commandline import run
from PIL import Image
from serving import Serve, serve, shared  # noqa: F401  (two of them are fixtures)

from models import rle
from steelgui.services.workbench import Workbench
from steelgui.settings import assets_folder

SAMPLES = assets_folder() / "samples"
STRIP = SAMPLES / "01-strip-scratches.jpg"
TILE = SAMPLES / "11-tile-clean.jpg"


def without_time(value: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in value.items() if name not in ("ms", "path")}


def test_predict_answers_what_the_command_prints(
    serve: Serve, shared: Workbench, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    client = serve(shared)
    answer = client.post("/api/v1/predict", files={"file": ("../plate.jpg", STRIP.read_bytes())})
    assert answer.status_code == 200, answer.text
    printed = json.loads(run(capsys, "inspect", STRIP, "--json", "--home", tmp_path)[1])
    assert list(answer.json()) == list(printed)
    assert without_time(answer.json()) == without_time(printed)
    assert answer.json()["path"] == "plate.jpg"
    stored = client.get(answer.headers["location"]).json()
    assert stored["result"] == {name: one for name, one in answer.json().items() if name != "path"}
    assert (stored["source"], stored["name"]) == ("api", "plate.jpg")


def test_a_batch_goes_on_after_a_file_that_cannot_be_read(serve: Serve, shared: Workbench) -> None:
    files = [
        ("files", ("a.jpg", TILE.read_bytes())),
        ("files", ("b.jpg", b"no picture")),
        ("files", ("c.jpg", STRIP.read_bytes())),
    ]
    before = shared.history.count()
    answer = serve(shared).post("/api/v1/inspect", files=files, data={"score": "0.99", "min_area": "100000000"})
    found = answer.json()
    assert (answer.status_code, found["inspected"], found["failed"]) == (200, 2, 1)
    assert [item["name"] for item in found["items"]] == ["a.jpg", "b.jpg", "c.jpg"]
    assert "not a picture" in found["items"][1]["error"]
    # Nothing is as large as a hundred megapixels, so no mask is left.
    assert found["items"][2]["inspection"]["result"]["defects"] == []
    assert found["items"][2]["inspection"]["thresholds"]["min_area"] == 100_000_000
    assert shared.history.count() == before + 2


@pytest.mark.parametrize(
    ("files", "data", "said"),
    [
        ({"file": ("x.jpg", b"")}, {}, "empty (0 bytes)"),
        ({"file": ("x.jpg", STRIP.read_bytes()[:2000])}, {}, "x.jpg"),
        ({"file": ("x.jpg", STRIP.read_bytes())}, {"score": "2"}, "score: "),
        ({"file": ("x.jpg", STRIP.read_bytes())}, {"score": "nan"}, "score: "),
        ({"other": ("x.jpg", b"")}, {}, "file: "),
    ],
)
def test_what_is_wrong_is_one_sentence(
    serve: Serve, shared: Workbench, files: dict[str, Any], data: dict[str, str], said: str
) -> None:
    answer = serve(shared).post("/api/v1/predict", files=files, data=data)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()) == {"type", "title", "status", "detail"}
    assert (answer.json()["type"], answer.json()["status"]) == ("about:blank", 422)
    assert said in answer.json()["detail"] and "\n" not in answer.json()["detail"]


def test_a_bomb_is_refused_by_its_header(serve: Serve, shared: Workbench) -> None:
    bomb = io.BytesIO()
    Image.new("1", (30000, 30000)).save(bomb, "PNG")
    answer = serve(shared).post("/api/v1/predict", files={"file": ("bomb.png", bomb.getvalue())})
    assert answer.status_code == 422 and "900 megapixels" in answer.json()["detail"]


def test_pictures_of_an_inspection(serve: Serve, shared: Workbench) -> None:
    client = serve(shared)
    place = client.post("/api/v1/predict", files={"file": ("a.jpg", STRIP.read_bytes())}).headers["location"]
    image = client.get(f"{place}/image")
    assert (image.content, image.headers["content-type"]) == (STRIP.read_bytes(), "image/jpeg")
    assert "sandbox" in image.headers["content-security-policy"]
    assert image.headers["x-content-type-options"] == "nosniff"
    drawn = np.asarray(Image.open(io.BytesIO(client.get(f"{place}/overlay").content)))
    plain = np.asarray(Image.open(STRIP).convert("RGB"))
    changed = (drawn != plain).any(axis=-1)
    result = client.get(place).json()["result"]
    masks = [rle.decode(one["rle"], result["height"], result["width"]) for one in result["defects"]]
    assert masks and not (changed & ~np.any(masks, axis=0)).any() and changed.any()
    assert max(Image.open(io.BytesIO(client.get(f"{place}/thumbnail").content)).size) == 256


def test_pages_filters_and_trash(serve: Serve) -> None:
    client = serve()
    for number in range(5):
        assert client.post("/api/v1/predict", files={"file": (f"{number}.jpg", TILE.read_bytes())}).status_code == 200
    client.post("/api/v1/predict", files={"file": ("strip.jpg", STRIP.read_bytes())})
    seen, cursor = [], ""
    while cursor is not None:
        found = client.get(f"/api/v1/inspections?limit=2&order=oldest{cursor and '&cursor=' + cursor}").json()
        seen += [item["name"] for item in found["items"]]
        cursor = found["next"]
    assert seen == ["0.jpg", "1.jpg", "2.jpg", "3.jpg", "4.jpg", "strip.jpg"]
    [strip] = client.get("/api/v1/inspections?verdict=defect&text=STRIP&source=api&source=upload").json()["items"]
    assert client.get("/api/v1/inspections?since=2100-01-01T00:00:00%2B09:00").json() == {"items": [], "next": None}
    stats = client.get("/api/v1/stats?zone=Asia/Seoul&step=hour").json()
    assert (stats["count"], stats["defects"], stats["defect_rate"]) == (6, 1, pytest.approx(1 / 6))
    assert client.delete(f"/api/v1/inspections/{strip['id']}").status_code == 204
    assert client.get(f"/api/v1/inspections/{strip['id']}").status_code == 404
    assert client.delete(f"/api/v1/inspections/{strip['id']}").status_code == 404
    assert client.get("/api/v1/stats").json()["count"] == 5
    assert client.post(f"/api/v1/inspections/{strip['id']}/restore").json()["id"] == strip["id"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("cursor=abc", 422),
        ("cursor=W10", 422),
        ("since=0001-01-01T00:00:00%2B14:00", 422),
        ("since=2026-01-01T00:00:00", 422),
        ("limit=0", 422),
        ("min_score=-1", 422),
        ("text=%00", 200),
        ("label=%00&label=%ED%A0%80", 200),
    ],
)
def test_odd_queries(serve: Serve, shared: Workbench, query: str, status: int) -> None:
    assert serve(shared).get(f"/api/v1/inspections?{query}").status_code == status


@pytest.mark.parametrize("id", ["0", "-1", str(2**63), str(10**40)])
def test_numbers_that_are_none(serve: Serve, shared: Workbench, id: str) -> None:
    answer = serve(shared).get(f"/api/v1/inspections/{id}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_unknown_zones_paths_and_methods_are_problems(serve: Serve, shared: Workbench) -> None:
    client = serve(shared)
    assert "Asia/Seoul" in client.get("/api/v1/stats?zone=../../etc/passwd").json()["detail"]
    for method, path, status in (("GET", "/nothing", 404), ("PUT", "/predict", 405)):
        answer = client.request(method, f"/api/v1{path}")
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
