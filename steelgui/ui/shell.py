"""The page around the tabs: header, tabs, what happens when a visitor arrives."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from steelgui.services.dashboard import Dashboard
from steelgui.services.datasets import Datasets
from steelgui.services.retraining import Retraining
from steelgui.services.review import Review
from steelgui.services.studio import Studio
from steelgui.services.workbench import Workbench
from steelgui.settings import Settings, assets_folder
from steelgui.ui import fragments
from steelgui.ui.batch_tab import BatchTab
from steelgui.ui.dashboard_tab import DashboardTab
from steelgui.ui.data_tab import DataTab
from steelgui.ui.history_tab import HistoryTab
from steelgui.ui.i18n import LANGUAGES, Translator, table, translator
from steelgui.ui.inspect_tab import InspectTab
from steelgui.ui.models_tab import ModelsTab
from steelgui.ui.retrain_tab import RetrainTab
from steelgui.ui.settings_tab import SettingsTab
from steelgui.ui.studio_tab import StudioTab

SCRIPTS = ("page.js", "tour.js")
#: In this order.
STYLES = ("style.css", "history.css", "live.css", "dashboard.css", "settings.css", "tour.css")
#: Keys of the texts that scripts put in.
SPOKEN = ("page.", "tab.", "tour.")

#: The tab that is opened has to be there before one can scroll in it.
SHOW_SAMPLING = """() => setTimeout(
  () => document.querySelector("#curate")?.scrollIntoView({ block: "start" }), 150)"""


def head() -> str:
    """What goes into the page's <head>: our scripts with their words, and no telephone numbers made of pixel counts."""
    words = {lang: {key: text for key, text in table(lang).items() if key.startswith(SPOKEN)} for lang in LANGUAGES}
    # `<` would end the script where a text holds a tag.
    told = json.dumps(words, ensure_ascii=False).replace("<", "\\u003c")
    scripts = "".join(f"<script>{_asset(name)}</script>" for name in SCRIPTS)
    return (
        '<meta name="format-detection" content="telephone=no">'
        '<meta name="theme-color" content="#eceef0" media="(prefers-color-scheme: light)">'
        '<meta name="theme-color" content="#121519" media="(prefers-color-scheme: dark)">'
        '<link rel="apple-touch-icon" href="./icon-192.png">'
        f"<script>window.steelguiWords = ({told})[document.documentElement.lang];</script>{scripts}"
    )


def style_sheet() -> str:
    return "\n".join(map(_asset, STYLES))


def _asset(name: str) -> str:
    return (assets_folder() / name).read_text("utf-8")


def limit_uploads(page: gr.Blocks, megabytes: int) -> None:
    """From now on; the page in an open browser knows of it when it is loaded again."""
    page.max_file_size = page.config["max_file_size"] = megabytes * 2**20


