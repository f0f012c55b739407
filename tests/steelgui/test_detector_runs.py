"""A detector learned from good plates, put to work and taken out of it, everywhere that pictures are inspected."""
# ruff: noqa: F811

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commandline import run
from plates import SIDE, plate, plates_folder, write
from serving import Serve, serve  # noqa: F401  (a fixture)

from models.imagefile import read_image
from models.sidecar import CheckpointError
from steelgui.results import UNKNOWN, Thresholds
from steelgui.services.detectors import Detectors, good_class
from steelgui.services.inspection import Inspector
from steelgui.services.library import Library
from steelgui.services.workbench import Workbench
from steelgui.settings import Settings, weights_folder
from steelgui.ui import detector_fragments, model_fragments
from steelgui.ui.i18n import Translator
from training.config import ConfigError
from training.data.record import DataError
from training.runs import Run, RunError
from training.worker import work

QUICK = {"size": 96, "bank": 200, "device": "cpu", "normal": "good", "false_alarms": 0.1}


def picture(path: Path, seed: int, spot: bool) -> Path:
    write(path, plate(np.random.default_rng(seed), spot)[0])
    return path


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Detectors, Run]:
    """A finished run on plates, one of whose good ones has a spot; nothing is activated."""
    folder = plates_folder(tmp_path_factory.mktemp("plates") / "plates", good=19)
    picture(folder / "train" / "good" / "019.png", 77, spot=True)
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    settings.prepare()
    detectors = Detectors(settings)
    config = json.loads(detectors.config(folder, QUICK).model_dump_json(exclude={"out", "resume"}))
    made = detectors.jobs.create("anomaly", config, "plates")
    work(made)
    return detectors, made


@pytest.fixture
def bench(learned: tuple[Detectors, Run], tmp_path: Path) -> Workbench:
    """A home of its own with the detector at work, alone."""
    settings = Settings(home=tmp_path / "home")
    settings.prepare()
    file = learned[1].folder / f"{learned[1].id}.safetensors"
    library = Library(settings)
    library.take_in(file, "plates")
    library.activate("plates")
    for kind in ("classifier", "segmenter"):
        library.switch_off(kind)
    return Workbench(settings)


def test_a_run_tells_its_figures_and_what_looks_odd(learned: tuple[Detectors, Run]) -> None:
    detectors, made = learned
    seen = detectors.look(made)
    assert (seen.state, seen.method, seen.step) == ("finished", "memory-bank", seen.steps)
    assert [path.name for path in seen.odd] == ["019.png"]
    assert seen.card and seen.card["calibration"]["good"] == 20
    for lang, said in (
        ("en", "1 in 10 good pictures would alarm"),
        ("ko", "정상 이미지 20장으로 정한 기준에서 10장 중 1장"),
    ):
        t = Translator(lang)
        assert said in detector_fragments.state(seen, t)
        assert "019.png" in detector_fragments.answer(seen, t)
    assert "look strange" not in detector_fragments.answer(seen, Translator("ko"))
    assert [one.id for one in detectors.all()] == [made.id]


def test_from_a_run_to_an_inspection_and_back(learned: tuple[Detectors, Run], tmp_path: Path) -> None:
    detectors, made = learned
    bundled = Library(detectors.settings).together()
    assert bundled[2] is None and detectors.activated() is None
    name = detectors.activate(made, alone=True)
    library = Library(detectors.settings)
    assert library.together() == (None, None, library.default("anomaly")) and detectors.activated() == name
    assert detectors.settings.preferences.false_alarms == pytest.approx(0.1)
    assert detectors.activate(made, alone=False) == name, "a second time it was taken in under another name"
    detectors.roll_back()
    detectors.roll_back()
    assert Library(detectors.settings).together() == bundled
    t = Translator("en")
    table = model_fragments.table(Library(detectors.settings).entries(), bundled, t)
    assert "anomaly detector" in table and name in table


def test_what_cannot_be_learned_is_said(learned: tuple[Detectors, Run], tmp_path: Path) -> None:
    detectors, _ = learned
    assert detectors.counts(picture(tmp_path / "flat" / "a.png", 0, spot=False).parent) == {"good": 1}
    with pytest.raises(DataError):
        detectors.counts(tmp_path / "gone")
    with pytest.raises(ConfigError, match="false_alarms"):
        detectors.config(tmp_path, {"false_alarms": 1.5})
    unfinished = detectors.jobs.create("anomaly", {"data": str(tmp_path), "method": "memory-bank"}, "none")
    with pytest.raises(RunError, match="has made no detector"):
        detectors.activate(unfinished, alone=False)
    assert good_class(["crack", "free", "ok"]) == "free"
    assert good_class(["plates"]) == "plates" and good_class(["crack", "fray"]) is None


