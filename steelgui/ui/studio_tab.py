"""The GAN Studio tab: choose a scarce class, train, watch, pause, look back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from models.sidecar import CheckpointError
from steelgui.services.sampling import Sampling
from steelgui.services.studio import Studio, Watched, changed_from, preset_values
from steelgui.settings import Settings, StorageError
from steelgui.ui import studio_fragments as fragments
from steelgui.ui.charts import Charts
from steelgui.ui.curate import Curate
from steelgui.ui.form import fields_form, form_values
from steelgui.ui.i18n import Translator, translator
from steelgui.ui.preview_panel import PreviewPanel
from steelgui.ui.runs_panel import RunsPanel
from steelgui.ui.toast import inform, warn
from training.config import ConfigError
from training.data.record import DataError
from training.gan.config import INHERITED, PRESETS, GanConfig
from training.runs import LIVE, Run, RunError

Updates = dict[Any, Any]

#: Fields that a user may want to turn, in the order of the form; the others are chosen elsewhere or are plumbing.
FIELDS = (
    *("arch", "size", "images", "batch_size", "masks", "colour", "loss", "g_rate", "d_rate", "decay"),
    *("beta1", "beta2", "augment", "augment_target", "r1", "ema", "spectral_norm", "d_norm", "upsample"),
    *("ngf", "ndf", "nz", "flips", "dark", "checks", "seed", "init", "freeze_d"),
)


@dataclass
class StudioTab:
    """Layout and wiring; which run is watched is in the page, everything else in the runs' folders."""

    studio: Studio
    settings: Settings
    i18n: Callable[[str], Any]

    def __post_init__(self) -> None:
        self._layout()
        self._wire()

    def _layout(self) -> None:
        t = Translator(self.settings.lang or "en")
        self.drawn = gr.State("")
        self.offered = gr.State("")
        # The clock asks for these, not for the controls: a tick that is under way while another run is chosen would
        # carry a value that its control does not know any more, which Gradio takes for an error.
        self.at = gr.State(("", ""))
        self.back = gr.State(False)
        with gr.Row(elem_id="studio", equal_height=False):
            with gr.Column(scale=34, min_width=340, elem_id="studio-left"):
                self.data = gr.Textbox(
                    label=self.i18n("studio.data"),
                    placeholder=str(self.i18n("studio.data_hint")),
                    elem_id="studio-data",
                )
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
                self.train = gr.Button(
                    self.i18n("studio.train"), variant="primary", interactive=False, elem_id="studio-train"
                )
                self.command = gr.HTML(fragments.command("steelgui train gan", t), elem_id="studio-command")
            with gr.Column(scale=66, min_width=480, elem_id="studio-right"):
                with gr.Row(elem_id="studio-run", equal_height=True):
                    self.runs = gr.Dropdown([], label=self.i18n("studio.runs"), elem_id="studio-runs", scale=5)
                    self.pause = self._button("pause")
                    self.resume = self._button("resume")
                    self.stop = self._button("stop")
                    self.save = self._button("save")
                self.list = RunsPanel(self.studio, self.settings, self.i18n)
                self.list.layout(self.runs)
                with gr.Row(equal_height=True, elem_id="studio-condition"):
                    self.health = gr.HTML(fragments.health(None, None, t), elem_id="studio-health")
                    self.remedy = gr.Button(visible=False, min_width=168, scale=0, elem_id="studio-remedy")
                self.progress = gr.HTML(fragments.progress(None, t), elem_id="studio-progress")
                self.charts = Charts(self.i18n)
                self.charts.layout(t)
                with gr.Row(equal_height=False, elem_id="studio-pictures"), gr.Column(min_width=320):
                    self.samples = gr.Image(
                        label=self.i18n("studio.samples"),
                        interactive=False,
                        format="png",
                        height=272,
                        elem_id="studio-samples",
                        buttons=["download", "fullscreen"],
                    )
                    self.moment = gr.Slider(
                        0,
                        1,
                        1,
                        step=1,
                        label=self.i18n("studio.moment"),
                        interactive=False,
                        elem_id="studio-moment",
                    )
        self.curate = Curate(Sampling(self.settings), self.settings, self.i18n)
        self.curate.layout(self.runs, self.samples)
        self.clock = gr.Timer(1.0)

    def _button(self, name: str) -> Any:
        return gr.Button(
            self.i18n(f"studio.{name}"), size="sm", min_width=64, scale=1, interactive=False, elem_id=f"studio-{name}"
        )

    @property
    def watching(self) -> list[Any]:
        return [
            *(self.health, self.remedy, self.offered, self.progress, *self.charts.outputs),
            *(self.at, self.back, self.samples, self.moment, self.drawn, self.pause, self.resume, self.stop, self.save),
            *self.list.buttons,
        ]

    def _wire(self) -> None:
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        form = list(self.form.values())
        asked = [self.data, self.classes, self.preset, *form]
        self.demo.click(self.on_demo, None, self.data, api_visibility="private", show_progress_on=self.classes).then(
            self.on_data, self.data, self.classes, **quiet
        ).then(self.on_form, asked, [self.command, self.train], **quiet)
        self.data.submit(self.on_data, self.data, self.classes, **quiet)
        self.data.blur(self.on_data, self.data, self.classes, **quiet)
        self.preset.input(self.on_preset, self.preset, form, **quiet).then(
            self.on_form, asked, [self.command, self.train], **quiet
        )
        for control in (self.data, self.classes, *form):
            control.change(self.on_form, asked, [self.command, self.train], trigger_mode="always_last", **quiet)
        chosen = [self.runs, self.list.second]
        self.train.click(self.on_train, [self.list.second, *asked], self.list.outputs, **quiet)
        self.runs.change(self.on_watch, chosen, [*self.watching, *self.list.outputs], **quiet)
        self.list.second.input(self.on_second, chosen, self.watching, **quiet)
        for name in ("pause", "resume", "stop", "save"):
            button = getattr(self, name)
            button.click(self._say(name), chosen, self.watching, **quiet)
        self.remedy.click(self.on_remedy, [*chosen, self.offered], self.watching, **quiet)
        self.list.start.click(self.on_start, [self.runs], [self.form[name] for name in ("init", *INHERITED)], **quiet)
        self.moment.input(
            self.on_moment, [self.runs, self.moment], [self.samples, self.back], trigger_mode="always_last", **quiet
        )
        self.clock.tick(
            self.on_tick,
            [self.at, self.drawn, self.back, self.list.opened, self.list.shown],
            [*self.watching, *self.list.outputs],
            queue=False,
            **quiet,
        )
        self.list.deleted.change(
            lambda run_id: gr.Button(interactive=bool(run_id)), self.list.deleted, self.list.undo, **quiet
        )

    # Events -----------------------------------------------------------------------------------------------------

    def on_load(self, request: gr.Request, watched: str | None, second: str | None) -> Updates:
        """Who comes back finds the run that was watched; a new visitor, here or elsewhere, the newest."""
        t = self._translator(request)
        runs = self.studio.rows()
        fields = {
            control: type(control)(label=t.field(name), info=t.field_help(name, _help(name)))
            for name, control in self.form.items()
        }
        return {
            **self.list.listed(t, watched or (runs[0].id if runs else None), second),
            self.health: fragments.health(None, None, t),
            self.charts.legend: self.charts.named(t),
            self.command: fragments.command("steelgui train gan", t),
            self.preset: gr.Radio(choices=[(t(f"preset.{name}"), name) for name in PRESETS]),
            **fields,
            **self.curate.on_load(t, watched or (runs[0].id if runs else None)),
        }

    @property
    def load_outputs(self) -> list[Any]:
        return [
            *self.list.outputs,
            *(self.health, self.charts.legend, self.command, self.preset),
            *self.form.values(),
            *self.curate.load_outputs,
        ]

    def on_demo(self) -> str:
        return str(self.studio.demo_data())

    def on_data(self, request: gr.Request, data: str) -> Any:
        t = self._translator(request)
        if not data.strip():
            return gr.Radio(choices=[], value=None)
        try:
            counts = self.studio.classes(Path(data.strip()))
        except DataError as error:
            warn(t, error)
            return gr.Radio(choices=[], value=None)
        choices = [
            (t("studio.scarce", name=t.short(row.name), count=row.count), row.name)
            if row.scarce
            else (f"{t.short(row.name)} · {row.count}", row.name)
            for row in counts
        ]
        return gr.Radio(choices=choices, value=choices[0][1] if choices else None)

    def on_preset(self, preset: str) -> list[Any]:
        values = preset_values(preset)
        return [values[name] for name in FIELDS]

    def on_form(self, request: gr.Request, data: str, chosen: str | None, preset: str, *given: Any) -> list[Any]:
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
        self, request: gr.Request, second: str | None, data: str, chosen: str | None, preset: str, *given: Any
    ) -> Any:
        changes = changed_from(preset, form_values(GanConfig, FIELDS, given))
        try:
            run = self.studio.train(Path(data.strip()), chosen, preset, changes)
        except (CheckpointError, ConfigError, DataError, RunError, StorageError) as error:
            warn(self._translator(request), error)
            return {self.list.shown: gr.skip()}
        return self.list.listed(self._translator(request), run.id, second)

    def on_watch(self, request: gr.Request, run_id: str | None, second: str | None) -> Updates:
        t = self._translator(request)
        if second == run_id:
            second = None
        listed = self.list.listed(t, run_id, second)
        # What has just been chosen is not set again: it would be a change, and this would never end.
        listed.pop(self.runs)
        return self._watched(run_id, second, t) | listed

    def on_second(self, request: gr.Request, run_id: str | None, second: str | None) -> Updates:
        return self._watched(run_id, second, self._translator(request))

    def on_tick(
        self,
        request: gr.Request,
        at: tuple[str | None, str | None],
        drawn: str,
        back: bool,
        opened: bool,
        shown: list[list[str]],
    ) -> Updates:
        t = self._translator(request)
        updates = self.list.ticked(t, opened, shown) or {self.drawn: gr.skip()}
        if self._run(at[0]) and self._token(*at) != drawn:
            updates |= self._watched(*at, t, back)
        return updates

    def on_remedy(self, request: gr.Request, run_id: str | None, second: str | None, remedy: str) -> Updates:
        if run := self._run(run_id):
            try:
                self.studio.jobs.remedy(run, remedy)
            except RunError as error:
                warn(self._translator(request), error)
        return self._watched(run_id, second, self._translator(request))

    def on_start(self, request: gr.Request, run_id: str | None) -> list[Any]:
        t = self._translator(request)
        try:
            values = self.studio.structure(run_id or "")
        except (RunError, ConfigError) as error:
            warn(t, error)
            return [gr.skip()] * (1 + len(INHERITED))
        inform(t, t("runs.started_from", name=self.studio.start_name(run_id or "")))
        return [run_id, *(values[name] for name in INHERITED)]

    def on_moment(self, run_id: str | None, moment: float) -> Updates:
        run = self._run(run_id)
        samples = self.studio.watch(run).samples if run else ()
        number = min(int(moment), len(samples))
        picture = _picture(samples[max(number, 1) - 1][1]) if samples else None
        return {self.samples: picture, self.back: number < len(samples)}

    def _say(self, word: str) -> Callable[..., Updates]:
        def say(request: gr.Request, run_id: str | None, second: str | None) -> Updates:
            if run := self._run(run_id):
                try:
                    getattr(self.studio.jobs, word)(run)
                except RunError as error:
                    warn(self._translator(request), error)
            return self._watched(run_id, second, self._translator(request))

        return say

    # What they share --------------------------------------------------------------------------------------------

    def _watched(self, run_id: str | None, second_id: str | None, t: Translator, back: bool = False) -> Updates:
        run, second = self._run(run_id), self._run(second_id)
        if run is None:
            return {
                self.samples: None,
                self.health: fragments.health(None, None, t),
                self.remedy: gr.Button(visible=False),
                self.progress: fragments.progress(None, t),
                self.drawn: "",
                self.at: (run_id, second_id),
                **self.charts.updates(t, None, None),
                **self.list.chosen(None, False),
            }
        token = self._token(run_id, second_id)
        watched = self.studio.watch(run)
        live, running = watched.state in LIVE, watched.state == "running"
        count = len(watched.samples)
        busy_with = self.studio.busy_with() if watched.state == "queued" else None
        updates: Updates = {
            self.health: fragments.health(watched, busy_with, t),
            self.remedy: self._remedy(watched, t),
            self.offered: watched.remedy or "",
            self.progress: fragments.progress(watched, t),
            **self.charts.updates(t, watched, self.studio.watch(second) if second else None),
            self.drawn: token,
            self.back: back,
            self.at: (run_id, second_id),
            self.pause: gr.Button(interactive=running),
            self.resume: gr.Button(interactive=watched.state in ("paused", "stopped", "interrupted", "failed")),
            self.stop: gr.Button(interactive=live),
            self.save: gr.Button(interactive=running),
            **self.list.chosen(run, live),
        }
        # Whoever looks back at an earlier moment is left there; at the end, the newest samples come by themselves.
        if back:
            updates[self.moment] = gr.Slider(maximum=max(count, 1))
        else:
            updates[self.samples] = _picture(watched.samples[-1][1]) if count else None
            updates[self.moment] = gr.Slider(maximum=max(count, 1), value=max(count, 1), interactive=count > 1)
        return updates

    def _remedy(self, watched: Watched, t: Translator) -> Any:
        """The one thing to press, where something is wrong with a run that computes."""
        if watched.state != "running" or watched.remedy is None or watched.health == "remedied":
            return gr.Button(visible=False)
        label = t("remedy.pending") if watched.pending else t(f"remedy.{watched.remedy}")
        return gr.Button(label, visible=True, interactive=not watched.pending)

    def _token(self, *run_ids: str | None) -> str:
        return " ".join(self.studio.token(run) for run_id in run_ids if (run := self._run(run_id)))

    def _run(self, run_id: str | None) -> Run | None:
        if not run_id:
            return None
        try:
            return self.studio.jobs.find(run_id)
        except RunError:
            return None

    def _translator(self, request: gr.Request) -> Translator:
        return translator(self.settings.lang, request.headers)


def _picture(path: Path) -> Image.Image | None:
    try:
        with Image.open(path) as opened:
            return opened.convert("RGB")
    except OSError:
        return None


def _help(name: str) -> str:
    return GanConfig.model_fields[name].description or ""
