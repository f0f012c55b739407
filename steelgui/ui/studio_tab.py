"""The GAN Studio tab: choose a scarce class, train, watch, pause, look back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd
from PIL import Image

from models.imagefile import ImageError
from steelgui.services.sampling import Sampling
from steelgui.services.studio import Studio, Watched, changed_from, preset_values
from steelgui.settings import Settings, StorageError
from steelgui.ui import studio_fragments as fragments
from steelgui.ui.curate import Curate
from steelgui.ui.form import fields_form, form_values
from steelgui.ui.i18n import Translator, translator
from training.config import ConfigError
from training.data.record import DataError
from training.gan.config import PRESETS, GanConfig
from training.runs import LIVE, Run, RunError

Updates = dict[Any, Any]

#: Fields that a user may want to turn, in the order of the form; the others are chosen elsewhere or are plumbing.
FIELDS = (
    *("arch", "size", "images", "batch_size", "masks", "colour", "loss", "g_rate", "d_rate", "decay"),
    *("augment", "augment_target", "r1", "ema", "spectral_norm", "d_norm", "upsample"),
    *("ngf", "ndf", "nz", "flips", "dark", "checks", "seed"),
)
#: Curves as charts name them, in every language: a chart keeps the names, and the colours, of its first table.
CURVES = {
    "g": ("G", "#0072B2"),
    "d": ("D", "#D55E00"),
    "real": ("D(real)", "#009E73"),
    "fake": ("D(made)", "#CC79A7"),
    "kid": ("KID", "#E69F00"),
    "diversity": ("diversity", "#56B4E9"),
}
CHARTS = (("loss", ("g", "d")), ("opinion", ("real", "fake")), ("likeness", ("kid", "diversity")))


@dataclass
class StudioTab:
    """Layout and wiring; which run is watched is in the page, everything else in the runs' folders."""

    studio: Studio
    settings: Settings
    i18n: Callable[[str], Any]
    charts: list[Any] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._layout()
        self._wire()

    def _layout(self) -> None:
        t = Translator(self.settings.lang or "en")
        self.drawn = gr.State("")
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
                with gr.Accordion(self.i18n("studio.preview"), open=False, elem_id="studio-preview"):
                    self.look = gr.Button(self.i18n("studio.preview_show"), size="sm", elem_id="studio-preview-show")
                    self.counted = gr.HTML("", elem_id="studio-preview-counts")
                    self.tiles = gr.Gallery(
                        label=self.i18n("studio.preview"),
                        show_label=False,
                        columns=4,
                        height=300,
                        allow_preview=False,
                        object_fit="cover",
                        interactive=False,
                        buttons=[],
                        elem_id="studio-tiles",
                        elem_classes="sg-gallery",
                    )
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
                    self.delete = self._button("delete")
                self.health = gr.HTML(fragments.health(None, None, t), elem_id="studio-health")
                self.progress = gr.HTML(fragments.progress(None, t), elem_id="studio-progress")
                with gr.Row(elem_id="studio-charts"):
                    for chart, names in CHARTS:
                        self.charts.append(
                            gr.LinePlot(
                                _table({}, names),
                                x="pictures",
                                y="value",
                                color="curve",
                                color_map=dict(CURVES[name] for name in names),
                                colors_in_legend=[],
                                x_title=" ",
                                y_title=" ",
                                x_axis_format="~s",
                                y_lim=[0.0, None],
                                y_axis_format=".2~f",
                                height=200,
                                label=self.i18n(f"chart.{chart}"),
                                elem_id=f"chart-{chart}",
                                min_width=200,
                                buttons=[],
                            )
                        )
                # Below the charts, because their own legends are cut off where a chart is low.
                gr.HTML(fragments.curves(CURVES.values()), elem_id="studio-curves")
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
            *(self.health, self.progress, *self.charts, self.samples, self.moment, self.drawn),
            *(self.pause, self.resume, self.stop, self.save, self.delete),
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
        self.look.click(
            self.on_preview,
            [self.data, self.classes, self.form["dark"]],
            [self.counted, self.tiles],
            api_visibility="private",
            show_progress_on=self.tiles,
        )
        self.train.click(self.on_train, asked, [self.runs], **quiet)
        self.runs.change(self.on_watch, [self.runs], self.watching, **quiet)
        for name in ("pause", "resume", "stop", "save"):
            button = getattr(self, name)
            button.click(self._say(name), [self.runs], self.watching, **quiet)
        self.delete.click(self.on_delete, [self.runs], [self.runs], **quiet)
        self.moment.input(self.on_moment, [self.runs, self.moment], self.samples, trigger_mode="always_last", **quiet)
        self.clock.tick(self.on_tick, [self.runs, self.drawn, self.moment], self.watching, queue=False, **quiet)

    # Events -----------------------------------------------------------------------------------------------------

    def on_load(self, request: gr.Request, watched: str | None) -> Updates:
        """Who comes back finds the run that was watched; a new visitor, here or elsewhere, the newest."""
        t = self._translator(request)
        runs = self.studio.runs()
        fields = {
            control: type(control)(label=t.field(name), info=t.field_help(name, _help(name)))
            for name, control in self.form.items()
        }
        return {
            self.runs: gr.Dropdown(choices=runs, value=watched or (runs[0][1] if runs else None)),
            self.health: fragments.health(None, None, t),
            self.command: fragments.command("steelgui train gan", t),
            self.preset: gr.Radio(choices=[(t(f"preset.{name}"), name) for name in PRESETS]),
            **fields,
            **self.curate.on_load(t, watched or (runs[0][1] if runs else None)),
        }

    @property
    def load_outputs(self) -> list[Any]:
        return [self.runs, self.health, self.command, self.preset, *self.form.values(), *self.curate.load_outputs]

    def on_demo(self) -> str:
        return str(self.studio.demo_data())

    def on_data(self, request: gr.Request, data: str) -> Any:
        t = self._translator(request)
        if not data.strip():
            return gr.Radio(choices=[], value=None)
        try:
            counts = self.studio.classes(Path(data.strip()))
        except DataError as error:
            gr.Warning(str(error))
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
        return [fragments.command(line, t), gr.Button(label, interactive=True)]

    def on_preview(self, request: gr.Request, data: str, chosen: str | None, dark: float | None) -> list[Any]:
        t = self._translator(request)
        if not chosen:
            return [fragments.line(t("studio.train")), []]
        try:
            seen = self.studio.preview(Path(data.strip()), chosen, dark or 0.0)
        except (DataError, ImageError) as error:
            return [fragments.line(t.problem(error)), []]
        tiles = [(tile.image, t(f"tile.{tile.verdict}", grey=f"{tile.grey:.0f}")) for tile in seen.tiles]
        return [fragments.preview(seen, t), tiles]

    def on_train(self, data: str, chosen: str | None, preset: str, *given: Any) -> Any:
        changes = changed_from(preset, form_values(GanConfig, FIELDS, given))
        try:
            run = self.studio.train(Path(data.strip()), chosen, preset, changes)
        except (ConfigError, DataError, RunError, StorageError) as error:
            gr.Warning(str(error))
            return gr.skip()
        return gr.Dropdown(choices=self.studio.runs(), value=run.id)

    def on_watch(self, request: gr.Request, run_id: str | None) -> Updates:
        t = self._translator(request)
        run = self._run(run_id)
        if run is None:
            return {
                self.samples: None,
                self.health: fragments.health(None, None, t),
                self.progress: fragments.progress(None, t),
                self.drawn: "",
            }
        return self._watched(self.studio.watch(run), t, None)

    def on_tick(self, request: gr.Request, run_id: str | None, drawn: str, moment: float) -> Updates:
        run = self._run(run_id)
        if run is None or self.studio.token(run) == drawn:
            return {self.drawn: gr.skip()}
        return self._watched(self.studio.watch(run), self._translator(request), int(moment))

    def on_moment(self, run_id: str | None, moment: float) -> Any:
        run = self._run(run_id)
        samples = self.studio.watch(run).samples if run else ()
        return _picture(samples[min(int(moment), len(samples)) - 1][1]) if samples else None

    def on_delete(self, request: gr.Request, run_id: str | None) -> Any:
        run = self._run(run_id)
        if run is None:
            return gr.skip()
        try:
            self.studio.jobs.delete(run)
        except RunError as error:
            gr.Warning(str(error))
            return gr.skip()
        gr.Info(self._translator(request)("studio.deleted", command=f"steelgui runs undelete {run.id}"))
        runs = self.studio.runs()
        return gr.Dropdown(choices=runs, value=runs[0][1] if runs else None)

    def _say(self, word: str) -> Callable[..., Updates]:
        def say(request: gr.Request, run_id: str | None) -> Updates:
            run = self._run(run_id)
            if run is None:
                return {self.drawn: gr.skip()}
            try:
                getattr(self.studio.jobs, word)(run)
            except RunError as error:
                gr.Warning(str(error))
            return self._watched(self.studio.watch(run), self._translator(request), None)

        return say

    # What they share --------------------------------------------------------------------------------------------

    def _watched(self, watched: Watched, t: Translator, moment: int | None) -> Updates:
        live, running = watched.state in LIVE, watched.state == "running"
        count = len(watched.samples)
        updates: Updates = {
            self.health: fragments.health(watched, self.studio.busy_with(), t),
            self.progress: fragments.progress(watched, t),
            **{chart: _table(watched.curves, names) for chart, (_, names) in zip(self.charts, CHARTS, strict=True)},
            self.drawn: watched.token,
            self.pause: gr.Button(interactive=running),
            self.resume: gr.Button(interactive=watched.state in ("paused", "stopped", "interrupted", "failed")),
            self.stop: gr.Button(interactive=live),
            self.save: gr.Button(interactive=running),
            self.delete: gr.Button(interactive=not live),
        }
        # Whoever looks back at an earlier moment is left there; at the end, the newest samples come by themselves.
        at_end = moment is None or moment >= count - 1
        if at_end:
            updates[self.samples] = _picture(watched.samples[-1][1]) if count else None
            updates[self.moment] = gr.Slider(maximum=max(count, 1), value=max(count, 1), interactive=count > 1)
        return updates

    def _run(self, run_id: str | None) -> Run | None:
        if not run_id:
            return None
        try:
            return self.studio.jobs.find(run_id)
        except RunError:
            return None

    def _translator(self, request: gr.Request) -> Translator:
        return translator(self.settings.lang, request.headers)


def _table(curves: dict[str, list[tuple[int, float]]], names: tuple[str, ...]) -> pd.DataFrame:
    # A point without a value for each: an empty table has no types, and a chart would take numbers for names.
    rows = [(0, float("nan"), CURVES[name][0]) for name in names]
    rows += [(step, value, CURVES[name][0]) for name in names for step, value in curves.get(name, [])]
    return pd.DataFrame(rows, columns=["pictures", "value", "curve"])


def _picture(path: Path) -> Image.Image | None:
    try:
        with Image.open(path) as opened:
            return opened.convert("RGB")
    except OSError:
        return None


def _help(name: str) -> str:
    return GanConfig.model_fields[name].description or ""
