"""What the Settings tab says: headings, choices, how saving went."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from steelgui.settings import Settings
from steelgui.ui.i18n import Translator, visitor_language

_DEVICES = {"cpu": "CPU", "cuda": "GPU (CUDA)", "mps": "GPU (Apple)"}


def heading(key: str, t: Translator) -> str:
    """A section's name with half a sentence on it."""
    said = t(f"settings.{key}_text")
    return f'<h2 class="sg-title">{escape(t(f"settings.{key}"))}<small>{escape(said)}</small></h2>'


def languages(t: Translator) -> list[tuple[str, str]]:
    """Each language by its own name."""
    return [(t("settings.browser"), "browser"), ("English", "en"), ("한국어", "ko")]


def units(t: Translator) -> list[tuple[str, str]]:
    return [(t("settings.px"), "px"), (t("settings.mm"), "mm")]


def device_choices(here: list[str], t: Translator) -> list[tuple[str, str]]:
    """`auto` and what there is; `here` ends with what `auto` takes."""
    best = t("settings.auto", device=_DEVICES[here[-1]])
    return [(best, "auto"), *((_DEVICES[name], name) for name in here)]


def said_language(settings: Settings, headers: Mapping[str, Any]) -> str:
    """What the language is set to, by a flag, by the visitor of a demo, or for everybody."""
    if "lang" in settings.flags:
        return settings.lang or "browser"
    return (visitor_language(headers) or "browser") if settings.demo else settings.preferences.language


def trash(t: Translator) -> str:
    return f'<p class="sg-note sg-meta">{escape(t("settings.trash"))}</p>'


def status(sentence: str, *, ok: bool = False) -> str:
    """How saving went; read aloud when it changes."""
    kind = "sg-ok" if ok else "sg-error"
    return f'<p class="sg-saved {kind}" role="status" aria-live="polite">{escape(sentence)}</p>'
