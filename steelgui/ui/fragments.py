"""Inspection → HTML. Pure functions; whatever came from outside is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from models.spec import is_defect_free
from steelgui.overlay import class_colours
from steelgui.results import UNKNOWN, Anomaly, Defect, Inspection
from steelgui.ui.i18n import Translator

if TYPE_CHECKING:
    from steelgui.services.workbench import BatchRow

#: A browser lays out a few hundred lines at once; the CSV has the rest.
BATCH_LINES = 300

_ICONS = {
    "ok": '<path d="M5 12.5 10 17.5 19.5 7"/>',
    "defect": '<path d="M6.5 6.5 17.5 17.5M17.5 6.5 6.5 17.5"/>',
    "error": '<path d="M12 5v9M12 18.2v.3"/>',
    "none": '<path d="M6 12h12"/>',
}


def icon(kind: str) -> str:
    """The sign of a verdict: `ok`, `defect`, `error` or `none`."""
    return f'<svg class="sg-icon" viewBox="0 0 24 24" aria-hidden="true">{_ICONS[kind]}</svg>'


def _panel(kind: str, word: str, what: str, detail: str, label: str = "") -> str:
    return (
        f'<div class="sg-verdict sg-{kind}" role="status" aria-live="polite" data-verdict="{kind}"'
        f' data-label="{escape(label)}">{icon(kind)}<div><div class="sg-word">{escape(word)}'
        f'<span class="sg-what">{escape(what)}</span></div><div class="sg-detail">{escape(detail)}</div></div></div>'
    )


def verdict(inspection: Inspection | None, t: Translator) -> str:
    """The verdict in large: colour, icon and word; a panel of the same height before the first picture."""
    if inspection is None:
        return _panel("none", t("verdict.none"), "", t("verdict.none_text"))
    score = inspection.scores.get(inspection.label)
    details = [] if score is None else [t("verdict.score", score=f"{score:.2f}")]
    if inspection.verdict == "ok":
        return _panel("ok", t("verdict.ok"), t("verdict.ok_text"), " · ".join(details), inspection.label)
    if inspection.label == UNKNOWN and inspection.anomaly:
        details = [t("verdict.unknown")]
    elif score is None or score < inspection.thresholds.score:
        details.append(t("verdict.by_mask"))
    if others := inspection.found[1:]:
        details.append(t("verdict.also", names=", ".join(map(t.class_name, others))))
    return _panel("defect", t("verdict.defect"), t.class_name(inspection.label), " · ".join(details), inspection.label)


def error(sentence: str, t: Translator) -> str:
    """The verdict panel when there is none to give."""
    return _panel("error", t("verdict.error"), "", sentence)


def scores(inspection: Inspection | None, t: Translator, classes: Iterable[str] = ()) -> str:
    """Bars of all classes with the threshold as a line, and below how strange the picture is; empty bars before the
    first picture."""
    values: Mapping[str, float] = inspection.scores if inspection else dict.fromkeys(classes, 0.0)
    colours = class_colours(values) | {name: "var(--sg-soft)" for name in values if is_defect_free(name)}
    threshold = inspection.thresholds.score if inspection else 0.5
    rows = "".join(
        f'<li class="{"sg-found" if inspection and score >= threshold else ""}">'
        f'<span class="sg-name">{escape(t.class_name(name))}</span>'
        f'<span class="sg-track" style="--at:{100 * threshold:.1f}%"><span class="sg-bar" '
        f'style="width:{100 * score:.1f}%;background:{colours[name]}"></span></span>'
        f'<span class="sg-number">{f"{score:.2f}" if inspection else "–"}</span></li>'
        for name, score in values.items()
    )
    return (
        f'<section class="sg-scores"><h2>{escape(t("scores.title"))}<small>{escape(t("scores.hint"))}</small></h2>'
        f"<ol>{rows}</ol>{_strange(inspection.anomaly, t) if inspection and inspection.anomaly else ''}</section>"
    )


def _strange(anomaly: Anomaly, t: Translator) -> str:
    """How strange a picture is, in thresholds: a bar of twice the threshold, and what the threshold stands for."""
    colour = class_colours([UNKNOWN])[UNKNOWN]
    said = t("anomaly.rate", one_in=one_in(anomaly.false_alarms))
    return (
        f'<div class="sg-strange{" sg-found" if anomaly.fires else ""}" data-fires="{str(anomaly.fires).lower()}">'
        f'<span class="sg-name">{escape(t("anomaly.name"))}</span><span class="sg-track" style="--at:50%">'
        f'<span class="sg-bar" style="width:{min(50 * anomaly.ratio, 100):.1f}%;background:{colour}"></span></span>'
        f'<span class="sg-number">{min(anomaly.ratio, 99):.2f}×</span><small>{escape(said)}</small></div>'
    )


def one_in(rate: float) -> str:
    """A small rate as one in so many."""
    return f"{1 / rate:,.0f}" if rate < 0.1 else f"{1 / rate:.3g}"


def areas(inspection: Inspection | None, t: Translator) -> str:
    """Pixels, mm² if the visitor wants them, percent and regions of every class that was marked."""
    columns = ("class", "regions", "pixels", *(("mm2",) if t.scale else ()), "percent")
    head = "".join(f'<th scope="col">{escape(t(f"areas.{key}"))}</th>' for key in columns)
    if inspection and inspection.defects:
        colours = class_colours(defect.name for defect in inspection.defects)
        rows = "".join(_area_row(defect, colours[defect.name], t) for defect in inspection.defects)
    else:
        sentence = escape(t(f"areas.{_why_empty(inspection)}"))
        rows = f'<tr><td colspan="{len(columns)}" class="sg-empty-row">{sentence}</td></tr>'
    return f'<div class="sg-areas"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _why_empty(inspection: Inspection | None) -> str:
    if inspection is None:
        return "waiting"
    if inspection.verdict == "ok":
        return "none"
    return "unknown" if inspection.label == UNKNOWN else "no_mask"


def _area_row(defect: Defect, colour: str, t: Translator) -> str:
    metric = f"<td>{square_millimetres(defect.area_px, t.scale)}</td>" if t.scale else ""
    return (
        f'<tr><td><i class="sg-swatch" style="background:{colour}"></i>{escape(t.class_name(defect.name))}</td>'
        f"<td>{defect.regions:,}</td><td>{defect.area_px:,}</td>{metric}<td>{defect.area_pct:.2f} %</td></tr>"
    )


def square_millimetres(pixels: int, scale: float) -> str:
    """An area in three figures, more where it is large; `scale` is millimetres a pixel."""
    area = pixels * scale**2
    return f"{area:,.0f}" if area >= 100 else f"{area:.3g}"


def meta(inspection: Inspection | None, t: Translator, name: str = "") -> str:
    """One line: the picture's name and size, milliseconds, models."""
    if inspection is None:
        return '<div class="sg-meta">&nbsp;</div>'
    parts = [
        name,
        t("meta.size", width=inspection.width, height=inspection.height),
        t("meta.ms", ms=f"{inspection.ms:.0f}"),
        t(
            "meta.models",
            classifier=inspection.models.get("classifier", "–"),
            segmenter=inspection.models.get("segmenter", "–"),
        ),
        t("meta.detector", name=inspection.models["anomaly"]) if "anomaly" in inspection.models else "",
    ]
    line = " · ".join(escape(part) for part in parts if part)
    return f'<div class="sg-meta" title="{line}">{line}</div>'


