"""Figures against small cases that can be counted by hand."""

from __future__ import annotations

import torch

from training.metrics import SegmentationMeter, classification_metrics, mask_areas


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
