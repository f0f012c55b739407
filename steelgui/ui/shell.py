"""The page around the tabs: header, tabs, what happens when a visitor arrives."""

from __future__ import annotations

from typing import Any

import gradio as gr

from steelgui.services.datasets import Datasets
from steelgui.services.review import Review
from steelgui.services.workbench import Workbench
from steelgui.settings import Settings, assets_folder
from steelgui.ui import fragments
from steelgui.ui.batch_tab import BatchTab
from steelgui.ui.history_tab import HistoryTab
from steelgui.ui.i18n import Translator, translator
from steelgui.ui.inspect_tab import InspectTab
from steelgui.ui.workshop import Workshop

#: N is "next sample", unless someone is typing; and Gradio's slider gives its pictures no alternative text.
SCRIPT = """
<script>
document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "n" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input:not([type=range]):not([type=checkbox]), textarea, [contenteditable]")) return;
  document.querySelector("#next-sample")?.click();
});
new MutationObserver(() => {
  const label = document.querySelector("#slider label")?.textContent.trim();
  if (!label) return;
  document.querySelectorAll('#slider img:not([alt]), #slider img[alt=""]').forEach((image) => { image.alt = label; });
}).observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ["alt"] });
</script>
"""


#: In this order.
STYLES = ("style.css", "history.css", "live.css")


def head() -> str:
    """What goes into the page's <head>: our script, and no telephone numbers made of pixel counts."""
    return '<meta name="format-detection" content="telephone=no">' + SCRIPT


def style_sheet() -> str:
    return "\n".join((assets_folder() / name).read_text("utf-8") for name in STYLES)


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
                batch.layout(inspect.score, inspect.min_area)
            workshop = None if settings.demo else Workshop(workbench.library, settings, i18n)
            with gr.Tab(i18n("tab.history"), id="history"):
                HistoryTab(Review(workbench, Datasets(settings)), settings).layout()
            with gr.Tab(i18n("tab.about"), id="about"):
                about = gr.HTML(at_work(text)[1], elem_id="about")
        clock = gr.Timer(1.0)

        def arrive(request: gr.Request) -> dict[Any, Any]:
            shown = at_work(translator(settings.lang, request.headers))
            filled = inspect.on_load(request) | {batch.table: batch.on_load(request)}
            return filled | dict(zip((header, about), shown, strict=True))

        def changed(request: gr.Request) -> tuple[str, str]:
            """Other models are at work: loaded now, so that the next picture does not wait, and named."""
            workbench.inspector.load()
            return at_work(translator(settings.lang, request.headers))

        def tick(request: gr.Request) -> Any:
            if not workbench.ready:
                return gr.skip(), gr.skip(), gr.skip()
            return *at_work(translator(settings.lang, request.headers)), gr.Timer(active=False)

        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
        page.load(arrive, None, [*inspect.load_outputs, batch.table, header, about], **private)
        inspect.recall(page)
        if workshop:
            workshop.wire(tabs, private)
        for chosen in workshop.chosen if workshop else ():
            chosen.then(changed, None, [header, about], **private)
        # A batch, or another window, may have inspected meanwhile.
        inspect_tab.select(inspect.on_return, None, [inspect.latest, inspect.latest_ids], **private)
        clock.tick(tick, None, [header, about, clock], **private)
    return page
