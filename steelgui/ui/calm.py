"""Gradio's own page, changed before it is sent: calm when nobody touches it, and in the visitor's language."""

from __future__ import annotations

from typing import Any

import gradio as gr
import jinja2
from gradio import routes

from steelgui.settings import Settings, assets_folder
from steelgui.ui.i18n import translator

#: The second, for a shared link, differs only in that it loads the page's modules from elsewhere.
PAGE, SHARED_PAGE = "frontend/index.html", "frontend/share.html"
FIRST_SCRIPTS = ("language.js", "idle.js")


def calm(page: gr.Blocks, settings: Settings) -> None:
    """Take from Gradio what it does while nothing happens; to be called between `queue` and `launch`.

    A page that nobody touches costs nothing: a training on the same laptop would have to pay for it.
    """
    # It looks a thousand times a second whether there is something to do, a tenth of a core; on Windows, and here,
    # twenty times.
    page._queue.sleep_when_free = 0.05
    environment: Any = routes.templates.env
    environment.globals["steelgui_language"] = lambda request: translator(settings.lang, request.headers).lang
    html, *_ = environment.loader.get_source(environment, PAGE)
    if "steelgui_language" not in html:
        ours = _changed(html)
        loader = jinja2.DictLoader({PAGE: ours, SHARED_PAGE: ours})
        environment.loader = jinja2.ChoiceLoader([loader, environment.loader])


def _changed(html: str) -> str:
    # Scripts not by `head`, which comes too late: the page's modules have taken by then what these replace.
    scripts = "".join(f"<script>{(assets_folder() / name).read_text('utf-8')}</script>" for name in FIRST_SCRIPTS)
    html = html.replace('lang="en"', 'lang="{{ steelgui_language(request) }}"', 1)
    # Behind a proxy the page may not lie at the root.
    html = html.replace('href="/manifest.json"', 'href="./manifest.json"', 1)
    return html.replace("<head>", f"<head>{scripts}", 1)
