"""The GAN Studio tab: choose a scarce class, train, watch, pause, look back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from steelgui.services.sampling import Sampling
from steelgui.services.studio import Studio, Watched
from steelgui.settings import Settings
from steelgui.ui import studio_fragments as fragments
from steelgui.ui.charts import Charts
from steelgui.ui.curate import Curate
from steelgui.ui.i18n import Translator
from steelgui.ui.panel import Panel
from steelgui.ui.runs_panel import RunsPanel
from steelgui.ui.toast import warn
from steelgui.ui.train_panel import TrainPanel
from training.runs import LIVE, Run, RunError

Updates = dict[Any, Any]

#: Seconds between two looks at the run, and between two drawings of its curves. A laptop's training pays for both.
TICK, CURVES_EVERY = 2.0, 6.0


@dataclass(frozen=True)
class Drawn:
    """What a page shows of a run, so that a tick sends only what is new.

    Attributes:
        token: of the runs, as they were then.
        samples: how many grids there were.
        curves_at: when the curves were sent, in seconds of a clock that runs evenly.
    """

    token: str = ""
    state: str = ""
    samples: int = 0
    curves_at: float = 0.0


@dataclass
class StudioTab(Panel):
    """Layout and wiring; which run is watched is in the page, everything else in the runs' folders."""

    studio: Studio
    settings: Settings
    i18n: Callable[[str], Any]

    def __post_init__(self) -> None:
        self.panel = TrainPanel(self.studio, self.settings, self.i18n)
        self._layout()
        self._wire()

    def _layout(self) -> None:
        t = Translator(self.settings.lang or "en")
        self.drawn = gr.State(Drawn())
        self.offered = gr.State("")
        # The clock asks for these, not for the controls: a tick that is under way while another run is chosen would
        # carry a value that its control does not know any more, which Gradio takes for an error.
        self.at = gr.State(("", ""))
        self.back = gr.State(False)
        with gr.Row(elem_id="studio", equal_height=False):
            with gr.Column(scale=34, min_width=340, elem_id="studio-left"):
                self.panel.layout(t)
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
        self.clock = gr.Timer(TICK)

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
        self.panel.wire(self.list)
        chosen = [self.runs, self.list.second]
        self.runs.change(self.on_watch, chosen, [*self.watching, *self.list.outputs], **quiet)
        self.list.second.input(self.on_second, chosen, self.watching, **quiet)
        for name in ("pause", "resume", "stop", "save"):
            button = getattr(self, name)
            button.click(self._say(name), chosen, self.watching, **quiet)
        self.remedy.click(self.on_remedy, [*chosen, self.offered], self.watching, **quiet)
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

    def on_load(self, request: gr.Request, watched: str | None, second: str | None, source: str | None) -> Updates:
        """Who comes back finds the run that was watched; a new visitor, here or elsewhere, the newest."""
        t = self._translator(request)
        runs = self.studio.rows()
        return {
            **self.list.listed(t, watched or (runs[0].id if runs else None), second),
            self.health: fragments.health(None, None, t),
            self.charts.legend: self.charts.named(t),
            **self.panel.named(t),
            **self.curate.on_load(t, watched or (runs[0].id if runs else None), source),
        }

    @property
    def load_inputs(self) -> list[Any]:
        return [self.runs, self.list.second, self.curate.source]

    @property
    def load_outputs(self) -> list[Any]:
        return [
            *self.list.outputs,
            *(self.health, self.charts.legend),
            *self.panel.outputs,
            *self.curate.load_outputs,
        ]

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
        drawn: Drawn,
        back: bool,
        opened: bool,
        shown: list[list[str]],
    ) -> Updates:
        t = self._translator(request)
        updates = self.list.ticked(t, opened, shown) or {self.drawn: gr.skip()}
        if self._run(at[0]) and self._token(*at) != drawn.token:
            updates |= self._news(self._watched(*at, t, back), drawn)
        return updates

    def _news(self, updates: Updates, before: Drawn) -> Updates:
        """Without what the page shows already, and without new curves each second."""
        now = updates[self.drawn]
        if now.state != before.state:
            return updates
        known: list[Any] = [] if now.samples > before.samples else [self.samples, self.moment]
        if now.curves_at < before.curves_at + CURVES_EVERY:
            known += [*self.charts.outputs, self.pause, self.resume, self.stop, self.save, *self.list.buttons]
            updates[self.drawn] = replace(now, curves_at=before.curves_at)
        return {part: update for part, update in updates.items() if part not in known}

    def on_remedy(self, request: gr.Request, run_id: str | None, second: str | None, remedy: str) -> Updates:
        if run := self._run(run_id):
            try:
                self.studio.jobs.remedy(run, remedy)
            except RunError as error:
                warn(self._translator(request), error)
        return self._watched(run_id, second, self._translator(request))

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
                self.drawn: Drawn(),
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
            self.drawn: Drawn(token, watched.state, count, time.monotonic()),
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


def _picture(path: Path) -> Image.Image | None:
    try:
        with Image.open(path) as opened:
            return opened.convert("RGB")
    except OSError:
        return None
