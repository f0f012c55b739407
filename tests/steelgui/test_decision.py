"""Verdicts from evidence: thresholds, regions and the soft gate, without any network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models import rle
from steelgui.overlay import CLASS_COLOURS, class_colours, draw_overlay, overlay_layer
from steelgui.results import Evidence, Thresholds
from steelgui.services.decision import decide, drop_small, gated_area


@pytest.fixture
def evidence() -> Evidence:
    """100×80: a 10×10 scratch and a single speck of it; patches faint everywhere."""
    probabilities = np.zeros((2, 80, 100), dtype=np.uint8)
    probabilities[0, 10:20, 10:20] = 250
    probabilities[0, 60, 60] = 250
    probabilities[1] = 100
    return Evidence(
        image=np.full((80, 100, 3), 90, dtype=np.uint8),
        scores={"none": 0.05, "scratches": 0.9, "patches": 0.05},
        mask_classes=("scratches", "patches"),
        probabilities=probabilities,
        heat=np.zeros((80, 100), dtype=np.uint8),
        models={"classifier": "c", "segmenter": "s"},
        ms=12.34,
    )


def test_a_found_class_with_its_area(evidence: Evidence) -> None:
    found = decide(evidence, Thresholds())
    assert (found.verdict, found.label) == ("defect", "scratches")
    (defect,) = found.defects
    assert (defect.name, defect.area_px, defect.regions) == ("scratches", 100, 1)
    assert defect.area_pct == pytest.approx(100 * 100 / 8000)
    assert next(iter(found.scores)) == "scratches", "scores are not sorted"


def test_smaller_minimum_area_brings_the_speck_back(evidence: Evidence) -> None:
    assert decide(evidence, Thresholds(min_area=1)).defects[0].regions == 2


def test_no_forward_pass_is_needed_to_change_the_verdict(evidence: Evidence) -> None:
    clean = replace(evidence, scores={"none": 0.7, "scratches": 0.3, "patches": 0.0})
    assert decide(clean, Thresholds(score=0.25)).verdict == "defect"
    assert decide(clean, Thresholds(score=0.5, min_area=40)).verdict == "ok", "the gate asks for more than 100 px"
    assert decide(clean, Thresholds(score=0.5, min_area=40, gate=1)).label == "scratches"


def test_ok_names_the_defect_free_class(evidence: Evidence) -> None:
    clean = replace(
        evidence, scores={"good": 0.99, "scratches": 0.01}, probabilities=np.zeros_like(evidence.probabilities)
    )
    found = decide(clean, Thresholds())
    assert (found.verdict, found.label, found.defects) == ("ok", "good", ())


def test_the_gate_is_soft() -> None:
    thresholds = Thresholds(score=0.5, min_area=100, gate=10)
    assert gated_area(0.5, thresholds) == gated_area(0.9, thresholds) == 100
    assert gated_area(0.25, thresholds) == pytest.approx(550)
    assert gated_area(0.0, thresholds) == 1000
    assert gated_area(None, thresholds) == 100, "a class the classifier does not know is not gated"


def test_regions_touch_across_corners() -> None:
    mask = np.zeros((6, 6), dtype=bool)
    mask[1, 1] = mask[2, 2] = mask[5, 5] = True
    kept, regions = drop_small(mask, 2)
    assert (regions, int(kept.sum())) == (1, 2)


def test_one_pixel_has_one_class(evidence: Evidence) -> None:
    both = evidence.probabilities.copy()
    both[1, 10:15, 10:20] = 255
    found = decide(replace(evidence, probabilities=both, scores={"scratches": 0.9, "patches": 0.9}), Thresholds())
    assert not (found.defects[0].mask & found.defects[1].mask).any()


def test_json_holds_the_mask(evidence: Evidence) -> None:
    found = decide(evidence, Thresholds())
    value = found.to_json()
    assert list(value) == ["verdict", "label", "scores", "defects", "width", "height", "ms", "models", "anomaly"]
    assert value["anomaly"] is None
    runs = value["defects"][0]["rle"]
    assert np.array_equal(rle.decode(runs, value["height"], value["width"]), found.defects[0].mask)


def test_overlay_colours_only_what_is_shown(evidence: Evidence) -> None:
    found = decide(evidence, Thresholds())
    drawn = draw_overlay(evidence.image, found, opacity=1.0)
    colour = tuple(int(CLASS_COLOURS["scratches"][i : i + 2], 16) for i in (1, 3, 5))
    assert tuple(drawn[15, 15]) == colour
    assert (drawn[70:] == 90).all()
    assert (draw_overlay(evidence.image, found, shown=()) == 90).all()
    assert (evidence.image == 90).all(), "the original was drawn on"
    heat = np.full((80, 100), 255, dtype=np.uint8)
    assert draw_overlay(evidence.image, found, shown=(), heat=heat).mean() > 120


def test_class_colours_are_fixed() -> None:
    assert class_colours(["scratches"])["scratches"] == class_colours(["dent", "scratches"])["scratches"] == "#D55E00"
    assert len(set(class_colours([f"c{i}" for i in range(8)]).values())) == 8


@pytest.mark.parametrize("heated", [False, True])
@pytest.mark.parametrize("shown", [None, ("patches",)])
def test_a_layer_over_the_picture_is_the_overlay(
    evidence: Evidence, heated: bool, shown: tuple[str, ...] | None
) -> None:
    evidence.probabilities[1, 40:60, 40:90] = 200
    evidence.heat[:] = np.linspace(0, 255, 100, dtype=np.uint8)
    found = decide(evidence, Thresholds(score=0.05, min_area=1))
    heat = evidence.heat if heated else None
    layer, palette = overlay_layer(found, shown=shown, opacity=0.6, heat=heat)
    assert layer.shape == evidence.image.shape[:2] and layer.max() < len(palette)
    laid = palette[layer].astype(float)
    together = evidence.image + laid[..., 3:] / 255 * (laid[..., :3] - evidence.image)
    whole = draw_overlay(evidence.image, found, shown=shown, opacity=0.6, heat=heat)
    # Heat has 224 degrees here, and opacity 256.
    assert np.abs(together - whole).max() <= (4 if heated else 1)


def test_a_layer_names_no_more_colours_than_a_byte_can(evidence: Evidence) -> None:
    found = decide(evidence, Thresholds(score=0.05, min_area=1))
    many = tuple(replace(found.defects[0], name=f"class {number}") for number in range(300))
    for heat in (None, evidence.heat):
        _, palette = overlay_layer(replace(found, defects=many), heat=heat)
        assert len(palette) <= 256