def legend_style(names: Iterable[str]) -> str:
    """Colours the legend's boxes: Gradio's CheckboxGroup knows no colours of its own."""
    rules = "".join(
        f'#legend label:has(input[name="{escape(name)}"])::before{{background:{colour}}}'
        for name, colour in class_colours(names).items()
    )
    return f"<style>{rules}</style>"


def header(models: Mapping[str, str], device: str, ready: bool, t: Translator) -> str:
    """Name at the left, what is at work at the right."""
    # Gradio titles its messages in English, whatever title they are given; the style sheet puts these in place.
    titles = ((kind, t(f"toast.{kind}")) for kind in ("warning", "info", "error"))
    words = "".join(f'--sg-toast-{kind}:"{escape(title)}";' for kind, title in titles)
    names = " + ".join(models.values()) or t("header.no_model")
    state = escape(f"{names} · {_device(device)}") if ready else escape(t("header.loading"))
    return (
        f"<style>:root{{{words}}}</style>"
        '<header class="sg-header"><h1><svg class="sg-logo" viewBox="0 0 32 32" aria-hidden="true">'
        '<rect width="32" height="32" rx="7" fill="#2a2f36"/><path d="M5 20 27 11v4L5 24z" fill="#ff7a1a"/>'
        '<path d="M5 14.5 27 5.5v3L5 17.5z" fill="#8d96a3"/></svg>SteelGUI</h1>'
        f'<span class="sg-models" data-ready="{str(ready).lower()}"><i></i>{state}</span></header>'
    )


