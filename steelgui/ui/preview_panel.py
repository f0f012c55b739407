"""Tiles that a training on the chosen class would learn from, and those that it would leave out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from models.imagefile import ImageError
from steelgui.services.studio import Studio
from steelgui.settings import Settings
from steelgui.ui import studio_fragments as fragments
from steelgui.ui.data_field import folder_in
from steelgui.ui.panel import Panel
from training.data.record import DataError


@dataclass
class PreviewPanel(Panel):
    """Layout and wiring; nothing is kept."""

    studio: Studio
    settings: Settings
    i18n: Callable[[str], Any]

    def layout(self, data: Any, chosen: Any, dark: Any) -> None:
        """Build the panel; the controls say which folder, which class and which limit of darkness."""
        with gr.Accordion(self.i18n("studio.preview"), open=False, elem_id="studio-preview"):
            show = gr.Button(self.i18n("studio.preview_show"), size="sm", elem_id="studio-preview-show")
            counted = gr.HTML("", elem_id="studio-preview-counts")
            tiles = gr.Gallery(
                label=self.i18n("studio.preview"),
                show_label=False,
                columns=4,
                height=300,
                allow_preview=False,
                object_fit="cover",
                interactive=False,
                buttons=[],
                elem_id="studio-tiles",
                elem_classes="sg-gallery",
            )
        show.click(
            self.on_show, [data, chosen, dark], [counted, tiles], api_visibility="private", show_progress_on=tiles
        )

    def on_show(self, request: gr.Request, data: str | None, chosen: str | None, dark: float | None) -> list[Any]:
        t = self._translator(request)
        if not chosen or not (folder := folder_in(data)):
            return [fragments.line(t("studio.train")), []]
        try:
            seen = self.studio.preview(folder, chosen, dark or 0.0)
        except (DataError, ImageError) as error:
            return [fragments.line(t.problem(error)), []]
        tiles = [(tile.image, t(f"tile.{tile.verdict}", grey=f"{tile.grey:.0f}")) for tile in seen.tiles]
        return [fragments.preview(seen, t), tiles]
