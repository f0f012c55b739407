"""Judge pictures with an anomaly detector, and measure how well it tells good from bad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.anomaly import Detector, threshold
from models.imagefile import image_size
from models.imaging import blend, to_input
from models.spec import NetworkSpec
from models.tiling import plan_tiles
from training.anomaly.figures import pro
from training.anomaly.material import is_good
from training.data.record import Sample, is_marked, load_image, load_masks
from training.libraries import classification
from training.views import dimmed

#: Longest side at which pixels are compared; larger maps and masks are thinned out, or a set would not fit into memory.
LONGEST = 640


def evaluate_detector(
    network: Detector, spec: NetworkSpec, samples: Sequence[Sample], false_alarms: float, brightness: float = 1.0
) -> dict[str, Any]:
    """Figures on pictures that it has not learned from.

    Args:
        network: its classes name the good class; every other one that is not defect-free is a defect.
        false_alarms: part of the good pictures that the threshold may let be called strange.
        brightness: the pictures' values are multiplied by it first.

    Returns:
        `image_auroc` (None where only good or only bad ones are there), `pixel_auroc` and `pro` (None without masks;
        over the pictures of which all that they show is known to the pixel), `f1`, precision and recall of the bad
        ones at `threshold`, `false_alarms` (of these good ones, None without any), and `n`.

    Raises:
        ImageError, DataError: a picture or a mask cannot be read.
    """
    bad = torch.tensor([not is_good(sample, spec.classes[0]) for sample in samples])
    scores, maps, masks = torch.zeros(len(samples)), [], []
    for number, sample in enumerate(samples):
        image = dimmed(load_image(sample), brightness)
        scores[number], strange = judge(network, spec, image)
        if is_marked(sample) or not bad[number]:
            step = -(-max(image.shape[:2]) // LONGEST)
            maps.append(strange[::step, ::step].numpy())
            masks.append(_mask(sample)[::step, ::step] if bad[number] else np.zeros(maps[-1].shape, dtype=bool))
    limit = threshold(network.good[:, 0], false_alarms)
    called = scores > limit
    figures: dict[str, Any] = {"image_auroc": _auroc(scores, bad), "pixel_auroc": None, "pro": None}
    if any(mask.any() for mask in masks):
        flat = torch.from_numpy(np.concatenate([values.ravel() for values in maps]))
        figures["pixel_auroc"] = _auroc(flat, torch.from_numpy(np.concatenate([mask.ravel() for mask in masks])))
        figures["pro"] = _rounded(pro(maps, masks))
    return figures | {
        "f1": _rounded(float(classification.binary_f1_score(called.long(), bad.long()))) if bad.any() else None,
        "recall": _part(called[bad]),
        "false_alarms": _part(called[~bad]),
        "threshold": limit,
        "n": len(samples),
    }


def judge(network: Detector, spec: NetworkSpec, image: NDArray[np.uint8]) -> tuple[float, Tensor]:
    """The score of a picture (H×W×3 uint8), that of its strangest tile, and its H×W map on the CPU."""
    height, width = image.shape[:2]
    boxes = plan_tiles(height, width)
    with torch.inference_mode():
        scores, maps = network(to_input(image, boxes, spec.preprocess).to(network.good.device))
    return float(scores.max()), blend(maps.float().cpu(), boxes, height, width)


def _mask(sample: Sample) -> NDArray[np.bool_]:
    width, height = image_size(sample.image)
    found: NDArray[np.bool_] = np.asarray(load_masks(sample, sample.labels, height, width).any(axis=0))
    return found


def _auroc(scores: Tensor, bad: Tensor) -> float | None:
    if bad.all() or not bad.any():
        return None
    # What exceeds 1 torchmetrics takes for logits, and its sigmoid makes all large scores one.
    return _rounded(float(classification.binary_auroc(scores / scores.max().clamp(min=1e-9), bad.long())))


def _part(called: Tensor) -> float | None:
    return _rounded(float(called.float().mean())) if len(called) else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)
