"""The Models tab: which there are, which inspects, and another one instead; compare, take in, take out."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gradio as gr

from models.imagefile import ImageError
from models.sidecar import CheckpointError
from steelgui.services.comparing import compare_models
from steelgui.services.comparisons import Comparisons
from steelgui.services.library import Library, ModelEntry, copy_model
from steelgui.settings import Settings
from steelgui.ui import model_fragments as fragments
from steelgui.ui.compare_panel import ComparePanel
from steelgui.ui.data_field import data_field, folder_in, offered
from steelgui.ui.i18n import Translator
from steelgui.ui.panel import Panel
from steelgui.ui.toast import warn
from training.data.record import DataError

Updates = dict[Any, Any]


@dataclass
class ModelsTab(Panel):
    """Layout and wiring; the models lie in their folders."""

    library: Library
    settings: Settings
    i18n: Callable[[str], Any]

    def __post_init__(self) -> None:
        self._layout()
        self._wire()

    def _layout(self) -> None:
        t = Translator(self.settings.lang or "en")
        with gr.Column(elem_id="models"):
            self.table = gr.HTML(fragments.table([], (), t), elem_id="models-table")
            with gr.Row(elem_id="models-acts", equal_height=True):
                self.model = gr.Dropdown([], label=self.i18n("models.model"), elem_id="models-model", scale=3)
                self.activate = self._button("activate", variant="primary")
                self.back = self._button("back")
                self.off = self._button("off")
                self.export = self._button("export")
                self.onnx = self._button("onnx")
                self.upload = gr.UploadButton(
                    self.i18n("models.import"),
                    file_count="multiple",
                    file_types=[".safetensors", ".json"],
                    size="md",
                    elem_id="models-import",
                    min_width=104,
                )
            self.files = gr.File(
                label=self.i18n("models.files"), file_count="multiple", interactive=False, visible=False,
                elem_id="models-files",
            )  # fmt: skip
            with gr.Row(elem_id="models-pair", equal_height=False):
                self.other = gr.Dropdown([], label=self.i18n("models.other"), elem_id="models-other", scale=3)
                self.data = data_field(self.i18n, "models-data", "models.data", scale=4)
                self.compare = self._button("compare")
            self.compared = gr.HTML(fragments.comparison(None, t), elem_id="models-compared", min_height=64)
            self.kinds = ComparePanel(Comparisons(self.settings), self.settings, self.i18n)

    def _button(self, name: str, variant: Literal["primary", "secondary"] = "secondary") -> Any:
        return gr.Button(
            self.i18n(f"models.{name}"), variant=variant, size="md", elem_id=f"models-{name}", min_width=104
        )

    def _wire(self) -> None:
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        busy: dict[str, Any] = {"api_visibility": "private", "show_progress": "full"}
        self.chosen = [
            self.activate.click(self.on_activate, self.model, self.load_outputs, **quiet),
            self.back.click(self.on_back, self.model, self.load_outputs, **quiet),
            self.off.click(self.on_off, self.model, self.load_outputs, **quiet),
        ]
        self.export.click(self.on_export, self.model, self.files, **quiet)
        self.onnx.click(self.on_onnx, [self.model, self.data], self.files, show_progress_on=self.compared, **busy)
        self.upload.upload(self.on_import, self.upload, self.load_outputs, **quiet)
        self.compare.click(self.on_compare, [self.model, self.other, self.data], self.compared, **busy)

    @property
    def load_outputs(self) -> list[Any]:
        return [self.table, self.model, self.other, self.data, self.compared]

    # Events -----------------------------------------------------------------------------------------------------

    def on_load(self, request: gr.Request, name: str | None) -> Updates:
        """The model that inspects is the one that is asked about at first."""
        t = self._translator(request)
        at_work = next(filter(None, self.library.together()), None)
        first: dict[str, Any] = {"value": at_work.stem} if at_work and not name else {}
        return self._listed(t, **first) | {self.compared: fragments.comparison(None, t)}

    def on_activate(self, request: gr.Request, name: str | None) -> Updates:
        t = self._translator(request)
        try:
            entry, _ = self.library.activate(name or "")
            assert entry.spec
            gr.Info(t("retrain.activated", name=entry.name))
            if worse := self.library.warning(entry.spec.kind):
                warn(t, t.said(worse))
        except (CheckpointError, OSError) as error:
            warn(t, error)
        return self._listed(t)

    def on_back(self, request: gr.Request, name: str | None) -> Updates:
        """The model before, of the kind of the one that is chosen."""
        t = self._translator(request)
        try:
            spec = self.library.entry(name or "").spec
            if spec and spec.kind != "generator":
                left = self.library.active.roll_back(spec.kind)
                path = self.library.default(spec.kind)
                said = t("retrain.activated", name=path.stem) if path else t("models.off_now")
                gr.Info(t("models.no_back") if left is None and path else said)
        except (CheckpointError, OSError) as error:
            warn(t, error)
        return self._listed(t)

    def on_off(self, request: gr.Request, name: str | None) -> Updates:
        """No model of this kind."""
        t = self._translator(request)
        try:
            spec = self.library.entry(name or "").spec
            before = self.library.switch_off(spec.kind) if spec else None
            gr.Info(t("models.is_off", name=before) if before else t("models.off_now"))
        except (CheckpointError, OSError) as error:
            warn(t, error)
        return self._listed(t)

    def on_export(self, request: gr.Request, name: str | None) -> Any:
        return self._taken_out(request, name, lambda entry, out: copy_model(entry.path, out / entry.path.name))

    def on_onnx(self, request: gr.Request, name: str | None, data: str | None) -> Any:
        """Compared with torch on the chosen data, else on the bundled samples."""

        def write(entry: ModelEntry, out: Path) -> None:
            from steelgui.services.exporting import export_onnx

            done = export_onnx(entry.path, out, folder_in(data))
            gr.Info(self._translator(request)("models.parity", greatest=f"{done.parity.greatest:.0e}"))

        return self._taken_out(request, name, write)

    def on_import(self, request: gr.Request, files: Sequence[str] | None) -> Updates:
        t = self._translator(request)
        try:
            # Gradio keeps each upload in a folder of its own; weights and card belong side by side.
            with tempfile.TemporaryDirectory() as folder:
                together = [Path(shutil.copy(file, folder)) for file in files or ()]
                weights = [file for file in together if file.suffix == ".safetensors"]
                if len(weights) != 1:
                    raise CheckpointError(t("models.import_two"))
                gr.Info(t("models.imported", name=self.library.take_in(weights[0]).stem))
        except (CheckpointError, OSError) as error:
            warn(t, error)
        return self._listed(t)

    def on_compare(self, request: gr.Request, name: str | None, other: str | None, data: str | None) -> Any:
        t = self._translator(request)
        folder = folder_in(data)
        if not (name and other and folder):
            warn(t, t("models.compare_hint"))
            return gr.skip()
        try:
            return fragments.comparison(compare_models(self.library, name, other, folder), t)
        except (CheckpointError, DataError, ImageError, OSError) as error:
            warn(t, error)
            return gr.skip()

    # What they share --------------------------------------------------------------------------------------------

    def _taken_out(self, request: gr.Request, name: str | None, write: Callable[[ModelEntry, Path], object]) -> Any:
        t = self._translator(request)
        try:
            entry = self.library.entry(name or "")
            out = self.settings.exports / entry.name
            write(entry, out)
            files = [str(path) for path in sorted(out.iterdir()) if not path.name.startswith(".")]
            return gr.File(files, visible=True)
        except (CheckpointError, DataError, ImageError, OSError) as error:
            warn(t, error)
            return gr.skip()

    def _listed(self, t: Translator, **model: Any) -> Updates:
        entries = self.library.entries()
        judging = [entry.name for entry in entries if entry.spec and entry.spec.kind != "generator"]
        return {
            self.table: fragments.table(entries, self.library.together(), t),
            self.model: gr.Dropdown(choices=judging, **model),
            self.other: gr.Dropdown(choices=judging),
            self.data: offered(self.settings),
        }
