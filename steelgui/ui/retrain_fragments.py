"""An experiment's answer as HTML: the verdict, intervals by class, confusion matrices; pure functions of its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

from steelgui.services.judged import Judged, Result, cell_counts, compared, of_masks
from steelgui.services.retraining import Experiment
from steelgui.ui.fragments import bar
from steelgui.ui.i18n import Translator
from steelgui.ui.studio_fragments import duration, panel, told

#: Verdict → tone of its panel.
TONES = {"helped": "ok", "worse": "defect"} | dict.fromkeys(
    ("as_balanced", "no_difference", "not_learned", "no_synthetic"), "none"
)
#: One colour an arm, of Okabe and Ito's palette.
COLOURS = {"plain": "#7f8792", "balanced": "#0072B2", "synthetic": "#E69F00", "both": "#009E73"}
#: Of an arm's line in the picture of intervals, px.
LINE = 14
#: Classes whose names fit side by side over a matrix.
FEW = 6
#: Of the comparison: plain training first.
SIDES = ("before", "after")


def empty(t: Translator) -> str:
    """Where the answer will stand, and what has to be done for it."""
    return panel("none", t("retrain.empty"), t("retrain.empty_text"))


def verdict(result: Result, t: Translator) -> str:
    """In large what came out, below it the sentence with its intervals."""
    said = result["verdict"]
    return panel(TONES[said["kind"]], t(f"verdict_title.{said['kind']}"), verdict_text(result, t), said["kind"])


def verdict_text(result: Result, t: Translator) -> str:
    """The sentence of the verdict in the visitor's language; never a winner without its interval."""
    said = result["verdict"]
    kind, gain = said["kind"], said["gain"]
    mean, rate = (t("rate.dice"), t("rate.dice")) if of_masks(result) else (t("rate.f1"), t("rate.recall"))
    if kind == "no_synthetic":
        if gain is None:
            return t("verdict_text.plain_only")
        word = "raised" if (gain["low"] or 0) > 0 else "lowered" if (gain["high"] or 0) < 0 else "same"
        return t(f"verdict_text.balanced_{word}", gain=_gain(gain), mean=mean)
    if kind == "not_learned":
        return t("verdict_text.not_learned", mean=mean)
    if kind == "no_difference":
        text = t("verdict_text.no_difference", pictures=said["pictures"], gain=_gain(gain), mean=mean)
        return text + _advice(said, t)
    values = {
        "label": t.short(said["label"] or ""),
        "before": f"{said['before']:.2f}",
        "after": f"{said['after']:.2f}",
        "range": _range(said["change"]),
        "gain": _gain(gain),
        "mean": mean,
        "rate": rate,
    }
    text = t(f"verdict_text.{kind}", **values)
    if said["over_balanced"] and kind != "worse":
        text += " " + t(f"verdict_text.{kind}_over", over=_gain(said["over_balanced"]))
    return text + _advice(said, t)


def _advice(said: Result, t: Translator) -> str:
    """What would tell where nothing is shown, with a space before it; nothing where nothing sensible would."""
    more, seeds = said["more"], said.get("seeds", 0)  # results of earlier versions know of no seeds
    if more is None:
        return ""
    advice = "both" if more and seeds else "seeds" if seeds else "collect" if more else "enough"
    return f" {t(f'verdict_text.{advice}', more=more, seeds=seeds)}"