def test_pictures_strips_and_batches_are_inspected(bench: Workbench, tmp_path: Path) -> None:
    spotted, clean = picture(tmp_path / "spot.png", 5, spot=True), picture(tmp_path / "clean.png", 6, spot=False)
    thresholds = Thresholds(false_alarms=0.1)
    looked = bench.look(spotted, thresholds, name="spot.png", origin="upload")
    assert looked.inspection.label == UNKNOWN and looked.inspection.models == {"anomaly": "plates"}
    spot = plate(np.random.default_rng(5), spot=True)[1]
    (defect,) = looked.inspection.defects
    assert (defect.mask & spot).sum() > 0.4 * spot.sum(), "the mark is elsewhere"
    rows = list(bench.batch([spotted, clean], thresholds))
    assert [row.inspection.label for row in rows if row.inspection] == [UNKNOWN, "none"]
    assert bench.latest(1)[0].result["anomaly"]["false_alarms"] == 0.1
    assert bench.vouching() == 20

    strip = np.concatenate([read_image(clean)] * 3 + [read_image(spotted)], axis=1)
    seen = bench.inspector.look(strip)
    assert seen.strangeness and seen.strangeness.map.shape == (SIDE, 4 * SIDE)
    assert seen.strangeness.score == pytest.approx(looked.evidence.strangeness.score, rel=0.35)  # type: ignore[union-attr]
    assert np.argmax(seen.strangeness.map.max(axis=0)) >= 3 * SIDE - 8
    together = bench.inspector.look_many([strip, read_image(clean)])
    assert together[0].strangeness and together[0].strangeness.score == pytest.approx(seen.strangeness.score, rel=1e-3)
    assert np.abs(together[0].strangeness.map.astype(int) - seen.strangeness.map).max() <= 1


def test_the_api_and_live_frames_know_of_it(bench: Workbench, serve: Serve, tmp_path: Path) -> None:
    client, spotted = serve(bench), picture(tmp_path / "spot.png", 5, spot=True)
    asked: dict[str, Any] = {"files": {"file": ("spot.png", spotted.read_bytes())}, "data": {"false_alarms": "0.1"}}
    found = client.post("/api/v1/predict", **asked).json()
    assert (found["verdict"], found["label"]) == ("defect", UNKNOWN)
    assert found["anomaly"]["score"] > found["anomaly"]["threshold"] and found["anomaly"]["false_alarms"] == 0.1
    assert client.post("/api/v1/predict", files=asked["files"], data={"false_alarms": "0"}).status_code == 422
    active = [one for one in client.get("/api/v1/models").json() if one["active"]]
    assert [(one["name"], one["kind"]) for one in active] == [("plates", "anomaly")]
    (row,) = client.get("/api/v1/inspections", params={"label": UNKNOWN}).json()["items"]
    assert row["score"] is None and row["classifier"] is None

    png = {"content-type": "image/png"}
    query = "client=a&false_alarms=0.1&min_area=1"
    shown = client.post(f"/live/frame?{query}", content=spotted.read_bytes(), headers=png).json()
    assert (shown["verdict"], shown["label"]) == ("defect", UNKNOWN) and shown["anomaly"]["false_alarms"] == 0.1
    assert [one["class"] for one in shown["defects"]] == [UNKNOWN]
    glowing = client.post(f"/live/frame?{query}&heat=anomaly", content=spotted.read_bytes(), headers=png).json()
    assert glowing["overlay"] != shown["overlay"]


def test_commands_name_switch_and_refuse(bench: Workbench, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    home = ("--home", bench.settings.home)
    spotted = picture(tmp_path / "spot.png", 5, spot=True)
    code, out, err = run(capsys, "inspect", spotted, "--false-alarms", "0.1", *home)
    assert code == 0 and "DEFECT  unknown" in out and "anomaly" in out and "threshold" in out, err
    code, out, _ = run(
        capsys, "inspect", spotted, "--json", "--detector", "none", "--segmenter", "neu-segmenter", *home
    )
    assert (
        code == 0 and json.loads(out)["anomaly"] is None and json.loads(out)["models"] == {"segmenter": "neu-segmenter"}
    )
    code, _, err = run(capsys, "inspect", spotted, "--false-alarms", "1", *home)
    assert code == 2 and err.count("\n") == 1
    code, _, err = run(capsys, "inspect", spotted, "--detector", "neu-segmenter", *home)
    assert code == 1 and "neu-segmenter is a segmenter; an anomaly detector is needed" in err
    code, _, err = run(capsys, "inspect", spotted, "--detector", "none", *home)
    assert code == 1 and "no model to inspect with" in err

    code, _, err = run(capsys, "models", "off", "anomaly", *home)
    assert code == 1 and "nothing but plates inspects" in err
    for kind in ("classifier", "segmenter"):
        code, out, _ = run(capsys, "models", "rollback", kind, "--json", *home)
        assert code == 0 and json.loads(out) == {"active": f"neu-{kind}", "before": None}
    code, out, _ = run(capsys, "models", "off", "anomaly", "--json", *home)
    assert code == 0 and json.loads(out) == {"active": None, "before": "plates"}
    code, out, _ = run(capsys, "inspect", spotted, "--json", *home)
    assert code == 0 and json.loads(out)["anomaly"] is None
    code, _, err = run(capsys, "models", "rollback", "anomaly", *home)
    assert code == 0 and "plates inspects again" in err
    code, out, _ = run(capsys, "doctor", "--json", *home)
    assert code == 0 and "plates" in json.loads(out)["models"]


def test_a_lone_detector_that_is_gone_leaves_the_bundled_ones(bench: Workbench) -> None:
    library = Library(bench.settings)
    for path in bench.settings.models.glob("plates.*"):
        path.unlink()
    bundled = tuple(weights_folder() / f"neu-{kind}.safetensors" for kind in ("classifier", "segmenter"))
    assert library.together() == (*bundled, None)
    assert bench.vouching() is None


def test_networks_in_the_wrong_place_are_refused() -> None:
    segmenter = weights_folder() / "neu-segmenter.safetensors"
    with pytest.raises(CheckpointError, match="is a segmenter; an anomaly detector is needed"):
        Inspector(None, None, segmenter).load()
