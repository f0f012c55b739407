"""A detector's training in words, as HTML; pure functions, whatever came from outside is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from steelgui.services.detectors import Training
from steelgui.ui.fragments import bar, one_in
from steelgui.ui.i18n import Translator
from steelgui.ui.studio_fragments import duration, panel, told

#: Figures on pictures that were held out, in this order; those of no use without a mask or a defect are left out.
FIGURES = ("image_auroc", "pixel_auroc", "pro", "f1", "recall", "false_alarms")


def state(seen: Training | None, t: Translator) -> str:
    """In large how it stands, or what to do where there is none."""
    if seen is None:
        return panel("none", t("detector.empty"), t("detector.empty_text"))
    if seen.card:
        return panel("ok", t("detector.ready"), _sure(seen.card, t), "finished")
    if seen.error:
        text = t.said(seen.error)
    elif seen.state == "running":
        text = t("detector.running_text")
    elif seen.state == "finished":
        text = t("detector.gone")
    elif seen.state in ("stopped", "interrupted"):
        text = t("detector.again")
    else:
        text = t(f"health.{seen.state}_text", name="–")
    word = t("retrain.running") if seen.state == "running" else t(f"health.{seen.state}")
    tone = "defect" if seen.state in ("failed", "refused", "interrupted") else "none"
    return panel(tone, word, text, seen.state)


def progress(seen: Training | None, t: Translator) -> str:
    """A bar, and the time to go; nothing once it has ended."""
    if seen is None or seen.card or not seen.steps:
        return ""
    words = [f"{100 * seen.step / seen.steps:.0f} %"]
    if seen.left is not None:
        words.append(t("studio.left", time=duration(seen.left, t)))
    text = " · ".join(words)
    return f'{bar(seen.step, seen.steps, text)}<div class="sg-meta">{escape(text)}</div>'


def answer(seen: Training | None, t: Translator) -> str:
    """Figures on what it had not learned from, each in words, and what came up."""
    if seen is None:
        return ""
    notes = told(seen.notes, t)
    if seen.card is None:
        return notes
    return notes + _figures(seen.card.get("metrics") or {}, t)


def _sure(card: Mapping[str, Any], t: Translator) -> str:
    """What rate of false alarms it has, and which these good pictures can vouch for."""
    about = card.get("calibration") or {}
    if not about:
        return ""
    rate, surest = float(about["false_alarms"]), float(about["surest"])
    words = {"n": f"{about['good']:,}", "one_in": one_in(rate), "surest": one_in(surest)}
    return t("detector.sure" if surest <= rate else "detector.unsure", **words)


def _figures(figures: Mapping[str, Any], t: Translator) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(t(f"detector.{name}"))}</th><td>{figures[name]:.3f}</td>'
        f"<td>{escape(t(f'detector.{name}_text'))}</td></tr>"
        for name in FIGURES
        if isinstance(figures.get(name), float)
    )
    if not rows:
        return f'<p class="sg-meta">{escape(t("detector.untried"))}</p>'
    title = escape(t("detector.figures", n=figures.get("n", 0)))
    return f'<section class="sg-data sg-figures"><h2>{title}</h2><table><tbody>{rows}</tbody></table></section>'
