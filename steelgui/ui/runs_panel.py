"""All runs in a table: choose one to watch, rename, delete and bring back, compare, or start the next one from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from steelgui.services.studio import RunRow, Studio
from steelgui.settings import Settings
from steelgui.ui.i18n import Translator
from steelgui.ui.panel import Panel
from steelgui.ui.toast import warn
from training.runs import LONGEST_NAME, Run, RunError

Updates = dict[Any, Any]
COLUMNS = ("name", "class", "network", "state", "done", "kid", "created", "id")
#: Which runs there are and how they stand, as the table shows them.
Rows = list[list[str]]


@dataclass
class RunsPanel(Panel):
    """Layout and wiring; what can be undone is in the visitor's session, everything else in the runs' folders."""

    studio: Studio
    settings: Settings
    i18n: Callable[[str], Any]

    def layout(self, runs: Any) -> None:
        """Build the panel; `runs` is the control that says which run is watched."""
        self.runs = runs
        self.shown: Any = gr.State([])
        self.opened: Any = gr.State(False)
        self.deleted: Any = gr.State("")
        with gr.Accordion(self.i18n("runs.title"), open=False, elem_id="runs-panel") as self.panel:
            self.table = gr.Dataframe(
                value=[],
                headers=list(COLUMNS),
                label=self.i18n("runs.title"),
                show_label=False,
                interactive=False,
                max_height=212,
                buttons=[],
                elem_id="runs-table",
            )
            with gr.Row(equal_height=True):
                self.name = gr.Textbox(
                    label=self.i18n("runs.name"), max_length=LONGEST_NAME, min_width=160, elem_id="runs-name"
                )
                self.second = gr.Dropdown([], label=self.i18n("runs.compare"), min_width=160, elem_id="runs-compare")
            with gr.Row(elem_id="runs-actions"):
                self.rename = self._button("rename")
                self.start = self._button("start")
                self.delete = self._button("delete")
                self.undo = self._button("undo")
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        chosen = [self.runs, self.second]
        self.panel.expand(self.on_open, None, [self.opened, self.table, self.shown], **quiet)
        self.panel.collapse(lambda: False, None, self.opened, **quiet)
        self.table.select(self.on_select, None, self.runs, **quiet)
        for event in (self.rename.click, self.name.submit):
            event(self.on_rename, [*chosen, self.name], self.outputs, **quiet)
        self.delete.click(self.on_delete, chosen, [self.deleted, *self.outputs], **quiet)
        self.undo.click(self.on_undo, [*chosen, self.deleted], [self.deleted, *self.outputs], **quiet)

    def _button(self, name: str) -> Any:
        return gr.Button(
            self.i18n(f"runs.{name}"), size="sm", min_width=72, scale=1, interactive=False, elem_id=f"runs-{name}"
        )

    @property
    def outputs(self) -> list[Any]:
        return [self.runs, self.second, self.table, self.shown, self.name]

    @property
    def buttons(self) -> list[Any]:
        return [self.rename, self.start, self.delete]

    # What the tab asks for ----------------------------------------------------------------------------------------

    def listed(self, t: Translator, watched: str | None, second: str | None) -> Updates:
        """Everything that shows the list, with these two runs chosen in it."""
        rows = self.studio.rows()
        choices = [(label(row), row.id) for row in rows]
        known = {row.id for row in rows}
        if watched and watched not in known:
            # It was refused, or deleted elsewhere; whoever watches it reads so.
            choices.append((watched, watched))
        others = [choice for choice in choices if choice[1] != watched]
        shown = _table(rows, t)
        return {
            self.runs: gr.Dropdown(choices=choices, value=watched),
            self.second: gr.Dropdown(
                choices=[(t("runs.none"), ""), *others], value=second if second in known and second != watched else ""
            ),
            self.table: _frame(shown, t),
            self.shown: shown,
            self.name: next((row.name for row in rows if row.id == watched), ""),
        }

    def ticked(self, t: Translator, opened: bool, shown: Rows) -> Updates:
        """The table anew, where it is open and a run's state has changed."""
        if not opened:
            return {}
        rows = _table(self.studio.rows(), t)
        return {} if rows == shown else {self.table: _frame(rows, t), self.shown: rows}

    def chosen(self, run: Run | None, live: bool) -> Updates:
        """What can be done with the watched run."""
        return {
            self.rename: gr.Button(interactive=run is not None),
            self.start: gr.Button(interactive=run is not None and run.generator_path.is_file()),
            self.delete: gr.Button(interactive=run is not None and not live),
        }

    # Events -------------------------------------------------------------------------------------------------------

    def on_open(self, request: gr.Request) -> Updates:
        # The table alone: who has chosen a run in it before this arrives must not find another one chosen.
        t = self._translator(request)
        rows = _table(self.studio.rows(), t)
        return {self.opened: True, self.table: _frame(rows, t), self.shown: rows}

    def on_select(self, event: gr.SelectData) -> Any:
        # By its id, which stands in the row: the visitor may have sorted the table.
        return event.row_value[-1]

    def on_rename(self, request: gr.Request, watched: str | None, second: str | None, name: str) -> Updates:
        try:
            self.studio.jobs.find(watched or "").rename(name)
        except (RunError, OSError) as error:
            warn(self._translator(request), error)
        return self.listed(self._translator(request), watched, second)

    def on_delete(self, request: gr.Request, watched: str | None, second: str | None) -> Updates:
        t = self._translator(request)
        try:
            run = self.studio.jobs.find(watched or "")
            name = run.about()["name"]
            self.studio.jobs.delete(run)
        except (RunError, OSError) as error:
            warn(t, error)
            return {self.deleted: gr.skip()}
        gr.Info(t("runs.deleted", name=name))
        left = self.studio.rows()
        return {self.deleted: run.id} | self.listed(t, left[0].id if left else None, second)

    def on_undo(self, request: gr.Request, watched: str | None, second: str | None, deleted: str) -> Updates:
        try:
            watched = self.studio.jobs.undelete(deleted).id
        except (RunError, OSError) as error:
            warn(self._translator(request), error)
        return {self.deleted: ""} | self.listed(self._translator(request), watched, second)


def label(row: RunRow) -> str:
    """What a run is called, and when it was made: names may be alike."""
    return f"{row.name} · {row.created:%m-%d %H:%M}" if row.created else row.name


def _table(rows: list[RunRow], t: Translator) -> Rows:
    return [
        [
            row.name,
            t.short(row.class_name) if row.class_name else "–",
            f"{row.network} {row.size}²" if row.size else row.network,
            t("runs.running") if row.state == "running" else t(f"health.{row.state}"),
            f"{row.share:.0%}",
            "–" if row.kid is None else f"{row.kid:.3f}",
            f"{row.created:%Y-%m-%d %H:%M}" if row.created else "–",
            row.id,
        ]
        for row in rows
    ]


def _frame(rows: Rows, t: Translator) -> Any:
    return gr.Dataframe(value=rows, headers=[t(f"runs.column_{name}") for name in COLUMNS])
