"""An experiment's answer as HTML: the verdict, intervals by class, confusion matrices; pure functions of its result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from steelgui.services.retraining import Experiment
from steelgui.ui.i18n import Translator
from steelgui.ui.studio_fragments import duration, panel

Result = Mapping[str, Any]
#: Verdict → tone of its panel.
TONES = {"helped": "ok", "as_balanced": "none", "no_difference": "none", "worse": "defect", "no_synthetic": "none"}
#: One colour an arm, of Okabe and Ito's palette.
COLOURS = {"plain": "#7f8792", "balanced": "#0072B2", "synthetic": "#E69F00", "both": "#009E73"}
WIDTH, LABEL, LINE = 640, 132, 14


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
    if kind == "no_synthetic":
        if gain is None:
            return t("verdict_text.plain_only")
        word = "raised" if (gain["low"] or 0) > 0 else "lowered" if (gain["high"] or 0) < 0 else "same"
        return t(f"verdict_text.balanced_{word}", gain=_gain(gain))
    if kind == "no_difference":
        text = t("verdict_text.no_difference", pictures=said["pictures"], gain=_gain(gain))
        if said["more"]:
            return f"{text} {t('verdict_text.collect', more=said['more'])}"
        return f"{text} {t('verdict_text.enough')}" if said["more"] == 0 else text
    values = {
        "label": t.short(said["label"] or ""),
        "before": f"{said['before']:.2f}",
        "after": f"{said['after']:.2f}",
        "range": _range(said["change"]),
        "gain": _gain(gain),
    }
    text = t(f"verdict_text.{kind}", **values)
    if said["over_balanced"] and kind != "worse":
        text += " " + t(f"verdict_text.{kind}_over", over=_gain(said["over_balanced"]))
    return text


def intervals(result: Result, t: Translator, rate: str = "f1") -> str:
    """Every arm's figure by class as a point on its interval; the scarce classes first, their mean on top."""
    arms = result["arms"]
    scarce = result["scarce"]
    # Of a single scarce class there is no mean to tell.
    mean = [f"scarce_{rate}"] if len(scarce) > 1 else []
    names = [*mean, *(f"{rate}:{name}" for name in (*scarce, *_others(result)))]
    names = [name for name in names if name in arms[0]["figures"]]
    lows = [arm["figures"][name]["low"] for arm in arms for name in names]
    start = max(0.0, min((low for low in lows if low is not None), default=0.0) - 0.02)
    height = len(names) * (len(arms) * LINE + 12) + 26

    def across(value: float) -> float:
        return LABEL + (WIDTH - LABEL - 56) * (value - start) / max(1e-9, 1 - start)

    parts, top = [], 6
    for name in names:
        label = t("retrain.scarce_mean") if ":" not in name else t.short(name.split(":", 1)[1])
        middle = top + len(arms) * LINE / 2
        weight = ' font-weight="600"' if ":" not in name or name.split(":", 1)[1] in scarce else ""
        parts.append(f'<text x="0" y="{middle + 4:.0f}"{weight}>{escape(label)}</text>')
        for arm in arms:
            figure, y = arm["figures"][name], top + LINE / 2
            colour = COLOURS[arm["arm"]]
            if figure["low"] is not None:
                parts.append(
                    f'<line x1="{across(figure["low"]):.1f}" x2="{across(figure["high"]):.1f}" y1="{y}" y2="{y}" '
                    f'stroke="{colour}" stroke-width="4" stroke-opacity=".45" stroke-linecap="round"/>'
                )
            parts.append(f'<circle cx="{across(figure["value"]):.1f}" cy="{y}" r="4.5" fill="{colour}"/>')
            parts.append(f'<text x="{WIDTH}" y="{y + 4}" text-anchor="end">{figure["value"]:.3f}</text>')
            top += LINE
        top += 12
    ticks = "".join(
        f'<text x="{across(value):.1f}" y="{height - 4}" text-anchor="middle">{value:.2f}</text>'
        for value in (start, (1 + start) / 2, 1.0)
    )
    legend = "".join(
        f'<span><i class="sg-swatch" style="background:{COLOURS[arm["arm"]]}"></i>{escape(arm_name(arm, t))}</span>'
        for arm in arms
    )
    title = escape(t(f"retrain.intervals_{rate}"))
    return (
        f'<figure class="sg-intervals"><figcaption>{title}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}" font-size="12" fill="currentColor">'
        f'{"".join(parts)}{ticks}</svg><div class="sg-curves">{legend}</div></figure>'
    )


