"""Figures on a split, by torchmetrics: classifiers by class, segmenters with and without empty masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from models.spec import is_defect_free
from training.libraries import classification


def classification_metrics(
    scores: Tensor, targets: Tensor, classes: Sequence[str], multi_label: bool
) -> dict[str, Any]:
    """Accuracy, macro and per-class figures; classes without a sample are left out of every mean.

    Args:
        scores: N×K float from 0 to 1.
        targets: N int64, or N×K int64 of 0 and 1 for a multi-label network.
        classes: the K names.

    Returns:
        `accuracy` (of a multi-label network: all labels right), `macro_f1`, `macro_precision`, `macro_recall`,
        `roc_auc` (macro, None where only one class occurs), `log_loss`, those of `caught_without_alarms` where there
        are both good and defective pictures, `per_class`, `confusion` (rows truth, columns prediction; None for multi-
        label), `classes` and `n`.
    """
    count = len(classes)
    if multi_label:
        present = targets.sum(0) > 0
        support = targets.sum(0)
        options: dict[str, Any] = {"num_labels": count, "average": None}
        precision, recall, f1 = (
            metric(scores, targets, **options)
            for metric in (
                classification.multilabel_precision,
                classification.multilabel_recall,
                classification.multilabel_f1_score,
            )
        )
        auroc = classification.multilabel_auroc(scores, targets, **options)
        accuracy = ((scores >= 0.5).long() == targets).all(1).float().mean()
        confusion = None
        log_loss = F.binary_cross_entropy(scores.double(), targets.double())
    else:
        support = torch.bincount(targets, minlength=count)
        present = support > 0
        options = {"num_classes": count, "average": None}
        precision, recall, f1 = (
            metric(scores, targets, **options)
            for metric in (
                classification.multiclass_precision,
                classification.multiclass_recall,
                classification.multiclass_f1_score,
            )
        )
        auroc = classification.multiclass_auroc(scores, targets, **options)
        accuracy = (scores.argmax(1) == targets).float().mean()
        confusion = classification.multiclass_confusion_matrix(scores.argmax(1), targets, num_classes=count).tolist()
        log_loss = F.nll_loss(scores.double().clamp(min=1e-12).log(), targets)
    ranked = present & (support < len(targets))
    return {
        "accuracy": round(float(accuracy), 5),
        "macro_f1": _mean(f1, present),
        "macro_precision": _mean(precision, present),
        "macro_recall": _mean(recall, present),
        "roc_auc": _mean(auroc, ranked) if ranked.any() else None,
        "log_loss": round(float(log_loss), 6),
        **_caught(scores, targets, classes),
        "per_class": {
            name: {
                "precision": round(float(precision[i]), 5),
                "recall": round(float(recall[i]), 5),
                "f1": round(float(f1[i]), 5),
                "roc_auc": round(float(auroc[i]), 5) if ranked[i] else None,
                "n": int(support[i]),
            }
            for i, name in enumerate(classes)
            if present[i]
        },
        "confusion": confusion,
        "classes": list(classes),
        "n": len(targets),
    }


def caught_without_alarms(scores: Tensor, defective: Tensor) -> dict[str, float]:
    """What is caught where no good picture may be called a defect.

    Args:
        scores: N float, higher where a defect is more likely.
        defective: N bool.

    Returns:
        `threshold_at_0_alarms`, the lowest score that no good picture reaches, and which part of the defective pictures
        reaches it and which does not: `caught_at_0_alarms`, `missed_at_0_alarms`.

    Raises:
        ValueError: all pictures are good, or all are defective.
    """
    if defective.all() or not defective.any():
        raise ValueError("alarms and misses need good pictures as well as defective ones")
    threshold = torch.nextafter(scores[~defective].max(), torch.tensor(torch.inf, dtype=scores.dtype))
    caught = float((scores[defective] >= threshold).double().mean())
    return {
        "caught_at_0_alarms": round(caught, 5),
        "missed_at_0_alarms": round(1 - caught, 5),
        "threshold_at_0_alarms": float(threshold),
    }


def _caught(scores: Tensor, targets: Tensor, classes: Sequence[str]) -> dict[str, float]:
    """`caught_without_alarms` by the highest score of a defect, as inspections have it; empty where it has no sense."""
    defects = [index for index, name in enumerate(classes) if not is_defect_free(name)]
    if not defects:
        return {}
    shown = targets if targets.ndim == 2 else F.one_hot(targets, len(classes))
    defective = shown[:, defects].any(1)
    return caught_without_alarms(scores[:, defects].amax(1), defective) if 0 < defective.sum() < len(shown) else {}


def mask_areas(predicted: Tensor, target: Tensor) -> Tensor:
    """3×C int64 of one image's masks (C×H×W bool each): pixels in both, in `predicted`, in `target`."""
    return torch.stack([masks.sum((1, 2)) for masks in (predicted & target, predicted, target)])


class SegmentationMeter:
    """Dice and IoU an image and class, then averaged; only masks that are known count.

    `dice` counts an empty mask that was left empty as 1 and a false alarm as 0 (Kaggle's rule); `dice_positive` and
    `iou` look only at images that show the class.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self._dice: dict[str, list[float]] = {name: [] for name in classes}
        self._positive: dict[str, list[float]] = {name: [] for name in classes}
        self._iou: dict[str, list[float]] = {name: [] for name in classes}
        self.images = 0

    def add(self, areas: Tensor, known: Tensor) -> None:
        """One image: its `mask_areas`, and which classes' masks are known (C bool)."""
        self.images += 1
        for index, (both, found, truth) in enumerate(areas.T.tolist()):
            if not known[index]:
                continue
            name = self.classes[index]
            dice = 1.0 if found + truth == 0 else 2 * both / (found + truth)
            self._dice[name].append(dice)
            if truth:
                self._positive[name].append(dice)
                self._iou[name].append(both / (found + truth - both))

    def compute(self) -> dict[str, Any]:
        """`dice`, `dice_positive`, `iou` (means over classes that occur), `per_class` and `n` images."""
        per_class = {
            name: {
                "dice": _average(self._dice[name]),
                "dice_positive": _average(self._positive[name]),
                "iou": _average(self._iou[name]),
                "n": len(self._positive[name]),
            }
            for name in self.classes
            if self._dice[name]
        }
        shown = [figures for figures in per_class.values() if figures["n"]]
        return {
            "dice": _average([figures["dice"] for figures in per_class.values()]),
            "dice_positive": _average([figures["dice_positive"] for figures in shown]),
            "iou": _average([figures["iou"] for figures in shown]),
            "per_class": per_class,
            "n": self.images,
        }


def _mean(values: Tensor, which: Tensor) -> float:
    return round(float(values[which].mean()), 5)


def _average(values: Sequence[Any]) -> float | None:
    return round(sum(values) / len(values), 5) if values else None
