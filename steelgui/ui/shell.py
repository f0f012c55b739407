"""The page around the tabs: header, tabs, what happens when a visitor arrives."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from steelgui.languages import LANGUAGES, table
from steelgui.services.dashboard import Dashboard
from steelgui.services.datasets import Datasets
from steelgui.services.review import Review
from steelgui.services.workbench import Workbench
from steelgui.settings import Settings, assets_folder
from steelgui.ui import fragments
from steelgui.ui.batch_tab import BatchTab
from steelgui.ui.dashboard_tab import DashboardTab
from steelgui.ui.history_tab import HistoryTab
from steelgui.ui.i18n import Translator, translator
from steelgui.ui.inspect_tab import InspectTab
from steelgui.ui.settings_tab import SettingsTab
from steelgui.ui.workshop import Workshop

SCRIPTS = ("page.js", "tour.js")
#: In this order.
STYLES = (
    *("style.css", "retrain.css", "data.css", "history.css", "live.css", "dashboard.css", "settings.css"),
    *("detector.css", "compare.css", "tour.css", "desktop/quit.css"),
)
#: Keys of the texts that scripts put in.
SPOKEN = ("page.", "tab.", "tour.")


def head(window_at: str | None = None) -> str:
    """What goes into the page's <head>: our scripts with their words, and no telephone numbers made of pixel counts.

    In a window of its own, `window_at` is where it goes when the server has ended.
    """
    words = {lang: {key: text for key, text in table(lang).items() if key.startswith(SPOKEN)} for lang in LANGUAGES}
    # `<` would end the script where a text holds a tag.
    told = json.dumps(words, ensure_ascii=False).replace("<", "\\u003c")
    scripts = "".join(f"<script>{_asset(name)}</script>" for name in SCRIPTS)
    if window_at:
        address = json.dumps(window_at).replace("<", "\\u003c")
        scripts += f"<script>window.steelguiWindow = {address};{_asset('desktop/watch.js')}</script>"
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
        home = "" if settings.demo else str(settings.home)
        return fragments.header(names, device, ready, t), fragments.about(names, device, home, t)

    # Uploads and pictures of the page go after a day; what was inspected is in the history.
    page = gr.Blocks(title="SteelGUI", analytics_enabled=False, delete_cache=(3600, 86400))
    with page:
        header = gr.HTML(at_work(text)[0], elem_id="header")
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab(i18n("tab.inspect"), id="inspect") as inspect_tab:
                inspect = InspectTab(workbench, settings, i18n)
            with gr.Tab(i18n("tab.batch"), id="batch"):
                batch = BatchTab(workbench, settings, i18n)
                batch.layout(inspect.score, inspect.min_area, inspect.detector.rate)
            workshop = None if settings.demo else Workshop(workbench.library, settings, i18n)
            with gr.Tab(i18n("tab.dashboard"), id="dashboard") as dashboard_tab:
                dashboard = DashboardTab(Dashboard(workbench.history), settings, i18n)
            with gr.Tab(i18n("tab.history"), id="history"):
                history = HistoryTab(Review(workbench, Datasets(settings)), settings)
                history.layout()
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

        def changed(request: gr.Request) -> dict[Any, Any]:
            """Other models are at work, or on another device: loaded now, so that no picture waits, and named."""
            limit_uploads(page, settings.upload_mb)
            workbench.inspector.load()
            t = translator(settings.lang, request.headers)
            return dict(zip((header, about), at_work(t), strict=True)) | inspect.detector.shown(t, anew=True)

        def tick(request: gr.Request) -> Any:
            if not workbench.ready:
                return gr.skip(), gr.skip(), gr.skip()
            return *at_work(translator(settings.lang, request.headers)), gr.Timer(active=False)

        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
        page.load(arrive, None, [*inspect.load_outputs, batch.table, header, about], **private)
        inspect.recall(page)
        dashboard_tab.select(dashboard.on_load, dashboard.load_inputs, dashboard.load_outputs, **private)
        settings_tab.select(kept.on_load, None, kept.load_outputs, **private)
        if workshop:
            workshop.wire(tabs, private)
            workshop.learn_from(history.html, tabs, private)
        for chosen in (*(workshop.chosen if workshop else ()), *kept.chosen):
            chosen.then(changed, None, [header, about, *inspect.detector.outputs], **private)
        # A batch, or another window, may have inspected meanwhile.
        inspect_tab.select(inspect.on_return, None, [inspect.latest, inspect.latest_ids], **private)
        clock.tick(tick, None, [header, about, clock], **private)
    return page