def confusions(result: Result, t: Translator) -> str:
    """Before and after, side by side: plain training and the arm that is judged; means over the seeds."""
    shown = [arm for arm in (plain_arm(result), judged_arm(result)) if arm]
    titles = [t("retrain.before"), t("retrain.after")]
    return (
        '<div class="sg-confusions">'
        + "".join(
            _confusion(arm, result["classes"], f"{title}: {arm_name(arm, t)}", t)
            for arm, title in zip(shown, titles, strict=False)
        )
        + "</div>"
    )


def _confusion(arm: Result, classes: Sequence[str], title: str, t: Translator) -> str:
    head = "".join(f'<th scope="col"><span>{escape(t.short(name))}</span></th>' for name in classes)
    rows = []
    for index, name in enumerate(classes):
        total = sum(arm["confusion"][index]) or 1
        cells = "".join(
            f'<td class="{"sg-hit" if index == column else "sg-miss" if value else ""}" '
            f'style="--share:{value / total:.3f}">{_count(value)}</td>'
            for column, value in enumerate(arm["confusion"][index])
        )
        rows.append(f'<tr><th scope="row">{escape(t.short(name))}</th>{cells}</tr>')
    corner = escape(t("retrain.truth"))
    return (
        f'<table class="sg-confusion"><caption>{escape(title)}</caption><thead><tr><td>{corner}</td>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def answer(result: Result, t: Translator) -> str:
    """Intervals, then before and after."""
    return intervals(result, t) + confusions(result, t)


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
        f'<div class="sg-progress" role="progressbar" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{share:.0f}" aria-label="{escape(text)}"><span style="width:{share:.1f}%"></span></div>'
        f'<div class="sg-meta">{escape(text)}</div><section class="sg-scores sg-trainings">'
        f"<h2>{escape(t('retrain.trainings'))}</h2><ol>{items}</ol></section>"
    )


def arm_name(arm: Result, t: Translator) -> str:
    name = t(f"arm.{arm['arm']}")
    return name if arm["ratio"] is None else f"{name} ×{arm['ratio']:g}"


def key_of(arm: Result) -> str:
    """How `result["test"]` calls an arm's predictions."""
    return str(arm["arm"]) if arm["ratio"] is None else f"{arm['arm']}-{arm['ratio']:g}"


def plain_arm(result: Result) -> Result | None:
    return next((arm for arm in result["arms"] if arm["arm"] == "plain"), None)


def judged_arm(result: Result) -> Result | None:
    said = result["verdict"]
    return next((arm for arm in result["arms"] if (arm["arm"], arm["ratio"]) == (said["arm"], said["ratio"])), None)


def changed(result: Result) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Test pictures that went from wrong to right, and from right to wrong, by the majority of the seeds."""
    plain, judged = plain_arm(result), judged_arm(result)
    better: list[dict[str, str]] = []
    worse: list[dict[str, str]] = []
    if plain is None or judged is None:
        return better, worse
    for row in result["test"]:
        before, after = (Counter(row["predicted"][key_of(arm)]).most_common(1)[0][0] for arm in (plain, judged))
        entry = {"image": row["image"], "truth": row["truth"], "before": before, "after": after}
        if (before == row["truth"]) != (after == row["truth"]):
            (better if after == row["truth"] else worse).append(entry)
    return better, worse


def _others(result: Result) -> list[str]:
    return [name for name in result["classes"] if name not in result["scarce"]]


def _count(value: float) -> str:
    return "" if not value else f"{value:g}" if value == int(value) else f"{value:.1f}"


def _gain(interval: Mapping[str, float | None]) -> str:
    return f"{interval['value']:+.3f} ({_range(interval)})"


def _range(interval: Mapping[str, float | None] | None) -> str:
    if interval is None or interval["low"] is None or interval["high"] is None:
        return "–"
    return f"{interval['low']:+.2f} … {interval['high']:+.2f}"
