"""The Retrain tab's further task: a detector that learns good pictures only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, get_args

import gradio as gr
from PIL import Image

from models.imagefile import ImageError, read_image
from models.sidecar import CheckpointError
from steelgui.preferences import BOUNDS, PreferenceError
from steelgui.services.detectors import Detectors, Training, good_class
from steelgui.services.jobs import Jobs
from steelgui.settings import Settings
from steelgui.ui import detector_fragments as fragments
from steelgui.ui import studio_fragments
from steelgui.ui.data_field import folder_in, folder_of
from steelgui.ui.form import fields_form, form_values
from steelgui.ui.i18n import Translator
from steelgui.ui.toast import warn
from steelgui.ui.watch_panel import Updates, WatchPanel
from training.anomaly.config import AnomalyConfig
from training.config import ConfigError
from training.data.record import DataError
from training.runs import RunError

FIELDS = ("size", "init", "encoder", "bank", "folds", "steps", "batch_size", "learning_rate", "clean_crops", "seed")
#: Of the settings' names and words.
SCOPE = "detector"
METHODS: tuple[str, ...] = get_args(AnomalyConfig.model_fields["method"].annotation)
#: Odd pictures that are shown, and their longest side, px.
SHOWN, SIDE = 12, 240


@dataclass
class AnomalyPanel(WatchPanel):
    """Two columns of the Retrain tab, out of sight while another task is chosen there."""

    detectors: Detectors
    settings: Settings
    i18n: Callable[[str], Any]
    kind: ClassVar[str] = "anomaly"

    @property
    def jobs(self) -> Jobs:
        return self.detectors.jobs

    def layout_left(self, t: Translator) -> None:
        defaults = {name: field.default for name, field in AnomalyConfig.model_fields.items()}
        least, most = (100 * bound for bound in BOUNDS["false_alarms"])
        with gr.Column(visible=False, elem_id="anomaly-asked") as self.left:
            self.normal = gr.Dropdown(
                [], label=self.i18n("detector.normal"), info=self.i18n("detector.normal_info"), elem_id="anomaly-normal"
            )
            self.method = gr.Radio(
                [(self.i18n(f"detector.{method}"), method) for method in METHODS],
                value=METHODS[0],
                label=self.i18n("detector.method"),
                elem_id="anomaly-method",
            )
            self.rate = gr.Slider(
                least, most, 100 * defaults["false_alarms"], step=0.1, label=self.i18n("control.alarms"),
                info=self.i18n("detector.alarms_info"), elem_id="anomaly-rate",
            )  # fmt: skip
            with gr.Accordion(self.i18n("studio.settings"), open=False, elem_id="anomaly-settings"):
                self.form = fields_form(AnomalyConfig, FIELDS, defaults, t, SCOPE)
            self.run = gr.Button(self.i18n("detector.run"), variant="primary", interactive=False, elem_id="anomaly-run")
            self.command = gr.HTML(studio_fragments.command("steelgui train anomaly", t), elem_id="anomaly-command")

    def layout_right(self, t: Translator) -> None:
        self.drawn = gr.State("")
        with gr.Column(scale=66, min_width=480, visible=False, elem_id="anomaly-right") as self.right:
            self._layout_runs("anomaly", "detector.runs")
            self.state = gr.HTML(fragments.state(None, t), elem_id="anomaly-state")
            self.progress = gr.HTML("", elem_id="anomaly-progress")
            self.answer = gr.HTML("", elem_id="anomaly-answer")
            self.odd = gr.Gallery(
                label=self.i18n("detector.odd"), columns=6, height=200, allow_preview=True, object_fit="contain",
                interactive=False, buttons=[], visible=False, elem_id="anomaly-odd", elem_classes="sg-gallery",
            )  # fmt: skip
            with gr.Row(elem_id="anomaly-actions", equal_height=True, visible=False) as self.actions:
                self.alone = gr.Checkbox(
                    label=self.i18n("detector.alone"),
                    info=self.i18n("detector.alone_info"),
                    elem_id="anomaly-alone",
                    scale=3,
                )
                self.activate = gr.Button(
                    self.i18n("detector.activate"), variant="primary", elem_id="anomaly-activate", scale=2
                )
            self.back = gr.Button(self.i18n("retrain.back"), visible=False, size="sm", elem_id="anomaly-back")

    @property
    def watching(self) -> list[Any]:
        return [
            *(self.drawn, self.state, self.progress, self.answer, self.odd, self.actions, self.back),
            *(self.pause, self.resume, self.stop),
        ]

    def wire(self, data: Any, clock: Any) -> None:
        """`data` is the folder that every task shares, `clock` ticks while the tab is open."""
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        self.asked = [data, self.normal, self.method, self.rate, *self.form.values()]
        self.offered = [self.command, self.run]
        changes = [control.change for control in self.asked]
        gr.on(changes, self.on_form, self.asked, self.offered, trigger_mode="always_last", **quiet)
        self.run.click(self.on_run, self.asked, self.runs, **quiet)
        self._wire_runs(clock)
        self.chosen = [
            self.activate.click(self.on_activate, [self.runs, self.alone], self.back, **quiet),
            self.back.click(self.on_back, None, self.back, **quiet),
        ]

    @property
    def load_outputs(self) -> list[Any]:
        return [self.runs, self.command, self.method, *self.form.values()]

    def on_load(self, t: Translator, watched: str | None, data: str | None) -> Updates:
        """Whoever comes back finds the training that was watched; a new visitor the newest."""
        return {
            **self._listed(watched),
            self.command: gr.skip() if folder_in(data) else studio_fragments.command("steelgui train anomaly", t),
            self.method: gr.Radio(choices=[(t(f"detector.{method}"), method) for method in METHODS]),
            **{
                control: type(control)(
                    label=t.field(name, SCOPE),
                    info=t.field_help(name, AnomalyConfig.model_fields[name].description or "", SCOPE),
                )
                for name, control in self.form.items()
            },
        }

    def on_data(self, counts: dict[str, int], t: Translator) -> Any:
        """Which class is good: chosen already where a name says so."""
        choices = [(f"{t.short(name)} · {count}", name) for name, count in counts.items()]
        return gr.Dropdown(choices=choices, value=good_class(list(counts)))

    # Events -----------------------------------------------------------------------------------------------------

    def on_form(self, request: gr.Request, *asked: Any) -> list[Any]:
        t = self._translator(request)
        try:
            config = self._config(*asked)
            counts = self.detectors.counts(config.data)
        except (ConfigError, DataError):
            line = studio_fragments.command("steelgui train anomaly", t)
            return [line, gr.Button(t("detector.run"), interactive=False)]
        line = studio_fragments.command(self.detectors.command(config), t)
        pictures = counts.get(config.normal or "", 0)
        if not pictures and not config.clean_crops:
            return [line, gr.Button(t("detector.run_class"), interactive=False)]
        label = t("detector.run_what", n=f"{pictures:,}") if pictures else t("detector.run_crops")
        return [line, gr.Button(label, interactive=True)]

    def on_run(self, request: gr.Request, *asked: Any) -> Any:
        try:
            run = self.detectors.start(self._config(*asked))
        except (ConfigError, DataError, RunError, OSError) as error:
            warn(self._translator(request), error)
            return gr.skip()
        return self._listed(run.id)[self.runs]

    def on_activate(self, request: gr.Request, run_id: str | None, alone: bool) -> Updates:
        t = self._translator(request)
        try:
            if run := self.detectors.find(run_id):
                gr.Info(t("retrain.activated", name=self.detectors.activate(run, alone)))
        except (CheckpointError, OSError, PreferenceError, RunError) as error:
            warn(t, error)
        return self._back(t)

    def on_back(self, request: gr.Request) -> Updates:
        t = self._translator(request)
        name = self.detectors.roll_back()
        gr.Info(t("retrain.activated", name=name) if name else t("detector.none"))
        return self._back(t)

    # What they share --------------------------------------------------------------------------------------------

    def _config(self, data: str | None, normal: str | None, method: str, rate: float, *given: Any) -> AnomalyConfig:
        values = form_values(AnomalyConfig, FIELDS, given)
        values |= {"method": method, "normal": normal or None, "false_alarms": round(rate / 100, 6)}
        return self.detectors.config(folder_of(data), values)

    def _watched(self, run_id: str | None, t: Translator) -> Updates:
        run = self.detectors.find(run_id)
        seen = self.detectors.look(run) if run else None
        state = seen.state if seen else ""
        pictures = self._odd(seen)
        return {
            self.drawn: self._token(run_id),
            self.state: fragments.state(seen, t),
            self.progress: fragments.progress(seen, t),
            self.answer: fragments.answer(seen, t),
            self.odd: gr.Gallery(pictures, visible=bool(pictures)),
            self.actions: gr.Row(visible=bool(seen and seen.card)),
            **self._can_be_told(state),
            **self._back(t),
        }

    def _back(self, t: Translator) -> Updates:
        """Offered while a detector is at work."""
        name = self.detectors.activated()
        return {self.back: gr.Button(t("retrain.back_from", name=name) if name else "", visible=bool(name))}

    def _odd(self, seen: Training | None) -> list[tuple[Image.Image, str]]:
        files: Sequence[Path] = seen.odd[:SHOWN] if seen else ()
        shown = []
        for file in files:
            try:
                image = Image.fromarray(read_image(file))
            except ImageError:
                continue  # moved since
            image.thumbnail((SIDE, SIDE))
            shown.append((image, file.name))
        return shown
