"""Drawn pictures as the gallery takes them: plain values, whatever is shown already in the visitor's language."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from steelgui.overlay import outlined
from steelgui.services.sampled import Gap, Progress, Score
from steelgui.services.sampling import Draw
from steelgui.services.sources import Source
from steelgui.ui.i18n import Translator
from training.gan.health import COPIED

#: The gallery's own nodes; `assets/sampling.js` fills them.
TEMPLATE = """
<div class="sg-picks">
  <div>
    <div class="sg-grid" role="listbox" aria-multiselectable="true"></div>
    <p class="sg-hint"></p>
  </div>
  <div class="sg-pair" hidden aria-live="polite">
    <figure><img alt=""><figcaption></figcaption></figure><figure><img alt=""><figcaption></figcaption></figure>
    <p class="sg-note"></p>
  </div>
</div>
"""


def title(t: Translator) -> str:
    return f'<h2 class="sg-title">{escape(t("curate.heading"))} <small>{escape(t("curate.what"))}</small></h2>'


def picture_url(image: NDArray[np.uint8]) -> str:
    """H×W or H×W×3 uint8 as a `data:` address; nearly lossless, and a fifth of a PNG's size for steel."""
    packed = io.BytesIO()
    Image.fromarray(image).save(packed, "WEBP", quality=90, method=2)
    return f"data:image/webp;base64,{base64.b64encode(packed.getvalue()).decode()}"


def pictures(draw: Draw, t: Translator) -> dict[str, Any]:
    several = len(draw.source.classes) > 1
    return {
        "draw": draw.id,
        "items": [
            {
                "src": picture_url(picture.image),
                "large": picture_url(outlined(picture.image, picture.mask, picture.label))
                if picture.mask is not None
                else "",
                "seed": str(picture.seed),
                "title": t("curate.title_class", seed=picture.seed, name=t.short(picture.label))
                if several
                else t("curate.title", seed=picture.seed),
            }
            for picture in draw.pictures
        ],
    }


def scores(draw: Draw, t: Translator) -> dict[str, Any]:
    return {"draw": draw.id, "items": [_score(score, t) for score in draw.scores]}


def added(draw: Draw) -> dict[str, Any]:
    return {"draw": draw.id, "items": sorted(draw.kept)}


def words(t: Translator) -> dict[str, str]:
    """What the gallery says by itself."""
    return {
        "gallery": t("curate.gallery"),
        "hint": t("curate.hint"),
        "empty": t("curate.empty"),
        "accepted": t("curate.accepted"),
        "rejected": t("curate.rejected"),
        "added": t("curate.added"),
        "nearest": t("curate.nearest"),
        "no_nearest": t("curate.no_nearest"),
        "waiting": t("curate.waiting"),
    }


def source_name(source: Source, t: Translator) -> str:
    if source.kind == "best":
        return t("curate.best", name=source.name)
    if source.kind == "snapshot":
        return t("curate.snapshot", seen=f"{source.seen:,}")
    if source.kind == "data":
        return t("curate.data", name=source.name)
    return t("curate.model", name=source.name)


def stage(told: Progress, t: Translator) -> str:
    """What is done at present, in words."""
    at = {"done": told.done, "total": told.total}
    if told.stage == "reading":
        return t("curate.reading")
    if told.stage == "training_pictures":
        return t("curate.measuring_real", **at)
    return t("curate.measuring", **at) if told.stage == "distance" else t("curate.classifying", **at)


def summary(draw: Draw, t: Translator) -> str:
    """How many look like copies, and why what is missing is missing."""
    known = [score.distance for score in draw.scores if score.distance is not None]
    parts = [t("curate.copies", count=sum(value < COPIED for value in known), total=len(known))] if known else []
    parts += [_missing(gap, t) for gap in draw.gaps]
    return " · ".join(parts)


def _missing(gap: Gap, t: Translator) -> str:
    if gap.kind == "classes":
        return t("curate.gap_classes", names=gap.why)
    if gap.kind == "card":
        return t("curate.gap_card")
    if gap.kind == "gone":
        return t("curate.gap_gone", folder=gap.why)
    return t("curate.gap_data", why=gap.why)


def _score(score: Score, t: Translator) -> dict[str, Any]:
    said: dict[str, Any] = {"copy": score.distance is not None and score.distance < COPIED}
    parts = []
    if score.confidence is not None:
        said |= {"confidence": score.confidence, "confidence_text": f"{score.confidence:.2f}"}
        parts.append(t("curate.said_confidence", value=said["confidence_text"]))
    if score.distance is not None:
        said |= {"distance": score.distance, "distance_text": f"{score.distance:.2f}×"}
        parts.append(t("curate.said_distance", value=f"{score.distance:.2f}"))
    if said["copy"]:
        parts.append(t("curate.said_copy"))
    if score.nearest is not None:
        said["nearest"] = picture_url(score.nearest)
    return {**said, "text": " · ".join(parts)}