def intervals(result: Result, t: Translator, rate: str = "f1") -> str:
    """Every arm's figure by class as a point on its interval; the scarce classes first, their mean on top.

    Nothing where the task has no such figure, as a segmenter no recall.
    """
    arms = result["arms"]
    scarce = result["scarce"]
    # Of a single scarce class there is no mean to tell.
    mean = [f"scarce_{rate}"] if len(scarce) > 1 else []
    names = [*mean, *(f"{rate}:{name}" for name in (*scarce, *_others(result)))]
    names = [name for name in names if name in arms[0]["figures"]]
    if not names:
        return ""
    lows = [arm["figures"][name]["low"] for arm in arms for name in names]
    start = max(0.0, min((low for low in lows if low is not None), default=0.0) - 0.02)

    def across(value: float) -> str:
        return f"{100 * (value - start) / max(1e-9, 1 - start):.2f}%"

    rows = ""
    for name in names:
        label = t("retrain.scarce_mean") if ":" not in name else t.short(name.split(":", 1)[1])
        weighty = ":" not in name or name.split(":", 1)[1] in scarce
        marks, values, said = "", "", []
        for number, arm in enumerate(arms):
            figure, y, colour = arm["figures"][name], LINE * (number + 0.5), COLOURS[arm["arm"]]
            said.append(f"{arm_name(arm, t)}: {figure['value']:.3f}")
            if figure["low"] is not None:
                said[-1] += f" ({figure['low']:.3f} … {figure['high']:.3f})"
                marks += (
                    f'<line x1="{across(figure["low"])}" x2="{across(figure["high"])}" y1="{y}" y2="{y}" '
                    f'stroke="{colour}" stroke-width="4" stroke-opacity=".45" stroke-linecap="round"/>'
                )
            marks += f'<circle cx="{across(figure["value"])}" cy="{y}" r="4.5" fill="{colour}"/>'
            values += f"<span>{figure['value']:.3f}</span>"
        told = escape("; ".join(said))
        rows += (
            f"<li{' data-scarce' if weighty else ''}><span>{escape(label)}</span>"
            f'<svg width="100%" height="{LINE * len(arms)}" role="img" aria-label="{told}"><title>{told}</title>'
            f"{marks}</svg>"
            f'<span aria-hidden="true">{values}</span></li>'
        )
    ticks = "".join(f"<span>{value:.2f}</span>" for value in (start, (1 + start) / 2, 1.0))
    legend = "".join(
        f'<span><i class="sg-swatch" style="background:{COLOURS[arm["arm"]]}"></i>{escape(arm_name(arm, t))}</span>'
        for arm in arms
    )
    return (
        f'<figure class="sg-intervals"><figcaption>{escape(t(f"retrain.intervals_{rate}"))}</figcaption>'
        f'<ul class="sg-rates">{rows}<li aria-hidden="true"><span class="sg-ticks">{ticks}</span></li></ul>'
        f'<div class="sg-curves">{legend}</div></figure>'
    )


def confusions(result: Result, t: Translator, buttons: bool = True) -> str:
    """Before and after, side by side: plain training and the arm that is judged; means over the seeds. Nothing of a
    segmenter, which confuses no classes.

    Args:
        buttons: on paper there is nothing to open.
    """
    if of_masks(result):
        return ""
    tables = (_confusion(result, arm, side, t, buttons) for side, arm in enumerate(compared(result)))
    found = "".join(tables)
    return f'<div class="sg-confusions">{found}</div>' if found else ""


def _confusion(result: Result, arm: Result, side: int, t: Translator, buttons: bool) -> str:
    counts = cell_counts(result, arm)

    def button(row: int, column: int, said: str) -> str:
        truth, predicted = result["classes"][row], result["classes"][column]
        pictures = counts[truth, predicted]
        if not (buttons and pictures):
            return said
        label = escape(_cell_label(truth, predicted, pictures, t))
        return (
            f'<button type="button" data-side="{side}" data-truth="{row}" data-predicted="{column}" '
            f'aria-expanded="false" aria-label="{label}" title="{label}">{said}</button>'
        )

    return confusion(result["classes"], arm["confusion"], side_name(side, arm, t), t, button)


def confusion(
    classes: Sequence[str],
    pictures: Sequence[Sequence[float]],
    title: str,
    t: Translator,
    cell: Callable[[int, int, str], str] = lambda _row, _column, said: said,
) -> str:
    """One matrix, rows truth; `cell` makes of a row, a column and its number what stands there."""
    head = "".join(
        f'<th scope="col" title="{escape(t.short(name))}"><span>{escape(t.short(name))}</span></th>' for name in classes
    )
    rows = []
    for row, truth in enumerate(classes):
        total = sum(pictures[row]) or 1
        cells = []
        for column, value in enumerate(pictures[row]):
            kind = "sg-hit" if row == column else "sg-miss" if value else ""
            said = cell(row, column, _count(value))
            cells.append(f'<td class="{kind}" style="--share:{value / total:.3f}">{said}</td>')
        name = escape(t.short(truth))
        rows.append(f'<tr><th scope="row" title="{name}">{name}</th>{"".join(cells)}</tr>')
    corner = escape(t("retrain.truth"))
    many = " sg-many" if len(classes) > FEW else ""
    return (
        f'<figure class="sg-confusion{many}" style="--classes:{len(classes)}"><figcaption>{escape(title)}</figcaption>'
        f'<div class="sg-scroll"><table aria-label="{escape(title)}">'
        f"<thead><tr><td>{corner}</td>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div></figure>"
    )


