"""A visitor's picture → what the kiosk shows of it. Pure, once the networks have looked."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from steelgui.overlay import class_colours, overlay_layer
from steelgui.results import UNKNOWN, Evidence, Inspection

#: A frame is shown about this large; more pixels cost time and memory and show a child nothing more.
LONGEST = 1024
#: Marks of a smaller picture are drawn larger than it is, or their rims were stairs on a booth's screen.
DRAWN = 768

Sure = Literal["very", "fairly", "little"]


def shrunk(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """H×W×3 uint8 with no side longer than `LONGEST`, its aspect kept; the same array where it is small enough."""
    if max(image.shape[:2]) <= LONGEST:
        return image
    picture = Image.fromarray(image)
    picture.thumbnail((LONGEST, LONGEST))
    return np.asarray(picture)


def told(evidence: Evidence, inspection: Inspection) -> dict[str, Any]:
    """What the page needs: verdict, classes with their colours, how sure the networks are, and where (a picture)."""
    names = list(dict.fromkeys([inspection.label, *(defect.name for defect in inspection.defects)]))
    colours = class_colours(names)
    found = [{"name": name, "colour": colours[name]} for name in names] if inspection.verdict == "defect" else []
    where = marks(evidence, inspection)
    return {
        "verdict": inspection.verdict,
        "label": inspection.label,
        "found": found,
        "sure": sure(inspection.scores.get(inspection.label)),
        "places": sum(defect.regions for defect in inspection.defects),
        "marks": None if where is None else _data_url(where),
    }


def sure(score: float | None) -> Sure:
    """A score (0 to 1) in words; None, for what only the masks show, is `fairly`."""
    if score is None:
        return "fairly"
    return "very" if score >= 0.9 else "fairly" if score >= 0.7 else "little"


def marks(evidence: Evidence, inspection: Inspection) -> NDArray[np.uint8] | None:
    """What is laid over the picture, of its aspect, H×W×4 uint8: masks with an outline, else where the classifier
    looked, or where the picture is strange; None where nothing was found."""
    if inspection.verdict == "ok":
        return None
    factor = max(1.0, DRAWN / max(inspection.width, inspection.height))
    width, height = round(inspection.width * factor), round(inspection.height * factor)

    def grown(layer: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.asarray(Image.fromarray(layer).resize((width, height)))

    masks = [grown(defect.mask.astype(np.uint8) * 255) >= 128 for defect in inspection.defects]
    defects = tuple(replace(one, mask=mask) for one, mask in zip(inspection.defects, masks, strict=True))
    larger = replace(inspection, defects=defects, width=width, height=height)
    strange = evidence.strangeness if inspection.label == UNKNOWN else None
    glow = strange.at(inspection.thresholds.false_alarms) if strange else evidence.heat
    indices, colours = overlay_layer(larger, heat=None if defects else grown(glow))
    return colours[indices]


def _data_url(layer: NDArray[np.uint8]) -> str:
    out = io.BytesIO()
    Image.fromarray(layer).save(out, "PNG", compress_level=3)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
