"""One set of JSON files for both layers of translation: Gradio's in the browser, and ours for what Python writes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from models.imagefile import ImageError
from steelgui.languages import LANGUAGES, preferred, table
from steelgui.preferences import Preferences
from steelgui.ui.sentences import translated

if TYPE_CHECKING:
    import gradio as gr

#: Cookies in which the visitor of a demo keeps a language, and millimetres a pixel (`px` for none).
LANGUAGE_COOKIE, SCALE_COOKIE = "steelgui_lang", "steelgui_mm"
#: Where a browser says in which zone it is; `assets/page.js` writes it at each visit.
ZONE_COOKIE = "steelgui_zone"


class Translator:
    """Texts of one language: `t("verdict.score", score="0.97")`. An unknown key is a bug and raises KeyError.

    `scale` is millimetres a pixel where the visitor wants to see mm², else None.
    """

    def __init__(self, lang: str, scale: float | None = None) -> None:
        self.lang = lang if lang in LANGUAGES else "en"
        self.scale = scale
        self._table = table(self.lang)

    def __call__(self, key: str, **values: object) -> str:
        text = self._table[key]
        return text.format(**values) if values else text

    def class_name(self, name: str) -> str:
        """A class in the user's words; its own name where there is no translation."""
        return self._table.get(f"class.{name}") or name.replace("_", " ")

    def split(self, name: str) -> str:
        """A split in the user's words; a fold by its own name."""
        return self._table.get(f"split.{name}") or name

    def field(self, name: str, scope: str = "field") -> str:
        """Label of a configuration's field; a scope, as of one tab, may call it otherwise."""
        return self._table.get(f"{scope}.{name}") or self._table.get(f"field.{name}") or name.replace("_", " ")

    def field_help(self, name: str, english: str, scope: str = "field") -> str:
        """What a field does; English stands beside the field itself."""
        return self._table.get(f"help.{name}" if scope == "field" else f"{scope}.{name}_help") or english

    def curve(self, name: str, own: str) -> str:
        """A curve in the legend; its own name where that is the same in every language."""
        return self._table.get(f"curve.{name}", own)

    def figure(self, name: str) -> str:
        """What a model reached, in the user's words; of one class (`f1:crazing`) with its name."""
        rate, _, label = name.partition(":")
        word = self._table.get(f"figure.{rate}", rate)
        return f"{word} · {self.short(label)}" if label else word

    def problem(self, error: Exception) -> str:
        """What was wrong, in the user's words."""
        text = self._table.get(f"image.{error.kind}") if isinstance(error, ImageError) else None
        return text.format(**error.values) if isinstance(error, ImageError) and text else self.said(str(error))

    def said(self, sentence: str) -> str:
        """What a training or a service said in English: a note, a reason."""
        return translated(sentence, self.lang)

    def sample(self, stem: str) -> str:
        """What a sample shows, from its file's name: `08-strip-pitted-surface` → "pitted surface"."""
        what = stem.split("-", 2)[-1]
        key = {"pitted-surface": "pitted_surface", "rolled-in-scale": "rolled-in_scale"}.get(what, what)
        if f"class.{key}" in self._table:
            return self.short(key)
        parts = [
            self._table.get(f"sample.{part}") or self.short(part) for part in what.removeprefix("clean-").split("-and-")
        ]
        return " + ".join(parts)

    def short(self, name: str) -> str:
        """A class where there is no room for the English name in brackets."""
        return self.class_name(name).split(" (")[0]


def translator(lang: str | None, headers: Mapping[str, Any] | None, scale: float | None = None) -> Translator:
    """For one request: the forced language if there is one, else the visitor's own choice, else the browser's."""
    headers = headers or {}
    chosen = lang or visitor_language(headers) or preferred(headers.get("accept-language"))
    return Translator(chosen, scale)


def visitor_language(headers: Mapping[str, Any]) -> str | None:
    """The language that this visitor has chosen; None follows the browser."""
    kept = _cookies(headers).get(LANGUAGE_COOKIE)
    return kept if kept in LANGUAGES else None


def visitor_scale(headers: Mapping[str, Any], otherwise: float | None) -> float | None:
    """Millimetres a pixel as this visitor has set them; None for pixels alone."""
    kept = _cookies(headers).get(SCALE_COOKIE)
    if kept is None:
        return otherwise
    try:
        return Preferences(unit="mm", mm_per_px=float(kept)).scale
    except ValueError:
        return None


def visitor_zone(headers: Mapping[str, Any]) -> tzinfo | None:
    """The time zone of this visitor's clock; None where the browser names none that is known here."""
    try:
        return ZoneInfo(unquote(_cookies(headers).get(ZONE_COOKIE, "")))
    except (KeyError, ValueError, OSError):
        # An unknown name, one that leads out of the folder of zones, a folder itself.
        return None


def _cookies(headers: Mapping[str, Any]) -> dict[str, str]:
    pairs = (pair.strip().partition("=") for pair in str(headers.get("cookie") or "").split(";"))
    return {name: value for name, _, value in pairs}


def gradio_i18n() -> gr.I18n:
    """The same tables for the front end, which takes the language from `<html lang>` (see `calm`)."""
    import gradio as gr

    return gr.I18n(**{name: table(name) for name in LANGUAGES})
