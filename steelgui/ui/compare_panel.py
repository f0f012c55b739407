"""Kinds of models side by side: tick some, train all on one split, read the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import gradio as gr

from steelgui.services.comparisons import Comparisons
from steelgui.services.jobs import Jobs
from steelgui.settings import Settings
from steelgui.ui import compare_fragments as fragments
from steelgui.ui import retrain_fragments, studio_fragments
from steelgui.ui.compare_report import write_comparison
from steelgui.ui.data_field import data_field, folder_in, folder_of, offered
from steelgui.ui.form import fields_form, form_values
from steelgui.ui.i18n import Translator
from steelgui.ui.toast import warn
from steelgui.ui.watch_panel import Updates, WatchPanel
from training.comparison.config import ComparisonConfig
from training.config import ConfigError
from training.data.record import DataError
from training.presets import PRESETS
from training.runs import RunError

NUMBERS, OTHERS = ("epochs", "budget", "seeds"), ("init", "multi_label", "clean")
FIELDS = (*NUMBERS, *OTHERS)
SCOPE, COMMAND = "compare", "steelgui compare"
#: Ticked at first: ours, and the two of the thesis that answer soonest.
FIRST = ("mobilenetv2", "thesis-cnn", "thesis-efficientnet-b0")
#: Seconds between two looks at a running comparison.
TICK = 2.0


@dataclass
class ComparePanel(WatchPanel):
    """Layout and wiring; which comparison is watched is in the page, everything else in the runs' folders."""

    comparisons: Comparisons
    settings: Settings
    i18n: Callable[[str], Any]
    kind: ClassVar[str] = "comparison"

    @property
    def jobs(self) -> Jobs:
        return self.comparisons.jobs

    def __post_init__(self) -> None:
        with gr.Accordion(self.i18n("compare.title"), open=False, elem_id="compare") as self.panel:
            self._layout()
        self._wire()

    def _layout(self) -> None:
        t = Translator(self.settings.lang or "en")
        defaults = {name: field.default for name, field in ComparisonConfig.model_fields.items()}
        self.drawn = gr.State("")
        self.pictures = gr.State(0)
        with gr.Row(equal_height=False):
            with gr.Column(scale=34, min_width=320, elem_id="compare-left"):
                self.data = data_field(self.i18n, "compare-data")
                self.models = gr.CheckboxGroup(
                    list(PRESETS),
                    value=list(FIRST),
                    label=self.i18n("compare.models"),
                    info=self.i18n("compare.models_hint"),
                    elem_id="compare-models",
                )
                with gr.Row():
                    self.form = fields_form(ComparisonConfig, NUMBERS, defaults, t, SCOPE)
                self.form |= fields_form(ComparisonConfig, OTHERS, defaults, t, SCOPE)
                self.run = gr.Button(
                    self.i18n("compare.run"), variant="primary", interactive=False, elem_id="compare-run"
                )
                self.command = gr.HTML(studio_fragments.command(COMMAND, t), elem_id="compare-command")
            with gr.Column(scale=66, min_width=320, elem_id="compare-right"):
                self._layout_runs("compare", "compare.runs")
                self.state = gr.HTML(fragments.empty(t), elem_id="compare-state", min_height=88)
                self.progress = gr.HTML("", elem_id="compare-progress")
                self.answer = gr.HTML("", elem_id="compare-answer")
                self.download = gr.DownloadButton(
                    self.i18n("compare.download"), visible=False, elem_id="compare-download"
                )
        self.clock = gr.Timer(TICK)

    @property
    def watching(self) -> list[Any]:
        return [
            *(self.drawn, self.state, self.progress, self.answer),
            *(self.download, self.pause, self.resume, self.stop),
        ]

    def _wire(self) -> None:
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        asked = [self.data, self.models, *self.form.values()]
        self.data.input(self.on_data, self.data, self.pictures, **quiet)
        changes = [control.change for control in (self.pictures, *asked)]
        gr.on(
            changes, self.on_form, [self.pictures, *asked], [self.command, self.run],
            trigger_mode="always_last", **quiet,
        )  # fmt: skip
        self.run.click(self.on_run, asked, self.runs, **quiet)
        self._wire_runs(self.clock)

    # Events -----------------------------------------------------------------------------------------------------

    @property
    def load_outputs(self) -> list[Any]:
        return [self.runs, self.data, self.state, self.command, *self.form.values()]

    def on_load(self, request: gr.Request, watched: str | None, data: str | None) -> Updates:
        """Whoever comes back finds the comparison that was watched; a new visitor the newest."""
        t = self._translator(request)
        words = ComparisonConfig.model_fields
        return {
            **self._listed(watched),
            self.data: offered(self.settings),
            self.state: gr.skip() if self.comparisons.all() else fragments.empty(t),
            self.command: gr.skip() if folder_in(data) else studio_fragments.command(COMMAND, t),
        } | {
            control: type(control)(
                label=t.field(name, SCOPE), info=t.field_help(name, words[name].description or "", SCOPE)
            )
            for name, control in self.form.items()
        }

    def on_data(self, request: gr.Request, data: str | None) -> int:
        """How many pictures train; 0 where there is no data set."""
        try:
            return self.comparisons.pictures(folder) if (folder := folder_in(data)) else 0
        except DataError as error:
            warn(self._translator(request), error)
            return 0

    def on_form(self, request: gr.Request, pictures: int, *asked: Any) -> list[Any]:
        t = self._translator(request)
        try:
            config = self._config(*asked)
        except ConfigError:
            return [studio_fragments.command(COMMAND, t), gr.Button(t("compare.run"), interactive=False)]
        time = studio_fragments.duration(self.comparisons.estimate(config, pictures), t)
        label = t("compare.run_what", n=len(config.models) * config.seeds, time=time)
        button = gr.Button(label, interactive=True) if pictures else gr.Button(t("compare.run"), interactive=False)
        return [studio_fragments.command(self.comparisons.command(config), t), button]

    def on_run(self, request: gr.Request, *asked: Any) -> Any:
        try:
            run = self.comparisons.start(self._config(*asked))
        except (ConfigError, DataError, RunError, OSError) as error:
            warn(self._translator(request), error)
            return gr.skip()
        return self._listed(run.id)[self.runs]

    # What they share --------------------------------------------------------------------------------------------

    def _config(self, data: str | None, models: list[str], *given: Any) -> ComparisonConfig:
        ordered = [name for name in PRESETS if name in models]
        return self.comparisons.config(folder_of(data), ordered, form_values(ComparisonConfig, FIELDS, given))

    def _watched(self, run_id: str | None, t: Translator) -> Updates:
        run = self.comparisons.find(run_id)
        if run is None:
            return {self.drawn: "", self.state: fragments.empty(t)}
        seen = self.comparisons.look(run)
        result = seen.result
        file = write_comparison(result, run.folder / f"comparison-{t.lang}", t) if result else None
        return {
            self.drawn: self._token(run_id),
            self.state: fragments.headline(result, t) if result else retrain_fragments.state(seen, t),
            self.progress: "" if result else retrain_fragments.progress(seen, t),
            self.answer: fragments.answer(result, t) if result else "",
            self.download: gr.DownloadButton(value=str(file) if file else None, visible=file is not None),
            **self._can_be_told(seen.state),
        }
