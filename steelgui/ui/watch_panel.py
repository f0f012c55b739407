"""What the parts of the page share in which a run is chosen and watched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import gradio as gr

from steelgui.services.jobs import Jobs
from steelgui.ui.i18n import Translator
from steelgui.ui.panel import Panel
from steelgui.ui.toast import warn
from training.runs import RunError

Updates = dict[Any, Any]


class WatchPanel(Panel):
    """The runs of one kind: which there are, one of them as it goes on, and what it is told.

    Attributes:
        kind: of the runs.
        runs: the list that one is chosen from.
        drawn: how the run stood when it was drawn last; nothing is sent while it stands so.
    """

    kind: ClassVar[str]
    runs: gr.Dropdown
    drawn: gr.State

    @property
    def jobs(self) -> Jobs:
        raise NotImplementedError

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
