"""What an inspection got wrong, corrected on the spot: the picture joins a data set, for the next training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from models.imagefile import ImageError
from steelgui.results import UNKNOWN
from steelgui.services.datasets import Datasets
from steelgui.services.workbench import Workbench
from steelgui.settings import Settings
from steelgui.ui.i18n import Translator
from steelgui.ui.panel import Panel
from steelgui.ui.toast import warn
from training.data.record import DataError

Updates = dict[Any, Any]


@dataclass
class CorrectionPanel(Panel):
    """Layout and wiring below the verdict; `looked` is the state that names the inspected picture."""

    workbench: Workbench
    datasets: Datasets
    settings: Settings
    i18n: Callable[[str], Any]

    def layout(self, looked: Any, classes: list[str]) -> None:
        self.classes = classes
        self.open = gr.Button(self.i18n("correct.open"), size="sm", elem_id="correct-open")
        with gr.Column(visible=False, elem_id="correct") as self.panel:
            with gr.Row(equal_height=True):
                self.label = gr.Dropdown(
                    [],
                    label=self.i18n("correct.is"),
                    allow_custom_value=True,
                    interactive=True,
                    elem_id="correct-class",
                    min_width=140,
                )
                self.into = gr.Dropdown(
                    [], label=self.i18n("correct.into"), interactive=True, elem_id="correct-into", min_width=140
                )
            self.save = gr.Button(self.i18n("correct.save"), variant="primary", size="sm", elem_id="correct-save")
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        self.open.click(self.on_open, looked, [self.panel, self.label, self.into], **quiet)
        self.save.click(self.on_save, [looked, self.label, self.into], self.panel, **quiet)

    def on_open(self, request: gr.Request, looked_id: str) -> Updates:
        """What it is in truth, and where it goes: the data set that was worked on last, if there is one."""
        t = self._translator(request)
        try:
            found = self.workbench.kept(looked_id)
        except KeyError:
            warn(t, t("correct.first"))
            return {self.panel: gr.Column(visible=False)}
        names = list(dict.fromkeys([*found.inspection.scores, *self.classes]))
        sets = [folder.name for folder in self.datasets.all()]
        return {
            self.panel: gr.Column(visible=True),
            self.label: gr.Dropdown(choices=self._named(names, t), value=None),
            self.into: gr.Dropdown(choices=[*sets, (t("correct.own"), "")], value=sets[0] if sets else ""),
        }

    def on_save(self, request: gr.Request, looked_id: str, label: str | None, into: str) -> Any:
        t = self._translator(request)
        try:
            found = self.workbench.kept(looked_id)
            folder = self.datasets.find(into) if into else None
            unknown = next((one.mask for one in found.inspection.defects if one.name == UNKNOWN), None)
            folder = self.datasets.add(folder, found.evidence.image, found.name, label or "", unknown)
        except KeyError:
            warn(t, t("gone"))
        except (DataError, ImageError, OSError) as error:
            warn(t, error)
        else:
            gr.Info(t("correct.saved", name=found.name, data=folder.name, label=t.short(label or "")))
            return gr.Column(visible=False)
        return gr.skip()

    @staticmethod
    def _named(names: list[str], t: Translator) -> list[tuple[str, str]]:
        return [(t.short(name), name) for name in names]
