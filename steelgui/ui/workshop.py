"""The tabs that train, and that know the folders of this machine; a demo has none of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from steelgui.services.datasets import Datasets
from steelgui.services.library import Library
from steelgui.services.retraining import Retraining
from steelgui.services.studio import Studio
from steelgui.settings import Settings
from steelgui.ui.data_field import offered
from steelgui.ui.data_tab import DataTab
from steelgui.ui.models_tab import ModelsTab
from steelgui.ui.retrain_tab import RetrainTab
from steelgui.ui.studio_tab import StudioTab

#: The tab that is opened has to be there before one can scroll in it.
SHOW_SAMPLING = """() => setTimeout(
  () => document.querySelector("#curate")?.scrollIntoView({ block: "start" }), 150)"""


class Workshop:
    """Data, GAN Studio, Retrain and Models; made where their tabs are to be."""

    def __init__(self, library: Library, settings: Settings, i18n: Callable[[str], Any]) -> None:
        self.settings = settings
        with gr.Tab(i18n("tab.data"), id="data") as self.data_tab:
            self.data = DataTab(Datasets(settings), Studio(settings), settings, i18n)
        with gr.Tab(i18n("tab.studio"), id="studio") as self.studio_tab:
            self.studio = StudioTab(Studio(settings), settings, i18n)
        with gr.Tab(i18n("tab.retrain"), id="retrain") as self.retrain_tab:
            self.retrain = RetrainTab(Retraining(settings), settings, i18n)
        with gr.Tab(i18n("tab.models"), id="models") as self.models_tab:
            self.models = ModelsTab(library, settings, i18n)

    @property
    def chosen(self) -> tuple[Any, ...]:
        """Events after which other models inspect."""
        return *self.retrain.chosen, *self.models.chosen

    def wire(self, tabs: gr.Tabs, private: dict[str, Any]) -> None:
        """What happens when a tab is opened, and the ways from one to another; `private` is for every event."""
        data, studio, retrain, models = self.data, self.studio, self.retrain, self.models
        self.studio_tab.select(studio.on_load, studio.load_inputs, studio.load_outputs, **private)
        self.retrain_tab.select(retrain.on_load, retrain.load_inputs, retrain.load_outputs, **private)
        self.data_tab.select(data.on_load, data.load_inputs, data.load_outputs, **private)
        self.models_tab.select(models.on_load, models.model, models.load_outputs, **private)
        kinds = models.kinds
        self.models_tab.select(kinds.on_load, [kinds.runs, kinds.data], kinds.load_outputs, **private)

        def make_more(request: gr.Request, folder: str, label: str) -> tuple[Any, Any, Any]:
            """On to the GAN Studio, filled in."""
            path, wanted = data.on_make(folder, label)
            classes = studio.panel.classes_of(request, path, wanted)
            return gr.Tabs(selected="studio"), offered(self.settings, path), classes

        # Said once more at the end: what is filled into a tab that nobody has opened yet tells of no change.
        data.make.click(
            make_more, [data.folder, data.label], [tabs, studio.panel.data, studio.panel.classes], **private
        ).then(studio.panel.on_form, studio.panel.asked, [studio.panel.command, studio.panel.train], **private)

        def vary(request: gr.Request, folder: str, label: str) -> tuple[Any, ...]:
            """On to the Studio's sampling, with the data set's own defects to draw from."""
            path, wanted = data.on_make(folder, label)
            return gr.Tabs(selected="studio"), *studio.curate.on_vary(request, path, wanted or "")

        curate = studio.curate
        data.vary.click(
            vary,
            [data.folder, data.label],
            [tabs, curate.source, curate.label, curate.truncation, curate.picked],
            **private,
        ).then(None, None, None, js=SHOW_SAMPLING, **private)
        self._filled(data.retrain.click(self._to_retrain, data.folder, [tabs, retrain.data], **private), private)

    def learn_from(self, history: Any, tabs: gr.Tabs, private: dict[str, Any]) -> None:
        """The way from what was collected in the history, whose piece of HTML says where, to its training."""

        def collected(event: gr.EventData) -> tuple[Any, Any]:
            return self._to_retrain(event.data)

        self._filled(history.retrain(collected, None, [tabs, self.retrain.data], **private), private)

    def _to_retrain(self, folder: str) -> tuple[Any, Any]:
        return gr.Tabs(selected="retrain"), offered(self.settings, folder)

    def _filled(self, opened: Any, private: dict[str, Any]) -> None:
        """Once its data set is named, the tab that is `opened` says what that holds and what it would do."""
        retrain = self.retrain
        opened.then(retrain.on_data, retrain.about_data, retrain.known, **private).then(
            retrain.on_form, retrain.form_inputs, retrain.offered, **private
        )
