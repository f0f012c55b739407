"""From what the networks saw to a verdict: thresholds, regions, the soft gate. Pure; no forward pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.spec import is_defect_free
from steelgui.results import UNKNOWN, Defect, Evidence, Inspection, Strangeness, Thresholds

_EIGHT_CONNECTED = np.ones((3, 3), dtype=bool)


def decide(evidence: Evidence, thresholds: Thresholds) -> Inspection:
    """Judge one image.

    A class is found when its score reaches the threshold, or when its masks survive: regions below the minimum area
    are dropped, and the minimum grows with the classifier's doubt (the soft gate of the Severstal winner).

    Where none is found, but the anomaly detector finds the picture too strange, the defect is `unknown`.
    """
    strange = evidence.strangeness
    anomaly = strange.judged(thresholds.false_alarms) if strange else None
    defects = tuple(sorted(_defects(evidence, thresholds), key=lambda defect: -defect.area_px))
    scores = dict(sorted(evidence.scores.items(), key=lambda item: -item[1]))
    found = [name for name, score in scores.items() if score >= thresholds.score and not is_defect_free(name)]
    if found:
        label = found[0]
    elif defects:
        label = defects[0].name
    elif strange and anomaly and anomaly.fires:
        label, found, defects = UNKNOWN, [UNKNOWN], _unknown(strange, thresholds)
    else:
        label = next((name for name in scores if is_defect_free(name)), "none")
    height, width = evidence.image.shape[:2]
    return Inspection(
        verdict="defect" if found or defects else "ok",
        label=label,
        scores=scores,
        defects=defects,
        width=width,
        height=height,
        ms=evidence.ms,
        models=evidence.models,
        thresholds=thresholds,
        anomaly=anomaly,
    )


def gated_area(score: float | None, thresholds: Thresholds) -> float:
    """Minimum area in pixels for a class with this score: `min_area` from the threshold up, `gate` times it at 0."""
    if score is None or score >= thresholds.score:
        return thresholds.min_area
    doubt = 1 - score / thresholds.score
    return thresholds.min_area * (1 + (thresholds.gate - 1) * doubt)


def _defects(evidence: Evidence, thresholds: Thresholds) -> list[Defect]:
    if not evidence.mask_classes:
        return []
    marked = {index: mask for index, one in enumerate(evidence.probabilities) if (mask := one >= 128).any()}
    # One pixel, one class: the most probable, so that no overlay hides another. Where one class alone is marked, it is
    # that: no reason to ask every pixel of every frame.
    strongest = evidence.probabilities.argmax(axis=0) if len(marked) > 1 else None
    defects = []
    for index, mask in marked.items():
        name = evidence.mask_classes[index]
        if strongest is not None:
            mask = mask & (strongest == index)
        minimum = gated_area(evidence.scores.get(name), thresholds)
        defects += _marked(name, mask, minimum)
    return defects


def _unknown(strange: Strangeness, thresholds: Thresholds) -> tuple[Defect, ...]:
    """Where a picture is strange; nothing where that is no place large enough."""
    mask = strange.map > strange.level(thresholds.false_alarms)
    return tuple(_marked(UNKNOWN, mask, thresholds.min_area))


def _marked(name: str, mask: NDArray[np.bool_], minimum: float) -> list[Defect]:
    mask, regions = drop_small(mask, minimum)
    area = int(mask.sum())
    return [Defect(name, mask, area, 100 * area / mask.size, regions)] if regions else []


def drop_small(mask: NDArray[np.bool_], minimum: float) -> tuple[NDArray[np.bool_], int]:
    """Keep 8-connected regions of `minimum` pixels or more; the mask that is left (H×W bool) and their count."""
    if not mask.any():
        return mask, 0
    labels, count = ndimage.label(mask, structure=_EIGHT_CONNECTED)
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    keep = areas >= max(minimum, 1)
    keep[0] = False
    return keep[labels], int(keep.sum())
