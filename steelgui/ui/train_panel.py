"""The left of the GAN Studio: data, class, preset and settings of the next run, and the button that starts it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from models.sidecar import CheckpointError
from steelgui.services.studio import Studio, changed_from, preset_values
from steelgui.settings import Settings, StorageError
from steelgui.ui import studio_fragments as fragments
from steelgui.ui.data_field import data_field, folder_in, folder_of, offered
from steelgui.ui.form import fields_form, form_values
from steelgui.ui.i18n import Translator
from steelgui.ui.panel import Panel
from steelgui.ui.preview_panel import PreviewPanel
from steelgui.ui.runs_panel import RunsPanel
from steelgui.ui.toast import warn
from training.config import ConfigError
from training.data.record import DataError
from training.gan.config import INHERITED, PRESETS, GanConfig
from training.runs import RunError

Updates = dict[Any, Any]

#: Fields that a user may want to turn, in the order of the form; the others are chosen elsewhere or are plumbing.
FIELDS = (
    *("arch", "size", "images", "batch_size", "masks", "colour", "loss", "g_rate", "d_rate", "decay"),
    *("beta1", "beta2", "augment", "augment_target", "r1", "ema", "spectral_norm", "d_norm", "upsample"),
    *("ngf", "ndf", "nz", "flips", "dark", "checks", "seed", "init", "freeze_d"),
)


@dataclass
class TrainPanel(Panel):
    """Layout and wiring; what is asked for is in the page until it becomes a run."""

    studio: Studio
    settings: Settings
    i18n: Callable[[str], Any]

    def layout(self, t: Translator) -> None:
        self.data = data_field(self.i18n, "studio-data")
        self.demo = gr.Button(self.i18n("studio.demo"), size="sm", elem_id="studio-demo")
        self.classes = gr.Radio(
            [], label=self.i18n("studio.class"), info=self.i18n("studio.class_hint"), elem_id="studio-class"
        )
        self.preset = gr.Radio(
            [(self.i18n(f"preset.{name}"), name) for name in PRESETS],
            value="quick",
            label=self.i18n("studio.preset"),
            elem_id="studio-preset",
        )
        with gr.Accordion(self.i18n("studio.settings"), open=False, elem_id="studio-settings"):
            self.form = fields_form(GanConfig, FIELDS, preset_values("quick"), t)
        preview = PreviewPanel(self.studio, self.settings, self.i18n)
        preview.layout(self.data, self.classes, self.form["dark"])
        self.train = gr.Button(self.i18n("studio.train"), variant="primary", interactive=False, elem_id="studio-train")
        self.command = gr.HTML(fragments.command("steelgui train gan", t), elem_id="studio-command")

    def wire(self, runs: RunsPanel) -> None:
        """`runs` lists what is started here, and gives the run that the next one starts from."""
        self.runs = runs
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        form = list(self.form.values())
        self.asked = asked = [self.data, self.classes, self.preset, *form]
        self.demo.click(self.on_demo, None, self.data, api_visibility="private", show_progress_on=self.classes).then(
            self.on_data, self.data, self.classes, **quiet
        ).then(self.on_form, asked, [self.command, self.train], **quiet)
        self.data.input(self.on_data, self.data, self.classes, **quiet)
        self.preset.input(self.on_preset, self.preset, form, **quiet).then(
            self.on_form, asked, [self.command, self.train], **quiet
        )
        # One listener for all of them: of two, the one that knew less could be the last to answer.
        changes = [control.change for control in (self.data, self.classes, *form)]
        gr.on(changes, self.on_form, asked, [self.command, self.train], trigger_mode="always_last", **quiet)
        self.train.click(self.on_train, [runs.second, *asked], runs.outputs, **quiet)
        runs.start.click(self.on_start, [runs.runs], [self.form[name] for name in ("init", *INHERITED)], **quiet)

    @property
    def outputs(self) -> list[Any]:
        return [self.data, self.command, self.preset, *self.form.values()]

    def named(self, t: Translator) -> Updates:
        """Everything in the visitor's language, and the data sets that there are now."""
        return {
            self.data: offered(self.settings),
            self.command: fragments.command("steelgui train gan", t),
            self.preset: gr.Radio(choices=[(t(f"preset.{name}"), name) for name in PRESETS]),
            **{
                control: type(control)(label=t.field(name), info=t.field_help(name, _help(name)))
                for name, control in self.form.items()
            },
        }

    # Events -----------------------------------------------------------------------------------------------------

    def on_demo(self) -> str:
        return str(self.studio.demo_data())

    def on_data(self, request: gr.Request, data: str | None) -> Any:
        return self.classes_of(request, data)

    def classes_of(self, request: gr.Request, data: str | None, wanted: str | None = None) -> Any:
        """The defect classes to choose from, the wanted one chosen, else the scarcest."""
        t = self._translator(request)
        if not (folder := folder_in(data)):
            return gr.Radio(choices=[], value=None)
        try:
            counts = self.studio.classes(folder)
        except DataError as error:
            warn(t, error)
            return gr.Radio(choices=[], value=None)
        choices = [
            (t("studio.scarce", name=t.short(row.name), count=row.count), row.name)
            if row.scarce
            else (f"{t.short(row.name)} · {row.count}", row.name)
            for row in counts
        ]
        names = [name for _, name in choices]
        return gr.Radio(choices=choices, value=wanted if wanted in names else next(iter(names), None))

    def on_preset(self, preset: str) -> list[Any]:
        values = preset_values(preset)
        return [values[name] for name in FIELDS]

    def on_form(self, request: gr.Request, data: str | None, chosen: str | None, preset: str, *given: Any) -> list[Any]:
        t = self._translator(request)
        changes = changed_from(preset, form_values(GanConfig, FIELDS, given))
        line = self.studio.command(data or "DIR", chosen, preset, changes)
        if not chosen:
            return [fragments.command(line, t), gr.Button(t("studio.train"), interactive=False)]
        size = {**preset_values(preset), **changes}["size"]
        time = fragments.duration(self.studio.estimate(preset, changes), t)
        label = t("studio.train_what", name=t.short(chosen), size=size, time=time)
        if "init" in changes:
            label = t(
                "studio.train_from",
                name=t.short(chosen),
                size=size,
                time=time,
                start=self.studio.start_name(changes["init"]),
            )
        return [fragments.command(line, t), gr.Button(label, interactive=True)]

    def on_train(
        self, request: gr.Request, second: str | None, data: str | None, chosen: str | None, preset: str, *given: Any
    ) -> Any:
        changes = changed_from(preset, form_values(GanConfig, FIELDS, given))
        try:
            run = self.studio.train(folder_of(data), chosen, preset, changes)
        except (CheckpointError, ConfigError, DataError, RunError, StorageError) as error:
            warn(self._translator(request), error)
            return {self.runs.shown: gr.skip()}
        return self.runs.listed(self._translator(request), run.id, second)

    def on_start(self, request: gr.Request, run_id: str | None) -> list[Any]:
        t = self._translator(request)
        try:
            values = self.studio.structure(run_id or "")
        except (RunError, ConfigError) as error:
            warn(t, error)
            return [gr.skip()] * (1 + len(INHERITED))
        gr.Info(t("runs.started_from", name=self.studio.start_name(run_id or "")))
        return [run_id, *(values[name] for name in INHERITED)]


def _help(name: str) -> str:
    return GanConfig.model_fields[name].description or ""