def _device(device: str) -> str:
    return "CPU" if device == "cpu" else f"GPU ({device})"


def empty_stage(t: Translator) -> str:
    """What to do, where the picture will be."""
    return (
        f'<div class="sg-empty"><div class="sg-empty-title">{escape(t("empty.title"))}</div>'
        f"<div>{escape(t('empty.text'))}</div></div>"
    )


def bar(done: float, total: float, text: str) -> str:
    """A bar of progress; one without words is idle, and nobody is told of it."""
    share = 100 * done / total if total else 0
    told = (
        f'role="progressbar" aria-valuemin="0" aria-valuemax="{max(total, 1)}" aria-valuenow="{done:.0f}" '
        f'aria-label="{escape(text)}"'
    )
    return f'<div class="sg-progress" {told if text else ""}><span style="width:{share:.1f}%"></span></div>'


def batch_bar(done: int, total: int, text: str) -> str:
    """Progress of a batch with its words; `total` 0 is an idle bar."""
    return f'{bar(done, total, text)}<div class="sg-meta">{escape(text)}</div>'


def batch_table(rows: Sequence[BatchRow], t: Translator) -> str:
    """One line a picture; the sentence of the error for one that could not be read."""
    columns = ("name", "verdict", "class", "score", "area", "ms")
    head = "".join(f'<th scope="col">{escape(t(f"batch.{column}"))}</th>' for column in columns)
    body = "".join(_batch_row(row, t) for row in rows[:BATCH_LINES])
    if not rows:
        body = f'<tr><td colspan="6" class="sg-empty-row">{escape(t("batch.waiting"))}</td></tr>'
    more = t("batch.more", shown=BATCH_LINES, total=len(rows)) if len(rows) > BATCH_LINES else ""
    return (
        f'<div class="sg-batch"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        f'<p class="sg-meta">{escape(more)}</p></div>'
    )


def _batch_row(row: BatchRow, t: Translator) -> str:
    name = f'<td class="sg-file" title="{escape(row.name)}">{escape(row.name)}</td>'
    inspection = row.inspection
    if inspection is None:
        assert row.error
        said = escape(t.problem(row.error))
        return f'<tr data-verdict="error">{name}<td colspan="5" class="sg-error-text">{said}</td></tr>'
    kind = inspection.verdict
    score = inspection.scores.get(inspection.label)
    area = sum(defect.area_pct for defect in inspection.defects)
    label = t.class_name(inspection.label) if kind == "defect" else "–"
    return (
        f'<tr data-verdict="{kind}" data-label="{escape(inspection.label)}">{name}'
        f'<td><span class="sg-chip sg-{kind}">{icon(kind)}{escape(t(f"verdict.{kind}"))}</span></td>'
        f"<td>{escape(label)}</td><td>{'–' if score is None else f'{score:.2f}'}</td>"
        f"<td>{area:.2f} %</td><td>{inspection.ms:.0f} ms</td></tr>"
    )


def shared(t: Translator) -> str:
    """In a demo, whom a visitor shows their pictures to."""
    return f'<p class="sg-shared">{escape(t("about.shared"))}</p>'


def about(models: Mapping[str, str], device: str, home: str, t: Translator) -> str:
    """What is at work: models, device, folder; a demo, which tells no folder, says who sees what is inspected."""
    rows = [
        (t("about.classifier"), models.get("classifier", "–")),
        (t("about.segmenter"), models.get("segmenter", "–")),
        *([(t("about.anomaly"), models["anomaly"])] if "anomaly" in models else []),
        (t("about.device"), _device(device) if device else "…"),
        *([(t("about.home"), home)] if home else []),
    ]
    kept = f"<p>{escape(t('about.offline'))}</p>" if home else shared(t)
    cells = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in rows)
    return (
        f'<section class="sg-about"><h2>{escape(t("about.title"))}</h2><dl>{cells}</dl>'
        f"{kept}<p>{escape(t('about.demo'))}</p></section>"
    )
