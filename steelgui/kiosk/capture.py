"""A visitor's picture → what the kiosk shows of it. Pure, once the networks have looked."""

from __future__ import annotations

import base64
import io
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from steelgui.overlay import class_colours
from steelgui.results import Evidence, Inspection

#: A frame is shown about this large; more pixels cost time and memory and show a child nothing more.
LONGEST = 1024
#: Of a class that was found without a mask, the heat map is shown where it is at least this warm (0 to 255).
WARM = 90
#: Marks of a smaller picture are drawn larger than it is, or their rims were stairs on a booth's screen.
DRAWN = 768
HOT = "#ff8a33"

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
    looked; None where nothing was found."""
    if inspection.verdict == "ok":
        return None
    height, width = evidence.image.shape[:2]
    factor = max(1.0, DRAWN / max(height, width))
    width, height = round(width * factor), round(height * factor)
    layer = np.zeros((height, width, 4), dtype=np.uint8)
    if not inspection.defects:
        layer[..., :3] = _rgb(HOT)
        heat = np.asarray(Image.fromarray(evidence.heat).resize((width, height)))
        layer[..., 3] = np.where(heat >= WARM, heat * 0.7, 0)
        return layer
    colours = class_colours(defect.name for defect in inspection.defects)
    line = max(1, round(max(height, width) / 200))
    for defect in inspection.defects:
        grown = Image.fromarray(defect.mask.astype(np.uint8) * 255).resize((width, height))
        mask = np.asarray(grown) >= 128
        rim = mask & ~ndimage.binary_erosion(mask, iterations=line, border_value=1)
        layer[mask] = (*_rgb(colours[defect.name]), 110)
        layer[rim, 3] = 255
    return layer


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue


def _data_url(layer: NDArray[np.uint8]) -> str:
    out = io.BytesIO()
    Image.fromarray(layer).save(out, "PNG", compress_level=3)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
