"""The Dashboard tab: how many, how bad, when and where; everything on it can be pressed to filter the rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import gradio as gr

from steelgui.services.dashboard import Asked, Dashboard, alert
from steelgui.services.dashboard_table import figures_csv
from steelgui.services.periods import PRESETS, OwnDates
from steelgui.settings import Settings, StorageError, assets_folder
from steelgui.ui import dashboard_fragments as fragments
from steelgui.ui.dashboard_picture import picture
from steelgui.ui.i18n import Translator, visitor_zone
from steelgui.ui.panel import Panel
from steelgui.ui.toast import warn

STACKS = ("class", "verdict", "defects")
TYPES = {"csv": "text/csv;charset=utf-8", "svg": "image/svg+xml", "png": "image/svg+xml"}
REMEMBER = "(range, stack, alert) => ({range, stack, alert})"
Updates = dict[Any, Any]


@dataclass
class DashboardTab(Panel):
    """Layout and wiring; what is chosen is each visitor's own, the alert line stays in their browser."""

    dashboard: Dashboard
    settings: Settings
    i18n: Callable[[str], Any]

    def __post_init__(self) -> None:
        self._layout()
        self._wire()

    def _layout(self) -> None:
        t = Translator(self.settings.lang or "en")
        self.asked = gr.State(Asked())
        self.token = gr.State("")
        # No secret; a key drawn at random would forget them at each start.
        self.remembered = gr.BrowserState(storage_key="steelgui.dashboard", secret="dashboard")  # noqa: S106
        with gr.Column(elem_id="dash"):
            with gr.Row(elem_id="dash-bar", equal_height=True):
                self.range = gr.Radio(
                    self._choices("range", PRESETS, t),
                    value="week",
                    show_label=False,
                    label=self.i18n("dash.range"),
                    container=False,
                    elem_id="dash-range",
                    scale=0,
                    min_width=320,
                )
                self.chips = self._part("chips", scale=1)
                self.exports = self._part("exports", fragments.exports(t), file=None)
            self.dates = self._part("dates")
            self.tiles = self._part("tiles", looks=True)
            with gr.Row(elem_classes="sg-dash-pair", equal_height=False):
                with gr.Column(elem_classes="sg-with-control", scale=62, min_width=320):
                    self.stack = gr.Radio(
                        self._choices("stack", STACKS, t),
                        value="class",
                        label=self.i18n("dash.stack"),
                        show_label=False,
                        container=False,
                        elem_id="dash-stack",
                    )
                    self.time = self._part("time")
                with gr.Column(scale=38, min_width=320):
                    self.classes = self._part("classes")
            with gr.Row(elem_classes="sg-dash-pair", equal_height=False):
                with gr.Column(elem_classes="sg-with-control", scale=62, min_width=320):
                    self.line = gr.Number(None, label=self.i18n("dash.alert"), step=0.1, elem_id="dash-alert")
                    self.control = self._part("control")
                with gr.Column(scale=38, min_width=320):
                    self.where = self._part("where")
            self.compared = self._part("compare")
            with gr.Accordion(self.i18n("dash.figures"), open=False, elem_id="dash-figures-fold"):
                self.figures = self._part("figures")

    def _part(self, name: str, value: str = "", scale: int | None = None, **props: Any) -> gr.HTML:
        script = (assets_folder() / "dashboard.js").read_text("utf-8")
        return gr.HTML(value, js_on_load=script, elem_id=f"dash-{name}", scale=scale, **props)

    def _choices(self, key: str, names: tuple[str, ...], t: Translator) -> list[tuple[str, str]]:
        return [(t(f"dash.{key}.{name}"), name) for name in names]

    def _wire(self) -> None:
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
        for part in (self.chips, self.time, self.classes):
            part.pick(self.on_pick, self.inputs, self.drawn, **quiet)
        self.tiles.look(self.on_look, [*self.inputs, self.token], self.drawn, trigger_mode="once", **quiet)
        # Gradio's "always_last" sends the first event's data again in place of the last one's. So each is sent, and one
        # after the other is answered: of two at once the slower one, of years perhaps, would come last and stay.
        in_turn = {**quiet, "queue": True, "concurrency_limit": 1}
        self.dates.days(self.on_days, self.inputs, self.drawn, trigger_mode="multiple", **in_turn)
        self.exports.export(self.on_export, self.inputs, self.exports, **quiet)
        self.range.input(self.on_range, self.inputs, [*self.drawn, self.dates], trigger_mode="always_last", **quiet)
        for control in (self.stack, self.line):
            control.input(self.on_change, self.inputs, self.drawn, trigger_mode="always_last", **quiet)
        for control in self.kept:
            control.input(None, self.kept, self.remembered, js=REMEMBER, show_progress="hidden")

    @property
    def kept(self) -> list[Any]:
        return [self.range, self.stack, self.line]

    @property
    def inputs(self) -> list[Any]:
        return [self.asked, *self.kept]

    @property
    def drawn(self) -> list[Any]:
        return [
            *(self.asked, self.token, self.chips, self.tiles, self.time, self.classes, self.control, self.where),
            *(self.compared, self.figures),
        ]

    @property
    def load_outputs(self) -> list[Any]:
        return [*self.drawn, *self.kept, self.exports, self.dates]

    @property
    def load_inputs(self) -> list[Any]:
        return [self.asked, self.remembered]

    # Events -----------------------------------------------------------------------------------------------------

    def on_load(self, request: gr.Request, asked: Asked, kept: object) -> Updates:
        """Everything, with the controls as this browser left them."""
        t = self._translator(request)
        preset, stack, line = remembered(kept)
        asked = _of(asked, preset)
        return self._draw(request, asked, stack, line) | {
            self.range: gr.Radio(choices=self._choices("range", PRESETS, t), value=preset),
            self.stack: gr.Radio(choices=self._choices("stack", STACKS, t), value=stack),
            # Also where there is none: Gradio shows an empty field as a zero until it is told.
            self.line: gr.Number(value=line),
            self.exports: fragments.exports(t),
            self.dates: fragments.dates(asked.own, asked.preset, t),
        }

    def on_range(self, request: gr.Request, asked: Asked, preset: str, stack: str, line: float | None) -> Updates:
        t = self._translator(request)
        asked = replace(_of(asked, preset), start=None)
        return self._draw(request, asked, stack, line) | {self.dates: fragments.dates(asked.own, asked.preset, t)}

    def on_change(self, request: gr.Request, asked: Asked, preset: str, stack: str, line: float | None) -> Updates:
        return self._draw(request, _of(asked, preset), stack, line)

    def on_pick(
        self, request: gr.Request, asked: Asked, preset: str, stack: str, line: float | None, event: gr.EventData
    ) -> Any:
        try:
            asked = _of(asked, preset).toggled(str(event.kind), str(event.value))
        except ValueError:
            return gr.skip()  # no button of ours says that
        return self._draw(request, asked, stack, line)

    def on_days(
        self, request: gr.Request, asked: Asked, preset: str, stack: str, line: float | None, event: gr.EventData
    ) -> Any:
        own = OwnDates(*(_day(event, name) for name in ("since", "until", "before_since", "before_until")))
        return self._draw(request, replace(_of(asked, preset), own=own, start=None), stack, line)

    def on_look(
        self, request: gr.Request, asked: Asked, preset: str, stack: str, line: float | None, token: str
    ) -> Any:
        """Redraw if something came or went since."""
        try:
            if self.dashboard.token(visitor_zone(request.headers)) == token:
                return gr.skip()
        except StorageError:
            if not token:
                return gr.skip()  # it stands there already
        return self._draw(request, _of(asked, preset), stack, line)

    def on_export(
        self, request: gr.Request, asked: Asked, preset: str, stack: str, line: float | None, event: gr.EventData
    ) -> Any:
        t, zone, kind = self._translator(request), visitor_zone(request.headers), str(event.kind)
        if kind not in TYPES:
            return gr.skip()
        try:
            view = self.dashboard.view(_of(asked, preset), zone)
        except (StorageError, ValueError) as error:
            warn(t, error)
            return gr.skip()
        # Excel takes UTF-8 for Korean names only with a byte-order mark.
        text = "\ufeff" + figures_csv(view, alert(view, _line(line))) if kind == "csv" else ""
        now = datetime.now(zone)
        text = text or picture(view, stack, _line(line), now, t)
        name = f"steelgui-dashboard-{now:%Y%m%d-%H%M%S}.{kind}"
        # The moment makes two equal files two: the page acts on what is new.
        return gr.HTML(file={"name": name, "type": TYPES[kind], "text": text, "at": time.time()})

    # What they share --------------------------------------------------------------------------------------------

    def _draw(self, request: gr.Request, asked: Asked, stack: str, line: float | None) -> Updates:
        t, zone = self._translator(request), visitor_zone(request.headers)
        try:
            # Asked before: what comes in meanwhile is then seen at the next look.
            token = self.dashboard.token(zone)
            view = self.dashboard.view(asked, zone)
        except StorageError as error:
            # In the place of the figures: a message every two seconds would cover the page.
            return {self.asked: asked, self.token: "", self.tiles: fragments.failed(t.problem(error), t)}
        except ValueError as error:
            warn(t, error)
            return {self.asked: asked}
        told = alert(view, _line(line))
        return {
            self.asked: view.asked,
            self.token: token,
            self.chips: fragments.chips(view, t),
            self.tiles: fragments.tiles(view, t),
            self.time: fragments.time_panel(view, stack, t),
            self.classes: fragments.classes(view, t),
            self.control: fragments.control_panel(view, _line(line), told, t),
            self.where: fragments.where(view, t),
            self.compared: fragments.comparison(view, t),
            self.figures: fragments.figures(view, t),
        }


def _of(asked: Asked, preset: str) -> Asked:
    """The control knows the range best: the browser may have set it before the tab was opened."""
    return next((replace(asked, preset=known) for known in PRESETS if known == preset), asked)


def remembered(kept: object) -> tuple[str, str, float | None]:
    """What a browser remembers, which anyone may have written: range, content of the bars, alert line in percent."""
    found = kept if isinstance(kept, dict) else {}
    preset, stack, line = (found.get(name) for name in ("range", "stack", "alert"))
    return (
        preset if preset in PRESETS else "week",
        stack if stack in STACKS else STACKS[0],
        line if isinstance(line, int | float) and not isinstance(line, bool) else None,
    )


def _line(percent: float | None) -> float | None:
    return None if percent is None else min(100.0, max(0.0, percent)) / 100


def _day(event: gr.EventData, name: str) -> date | None:
    """A day of a date field; None where it is empty, or half typed."""
    try:
        return date.fromisoformat(str(getattr(event, name, "")))
    except ValueError:
        return None