def answer(result: Result, t: Translator) -> str:
    """Intervals and what to know about them, then before and after."""
    figures = intervals(result, t, rate_of(result)) + told(result["notes"], t)
    if of_masks(result):
        # The style sheet shows the pictures below where there are matrices, or this.
        return f'<div class="sg-marked">{figures}</div>'
    return figures + confusions(result, t)


def rate_of(result: Result) -> str:
    """What the verdict rests on: `f1`, or `dice` where defects were marked and not named."""
    return "dice" if of_masks(result) else "f1"


def counts(pictures: Mapping[str, int], scarce: Sequence[str], t: Translator) -> str:
    """Bars of a data set's classes, the scarce ones marked; a line that asks for a folder before there is one."""
    if not pictures:
        return f'<div class="sg-meta">{escape(t("retrain.no_data"))}</div>'
    most = max(pictures.values())
    rows = "".join(
        f'<li class="{"sg-found" if name in scarce else ""}"><span class="sg-name">{escape(t.short(name))}'
        f"{escape(t('retrain.scarce')) if name in scarce else ''}</span>"
        f'<span class="sg-track"><span class="sg-bar" style="width:{100 * count / max(most, 1):.1f}%"></span></span>'
        f'<span class="sg-number">{count}</span></li>'
        for name, count in pictures.items()
    )
    return f'<section class="sg-scores sg-counts"><h2>{escape(t("retrain.classes"))}</h2><ol>{rows}</ol></section>'


def state(seen: Experiment, t: Translator) -> str:
    """How an experiment stands that has no answer yet."""
    text = t("retrain.running_text") if seen.state == "running" else t(f"health.{seen.state}_text", name="–")
    if seen.error:
        text = t.said(seen.error)
    word = t("retrain.running") if seen.state == "running" else t(f"health.{seen.state}")
    tone = "defect" if seen.state in ("failed", "refused", "interrupted") else "none"
    return panel(tone, word, text, seen.state)


def progress(seen: Experiment, t: Translator) -> str:
    """A bar for the whole, and one line a training with its F1 on validation so far."""
    share = 100 * seen.step / seen.steps if seen.steps else 0
    words = [t("retrain.done", done=sum(value is not None for _, value in seen.trainings), n=len(seen.trainings))]
    if seen.left is not None:
        words.append(t("studio.left", time=duration(seen.left, t)))
    text = " · ".join(words)
    items = "".join(
        f'<li><span class="sg-name">{escape(name)}</span><span class="sg-track"><span class="sg-bar" '
        f'style="width:{100 * (value or 0):.1f}%"></span></span><span class="sg-number">'
        f"{'–' if value is None else f'{value:.2f}'}</span></li>"
        for name, value in seen.trainings
    )
    return (
        f'{bar(share, 100, text)}<div class="sg-meta">{escape(text)}</div>{_curves(seen, t) if seen.curves else ""}'
        f'<section class="sg-scores sg-trainings">'
        f"<h2>{escape(t('retrain.trainings'))}</h2><ol>{items}</ol></section>"
    )


