"""Sentences that the lower layers say in English, in the page's language.

Trainings write their notes and reasons into files that a shell reads as well as a page, and whoever reads them has a
language of their own: they are translated where they are shown. `assets/sentences/LANG.json` maps the English sentence,
with names in braces for what it puts in, to the other one. A sentence that is not there stays English.
"""

from __future__ import annotations

import json
import re
from functools import cache

from steelgui.settings import assets_folder

#: Values may be sentences themselves: the reason in a note, say.
_DEEPEST = 3


@cache
def sentences(lang: str) -> dict[str, str]:
    """English sentence → translation; empty for English itself."""
    path = assets_folder() / "sentences" / f"{lang}.json"
    loaded: dict[str, str] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return loaded


@cache
def _patterns(lang: str) -> list[tuple[re.Pattern[str], str]]:
    """Those that say most by themselves first: `{why}: {what}` would fit nearly everything."""
    by_length = sorted(sentences(lang), key=lambda english: -len(re.sub(r"\{\w+\}", "", english)))
    return [(_pattern(english), sentences(lang)[english]) for english in by_length]


def _pattern(english: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", english)
    names = [f"(?P<{part}>.+?)" if index % 2 else re.escape(part) for index, part in enumerate(parts)]
    return re.compile("".join(names), re.DOTALL)


def translated(text: str, lang: str, depth: int = _DEEPEST) -> str:
    """The sentence in another language, with what was put into it; as it is where nobody has translated it."""
    if depth == 0:
        return text
    for pattern, template in _patterns(lang):
        if found := pattern.fullmatch(text):
            values = {name: translated(value, lang, depth - 1) for name, value in found.groupdict().items()}
            return template.format(**values)
    return text
