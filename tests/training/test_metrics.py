"""Figures against small cases that can be counted by hand."""

from __future__ import annotations

import math

import pytest
import torch

from training.metrics import SegmentationMeter, caught_without_alarms, classification_metrics, mask_areas


def test_single_label() -> None:
    scores = torch.tensor([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0], [0.3, 0.7, 0.0], [0.6, 0.4, 0.0]])
    figures = classification_metrics(scores, torch.tensor([0, 0, 1, 1]), ["none", "crazing", "absent"], False)
    assert figures["accuracy"] == 0.75
    assert figures["confusion"] == [[2, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert set(figures["per_class"]) == {"none", "crazing"}, "a class without samples has no figures"
    assert figures["per_class"]["crazing"]["recall"] == 0.5
    assert abs(figures["macro_f1"] - (0.8 + 2 / 3) / 2) < 1e-4
    assert figures["roc_auc"] == 1.0
    assert figures["n"] == 4


def test_multi_label() -> None:
    scores = torch.tensor([[0.9, 0.2], [0.1, 0.7], [0.6, 0.9]])
    figures = classification_metrics(scores, torch.tensor([[1, 0], [0, 1], [0, 1]]), ["a", "b"], True)
    assert abs(figures["accuracy"] - 2 / 3) < 1e-4
    assert figures["per_class"]["a"]["precision"] == 0.5
    assert figures["confusion"] is None


def test_what_is_caught_without_an_alarm() -> None:
    scores = torch.tensor([0.1, 0.4, 0.3, 0.9, 0.41, 0.2])
    defective = torch.tensor([False, False, True, True, True, True])
    figures = caught_without_alarms(scores, defective)
    assert figures["caught_at_0_alarms"] == figures["missed_at_0_alarms"] == 0.5
    # An inspection calls it a defect from the threshold up: the good picture at 0.4 is none, one of 0.41 is.
    assert float(scores[1]) < figures["threshold_at_0_alarms"] <= float(scores[4])


def test_a_defect_that_only_equals_a_good_picture_is_missed() -> None:
    figures = caught_without_alarms(torch.tensor([1.0, 1.0, 1.0]), torch.tensor([False, True, True]))
    assert (figures["caught_at_0_alarms"], figures["missed_at_0_alarms"]) == (0.0, 1.0)
    assert figures["threshold_at_0_alarms"] > 1


@pytest.mark.parametrize("defective", [True, False])
def test_alarms_need_good_pictures_and_defective_ones(defective: bool) -> None:
    with pytest.raises(ValueError, match="good pictures as well as defective"):
        caught_without_alarms(torch.rand(3), torch.full((3,), defective))


def test_alarms_are_told_where_a_class_is_good() -> None:
    scores = torch.tensor([[0.9, 0.1, 0.0], [0.4, 0.2, 0.4], [0.3, 0.7, 0.0], [0.2, 0.35, 0.45], [0.8, 0.1, 0.1]])
    targets = torch.tensor([0, 0, 1, 2, 2])
    figures = classification_metrics(scores, targets, ["ok_front", "pore", "crack"], False)
    # By the highest defect: 0.1 and 0.4 of good parts; 0.7 and 0.45 are above, 0.1 is not.
    assert figures["caught_at_0_alarms"] == pytest.approx(2 / 3, abs=1e-5)
    assert figures["threshold_at_0_alarms"] == pytest.approx(0.4, abs=1e-6)
    logs = [math.log(value) for value in (0.9, 0.4, 0.7, 0.45, 0.1)]
    assert figures["log_loss"] == pytest.approx(-sum(logs) / 5, abs=1e-5)
    assert "caught_at_0_alarms" not in classification_metrics(scores, targets, ["a", "b", "c"], False)
    assert "caught_at_0_alarms" not in classification_metrics(scores[:2], targets[:2], ["ok", "b", "c"], False)


def test_several_labels_and_a_clean_strip() -> None:
    scores, targets = torch.tensor([[0.2, 0.3], [0.1, 0.8], [0.25, 0.1]]), torch.tensor([[0, 0], [0, 1], [1, 1]])
    figures = classification_metrics(scores, targets, ["a", "b"], True)
    assert figures["caught_at_0_alarms"] == 0.5, "of the three, the first shows nothing"


def test_dice_with_and_without_empty_masks() -> None:
    meter = SegmentationMeter(["a", "b"])
    square = torch.zeros(2, 4, 4, dtype=torch.bool)
    square[0, :2] = True  # a: 8 pixels; b: empty
    half = torch.zeros_like(square)
    half[0, :1] = True
    known = torch.tensor([True, True])
    meter.add(mask_areas(half, square), known)  # a: dice 2·4/(4+8), IoU 4/8; b: both empty, dice 1
    meter.add(mask_areas(square.flip(0), torch.zeros_like(square)), known)  # b: a false alarm, dice 0; a: 1
    meter.add(mask_areas(square, torch.zeros_like(square)), torch.tensor([False, True]))  # a is unknown here
    figures = meter.compute()
    assert abs(figures["per_class"]["a"]["dice_positive"] - 2 / 3) < 1e-4
    assert figures["per_class"]["a"]["iou"] == 0.5
    assert abs(figures["per_class"]["a"]["dice"] - (2 / 3 + 1) / 2) < 1e-4
    assert abs(figures["per_class"]["b"]["dice"] - 2 / 3) < 1e-4
    assert figures["per_class"]["b"]["dice_positive"] is None
    assert abs(figures["dice_positive"] - 2 / 3) < 1e-4, "a class without a positive image does not count"
    assert figures["n"] == 3
