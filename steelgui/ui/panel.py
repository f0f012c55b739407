"""What every part of the page shares."""

from __future__ import annotations

import gradio as gr

from steelgui.settings import Settings
from steelgui.ui.i18n import Translator, translator, visitor_scale


class Panel:
    """A part of the page that answers each visitor in their own language and units."""

    settings: Settings

    def _translator(self, request: gr.Request) -> Translator:
        scale = self.settings.preferences.scale
        if self.settings.demo:
            scale = visitor_scale(request.headers, scale)
        return translator(self.settings.lang, request.headers, scale)
