"""A run in words, as HTML; pure functions, whatever came from outside is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from steelgui.services.studio import Preview, Watched
from steelgui.ui.fragments import bar
from steelgui.ui.i18n import Translator

#: Health or state → the tone of its panel.
_TONES = {
    "learning": "ok",
    "remedied": "ok",
    "finished": "ok",
    "waiting": "none",
    "paused": "none",
    "queued": "none",
    "stopped": "none",
    "failed": "defect",
    "refused": "defect",
}


#: In the order in which they are told.
MEMORIES = ("process", "gpu")


def health(watched: Watched | None, busy_with: str | None, t: Translator) -> str:
    """How it goes, in large, and what that means; a panel of the same height before the first run."""
    if watched is None:
        return panel("none", t("studio.empty"), t("studio.empty_text"))
    key = watched.health if watched.state == "running" else watched.state
    text = t(f"health.{key}_text", name=busy_with or "–")
    if watched.state == "running" and watched.remedy:
        text = (
            f"{t(f'remedy.{watched.remedy}_done')} {text}"
            if key == "remedied"
            else (f"{text} {t(f'remedy.{watched.remedy}_text')}")
        )
    if watched.state == "failed" and watched.error:
        text = f"{t.said(watched.error)} {t('health.failed_log')}"
    if watched.state == "refused" and watched.error:
        text = t.said(watched.error)
    return panel(_TONES.get(key, "error"), t(f"health.{key}"), text, key)


def progress(watched: Watched | None, t: Translator) -> str:
    """Bar, pictures seen, speed, memory, time to go; below, the last note of the run."""
    if watched is None or not watched.steps:
        return _bar(0, "", "")
    parts = [t("studio.seen", step=f"{watched.step:,}", steps=f"{watched.steps:,}")]
    if watched.state == "running" and watched.speed:
        parts.append(t("studio.speed", speed=f"{watched.speed:.0f}"))
    if watched.state == "running" and watched.memory:
        parts += [
            t(f"studio.memory_{name}", size=_size(watched.memory[name])) for name in MEMORIES if name in watched.memory
        ]
    if watched.eta is not None:
        parts.append(t("studio.left", time=duration(watched.eta, t)))
    if depth := watched.curves.get("depth"):
        value = depth[-1][1]
        stage = -(-value // 1)
        side = 4 * 2 ** int(stage)
        parts.append(t("studio.stage", side=side, alpha=f"{100 * (value - stage + 1) if stage else 100:.0f}"))
    note = t.said(watched.notes[-1]) if watched.notes else ""
    return _bar(watched.step / watched.steps, " · ".join(parts), note)


def _size(megabytes: int) -> str:
    return f"{megabytes} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"


def duration(seconds: float, t: Translator) -> str:
    """Whole minutes, or seconds below one and a half of them."""
    if seconds < 90:
        return t("time.seconds", n=max(1, round(seconds)))
    minutes = round(seconds / 60)
    return t("time.minutes", n=minutes) if minutes < 90 else t("time.hours", n=f"{minutes / 60:.1f}")


def preview(seen: Preview, t: Translator) -> str:
    """How many tiles stay, and why others do not."""
    parts = [t(f"preview.{verdict}", count=seen.counts.get(verdict, 0)) for verdict in ("kept", "dark", "other")]
    return line(" · ".join([*parts, t("preview.of", looked=seen.looked, pictures=seen.pictures)]))


def curves(names: Iterable[tuple[str, str]], both: tuple[str, str] | None) -> str:
    """Which curve has which colour, and, where two runs are compared, which is which."""
    items = "".join(
        f'<span><i class="sg-swatch" style="background:{colour}"></i>{escape(name)}</span>' for name, colour in names
    )
    if both:
        items += f'<span><b>—</b> {escape(both[0])} &ensp; <b class="sg-second">—</b> {escape(both[1])}</span>'
    return f'<div class="sg-curves">{items}</div>'


def line(text: str) -> str:
    return f'<div class="sg-note">{escape(text)}</div>'


def command(words: str, t: Translator) -> str:
    return (
        f'<div class="sg-command"><span>{escape(t("studio.command"))}</span>'
        f'<code tabindex="0">{escape(words)}</code></div>'
    )


def panel(tone: str, word: str, text: str, key: str = "") -> str:
    """A word in large with a dot of its tone, and what it means."""
    return (
        f'<div class="sg-health sg-{tone}" role="status" aria-live="polite" data-health="{escape(key)}">'
        f'<i aria-hidden="true"></i><div><div class="sg-word">{escape(word)}</div>'
        f'<div class="sg-detail">{escape(text)}</div></div></div>'
    )


def told(notes: Iterable[str], t: Translator) -> str:
    """What came up, a line each; nothing where nothing did."""
    lines = "".join(f"<li>{escape(t.said(note))}</li>" for note in notes)
    return f'<ul class="sg-warnings">{lines}</ul>' if lines else ""


def _bar(share: float, text: str, note: str) -> str:
    return (
        f'{bar(100 * share, 100, text)}<div class="sg-meta" title="{escape(text)}">{escape(text) or "&nbsp;"}</div>'
        f'<div class="sg-meta" title="{escape(note)}">{escape(note) or "&nbsp;"}</div>'
    )
