"""One picture in large, beside it what the models before and after look at or mark; pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.spec import is_defect_free
from steelgui.overlay import draw_overlay, marked
from steelgui.results import Evidence, Thresholds
from steelgui.services.decision import decide
from steelgui.services.judged import Judged
from steelgui.ui.curate_fragments import picture_url
from steelgui.ui.i18n import Translator

#: Longest side of a picture in the page, px; a strip is shown as wide as the column.
LARGEST = 960
#: Width by height from which three pictures stand one below the other.
STRIP = 2.0


def waiting(t: Translator, marks: bool = False) -> str:
    """Three empty panels of the same height, and what has to be done for them."""
    hint = t("retrain.marks_hint") if marks else t("retrain.heat_hint")
    return f'<div class="sg-trio sg-waiting" role="status"><p>{escape(hint)}</p></div>'


def comparison(picture: Judged, seen: Sequence[Evidence], arms: Sequence[str], t: Translator) -> str:
    """The picture, then each model's heat map with the class that it says and its score.

    Args:
        seen: by the model of each arm, plain training first.
        arms: their names, with "before" and "after", as a caption begins.
    """
    image = seen[0].image
    height, width = image.shape[:2]
    truth = t("retrain.truth_is", name=t.short(picture.truth))
    panels = [_panel(image, t("retrain.picture"), truth, picture.image.name, "")]
    for arm, evidence in zip(arms, seen, strict=True):
        heat = draw_overlay(evidence.image, decide(evidence, Thresholds()), heat=evidence.heat)
        panels.append(_panel(heat, arm, *_said(evidence, picture.truth, t)))
    return _trio(panels, width > STRIP * height)


def marks(
    picture: Judged,
    truth: Mapping[str, NDArray[np.bool_]],
    seen: Sequence[Evidence],
    arms: Sequence[str],
    t: Translator,
) -> str:
    """The picture with its true masks, then with each model's, and their dice.

    Args:
        truth: class → H×W mask.
        seen, arms: as for `comparison`.
    """
    image = seen[0].image
    said = t("retrain.truth_is", name=" + ".join(t.short(name) for name in truth) or t.short(picture.truth))
    panels = [_panel(marked(image, truth), t("retrain.picture"), said, picture.image.name, "")]
    for arm, evidence, dice in zip(arms, seen, picture.dice, strict=True):
        found = {name: map_ > 127 for name, map_ in zip(evidence.mask_classes, evidence.probabilities, strict=True)}
        found = {name: mask for name, mask in found.items() if mask.any()}
        named = ", ".join(t.short(name) for name in found) or t("retrain.nothing_marked")
        panels.append(_panel(marked(image, found), arm, t("retrain.dice", dice=f"{dice:.2f}", names=named), "", ""))
    return _trio(panels, image.shape[1] > STRIP * image.shape[0])


def _trio(panels: Sequence[str], strip: bool) -> str:
    return f'<div class="sg-trio{" sg-strips" if strip else ""}" role="status">{"".join(panels)}</div>'


def _said(evidence: Evidence, truth: str, t: Translator) -> tuple[str, str, str]:
    """The class and its score in words, where the heat map needs a word too, and whether the class is right."""
    scores = evidence.scores
    name = max(scores, key=lambda label: scores[label])
    defects = [label for label in scores if not is_defect_free(label)]
    target = max(defects, key=lambda label: scores[label])
    parts = [evidence.models["classifier"]]
    if not evidence.heat.any():
        parts.append(t("retrain.no_heat"))
    elif target != name:
        parts.append(t("retrain.heat_of", name=t.short(target)))
    right = "right" if name == truth else "wrong"
    said = t("retrain.says", name=t.short(name), score=f"{scores[name]:.2f}", right=t(f"retrain.{right}"))
    return said, " · ".join(parts), right


def _panel(image: NDArray[np.uint8], title: str, said: str, note: str, right: str) -> str:
    shown = Image.fromarray(image)
    shown.thumbnail((LARGEST, LARGEST))
    lines = "".join(
        f'<span class="{kind}" title="{escape(text)}">{escape(text)}</span>'
        for kind, text in (("sg-of", title), (f"sg-said sg-{right}" if right else "sg-said", said), ("sg-by", note))
    )
    url = picture_url(np.asarray(shown))
    return f'<figure><img src="{url}" alt="{escape(title)}"><figcaption>{lines}</figcaption></figure>'
