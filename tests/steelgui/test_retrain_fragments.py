"""An experiment's answer in the page and on paper: cells that open, heat maps in words, Korean, a segmenter."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from steelgui.results import Evidence
from steelgui.services.judged import Judged
from steelgui.services.retraining import Experiment
from steelgui.ui import heat_fragments, report
from steelgui.ui import retrain_fragments as fragments
from steelgui.ui.i18n import Translator

EN, KO = Translator("en"), Translator("ko")
CLASSES = ["patches", "scratches", "<b>edge</b>"]
FIGURE = {"value": 0.5, "low": 0.4, "high": 0.6}
#: Of 30 pictures of scratches plain training finds none, and synthetic pictures all; two seeds.
ROWS = 30


def arm(name: str, ratio: float | None, confusion: list[list[float]] | None, rate: str = "f1") -> dict[str, Any]:
    figures = {
        f"{key}:{label}": FIGURE for key in (rate, "recall") for label in CLASSES if key != "recall" or rate == "f1"
    }
    key = name if ratio is None else f"{name}-{ratio:g}"
    return {
        "arm": name,
        "ratio": ratio,
        "figures": figures,
        "over_plain": {},
        "confusion": confusion,
        "models": [f"{key}-seed0", f"{key}-seed1"],
    }


@pytest.fixture
def result(tmp_path: Path) -> dict[str, Any]:
    Image.fromarray(np.full((40, 60), 128, np.uint8)).save(tmp_path / "one.png")
    row = {"image": str(tmp_path / "one.png"), "truth": "scratches"}
    predicted = {"plain": ["patches", "patches"], "synthetic-2": ["scratches", "scratches"]}
    before = [[0.0, 0.0, 0.0], [ROWS, 0.0, 0.0], [0.0, 0.0, 0.0]]
    after = [[0.0, 0.0, 0.0], [0.0, ROWS, 0.0], [0.0, 0.0, 0.0]]
    return {
        "verdict": {
            **dict.fromkeys(("label", "change", "more", "balanced_change", "over_balanced")),
            "kind": "no_difference",
            "arm": "synthetic",
            "ratio": 2.0,
            "gain": FIGURE,
            "pictures": ROWS,
            "best": "synthetic",
        },
        "arms": [arm("plain", None, before), arm("synthetic", 2.0, after)],
        "classes": CLASSES,
        "scarce": ["scratches"],
        "counts": {"train": 88, "validation": 36, "test": ROWS, "pool": 40},
        "training_counts": {"patches": 80, "scratches": 8},
        "data": {"folder": "/data", "fingerprint": "5d6a"},
        "seeds": [0, 1],
        "notes": [],
        "config": {"arch": "resnet18", "size": 128, "epochs": 12, "batch_size": 32, "init": "bundled", "synthetic": []},
        "test": [{**row, "predicted": predicted} for _ in range(ROWS)],
    }


@pytest.fixture
def segmenter(result: dict[str, Any]) -> dict[str, Any]:
    arms = [arm(old["arm"], old["ratio"], None, "dice") for old in result["arms"]]
    dice = {"plain": [0.5, 0.4], "synthetic-2": [0.75, 0.9]}
    row = {"image": result["test"][0]["image"], "truth": "scratches"}
    test = [{**row, "dice": dice}, {**row, "dice": {key: [None, None] for key in dice}}]
    return {**result, "task": "segmenter", "arms": arms, "test": test}


@pytest.mark.parametrize(
    ("kind", "more", "seeds", "english", "korean"),
    [
        (
            "no_difference",
            60,
            0,
            "Collect about 60 more test pictures to tell.",
            "테스트 이미지가 약 60장 더 필요합니다.",
        ),
        (
            "no_difference",
            0,
            9,
            "It is the trainings that scatter: about 9 seeds would tell.",
            "시드를 약 9개로 늘리면",
        ),
        ("as_balanced", 60, 9, "About 60 more test pictures and 9 seeds would tell.", "약 60장 더, 시드가 약 9개"),
        ("no_difference", 0, 0, "A difference of 5 points would have shown.", "5포인트 차이가 있었다면"),
        ("no_difference", None, 0, "in their mean F1.", "변화:"),
    ],
)
def test_what_would_tell_is_said(
    result: dict[str, Any], kind: str, more: int | None, seeds: int, english: str, korean: str
) -> None:
    said = {"kind": kind, "more": more, "seeds": seeds, "over_balanced": FIGURE, "change": FIGURE, "label": "scratches"}
    told = {**result, "verdict": {**result["verdict"], **said, "before": 0.5, "after": 0.6}}
    assert fragments.verdict_text(told, EN).endswith(english) and korean in fragments.verdict_text(told, KO)
    if not seeds:
        del told["verdict"]["seeds"]
        assert fragments.verdict_text(told, EN).endswith(english), "a result of an earlier version"


def test_a_cell_with_pictures_is_a_button_that_says_which(result: dict[str, Any]) -> None:
    html = fragments.answer(result, EN)
    assert html.count("<button") == 2 and html.count('aria-expanded="false"') == 2
    assert 'data-side="0" data-truth="1" data-predicted="0"' in html
    assert 'aria-label="truth scratches, predicted patches: 30 pictures"' in html
    assert 'aria-label="정답 스크래치, 판정 스크래치: 이미지 30장"' in fragments.answer(result, KO)
    assert "<b>edge" not in html and "&lt;b&gt;edge" in html


def test_what_to_know_about_the_figures_stands_beside_them(result: dict[str, Any]) -> None:
    note = (
        "test pictures of a class that are one group: <i> 48/184; its figures hang on them, and intervals are wide; "
        "pictures of other groups would narrow them"
    )
    assert "sg-warnings" not in fragments.answer(result, EN)
    told = result | {"notes": [note]}
    assert escape(note) in fragments.answer(told, EN)
    assert "테스트 이미지: &lt;i&gt; 48/184." in fragments.answer(told, KO)


def test_a_single_picture_is_one_and_several_trainings_are_told(result: dict[str, Any]) -> None:
    assert fragments.cell_name(result, 1, "scratches", "patches", 1, EN) == (
        "After: synthetic ×2 · truth scratches, predicted patches: 1 picture · by at least one of 2 trainings"
    )
    picture = Judged(Path("a.png"), "scratches", ("patches", "scratches"), ("plain-seed0", "synthetic-2-seed0"), 1)
    assert fragments.picture_caption(picture, EN) == "patches → scratches"
    assert fragments.picture_caption(picture, EN, seeds=2) == "patches → scratches · 1/2"
    alone = {**result, "seeds": [0]}
    assert "at least" not in fragments.cell_name(alone, 0, "scratches", "patches", 3, EN)


def test_on_paper_nothing_is_to_be_pressed_and_thumbnails_are_embedded(result: dict[str, Any]) -> None:
    html = report.report_html(result, EN)
    assert "<button" not in html and html.count("<table") == 3
    assert html.count("data:image/jpeg;base64,") == report.SHOWN < ROWS
    assert f"From wrong to right ({ROWS})" in html and 'src="http' not in html


def test_the_korean_report_is_korean(result: dict[str, Any]) -> None:
    html = report.report_html(result, KO)
    table = re.sub(r"<[^>]+>", " ", html[html.index(KO("report.how")) :])
    left = set(re.findall("[A-Za-z]{3,}", table)) - {"data", "resnet", "px"}
    assert not left
    assert "학습 88장, 검증 36장, 테스트 30장, 합성 40장" in table
    assert "resnet18, 128² px, 에포크 12회, 스텝당 32장, 시작: 내장 강재 백본" in table
    assert "패치 80, 스크래치 8" in table


def test_the_curves_of_a_running_experiment_end_where_its_trainings_stand() -> None:
    trainings = (("plain-seed1", 0.25), ("both-2-seed1", None))
    curves = (("plain", ((1, 0.75), (2, 0.25))), ("both", ()))
    html = fragments.progress(Experiment("1", "mine", "running", 3, 12, None, trainings, 60.0, None, 4, curves), EN)
    assert 'points="25.0,25.0 50.0,75.0"' in html and 'cx="50.0%" cy="75.0%"' in html
    assert html.count("<polyline") == 1 and "4 epochs" in html, "what has not begun has no line"


def test_a_segmenter_shows_its_dice_and_no_matrix(segmenter: dict[str, Any]) -> None:
    html = fragments.answer(segmenter, EN)
    assert "Dice on the test" in html and html.count("<circle") == 2 * len(CLASSES)
    assert "sg-confusion" not in html and "F1" not in html
    paper = report.report_html(segmenter, EN)
    assert "Dice on the test" in paper and "Better marked (1)" in paper and "Worse marked (0)" in paper
    assert "scratches 0.50 → 0.75" in paper


def test_masks_before_and_after() -> None:
    image = np.full((64, 96, 3), 90, np.uint8)
    truth = np.zeros((64, 96), bool)
    truth[20:30] = True

    def seen(marked: np.ndarray) -> Evidence:
        maps = np.stack([marked * np.uint8(255), np.zeros_like(marked, np.uint8)])
        return Evidence(image, {}, ("scratches", "patches"), maps, np.zeros((64, 96), np.uint8), {}, 1.0)

    picture = Judged(Path("/data/a.png"), "scratches", (), ("plain-seed0", "both-seed0"), 1, (0.0, 1.0))
    html = heat_fragments.marks(
        picture, {"scratches": truth}, [seen(truth & False), seen(truth)], ["Before", "After"], EN
    )
    for words in ("truth: scratches", "dice 0.00: nothing marked", "dice 1.00: scratches"):
        assert f">{words}<" in html
    pictures = re.findall('src="([^"]+)"', html)
    assert pictures[0] == pictures[2] != pictures[1], "a model that marks all of it shows what the truth shows"


@pytest.mark.parametrize(("width", "strips"), [(200, False), (1600, True)])
def test_heat_maps_in_words(width: int, strips: bool) -> None:
    image = np.full((256, width, 3), 90, np.uint8)
    heat = np.zeros((256, width), np.uint8)
    heat[:, :50] = 255

    def seen(model: str, scores: dict[str, float], heat: np.ndarray) -> Evidence:
        return Evidence(image, scores, (), np.zeros((0, 256, width), np.uint8), heat, {"classifier": model}, 1.0)

    evidence = [
        seen("plain-seed1", {"none": 0.7, "patches": 0.2, "scratches": 0.1}, heat),
        seen("both-2-seed1", {"none": 0.1, "patches": 0.1, "scratches": 0.8}, heat * 0),
    ]
    picture = Judged(Path("/data/a.png"), "scratches", ("none", "scratches"), ("plain-seed1", "both-2-seed1"), 1)
    html = heat_fragments.comparison(picture, evidence, ["Before: plain", "After: both ×2"], EN)
    assert html.count("<img") == 3 and ("sg-strips" in html) == strips
    for words in (
        *("truth: scratches", "a.png", "says no defect, score 0.70: wrong", "says scratches, score 0.80: right"),
        *("plain-seed1 · heat for patches", "both-2-seed1 · nothing stands out"),
    ):
        assert f">{words}<" in html
    pictures = re.findall('src="([^"]+)"', html)
    # Where nothing stands out, the heat map is the picture itself.
    assert pictures[0] == pictures[2] != pictures[1]
