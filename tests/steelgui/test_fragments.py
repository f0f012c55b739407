"""Inspection → HTML."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.imagefile import ImageError
from steelgui.overlay import CLASS_COLOURS
from steelgui.results import Defect, Inspection, Thresholds
from steelgui.services.workbench import BatchRow
from steelgui.settings import StorageError
from steelgui.ui import fragments
from steelgui.ui.i18n import Translator

EN, KO = Translator("en"), Translator("ko")


def defect(name: str = "scratches", area: int = 1204) -> Defect:
    return Defect(name, np.zeros((200, 200), dtype=np.bool_), area, 100 * area / 40_000, 3)


@pytest.fixture
def inspection() -> Inspection:
    return Inspection(
        verdict="defect",
        label="scratches",
        scores={"scratches": 0.97, "none": 0.02, "patches": 0.01},
        defects=(defect(),),
        width=200,
        height=200,
        ms=14.2,
        models={"classifier": "neu-classifier", "segmenter": "neu-segmenter"},
        thresholds=Thresholds(),
    )


@pytest.fixture
def ok(inspection: Inspection) -> Inspection:
    return replace(inspection, verdict="ok", label="none", scores={"none": 0.9, "scratches": 0.1}, defects=())


def test_verdict_says_word_class_and_score(inspection: Inspection, ok: Inspection) -> None:
    html = fragments.verdict(inspection, EN)
    assert 'data-verdict="defect"' in html and 'data-label="scratches"' in html
    assert "DEFECT" in html and "score 0.97" in html and "<svg" in html
    assert "결함" in fragments.verdict(inspection, KO) and "스크래치 (scratches)" in fragments.verdict(inspection, KO)
    assert 'data-verdict="ok"' in fragments.verdict(ok, EN)
    assert 'data-verdict="none"' in fragments.verdict(None, EN)


def test_verdict_of_a_mask_alone_says_so(inspection: Inspection) -> None:
    doubted = replace(inspection, scores={"none": 0.6, "scratches": 0.31})
    assert "found by its area" in fragments.verdict(doubted, EN)
    assert "found by its area" not in fragments.verdict(inspection, EN)


def test_found_starts_with_the_label_and_leaves_out_good_steel(inspection: Inspection) -> None:
    both = replace(inspection, scores={"none": 0.8, "scratches": 0.7}, defects=(defect("patches"), defect()))
    assert both.found == ["scratches", "patches"]
    assert "also patches" in fragments.verdict(both, EN)


def test_scores_show_every_class_and_mark_the_threshold(inspection: Inspection, ok: Inspection) -> None:
    html = fragments.scores(inspection, EN)
    assert html.count("<li") == 3 and html.count("sg-found") == 1
    assert CLASS_COLOURS["scratches"] in html and "--at:50.0%" in html
    # Good steel that reaches the threshold is no finding, but its bar is as bold as any.
    assert fragments.scores(ok, EN).count("sg-found") == 1
    assert fragments.scores(None, EN, ["a", "b"]).count("<li") == 2


def test_areas(inspection: Inspection, ok: Inspection) -> None:
    html = fragments.areas(inspection, EN)
    assert "1,204" in html and "3.01 %" in html and "<td>3</td>" in html
    assert "No area" in fragments.areas(ok, EN)
    assert "without a marked area" in fragments.areas(replace(inspection, defects=()), EN)
    assert "strange as a whole" in fragments.areas(replace(inspection, label="unknown", defects=()), EN)


def test_meta_names_models_and_time(inspection: Inspection) -> None:
    html = fragments.meta(inspection, EN, "a.png")
    assert "a.png" in html and "14 ms" in html and "neu-segmenter" in html and "200 × 200 px" in html


def test_nothing_from_outside_becomes_markup(inspection: Inspection) -> None:
    evil = "<img src=x onerror=alert(1)>"
    row = BatchRow(Path("x"), evil, None, StorageError(evil), None)
    named = replace(inspection, label=evil, scores={evil: 0.9}, defects=(defect(evil),), models={"classifier": evil})
    pages = [
        fragments.verdict(named, EN),
        fragments.scores(named, EN),
        fragments.areas(named, EN),
        fragments.meta(named, EN, evil),
        fragments.error(evil, EN),
        fragments.batch_table([row], EN),
        fragments.batch_bar(1, 2, evil),
        fragments.header({"classifier": evil}, "cpu", True, EN),
        fragments.about({"classifier": evil}, "cpu", evil, EN),
        fragments.legend_style([evil, "</style>"]),
    ]
    for page in pages:
        assert "<img" not in page
    assert pages[-1].count("</style>") == 1


def test_batch_table_has_a_line_for_each_and_the_sentence_of_a_failure(inspection: Inspection) -> None:
    rows = [
        BatchRow(Path("a.png"), "a.png", inspection, None, 1),
        BatchRow(Path("b.png"), "b.png", None, ImageError("cut_off", name="b.png", detail="3 bytes"), None),
    ]
    html = fragments.batch_table(rows, EN)
    assert "the picture is cut off" in html and html.count("<tr") == 3
    assert "appear here" in fragments.batch_table([], EN)
    many = fragments.batch_table(rows[:1] * (fragments.BATCH_LINES + 5), EN)
    assert many.count("<tr") == fragments.BATCH_LINES + 1 and "CSV" in many


def test_header_while_loading() -> None:
    assert "loading" in fragments.header({"classifier": "a"}, "", False, EN)
    assert "a · GPU (cuda)" in fragments.header({"classifier": "a"}, "cuda", True, EN)
    assert "no model" in fragments.header({}, "cpu", True, EN)
