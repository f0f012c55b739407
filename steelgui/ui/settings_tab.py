"""The Settings tab: what is kept over restarts; in a demo what each visitor keeps in the browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import gradio as gr

from steelgui.preferences import BOUNDS, PreferenceError, Preferences
from steelgui.services.inspection import devices
from steelgui.services.workbench import Workbench
from steelgui.settings import Settings, StorageError
from steelgui.ui import settings_fragments as fragments
from steelgui.ui.i18n import LANGUAGE_COOKIE, SCALE_COOKIE, Translator, visitor_scale
from steelgui.ui.panel import Panel
from steelgui.ui.toast import refusal

Updates = dict[Any, Any]
YEAR = 31_536_000
_COOKIE = "document.cookie = `%s=${%s}; path=/; SameSite=Lax; max-age=${%s}`;"
#: The page's words are fixed when it loads; `settings.js` opens this tab again.
_RELOAD = "sessionStorage.setItem('steelgui.tab', 'settings'); location.reload();"
KEEP_LANGUAGE = f"(lang) => {{ {_COOKIE % (LANGUAGE_COOKIE, 'lang', f'lang === `browser` ? 0 : {YEAR}')} {_RELOAD} }}"
#: What was set for everybody is not overruled by what this browser kept in a demo.
FORGET_LANGUAGE = f"() => {{ {_COOKIE % (LANGUAGE_COOKIE, '``', '0')} {_RELOAD} }}"
KEEP_SCALE = f"(unit, mm) => {{ {_COOKIE % (SCALE_COOKIE, 'unit === `mm` ? mm : `px`', str(YEAR))} }}"


@dataclass
class SettingsTab(Panel):
    """Layout and wiring; a demo has language and units only, since nobody's machine is a visitor's to set up.

    `chosen` are the events after which models, device and limits may be others; `show` the controls elsewhere that
    begin with the thresholds.
    """

    workbench: Workbench
    settings: Settings
    i18n: Callable[[str], Any]
    show: list[Any]
    chosen: list[Any] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        text = Translator(self.settings.lang or "en")
        self.headings: dict[str, Any] = {}
        self.values: dict[str, Any] = {}
        with gr.Row(elem_id="settings", equal_height=False):
            with gr.Column(min_width=320, elem_classes="sg-settings"):
                self._personal(text)
                if not self.settings.demo:
                    self._thresholds(text)
                self._heading("tour_title", text)
                self.tour = gr.Button(self.i18n("settings.tour"), size="md", elem_id="settings-tour")
            if not self.settings.demo:
                with gr.Column(min_width=320, elem_classes="sg-settings"):
                    self._machine(text)
        self.tour.click(None, None, None, js="() => window.steelguiTour?.()")
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
        if self.settings.demo:
            self.values["language"].input(None, self.values["language"], None, js=KEEP_LANGUAGE)
            scale = [self.values["unit"], self.values["mm_per_px"]]
            for control in scale:
                control.input(None, scale, None, js=KEEP_SCALE)
            return
        self._foot()
        self.values["language"].input(self.on_language, self.values["language"], None, **quiet).success(
            None, None, None, js=FORGET_LANGUAGE
        )
        saved = self.save.click(self.on_save, list(self.kept.values()), [self.status, *self.show], **quiet)
        back = self.defaults.click(self.on_defaults, None, [*self.kept.values(), self.status, *self.show], **quiet)
        self.chosen = [saved, back]

    @property
    def kept(self) -> dict[str, Any]:
        """What *Save* saves; the language is saved as it is chosen, and a flag's value is none of the user's."""
        flagged = {"upload_mb"} if self.settings.max_upload_mb is not None else set()
        return {name: control for name, control in self.values.items() if name not in {"language"} | flagged}

    def _heading(self, key: str, text: Translator) -> None:
        self.headings[key] = gr.HTML(fragments.heading(key, text))

    def _number(self, name: str, step: float = 1, *, flagged: bool = False) -> None:
        least, most = BOUNDS[name]
        self.values[name] = gr.Number(
            label=self.i18n(f"settings.{name}"),
            info=self.i18n(f"settings.{name}_{'flag' if flagged else 'info'}"),
            interactive=not flagged,
            minimum=least,
            maximum=most,
            step=step,
            elem_id=f"settings-{name.replace('_', '-')}",
            min_width=150,
        )

    def _personal(self, text: Translator) -> None:
        self._heading("personal", text)
        self.values["language"] = gr.Radio(
            fragments.languages(text),
            label=self.i18n("settings.language"),
            info=self.i18n("settings.language_flag") if "lang" in self.settings.flags else None,
            interactive="lang" not in self.settings.flags,
            elem_id="settings-language",
        )
        with gr.Row():
            self.values["unit"] = gr.Radio(
                fragments.units(text), label=self.i18n("settings.unit"), elem_id="settings-unit", min_width=150
            )
            self._number("mm_per_px", 0.001)

    def _thresholds(self, text: Translator) -> None:
        self._heading("thresholds", text)
        with gr.Row():
            self._number("score", 0.01)
            self._number("min_area", 10)
            self._number("gate", 0.5)
            self._number("false_alarms", 0.001)

    def _machine(self, text: Translator) -> None:
        self._heading("machine", text)
        self.values["device"] = gr.Radio(["auto"], label=self.i18n("settings.device"), elem_id="settings-device")
        with gr.Row():
            gr.Textbox(str(self.settings.home), label=self.i18n("settings.home"), interactive=False)
            self.values["exports"] = gr.Textbox(
                label=self.i18n("settings.exports"),
                placeholder=str(self.settings.home / "exports"),
                elem_id="settings-exports",
            )
        self._heading("keeping", text)
        with gr.Row():
            self._number("keep_days")
            self._number("keep_gb", 0.5)
            self._number("upload_mb", flagged=self.settings.max_upload_mb is not None)
        self.trash = gr.HTML(fragments.trash(text))

    def _foot(self) -> None:
        with gr.Row(elem_id="settings-foot"):
            self.save = gr.Button(
                self.i18n("settings.save"),
                variant="primary",
                size="md",
                elem_id="settings-save",
                min_width=160,
                scale=0,
            )
            self.defaults = gr.Button(
                self.i18n("settings.defaults"), size="md", elem_id="settings-defaults", min_width=180, scale=0
            )
            self.status = gr.HTML(fragments.status(""), elem_id="settings-status")

    # Events -----------------------------------------------------------------------------------------------------

    @property
    def load_outputs(self) -> list[Any]:
        demo = self.settings.demo
        return [*self.headings.values(), *self.values.values(), *(() if demo else (self.trash, self.status))]

    def on_load(self, request: gr.Request) -> Updates:
        """Everything as it is now, in this visitor's language."""
        t = self._translator(request)
        wanted = self.settings.preferences
        shown: Updates = {self.headings[key]: fragments.heading(key, t) for key in self.headings}
        values = {self.values[name]: getattr(wanted, name) for name in self.values}
        language, unit = self.values["language"], self.values["unit"]
        if "upload_mb" in self.values:
            values[self.values["upload_mb"]] = self.settings.upload_mb
        if self.settings.demo:
            scale = visitor_scale(request.headers, wanted.scale)
            values |= {unit: "mm" if scale else "px", self.values["mm_per_px"]: scale or wanted.mm_per_px}
        else:
            shown |= {self.trash: fragments.trash(t), self.status: fragments.status(self._trouble(t))}
            device = values.pop(self.values["device"])
            choices = fragments.device_choices(devices(), t)
            here = device if device in [name for _, name in choices] else "auto"
            shown[self.values["device"]] = gr.Radio(choices, value=here)
            alarms = self.values["false_alarms"]
            shown[alarms] = gr.Number(value=values.pop(alarms), visible=self.workbench.vouching() is not None)
        said = fragments.said_language(self.settings, request.headers)
        values.pop(language)
        shown[language] = gr.Radio(fragments.languages(t), value=said)
        shown[unit] = gr.Radio(fragments.units(t), value=values.pop(unit))
        return shown | values

    def on_language(self, request: gr.Request, language: str) -> None:
        try:
            self.workbench.preferences.save(language=language)
        except (PreferenceError, StorageError) as error:
            raise refusal(self._translator(request).problem(error)) from error

    def on_save(self, request: gr.Request, *values: Any) -> tuple[Any, ...]:
        """A sentence on how it went, and the thresholds for the other tabs."""
        return self._save(request, dict(zip(self.kept, values, strict=True)))

    def on_defaults(self, request: gr.Request) -> tuple[Any, ...]:
        first = Preferences()
        changes = {name: getattr(first, name) for name in self.kept}
        return *changes.values(), *self._save(request, changes)

    def _save(self, request: gr.Request, changes: dict[str, Any]) -> tuple[Any, ...]:
        t = self._translator(request)
        try:
            wanted = self.workbench.preferences.save(**changes)
        except (PreferenceError, StorageError) as error:
            return fragments.status(t.problem(error)), *(gr.skip() for _ in self.show)
        said = " ".join((t("settings.saved"), *self._leaving(changes, t)))
        return fragments.status(said, ok=True), wanted.score, wanted.min_area

    def _leaving(self, changes: dict[str, Any], t: Translator) -> Iterator[str]:
        """When inspections go that are older or more than what was set just now: there is time to think again."""
        if days := changes.get("keep_days"):
            with suppress(StorageError):
                if count := self.workbench.history.due(None, timedelta(days=days)):
                    yield t("settings.leaving_days", count=f"{count:,}", days=f"{days:g}")
        if changes.get("keep_gb"):
            yield t("settings.leaving_gb")

    def _trouble(self, t: Translator) -> str:
        trouble = self.workbench.preferences.trouble
        return t.said(trouble) if trouble else ""
