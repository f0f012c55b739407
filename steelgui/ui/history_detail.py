"""One stored inspection in large, and what the active models say of it today → HTML."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from steelgui.history import HistoryRow
from steelgui.overlay import class_colours, draw_overlay, layer
from steelgui.results import UNKNOWN, Defect, Inspection
from steelgui.services.review import Compared, Opened
from steelgui.ui import fragments
from steelgui.ui.curate_fragments import picture_url
from steelgui.ui.history_fragments import STRIP, chip, moment, said
from steelgui.ui.i18n import Translator

#: Longest side of what is sent to the browser, px: enough to zoom into a strip, and quick to send.
LARGEST = 2400
#: Longest side of each of two pictures beside another.
SMALLER = 960


def detail(found: Opened, t: Translator, *, changing: bool) -> dict[str, Any]:
    """The picture, a layer for each class that is marked, the panel beside it, and the numbers of the neighbours."""
    height, width = found.image.shape[:2]
    scale = min(1.0, LARGEST / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    colours = class_colours(defect.name for defect in found.inspection.defects)
    return {
        "id": found.row.id,
        "name": found.row.name,
        "size": size,
        "picture": _jpeg(found.image, size),
        "layers": [
            {"name": defect.name, "url": _mask(defect.mask, colours[defect.name], size)}
            for defect in found.inspection.defects
        ],
        "panel": _panel(found.row, found.inspection, t, changing),
        "previous": found.previous,
        "following": found.following,
    }


def compared(found: Compared, t: Translator) -> str:
    """Then and now beside each other, a strip's one below the other, and every class's score of both."""
    wide = " sg-wide" if found.row.width >= STRIP * found.row.height else ""
    then = _figure(found.image, found.before, t("history.then"), t)
    now = _figure(found.image, found.after, t("history.now"), t)
    key = "differs" if found.differs else "agrees"
    return (
        f'<p class="sg-sentence" data-differs="{str(found.differs).lower()}">{escape(t(f"history.{key}"))}</p>'
        f'<div class="sg-both{wide}">{then}{now}</div>{_scores(found, t)}'
        f'<div class="sg-answers"><button type="button" class="sg-press sg-first" data-do="keep">'
        f'{escape(t("history.keep"))}</button><button type="button" class="sg-press" data-do="back-to-picture">'
        f"{escape(t('history.back_to_picture'))}</button></div>"
    )


def compared_many(found: Sequence[Compared], t: Translator) -> str:
    """One line an inspection, those that differ first; each opens."""
    lines = "".join(
        f'<tr data-id="{one.row.id}" data-differs="{str(one.differs).lower()}">'
        f'<td><button type="button" class="sg-open" data-do="open-compared">{escape(one.row.name)}</button></td>'
        f"<td>{_verdict(one.before, t)}</td><td>{_verdict(one.after, t)}</td></tr>"
        for one in sorted(found, key=lambda one: not one.differs)
    )
    heads = (t("history.column_picture"), t("history.then"), t("history.now"))
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    number = sum(one.differs for one in found)
    return (
        f"<h2>{escape(t('history.compared', count=len(found), differ=number))}</h2>"
        f'<div class="sg-rows"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'
        f'<div class="sg-answers"><button type="button" class="sg-press" data-do="cancel">'
        f"{escape(t('history.close'))}</button></div>"
    )


def _verdict(inspection: Inspection, t: Translator) -> str:
    score = inspection.scores.get(inspection.label)
    return f"{chip(inspection.verdict, t)} {said(inspection.label, score, t)}"


def _figure(image: NDArray[np.uint8], inspection: Inspection, title: str, t: Translator) -> str:
    fits = image.shape[:2] == (inspection.height, inspection.width)
    shown = Image.fromarray(draw_overlay(image, inspection) if fits else image)
    shown.thumbnail((SMALLER, SMALLER))
    models = " + ".join(inspection.models.values())
    return (
        f'<figure><img src="{picture_url(np.asarray(shown))}" alt="{escape(title)}"><figcaption><b>{escape(title)}</b>'
        f'{_verdict(inspection, t)}<span class="sg-by">{escape(models)} · {inspection.ms:.0f} ms</span></figcaption>'
        "</figure>"
    )


def _scores(found: Compared, t: Translator) -> str:
    before, after = found.before, found.after
    areas = [{defect.name: defect.area_px for defect in one.defects} for one in (before, after)]
    lines = ""
    for name in dict.fromkeys([*after.scores, *before.scores, *areas[0], *areas[1]]):
        scores = [one.scores.get(name) for one in (before, after)]
        pixels = [area.get(name, 0) for area in areas]
        cells = [*("–" if score is None else f"{score:.2f}" for score in scores), *(f"{area:,}" for area in pixels)]
        lines += (
            f'<tr><th scope="row">{said(name, None, t)}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
        )
    then, now, score, area = (escape(t(f"history.{key}")) for key in ("then", "now", "score", "area"))
    return (
        f'<div class="sg-rows"><table><thead><tr><td></td><th scope="col">{score}: {then}</th>'
        f'<th scope="col">{score}: {now}</th><th scope="col">{area}: {then}</th><th scope="col">{area}: {now}</th></tr>'
        f"</thead><tbody>{lines}</tbody></table></div>"
    )


def _panel(row: HistoryRow, inspection: Inspection, t: Translator, changing: bool) -> str:
    return (
        f"{fragments.verdict(inspection, t)}{_correction(row, t)}{_marks(inspection, t)}"
        f"{fragments.scores(inspection, t)}{_facts(row, t)}{_doings(row, t, changing)}"
    )


def _correction(row: HistoryRow, t: Translator) -> str:
    if row.corrected_at is None:
        return ""
    models = t("history.models_said", name=t.short(row.result["label"]))
    return f'<p class="sg-corrected">✎ {escape(t("history.corrected"))} · {escape(models)}</p>'


def _marks(inspection: Inspection, t: Translator) -> str:
    """Every class that is marked, with its area; its box shows and hides its mask."""
    if not inspection.defects:
        key = "none" if inspection.verdict == "ok" else "no_mask"
        return f'<p class="sg-meta">{escape(t(f"areas.{key}"))}</p>'
    colours = class_colours(defect.name for defect in inspection.defects)
    boxes = "".join(_mark(defect, colours[defect.name], t) for defect in inspection.defects)
    return f'<fieldset class="sg-marks"><legend>{escape(t("control.shown"))}</legend>{boxes}</fieldset>'


def _mark(defect: Defect, colour: str, t: Translator) -> str:
    area = t(
        "history.area_said", regions=f"{defect.regions:,}", pixels=f"{defect.area_px:,}", share=f"{defect.area_pct:.2f}"
    )
    return (
        f'<label><input type="checkbox" checked data-layer="{escape(defect.name)}"><i class="sg-swatch" '
        f'style="background:{colour}"></i><b>{escape(t.short(defect.name))}</b><span>{escape(area)}</span></label>'
    )


def _facts(row: HistoryRow, t: Translator) -> str:
    models = t("meta.models", classifier=row.classifier or "–", segmenter=row.segmenter or "–")
    if detector := row.result["models"].get("anomaly"):
        models += f" · {t('meta.detector', name=detector)}"
    facts = [
        ("time", moment(row)),
        ("source", escape(t(f"history.source_{row.source}"))),
        ("model", escape(models)),
        ("ms", escape(t("meta.ms", ms=f"{row.ms:.0f}"))),
        ("size", escape(t("meta.size", width=row.width, height=row.height))),
    ]
    if row.note:
        facts.append(("note", f'<span class="sg-written">{escape(row.note)}</span>'))
    cells = "".join(f"<dt>{escape(t(f'history.column_{key}'))}</dt><dd>{value}</dd>" for key, value in facts)
    return f'<dl class="sg-facts">{cells}</dl>'


def _doings(row: HistoryRow, t: Translator, changing: bool) -> str:
    doings = [("compare", "again")]
    if changing and row.deleted_at is None:
        doings += [("collect", "collect")] if row.label == UNKNOWN else []
        doings += [("relabel", "wrong"), ("annotate", "note_open"), ("delete", "delete")]
    elif changing:
        doings = [("restore", "restore")]
    doings.append(("export-zip", "export_one"))
    buttons = "".join(
        f'<button type="button" class="sg-press" data-do="{act}">{escape(t(f"history.{key}"))}</button>'
        for act, key in doings
    )
    return f'<div class="sg-doings">{buttons}</div>'


def _jpeg(image: NDArray[np.uint8], size: tuple[int, int]) -> str:
    picture = Image.fromarray(image)
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    packed = io.BytesIO()
    # Without halved colours, so that a zoomed pixel is the camera's.
    picture.save(packed, "JPEG", quality=95, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(packed.getvalue()).decode()}"


def _mask(mask: NDArray[np.bool_], colour: str, size: tuple[int, int]) -> str:
    drawn = Image.fromarray(mask)
    shrunk = mask if drawn.size == size else np.asarray(drawn.resize(size, Image.Resampling.NEAREST))
    packed = io.BytesIO()
    layer(shrunk, colour).save(packed, "PNG")
    return f"data:image/png;base64,{base64.b64encode(packed.getvalue()).decode()}"
