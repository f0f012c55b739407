"""What the parts of the page share in which a run is chosen and watched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import gradio as gr

from steelgui.services.jobs import Jobs
from steelgui.ui.i18n import Translator
from steelgui.ui.panel import Panel
from steelgui.ui.toast import warn
from training.runs import LIVE, RunError

Updates = dict[Any, Any]


class WatchPanel(Panel):
    """The runs of one kind: which there are, one of them as it goes on, and what it is told.

    Attributes:
        kind: of the runs.
        runs: the list that one is chosen from.
        drawn: how the run stood when it was drawn last; nothing is sent while it stands so.
        watching: everything that shows a run.
    """

    kind: ClassVar[str]
    i18n: Callable[[str], Any]
    drawn: gr.State

    @property
    def jobs(self) -> Jobs:
        raise NotImplementedError

    @property
    def watching(self) -> list[Any]:
        raise NotImplementedError

    def _layout_runs(self, part: str, label: str) -> None:
        """The list of runs, and what the chosen one can be told; `part` begins the names of the elements."""
        with gr.Row(equal_height=True, elem_id=f"{part}-bar"):
            self.runs = gr.Dropdown([], label=self.i18n(label), elem_id=f"{part}-runs", scale=5)
            self.pause, self.resume, self.stop = (
                gr.Button(
                    self.i18n(f"studio.{name}"),
                    size="sm",
                    min_width=64,
                    scale=1,
                    interactive=False,
                    elem_id=f"{part}-{name}",
                )
                for name in ("pause", "resume", "stop")
            )

    def _wire_runs(self, clock: gr.Timer) -> None:
        """`clock` ticks while the part can be seen."""
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        self.runs.change(self.on_watch, self.runs, self.watching, **quiet)
        for name in ("pause", "resume", "stop"):
            getattr(self, name).click(self._say(name), self.runs, self.watching, **quiet)
        clock.tick(self.on_tick, [self.runs, self.drawn], self.watching, queue=False, **quiet)

    def _can_be_told(self, state: str) -> Updates:
        return {
            self.pause: gr.Button(interactive=state == "running"),
            self.resume: gr.Button(interactive=state in ("paused", "stopped", "interrupted", "failed")),
            self.stop: gr.Button(interactive=state in LIVE),
        }

    def _watched(self, run_id: str | None, t: Translator) -> Updates:
        """Everything that shows a run."""
        raise NotImplementedError

    def on_watch(self, request: gr.Request, run_id: str | None) -> Updates:
        return self._watched(run_id, self._translator(request))

    def on_tick(self, request: gr.Request, run_id: str | None, drawn: str) -> Updates:
        if self._token(run_id) == drawn:
            return {self.drawn: gr.skip()}
        return self._watched(run_id, self._translator(request))

    def _say(self, word: str) -> Callable[..., Updates]:
        def say(request: gr.Request, run_id: str | None) -> Updates:
            if run := self.jobs.known(run_id):
                try:
                    getattr(self.jobs, word)(run)
                except RunError as error:
                    warn(self._translator(request), error)
            return self._watched(run_id, self._translator(request))

        return say

    def _listed(self, watched: str | None) -> Updates:
        """The run that was watched stays chosen where it is still there, else the newest is."""
        runs = self.jobs.of_kind(self.kind)
        choices = [
            (f"{run.about()['name']} · {run.id[4:6]}-{run.id[6:8]} {run.id[9:11]}:{run.id[11:13]}", run.id)
            for run in runs
        ]
        known = [run.id for run in runs]
        value = watched if watched in known else next(iter(known), None)
        return {self.runs: gr.Dropdown(choices=choices, value=value)}

    def _token(self, run_id: str | None) -> str:
        run = self.jobs.known(run_id)
        status = run.status() if run else None
        return f"{run_id} {status.state} {status.step}" if status else ""
