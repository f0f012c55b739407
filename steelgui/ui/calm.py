"""A page that nobody touches costs nothing: a training on the same laptop would have to pay for it."""

from __future__ import annotations

from typing import Any

import gradio as gr
import jinja2
from gradio import routes

from steelgui.settings import assets_folder

PAGE = "frontend/index.html"


def calm(page: gr.Blocks) -> None:
    """Take from Gradio what it does while nothing happens; to be called between `queue` and `launch`."""
    # It looks a thousand times a second whether there is something to do, a tenth of a core; on Windows, and here,
    # twenty times.
    page._queue.sleep_when_free = 0.05
    script = f"<script>{(assets_folder() / 'idle.js').read_text('utf-8')}</script>"
    environment: Any = routes.templates.env
    html, *_ = environment.loader.get_source(environment, PAGE)
    if script not in html:
        # Not by `head`, which comes too late: the page's modules have taken by then what this script replaces.
        ours = jinja2.DictLoader({PAGE: html.replace("<head>", f"<head>{script}", 1)})
        environment.loader = jinja2.ChoiceLoader([ours, environment.loader])
