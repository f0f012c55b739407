"""Figures of anomaly maps and scores: pure functions; AUROC is torchmetrics'."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

#: Share of good pixels marked up to which regions' overlap counts (Bergmann et al. 2021, section 5.3).
PRO_LIMIT = 0.3


def pro(
    maps: Sequence[NDArray[np.float32]], masks: Sequence[NDArray[np.bool_]], limit: float = PRO_LIMIT
) -> float | None:
    """Per-region overlap: how much of each defect is marked, every region counting the same.

    The mean over all regions (8-connected) of their marked part, against the part of good pixels that are marked too,
    integrated over all thresholds that mark up to `limit` of the latter, and divided by it (Bergmann et al., "The
    MVTec Anomaly Detection Dataset", IJCV 2021, equation 3).

    Args:
        maps: H×W float each, higher is stranger.
        masks: H×W bool each, True on a defect; of good pictures all False.

    Returns:
        0 to 1; None where there is no region, or no good pixel.
    """
    scores = np.concatenate([np.ravel(values) for values in maps])
    good, overlap, regions = np.zeros(len(scores)), np.zeros(len(scores)), 0
    start = 0
    for mask in masks:
        numbers, count = ndimage.label(mask, np.ones((3, 3)))
        sizes = np.bincount(numbers.ravel(), minlength=count + 1)
        part = slice(start, start + mask.size)
        overlap[part] = np.where(numbers > 0, 1 / np.maximum(sizes, 1)[numbers], 0).ravel()
        good[part] = ~mask.ravel()
        regions, start = regions + count, start + mask.size
    if not regions or not good.any():
        return None
    order = np.argsort(-scores, kind="stable")
    # Pixels of one value are marked together: the curve has a point behind the last of them.
    last = np.append(np.diff(scores[order]) != 0, True)
    false = np.concatenate([[0.0], (np.cumsum(good[order]) / good.sum())[last]])
    found = np.concatenate([[0.0], (np.cumsum(overlap[order]) / regions)[last]])
    inside = false <= limit
    end = np.interp(limit, false, found)
    area = np.trapezoid(np.append(found[inside], end), np.append(false[inside], limit))
    return float(area / limit)
