"""The Batch tab: many pictures in, a table, a ZIP and a CSV out."""

from __future__ import annotations

import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from models.imagefile import IMAGE_SUFFIXES
from steelgui.results import Thresholds
from steelgui.services.workbench import BatchRow, Workbench
from steelgui.settings import Settings, StorageError
from steelgui.ui import fragments
from steelgui.ui.i18n import Translator
from steelgui.ui.panel import Panel
from steelgui.ui.toast import warn

#: Seconds between two tables: a page that redraws for each of a thousand lines does nothing else.
REDRAW_EVERY = 0.5
Updates = dict[Any, Any]


@dataclass
class BatchTab(Panel):
    """Layout and wiring of the batch; one batch at a time for each visitor."""

    workbench: Workbench
    settings: Settings
    i18n: Callable[[str], Any]
    _stops: dict[str, threading.Event] = field(default_factory=dict, init=False)

    def layout(self, score: Any, min_area: Any, alarms: Any) -> None:
        """Build the tab; the thresholds are those of the Inspect tab."""
        text = Translator(self.settings.lang or "en")
        with gr.Row(elem_id="batch"):
            with gr.Column(scale=3, min_width=280, elem_id="batch-left"):
                self.files = gr.File(
                    file_count="multiple", label=self.i18n("batch.files"), height=320, elem_id="batch-files"
                )
                self.folder = gr.UploadButton(
                    self.i18n("batch.folder"), file_count="directory", size="sm", elem_id="batch-folder"
                )
                with gr.Row():
                    self.run = gr.Button(self.i18n("batch.run"), variant="primary", elem_id="batch-run", min_width=120)
                    self.stop = gr.Button(
                        self.i18n("batch.stop"), interactive=False, elem_id="batch-stop", min_width=80
                    )
                self.bar = gr.HTML(fragments.batch_bar(0, 0, ""), elem_id="batch-bar")
                with gr.Row():
                    self.zip = gr.DownloadButton(
                        self.i18n("batch.zip"), interactive=False, size="md", elem_id="batch-zip", min_width=120
                    )
                    self.csv = gr.DownloadButton(
                        self.i18n("batch.csv"), interactive=False, size="md", elem_id="batch-csv", min_width=120
                    )
            with gr.Column(scale=7, min_width=480):
                self.table = gr.HTML(fragments.batch_table([], text), elem_id="batch-table")
        outputs = [self.bar, self.table, self.run, self.stop, self.zip, self.csv]
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        self.folder.upload(self.on_folder, self.folder, self.files, **quiet)
        self.run.click(self.on_run, [self.files, score, min_area, alarms], outputs, concurrency_limit=4, **quiet)
        self.stop.click(self.on_stop, None, [self.bar, self.stop], queue=False, **quiet)

    def on_load(self, request: gr.Request) -> str:
        return fragments.batch_table([], self._translator(request))

    def on_folder(self, files: list[str] | None) -> list[str]:
        return [name for name in files or [] if Path(name).suffix.lower() in IMAGE_SUFFIXES]

    def on_stop(self, request: gr.Request) -> Updates:
        if stop := self._stops.get(request.session_hash or ""):
            stop.set()
        t = self._translator(request)
        return {self.bar: fragments.batch_bar(0, 0, t("batch.stopping")), self.stop: gr.Button(interactive=False)}

    def on_run(
        self, files: list[str] | None, score: float, min_area: float, alarms: float, request: gr.Request
    ) -> Iterator[Updates]:
        t = self._translator(request)
        if not files:
            warn(t, t("batch.none"))
            yield {self.table: fragments.batch_table([], t)}
            return
        stop = self._stops[request.session_hash or ""] = threading.Event()
        try:
            yield from self._run(
                [Path(name) for name in files],
                Thresholds(score, int(min_area), self.settings.preferences.gate, alarms / 100),
                stop,
                t,
            )
        finally:
            self._stops.pop(request.session_hash or "", None)

    def _run(
        self, paths: list[Path], thresholds: Thresholds, stop: threading.Event, t: Translator
    ) -> Iterator[Updates]:
        rows: list[BatchRow] = []
        off = {self.zip: gr.DownloadButton(interactive=False), self.csv: gr.DownloadButton(interactive=False)}
        yield (
            self._progress(rows, len(paths), t)
            | off
            | {
                self.run: gr.Button(interactive=False),
                self.stop: gr.Button(interactive=True),
            }
        )
        drawn = time.monotonic()
        trouble: str | None = None
        try:
            for row in self.workbench.batch(paths, thresholds, stop=stop.is_set):
                rows.append(row)
                if time.monotonic() - drawn >= REDRAW_EVERY and not stop.is_set():
                    yield self._progress(rows, len(paths), t)
                    drawn = time.monotonic()
            archive, table = map(self._handed_out, self.workbench.export(rows))
        except (StorageError, ValueError) as error:
            trouble = t.problem(error)
        key = "batch.stopped" if len(rows) < len(paths) else "batch.finished"
        done = {
            self.bar: fragments.batch_bar(len(rows), len(paths), trouble or _summary(key, rows, len(paths), t)),
            self.table: fragments.batch_table(rows, t),
            self.run: gr.Button(interactive=True),
            self.stop: gr.Button(interactive=False),
        }
        if trouble is None:
            done |= {
                self.zip: gr.DownloadButton(value=str(archive), interactive=True),
                self.csv: gr.DownloadButton(value=str(table), interactive=True),
            }
        yield done

    def _progress(self, rows: list[BatchRow], total: int, t: Translator) -> Updates:
        text = t("batch.running", done=len(rows), total=total)
        return {self.bar: fragments.batch_bar(len(rows), total, text), self.table: fragments.batch_table(rows, t)}

    def _handed_out(self, path: Path) -> Path:
        """A copy under a name that no other visitor can guess; Gradio serves only from its own folder."""
        target = self.settings.temporary / uuid.uuid4().hex / path.name
        target.parent.mkdir(parents=True)
        return Path(shutil.copyfile(path, target))


def _summary(key: str, rows: list[BatchRow], total: int, t: Translator) -> str:
    errors = sum(row.inspection is None for row in rows)
    defects = sum(row.inspection is not None and row.inspection.verdict == "defect" for row in rows)
    return t(key, done=len(rows), total=total, defects=defects, errors=errors)
