"""Defects that nobody has named: verdicts from an anomaly detector's evidence, and what is made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from steelgui.history import Filter, HistoryRow
from steelgui.kiosk.capture import marks, told
from steelgui.overlay import CLASS_COLOURS, class_colours, draw_overlay
from steelgui.results import UNKNOWN, Anomaly, Evidence, Inspection, Strangeness, Thresholds
from steelgui.services.datasets import Datasets
from steelgui.services.decision import decide
from steelgui.services.review import Review, ReviewError
from steelgui.services.workbench import BatchRow, Workbench, csv_table
from steelgui.settings import Settings
from steelgui.ui import fragments, history_detail
from steelgui.ui.i18n import Translator
from training.data.record import DataError, load_masks

HEIGHT, WIDTH = 40, 64
PLACE = slice(10, 20), slice(30, 50)


@pytest.fixture
def evidence() -> Evidence:
    """A good picture to classifier and masks; the detector finds one place strange. 99 good pictures vouch for it:
    scores 0.01 to 0.99, their highest map values twice that."""
    values = np.arange(1, 100, dtype=np.float32) / 100
    where = np.full((HEIGHT, WIDTH), 20, dtype=np.uint8)
    where[PLACE] = 200
    strange = Strangeness(1.5, where, steepest=1.98, good=np.stack([values, 2 * values], 1))
    return Evidence(
        image=np.full((HEIGHT, WIDTH, 3), 90, dtype=np.uint8),
        scores={"none": 0.9, "scratches": 0.1},
        mask_classes=("scratches",),
        probabilities=np.zeros((1, HEIGHT, WIDTH), dtype=np.uint8),
        heat=np.zeros((HEIGHT, WIDTH), dtype=np.uint8),
        models={"classifier": "c", "segmenter": "s", "anomaly": "a"},
        ms=1.0,
        strangeness=strange,
    )


def test_what_fires_without_a_class_is_unknown_and_marked(evidence: Evidence) -> None:
    found = decide(evidence, Thresholds())
    assert (found.verdict, found.label, found.found) == ("defect", UNKNOWN, [UNKNOWN])
    assert found.anomaly == Anomaly(1.5, pytest.approx(0.99), 0.01)
    (defect,) = found.defects
    assert (defect.name, defect.area_px, defect.regions) == (UNKNOWN, 200, 1) and defect.mask[PLACE].all()
    drawn = draw_overlay(evidence.image, found, opacity=1.0)
    assert tuple(drawn[15, 40]) == tuple(bytes.fromhex(CLASS_COLOURS[UNKNOWN][1:]))
    assert decide(evidence, Thresholds(min_area=201)).defects == (), "a smaller place than asked for was marked"
    assert decide(evidence, Thresholds(min_area=201)).label == UNKNOWN


def test_the_rate_of_false_alarms_moves_the_verdict_without_a_forward_pass(evidence: Evidence) -> None:
    assert evidence.strangeness
    mild = replace(evidence, strangeness=replace(evidence.strangeness, score=0.93))
    assert decide(mild, Thresholds(false_alarms=0.05)).verdict == "ok"
    loose = decide(mild, Thresholds(false_alarms=0.1))
    assert (loose.verdict, loose.label) == ("defect", UNKNOWN)
    assert loose.anomaly and loose.anomaly.threshold == pytest.approx(0.9)
    # 99 good pictures cannot vouch for one in ten thousand: the highest of them is the threshold then.
    assert decide(mild, Thresholds(false_alarms=0.0001)).anomaly == Anomaly(0.93, pytest.approx(0.99), 0.0001)
    levels = [evidence.strangeness.level(rate) for rate in (0.01, 0.1, 0.5)]
    assert levels == pytest.approx([128, 128 * 0.9 / 0.99, 128 * 0.5 / 0.99])
    assert evidence.strangeness.at(0.5)[0, 0] == pytest.approx(20 * 0.99 / 0.5, abs=1)
    assert evidence.strangeness.at(0.5)[15, 40] == 255, "what is far stranger than a good part must not wrap around"


def test_a_known_class_keeps_its_name_with_the_anomaly_beside_it(evidence: Evidence) -> None:
    known = decide(replace(evidence, scores={"scratches": 0.9, "none": 0.1}), Thresholds())
    assert (known.label, known.defects) == ("scratches", ())
    assert known.anomaly and known.anomaly.fires
    marked = evidence.probabilities.copy()
    marked[0, 30:, :] = 255
    masked = decide(replace(evidence, probabilities=marked), Thresholds())
    assert (masked.label, [one.name for one in masked.defects]) == ("scratches", ["scratches"])


def test_a_detector_alone_needs_no_classes(evidence: Evidence) -> None:
    alone = replace(evidence, scores={}, mask_classes=(), probabilities=np.zeros((0, HEIGHT, WIDTH), np.uint8))
    assert decide(alone, Thresholds()).label == UNKNOWN
    assert alone.strangeness
    calm = replace(alone, strangeness=replace(alone.strangeness, score=0.1))
    assert (decide(calm, Thresholds()).verdict, decide(calm, Thresholds()).label) == ("ok", "none")


def test_without_a_detector_nothing_is_said_of_anomalies(evidence: Evidence) -> None:
    plain = decide(replace(evidence, strangeness=None), Thresholds())
    assert plain.verdict == "ok" and plain.anomaly is None and plain.to_json()["anomaly"] is None
    assert "sg-strange" not in fragments.scores(plain, Translator("en"))


def test_good_pictures_that_are_all_alike_make_anything_else_strange() -> None:
    strange = Strangeness(0.1, np.full((2, 2), 255, np.uint8), steepest=0.0, good=np.zeros((9, 2), np.float32))
    found = strange.judged(0.1)
    assert found.fires and found.ratio == float("inf") and strange.level(0.1) == 0
    assert strange.at(0.1).max() == 255
    assert not replace(found, score=0.0).fires and replace(found, score=0.0).ratio == 0


def test_json_holds_it_and_older_rows_have_none(evidence: Evidence) -> None:
    found = decide(evidence, Thresholds(false_alarms=0.02))
    stored = found.to_json()
    assert set(stored["anomaly"]) == {"score", "threshold", "false_alarms"}
    back = Inspection.from_json(stored, {"score": 0.5, "min_area": 40, "gate": 10.0, "false_alarms": 0.02})
    assert back.label == UNKNOWN and back.anomaly == Anomaly(1.5, 0.98, 0.02)
    del stored["anomaly"]
    assert Inspection.from_json(stored, {"score": 0.5, "min_area": 40, "gate": 10.0}).anomaly is None


def test_tables_have_its_columns(evidence: Evidence) -> None:
    found = decide(evidence, Thresholds())
    rows = [
        BatchRow(Path("a.png"), "a.png", found, None, 1),
        BatchRow(Path("b.png"), "b.png", None, OSError("gone"), None),
    ]
    head, first, second = csv_table(rows).splitlines()
    assert head.endswith(",error,anomaly,anomaly_threshold") and first.endswith(",,1.5,0.99")
    assert head.count(",") == first.count(",") == second.count(",") and ",gone," in second


@pytest.mark.parametrize(
    ("lang", "name", "said"), [("en", "unknown defect", "1 in 100"), ("ko", "알 수 없는 결함", "100장 중 1장")]
)
def test_it_is_said_in_words(evidence: Evidence, lang: str, name: str, said: str) -> None:
    t = Translator(lang)
    found = decide(evidence, Thresholds())
    assert name in fragments.verdict(found, t)
    assert said in fragments.scores(found, t) and "1.52×" in fragments.scores(found, t)
    assert name in fragments.areas(found, t)
    assert "a" in fragments.meta(found, t) and t("meta.detector", name="a") in fragments.meta(found, t)


def test_the_kiosk_glows_where_it_is_strange_if_no_place_is_large_enough(evidence: Evidence) -> None:
    found = decide(evidence, Thresholds(min_area=201))
    shown = told(evidence, found)
    assert shown["found"] == [{"name": UNKNOWN, "colour": CLASS_COLOURS[UNKNOWN]}] and shown["places"] == 0
    layer = marks(evidence, found)
    assert layer is not None
    scale = layer.shape[0] // HEIGHT
    glow = layer[..., 3].astype(int)
    assert glow[15 * scale, 40 * scale] > glow[35 * scale, 5 * scale] + 50


def test_no_other_class_has_its_colour() -> None:
    colours = class_colours([UNKNOWN, *(f"c{number}" for number in range(8))])
    assert len(set(colours.values())) == 9


# Making a class of them -----------------------------------------------------------------------------------------------


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Review]:
    settings = Settings(home=tmp_path / "home")
    opened = Review(Workbench(settings), Datasets(settings))
    yield opened
    opened.history.close()


def store(desk: Review, evidence: Evidence, seed: int) -> HistoryRow:
    image = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    found = decide(evidence, Thresholds())
    return desk.history.record(image, found, name=f"plate-{seed}.png", source="upload")


def test_unknown_ones_become_a_class_with_their_masks_and_back(desk: Review, evidence: Evidence) -> None:
    rows = [store(desk, evidence, seed) for seed in range(3)]
    assert rows[0].label == UNKNOWN and rows[0].score is None
    opened = desk.open(rows[0].id, Filter(), "newest")
    assert 'data-do="collect"' in history_detail.detail(opened, Translator("en"), changing=True)["panel"]
    key, folder = desk.collect([row.id for row in rows[:2]], " stain ", "", "new defects")
    assert folder.name == "new defects"
    dataset = desk.datasets.dataset(folder)
    assert dataset.counts() == {"stain": 2}
    marked = load_masks(dataset.samples[0], ["stain"], HEIGHT, WIDTH)[0]
    assert marked[PLACE].all() and marked.sum() == 200
    assert [row.label for row in desk.rows([row.id for row in rows])] == ["stain", "stain", UNKNOWN]
    assert desk.history.facets().labels == ("stain", UNKNOWN)

    # The third joins them, where somebody says so of it alone; then all is taken back, the data set with it.
    second = desk.relabel([rows[2].id], "stain", "new defects")
    assert desk.datasets.dataset(folder).counts() == {"stain": 3}
    desk.undo(second)
    desk.undo(key)
    assert not folder.exists()
    assert {row.label for row in desk.rows([row.id for row in rows])} == {UNKNOWN}


def test_what_was_put_beside_them_outlives_their_undo(desk: Review, evidence: Evidence) -> None:
    rows = [store(desk, evidence, seed) for seed in range(2)]
    key, folder = desk.collect([rows[0].id], "stain", "", "mine")
    desk.relabel([rows[1].id], "stain", "mine")
    desk.undo(key)
    assert desk.datasets.dataset(folder).counts() == {"stain": 1}


def test_an_unknown_one_that_is_good_after_all_has_no_mask(desk: Review, evidence: Evidence) -> None:
    row = store(desk, evidence, 0)
    desk.relabel([row.id], "good", "")
    (sample,) = desk.datasets.dataset(desk.datasets.find("corrections")).samples
    assert sample.labels == ("good",) and sample.mask is None


@pytest.mark.parametrize(
    ("label", "new", "said"),
    [
        ("stain", "../out", "cannot be a data set's name"),
        ("", "mine", "no usable name"),
        ("stain", "taken", "already"),
    ],
)
def test_no_data_set_is_left_behind_where_nothing_was_collected(
    desk: Review, evidence: Evidence, label: str, new: str, said: str
) -> None:
    row = store(desk, evidence, 0)
    (desk.datasets.root / "taken").mkdir(parents=True)
    with pytest.raises(DataError, match=said):
        desk.collect([row.id], label, "", new)
    assert [path.name for path in desk.datasets.root.iterdir()] == ["taken"]
    with pytest.raises(ReviewError):
        desk.collect([row.id + 1], "stain", "", "other")
    assert not (desk.datasets.root / "other").exists()


def test_a_picture_of_the_correction_panel_takes_its_mask_along(desk: Review, evidence: Evidence) -> None:
    mask = decide(evidence, Thresholds()).defects[0].mask
    image = np.asarray(Image.effect_noise((WIDTH, HEIGHT), 40).convert("RGB"))
    folder = desk.datasets.add(None, image, "plate.png", "stain", mask)
    (sample,) = desk.datasets.dataset(folder).samples
    assert np.array_equal(load_masks(sample, ["stain"], HEIGHT, WIDTH)[0].astype(bool), mask)
