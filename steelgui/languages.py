"""The languages that SteelGUI speaks, and their tables of texts; quick to import."""

from __future__ import annotations

import json
from functools import cache

from steelgui.settings import assets_folder

LANGUAGES = ("en", "ko")


@cache
def table(lang: str) -> dict[str, str]:
    """Key → text of one language; KeyError for a language that has no file."""
    if lang not in LANGUAGES:
        raise KeyError(lang)
    loaded: dict[str, str] = json.loads((assets_folder() / "locales" / f"{lang}.json").read_text("utf-8"))
    return loaded


def preferred(accept_language: str | None) -> str:
    """The best of our languages for an Accept-Language header; English when it names none of them."""
    wishes: list[tuple[float, str]] = []
    for item in (accept_language or "").split(","):
        tag, _, quality = item.strip().partition(";q=")
        try:
            weight = float(quality or 1)
        except ValueError:
            continue
        wishes.append((-weight, tag.split("-")[0].lower()))
    # Sorting is stable, so equal weights keep the header's order.
    for _, tag in sorted(wishes, key=lambda wish: wish[0]):
        if tag in LANGUAGES:
            return tag
    return "en"
