"""The Retrain tab: fold synthetic pictures in, and read whether they helped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import gradio as gr

from models.sidecar import CheckpointError
from steelgui.services.detectors import Detectors
from steelgui.services.jobs import Jobs
from steelgui.services.retraining import Retraining
from steelgui.settings import Settings
from steelgui.ui import retrain_fragments as fragments
from steelgui.ui import studio_fragments
from steelgui.ui.anomaly_panel import AnomalyPanel
from steelgui.ui.data_field import data_field, folder_in, folder_of, offered
from steelgui.ui.form import fields_form, form_values
from steelgui.ui.i18n import Translator
from steelgui.ui.report import write_report
from steelgui.ui.retrain_result import RetrainResult
from steelgui.ui.toast import warn
from steelgui.ui.watch_panel import Updates, WatchPanel
from training.config import ConfigError
from training.data.record import DataError
from training.experiment.config import ARMS, ExperimentConfig
from training.experiment.verdict import MEASURES
from training.runs import Run, RunError

FIELDS = (
    *("arch", "init", "size", "epochs", "batch_size", "learning_rate", "classic"),
    *("min_confidence", "min_distance", "real_last", "average", "normal", "seed"),
)
#: Of the settings' names and words: a classifier's `arch` is not a GAN's.
SCOPE = "retrain"
RATIOS = (0.5, 1.0, 2.0, 4.0)
#: What can learn here; a detector's is the panel of its own.
TASKS = (*MEASURES, "anomaly")
#: Seconds between two looks at a running experiment.
TICK = 2.0


@dataclass
class RetrainTab(WatchPanel):
    """Layout and wiring; which experiment is watched is in the page, everything else in the runs' folders."""

    retraining: Retraining
    settings: Settings
    i18n: Callable[[str], Any]
    kind: ClassVar[str] = "experiment"

    @property
    def jobs(self) -> Jobs:
        return self.retraining.jobs

    def __post_init__(self) -> None:
        self.anomaly = AnomalyPanel(Detectors(self.settings), self.settings, self.i18n)
        self._layout()
        self._wire()

    def _layout(self) -> None:
        t = Translator(self.settings.lang or "en")
        defaults = {name: field.default for name, field in ExperimentConfig.model_fields.items()}
        self.drawn = gr.State("")
        self.pictures_known = gr.State(0)
        with gr.Row(elem_id="retrain", equal_height=False):
            with gr.Column(scale=34, min_width=340, elem_id="retrain-left"):
                self.data = data_field(self.i18n, "retrain-data")
                self.counts = gr.HTML(fragments.counts({}, (), t), elem_id="retrain-counts")
                self.task = gr.Radio(
                    [(self.i18n(f"retrain.task_{task}"), task) for task in TASKS],
                    value="classifier",
                    label=self.i18n("retrain.task"),
                    elem_id="retrain-task",
                )
                with gr.Column(elem_id="retrain-asked") as self.left:
                    self.sets = gr.CheckboxGroup(
                        [], label=self.i18n("retrain.sets"), info=self.i18n("retrain.sets_hint"), elem_id="retrain-sets"
                    )
                    self.arms = gr.CheckboxGroup(
                        [(self.i18n(f"arm.{arm}"), arm) for arm in ARMS if arm != "plain"],
                        value=[arm for arm in ARMS if arm != "plain"],
                        label=self.i18n("retrain.arms"),
                        info=self.i18n("retrain.arms_hint"),
                        elem_id="retrain-arms",
                    )
                    with gr.Row():
                        self.ratios = gr.CheckboxGroup(
                            [(f"×{ratio:g}", ratio) for ratio in RATIOS],
                            value=[1.0],
                            label=self.i18n("retrain.ratios"),
                            elem_id="retrain-ratios",
                            min_width=160,
                        )
                        self.seeds = gr.Slider(
                            1, 20, 3, step=1, label=self.i18n("retrain.seeds"), elem_id="retrain-seeds", min_width=140
                        )
                    with gr.Accordion(self.i18n("studio.settings"), open=False, elem_id="retrain-settings"):
                        self.form = fields_form(ExperimentConfig, FIELDS, defaults, t, SCOPE)
                    self.run = gr.Button(
                        self.i18n("retrain.run"), variant="primary", interactive=False, elem_id="retrain-run"
                    )
                    self.command = gr.HTML(
                        studio_fragments.command("steelgui experiment", t), elem_id="retrain-command"
                    )
                self.anomaly.layout_left(t)
            with gr.Column(scale=66, min_width=480, elem_id="retrain-right") as self.right:
                self._layout_runs("retrain", "retrain.runs")
                self.verdict = gr.HTML(fragments.empty(t), elem_id="retrain-verdict")
                self.progress = gr.HTML("", elem_id="retrain-progress")
                self.result = RetrainResult(self.retraining, self.settings, self.i18n)
                self.result.layout()
                with gr.Row(elem_id="retrain-actions"):
                    self.activate = gr.Button(
                        self.i18n("retrain.activate"), variant="primary", visible=False, elem_id="retrain-activate"
                    )
                    self.back = gr.Button(self.i18n("retrain.back"), visible=False, elem_id="retrain-back")
                    self.report = gr.DownloadButton(
                        self.i18n("retrain.report"), visible=False, elem_id="retrain-report"
                    )
            self.anomaly.layout_right(t)
        self.clock = gr.Timer(TICK)

    @property
    def watching(self) -> list[Any]:
        return [
            *(self.drawn, self.verdict, self.progress, *self.result.outputs),
            *(self.activate, self.back, self.report, self.pause, self.resume, self.stop),
        ]

    def _wire(self) -> None:
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        asked = [self.data, self.task, self.sets, self.arms, self.ratios, self.seeds, *self.form.values()]
        self.form_inputs, self.offered = [self.pictures_known, *asked], [self.command, self.run]
        self.known = [self.counts, self.pictures_known, self.anomaly.normal]
        gr.on([self.data.input, self.task.input], self.on_data, self.about_data, self.known, **quiet)
        columns = [self.left, self.right, self.anomaly.left, self.anomaly.right]
        self.task.change(self.on_task, self.task, columns, **quiet)
        # One listener for all of them: of two, the one that knew less could be the last to answer.
        changes = [control.change for control in self.form_inputs]
        gr.on(changes, self.on_form, self.form_inputs, self.offered, trigger_mode="always_last", **quiet)
        self.run.click(self.on_run, asked, self.runs, **quiet)
        self.result.wire(self.runs)
        self._wire_runs(self.clock)
        self.chosen = [
            self.activate.click(self.on_activate, self.runs, self.back, **quiet),
            self.back.click(self.on_back, self.runs, self.back, **quiet),
        ]
        self.anomaly.wire(self.data, self.clock)
        self.chosen += self.anomaly.chosen

    @property
    def about_data(self) -> list[Any]:
        return [self.data, self.task]

    # Events -----------------------------------------------------------------------------------------------------

    @property
    def load_inputs(self) -> list[Any]:
        return [self.runs, self.data, self.anomaly.runs]

    def on_load(self, request: gr.Request, watched: str | None, data: str | None, detector: str | None) -> Updates:
        """Whoever comes back finds the experiment that was watched; a new visitor the newest."""
        t = self._translator(request)
        sets = [(f"{one.name} · {one.total}", one.folder.name) for one in self.retraining.experiments.sets()]
        return {
            **self._listed(watched),
            **self.anomaly.on_load(t, detector, data),
            self.data: offered(self.settings),
            self.counts: fragments.counts({}, (), t) if not folder_in(data) else gr.skip(),
            self.command: studio_fragments.command("steelgui experiment", t) if not folder_in(data) else gr.skip(),
            self.sets: gr.CheckboxGroup(choices=sets),
            self.task: gr.Radio(choices=[(t(f"retrain.task_{task}"), task) for task in TASKS]),
            self.arms: gr.CheckboxGroup(choices=[(t(f"arm.{arm}"), arm) for arm in ARMS if arm != "plain"]),
            **{
                control: type(control)(
                    label=t.field(name, SCOPE),
                    info=t.field_help(name, ExperimentConfig.model_fields[name].description or "", SCOPE),
                )
                for name, control in self.form.items()
            },
        }

    @property
    def load_outputs(self) -> list[Any]:
        asked = [self.runs, self.data, self.counts, self.command, self.task, self.sets, self.arms, *self.form.values()]
        return [*asked, *self.anomaly.load_outputs]

    def on_data(self, request: gr.Request, data: str | None, task: str) -> list[Any]:
        """The bars of its classes, how many pictures train (0 where there is no data set), and which may be good."""
        t = self._translator(request)
        counts: dict[str, int] = {}
        scarce: tuple[str, ...] = ()
        try:
            folder = folder_in(data)
            if folder and task == "anomaly":
                counts = self.anomaly.detectors.counts(folder)
            elif folder:
                counts, scarce = self.retraining.counts(folder)
        except DataError as error:
            warn(t, error)
        return [fragments.counts(counts, scarce, t), sum(counts.values()), self.anomaly.on_data(counts, t)]

    def on_task(self, task: str) -> list[Any]:
        """An experiment's columns, or a detector's."""
        return [gr.Column(visible=(task == "anomaly") == detector) for detector in (False, False, True, True)]

    def on_form(self, request: gr.Request, pictures: int, *asked: Any) -> list[Any]:
        t = self._translator(request)
        try:
            config = self._config(*asked)
        except ConfigError:
            return [studio_fragments.command("steelgui experiment", t), gr.Button(t("retrain.run"), interactive=False)]
        time = studio_fragments.duration(self.retraining.estimate(config, pictures), t)
        label = t("retrain.run_what", n=self.retraining.trainings(config), time=time)
        button = gr.Button(label, interactive=True) if pictures else gr.Button(t("retrain.run"), interactive=False)
        return [studio_fragments.command(self.retraining.command(config), t), button]

    def on_run(self, request: gr.Request, *asked: Any) -> Any:
        try:
            run = self.retraining.start(self._config(*asked))
        except (ConfigError, DataError, RunError, OSError) as error:
            warn(self._translator(request), error)
            return gr.skip()
        return self._listed(run.id)[self.runs]

    def on_activate(self, request: gr.Request, run_id: str | None) -> Updates:
        t = self._translator(request)
        run = self.retraining.find(run_id)
        try:
            if run:
                gr.Info(t("retrain.activated", name=self.retraining.activate(run)))
                if worse := self.retraining.warning(self.retraining.kind(run)):
                    warn(t, t.said(worse))
        except (CheckpointError, OSError, RunError) as error:
            warn(t, error)
        return self._back(run, t)

    def on_back(self, request: gr.Request, run_id: str | None) -> Updates:
        t = self._translator(request)
        run = self.retraining.find(run_id)
        gr.Info(t("retrain.activated", name=self.retraining.roll_back(self.retraining.kind(run)) or "–"))
        return self._back(run, t)

    def _back(self, run: Run | None, t: Translator) -> Updates:
        """Offered while another model than the bundled one inspects."""
        name = self.retraining.activated(self.retraining.kind(run))
        return {self.back: gr.Button(t("retrain.back_from", name=name) if name else "", visible=bool(name))}

    # What they share --------------------------------------------------------------------------------------------

    def _config(
        self,
        data: str | None,
        task: str,
        sets: list[str],
        arms: list[str],
        ratios: list[float],
        seeds: int,
        *given: Any,
    ) -> ExperimentConfig:
        # Without pictures nothing synthetic can be tried; who has none yet learns of balanced sampling at least.
        chosen = [arm for arm in ARMS if arm in arms and (sets or arm == "balanced")]
        values = {"task": task, "arms": ["plain", *chosen], "ratios": ratios or [1.0], "seeds": int(seeds)}
        return self.retraining.config(folder_of(data), sets, values | form_values(ExperimentConfig, FIELDS, given))

    def _watched(self, run_id: str | None, t: Translator) -> Updates:
        run = self.retraining.find(run_id)
        if run is None:
            return {self.drawn: "", self.verdict: fragments.empty(t)}
        seen = self.retraining.look(run)
        result = seen.result
        updates: Updates = {
            self.drawn: self._token(run_id),
            self.verdict: fragments.verdict(result, t) if result else fragments.state(seen, t),
            self.progress: "" if result else fragments.progress(seen, t),
            **self.result.show(result, t),
            **self._can_be_told(seen.state),
            self.report: gr.DownloadButton(visible=False),
            self.activate: gr.Button(visible=False),
            **self._back(run, t),
        }
        if result:
            best = t(f"arm.{result['verdict']['best']}")
            updates[self.activate] = gr.Button(t("retrain.activate_what", arm=best), visible=True)
            path = write_report(result, run.folder / f"report-{t.lang}", t)
            updates[self.report] = gr.DownloadButton(value=str(path), visible=True)
        return updates
