"""The bundled networks on rendered steel for everybody, and on real steel where it stands."""

from __future__ import annotations

import csv
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from models.imagefile import read_image
from models.sidecar import CheckpointError
from steelgui.results import Thresholds
from steelgui.services.decision import decide
from steelgui.services.inspection import Inspector
from steelgui.services.workbench import KEPT, Workbench, pictures
from steelgui.settings import Settings, weights_folder

CLASSES = ("crazing", "inclusion", "patches", "pitted_surface", "rolled-in_scale", "scratches")


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    settings = Settings(home=tmp_path_factory.mktemp("집 home"))
    settings.prepare()
    bench = Workbench(settings)
    bench.warm_up()
    return bench


def test_who_asks_while_the_models_load_waits_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are loaded once."""
    import models.checkpoint as checkpoint

    bench, loaded, opened = Workbench(Settings(home=tmp_path)), [], threading.Event()
    bench.settings.prepare()
    load = checkpoint.load_checkpoint

    def slowly(path: Path, device: str) -> checkpoint.Checkpoint:
        loaded.append(path)
        opened.wait(30)
        return load(path, device)

    monkeypatch.setattr(checkpoint, "load_checkpoint", slowly)
    warming = threading.Thread(target=bench.warm_up)
    warming.start()
    asked = bench.queue.submit(lambda: read_image(bench.samples()[0]), lambda evidence: evidence.scores)
    while not bench.queue.busy:
        time.sleep(0.01)
    opened.set()
    assert max(asked.result(60).values()) > 0.8
    warming.join(60)
    assert len(loaded) == 2


def test_every_sample_gets_the_verdict_its_name_promises(workbench: Workbench) -> None:
    samples = workbench.samples()
    assert len(samples) == 12
    wrong = []
    for sample in samples:
        found = decide(workbench.inspector.look(read_image(sample)), Thresholds())
        if found.verdict != ("ok" if "clean" in sample.stem else "defect"):
            wrong.append((sample.name, found.verdict, found.label))
    assert len(wrong) <= 1, wrong


def test_mixed_sizes_in_one_batch_equal_one_by_one(workbench: Workbench) -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (*size, 3), dtype=np.uint8) for size in ((200, 200), (64, 400), (300, 90), (33, 47))]
    for image, together in zip(images, workbench.inspector.look_many(images), strict=True):
        alone = workbench.inspector.look(image)
        assert together.probabilities.shape[1:] == together.heat.shape == image.shape[:2]
        assert np.abs(together.probabilities.astype(int) - alone.probabilities.astype(int)).max() <= 2
        assert together.scores == pytest.approx(alone.scores, abs=1e-3)


def test_look_records_and_judge_does_not(workbench: Workbench) -> None:
    sample = workbench.samples()[0]
    before = workbench.history.count()
    looked = workbench.look(sample, Thresholds(), name=sample.name, origin="sample")
    assert workbench.history.count() == before + 1
    assert workbench.latest(1)[0].label == looked.inspection.label
    strict = workbench.judge(looked.id, Thresholds(score=1.0, min_area=10**6))
    assert strict.inspection.verdict == "ok"
    assert strict.evidence is looked.evidence
    assert workbench.history.count() == before + 1


def test_reopen_shows_the_same_again(workbench: Workbench) -> None:
    sample = workbench.samples()[1]
    looked = workbench.look(sample, Thresholds(), name=sample.name, origin="sample")
    row = workbench.latest(1)[0]
    before = workbench.history.count()
    again = workbench.reopen(row.id, Thresholds())
    assert again.inspection.scores == pytest.approx(looked.inspection.scores, abs=1e-3)
    assert workbench.history.count() == before


def test_only_the_last_ones_are_kept(workbench: Workbench) -> None:
    tile = np.zeros((32, 32, 3), dtype=np.uint8)
    first = workbench.look(tile, Thresholds(), name="a.png", origin="upload")
    for _ in range(KEPT):
        workbench._keep("b.png", first.evidence, Thresholds())
    with pytest.raises(KeyError):
        workbench.judge(first.id, Thresholds())


def test_a_batch_goes_on_past_a_broken_file_and_exports(workbench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "ok").mkdir()
    (tmp_path / "ok" / "균열.jpg").write_bytes(workbench.samples()[5].read_bytes())
    (tmp_path / "broken.jpg").write_text("not a picture")
    rows = list(workbench.batch([tmp_path, tmp_path / "broken.jpg"], Thresholds()))
    assert [row.name for row in rows] == ["broken.jpg", "균열.jpg"], "files once each, folders walked"
    assert rows[0].inspection is None
    assert "broken.jpg" in str(rows[0].error)
    assert rows[1].history_id is not None
    archive, table = workbench.export(rows)
    with zipfile.ZipFile(archive) as opened:
        assert sorted(opened.namelist()) == ["overlays/0002-균열.png", "results.csv", "results/0002-균열.json"]
    lines = list(csv.DictReader(table.read_text(encoding="utf-8-sig").splitlines()))
    assert lines[0]["error"] == str(rows[0].error)
    assert lines[1]["file"] == "균열.jpg"


def test_a_batch_stops_when_asked(workbench: Workbench) -> None:
    seen = 0

    def stop() -> bool:
        return seen >= 2

    for _ in workbench.batch(workbench.samples(), Thresholds(), stop=stop):
        seen += 1
    assert seen == 2


def test_pictures_lists_each_once(tmp_path: Path) -> None:
    (tmp_path / "a.PNG").touch()
    (tmp_path / "notes.txt").touch()
    assert pictures([tmp_path, tmp_path / "a.PNG"]) == [tmp_path / "a.PNG"]


def test_a_model_of_the_wrong_kind_is_refused() -> None:
    with pytest.raises(CheckpointError, match="is a segmenter; a classifier is needed"):
        Inspector(weights_folder() / "neu-segmenter.safetensors", None).load()
    with pytest.raises(CheckpointError, match="no model to inspect with"):
        Inspector(None, None)


def test_one_network_alone_is_enough() -> None:
    tile = np.full((64, 64, 3), 120, dtype=np.uint8)
    only_masks = Inspector(None, weights_folder() / "neu-segmenter.safetensors").look(tile)
    assert only_masks.scores == {}
    assert decide(only_masks, Thresholds()).verdict in ("ok", "defect")
    only_scores = Inspector(weights_folder() / "neu-classifier.safetensors", None).look(tile)
    assert only_scores.mask_classes == ()


@pytest.mark.realdata
@pytest.mark.parametrize("label", CLASSES)
def test_real_validation_pictures_get_their_label(workbench: Workbench, realdata: Path, label: str) -> None:
    table = csv.DictReader((realdata / "neu-det" / "split.csv").read_text().splitlines())
    held_out = [row["image"] for row in table if row["split"] == "validation" and row["label"] == label][:10]
    images = [read_image(realdata / "neu-det" / name) for name in held_out]
    labels = [decide(evidence, Thresholds()).label for evidence in workbench.inspector.look_many(images)]
    assert labels.count(label) >= 9, labels


@pytest.mark.realdata
def test_a_real_strip_is_called_defective(workbench: Workbench, realdata: Path) -> None:
    strip = read_image(next((realdata / "severstal" / "train_images").iterdir()))
    found = decide(workbench.inspector.look(strip), Thresholds())
    assert found.verdict == "defect"
    assert {"patches", "scratches"} & {found.label, *(defect.name for defect in found.defects)}