def build(workbench: Workbench, settings: Settings, i18n: gr.I18n) -> gr.Blocks:
    """The whole page; nothing heavy is imported for it."""
    text = Translator(settings.lang or "en")

    def at_work(t: Translator) -> tuple[str, str]:
        ready = workbench.ready
        names = workbench.model_names()
        # Asking for the device imports torch: not before the warm-up has done so.
        device = workbench.device() if ready else ""
        return fragments.header(names, device, ready, t), fragments.about(names, device, str(settings.home), t)

    # Uploads and pictures of the page go after a day; what was inspected is in the history.
    page = gr.Blocks(title="SteelGUI", analytics_enabled=False, delete_cache=(3600, 86400))
    with page:
        header = gr.HTML(at_work(text)[0], elem_id="header")
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab(i18n("tab.inspect"), id="inspect") as inspect_tab:
                inspect = InspectTab(workbench, settings, i18n)
            with gr.Tab(i18n("tab.batch"), id="batch"):
                batch = BatchTab(workbench, settings, i18n)
                batch.layout(inspect.score, inspect.min_area)
            with gr.Tab(i18n("tab.data"), id="data") as data_tab:
                data = DataTab(Datasets(settings), Studio(settings), settings, i18n)
            with gr.Tab(i18n("tab.studio"), id="studio") as studio_tab:
                studio = StudioTab(Studio(settings), settings, i18n)
            with gr.Tab(i18n("tab.retrain"), id="retrain") as retrain_tab:
                retrain = RetrainTab(Retraining(settings), settings, i18n)
            with gr.Tab(i18n("tab.models"), id="models") as models_tab:
                models = ModelsTab(workbench.library, Datasets(settings), settings, i18n)
            with gr.Tab(i18n("tab.dashboard"), id="dashboard") as dashboard_tab:
                dashboard = DashboardTab(Dashboard(workbench.history), settings, i18n)
            with gr.Tab(i18n("tab.history"), id="history"):
                HistoryTab(Review(workbench, Datasets(settings)), settings).layout()
            with gr.Tab(i18n("tab.settings"), id="settings") as settings_tab:
                kept = SettingsTab(workbench, settings, i18n, [inspect.score, inspect.min_area])
            with gr.Tab(i18n("tab.about"), id="about"):
                about = gr.HTML(at_work(text)[1], elem_id="about")
        for block in page.blocks.values():
            # Gradio's tab and its panel know of each other by this; and so do our scripts.
            if isinstance(block, gr.Tab):
                block.elem_id = block.elem_id or f"tab-{block.id}"
        clock = gr.Timer(1.0)

        def arrive(request: gr.Request) -> dict[Any, Any]:
            shown = at_work(translator(settings.lang, request.headers))
            filled = inspect.on_load(request) | {batch.table: batch.on_load(request)}
            return filled | dict(zip((header, about), shown, strict=True))

        def changed(request: gr.Request) -> tuple[str, str]:
            """Other models are at work, or on another device: loaded now, so that no picture waits, and named."""
            limit_uploads(page, settings.preferences.upload_mb)
            workbench.inspector.load()
            return at_work(translator(settings.lang, request.headers))

        def tick(request: gr.Request) -> Any:
            if not workbench.ready:
                return gr.skip(), gr.skip(), gr.skip()
            return *at_work(translator(settings.lang, request.headers)), gr.Timer(active=False)

        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
        page.load(arrive, None, [*inspect.load_outputs, batch.table, header, about], **private)
        inspect.recall(page)
        studio_tab.select(studio.on_load, studio.load_inputs, studio.load_outputs, **private)
        retrain_tab.select(retrain.on_load, [retrain.runs, retrain.data], retrain.load_outputs, **private)
        data_tab.select(data.on_load, data.load_inputs, data.load_outputs, **private)

        def make_more(request: gr.Request, folder: str, label: str) -> tuple[Any, str, Any]:
            """On to the GAN Studio, filled in."""
            path, wanted = data.on_make(folder, label)
            return gr.Tabs(selected="studio"), path, studio.panel.classes_of(request, path, wanted)

        # Said once more at the end: what is filled into a tab that nobody has opened yet tells of no change.
        data.make.click(
            make_more, [data.folder, data.label], [tabs, studio.panel.data, studio.panel.classes], **private
        ).then(studio.panel.on_form, studio.panel.asked, [studio.panel.command, studio.panel.train], **private)

        def transplant(request: gr.Request, folder: str, label: str) -> tuple[Any, ...]:
            """On to the Studio's sampling, with the data set's own defects to draw from."""
            path, wanted = data.on_make(folder, label)
            return gr.Tabs(selected="studio"), *studio.curate.on_transplant(request, path, wanted or "")

        curate = studio.curate
        data.transplant.click(
            transplant,
            [data.folder, data.label],
            [tabs, curate.source, curate.label, curate.truncation, curate.picked],
            **private,
        ).then(None, None, None, js=SHOW_SAMPLING, **private)
        data.retrain.click(
            lambda folder: (gr.Tabs(selected="retrain"), folder), data.folder, [tabs, retrain.data], **private
        ).then(retrain.on_data, retrain.data, [retrain.counts, retrain.pictures_known], **private).then(
            retrain.on_form, retrain.form_inputs, retrain.offered, **private
        )
        models_tab.select(models.on_load, models.model, models.load_outputs, **private)
        dashboard_tab.select(dashboard.on_load, dashboard.load_inputs, dashboard.load_outputs, **private)
        settings_tab.select(kept.on_load, None, kept.load_outputs, **private)
        for chosen in (*retrain.chosen, *models.chosen, *kept.chosen):
            chosen.then(changed, None, [header, about], **private)
        # A batch, or another window, may have inspected meanwhile.
        inspect_tab.select(inspect.on_return, None, [inspect.latest, inspect.latest_ids], **private)
        clock.tick(tick, None, [header, about, clock], **private)
    return page