def _curves(seen: Experiment, t: Translator) -> str:
    """Each training's figure on validation by epoch, coloured by its arm."""
    lines = dots = ""
    for arm, points in seen.curves:
        if points:
            placed = [(round(100 * epoch / max(seen.epochs, 1), 2), round(100 - 100 * y, 2)) for epoch, y in points]
            path, (x, y), colour = " ".join(f"{x},{y}" for x, y in placed), placed[-1], COLOURS[arm]
            lines += (
                f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-opacity=".75" '
                f'vector-effect="non-scaling-stroke"/>'
            )
            dots += f'<circle cx="{x}%" cy="{y}%" r="3" fill="{colour}"/>'
    ticks = "".join(
        f'<line x2="100%" y1="{y}%" y2="{y}%" stroke="currentColor" stroke-opacity=".15"/>'
        f'<text x="-8" y="{y}%" dy="4" text-anchor="end">{1 - y / 100:g}</text>'
        for y in (0, 50, 100)
    )
    legend = "".join(
        f'<span><i class="sg-swatch" style="background:{COLOURS[arm]}"></i>{escape(t(f"arm.{arm}"))}</span>'
        for arm in dict.fromkeys(arm for arm, _ in seen.curves)
    )
    title = escape(t("retrain.trainings"))
    return (
        f'<figure class="sg-intervals"><figcaption>{title}</figcaption>'
        f'<svg class="sg-epochs" role="img" aria-label="{title}" fill="currentColor">{ticks}'
        f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" overflow="visible">{lines}</svg>{dots}'
        f'<text x="100%" y="100%" dy="16" text-anchor="end">{escape(t("retrain.epochs_n", n=seen.epochs))}</text>'
        f'</svg><div class="sg-curves">{legend}</div></figure>'
    )


def arm_name(arm: Result, t: Translator) -> str:
    name = t(f"arm.{arm['arm']}")
    return name if arm["ratio"] is None else f"{name} ×{arm['ratio']:g}"


def key_of(arm: Result) -> str:
    """How `result["test"]` calls an arm's predictions."""
    return str(arm["arm"]) if arm["ratio"] is None else f"{arm['arm']}-{arm['ratio']:g}"


def side_name(side: int, arm: Result, t: Translator) -> str:
    """Before or after, and the way of training."""
    return f"{t(f'retrain.{SIDES[side]}')}: {arm_name(arm, t)}"


def cell_name(result: Result, side: int, truth: str, predicted: str, pictures: int, t: Translator) -> str:
    """Which cell of which matrix, and why it has more pictures than its number says, which is a mean."""
    words = [side_name(side, compared(result)[side], t), _cell_label(truth, predicted, pictures, t)]
    if len(result["seeds"]) > 1:
        words.append(t("retrain.any_seed", n=len(result["seeds"])))
    return " · ".join(words)


def cell_title(name: str | None, t: Translator) -> str:
    """Above a cell's pictures; without a cell, how to open one."""
    text = name or t("retrain.cell_hint")
    return f'<div class="sg-cell-title" role="status" title="{escape(text)}">{escape(text)}</div>'


def gallery_title(name: str, marks: bool, t: Translator) -> str:
    """Of the pictures that became `better` or `worse`."""
    return t(f"retrain.{name}_marked" if marks else f"retrain.{name}")


def gallery_label(title: str, found: int, shown: int, t: Translator) -> str:
    """Of the changed pictures, with their number, and how many of them are to be seen where not all are."""
    label = f"{title} ({found})"
    return label if shown == found else f"{label} · {t('retrain.first', n=shown)}"


def picture_caption(picture: Judged, t: Translator, seeds: int | None = None) -> str:
    """What is said of a test picture, before and after; of how many seeds, where they were asked and disagree."""
    if picture.dice:
        return f"{t.short(picture.truth)} {' → '.join(f'{value:.2f}' for value in picture.dice)}"
    words = " → ".join(t.short(name) for name in picture.said)
    return words if seeds in (None, picture.agreeing) else f"{words} · {picture.agreeing}/{seeds}"


def _cell_label(truth: str, predicted: str, pictures: int, t: Translator) -> str:
    key = "retrain.cell_one" if pictures == 1 else "retrain.cell_many"
    return t(key, truth=t.short(truth), predicted=t.short(predicted), n=pictures)


def _others(result: Result) -> list[str]:
    return [name for name in result["classes"] if name not in result["scarce"]]


def _count(value: float) -> str:
    return "" if not value else f"{value:.0f}" if value == int(value) or value >= 100 else f"{value:.1f}"


def _gain(interval: Mapping[str, float | None]) -> str:
    return f"{interval['value']:+.3f} ({_range(interval)})"


def _range(interval: Mapping[str, float | None] | None) -> str:
    if interval is None or interval["low"] is None or interval["high"] is None:
        return "–"
    return f"{interval['low']:+.2f} … {interval['high']:+.2f}"
