"""What every part of the page shares."""

from __future__ import annotations

import gradio as gr

from steelgui.settings import Settings
from steelgui.ui.i18n import Translator, translator


class Panel:
    """A part of the page that answers each visitor in their own language."""

    settings: Settings

    def _translator(self, request: gr.Request) -> Translator:
        return translator(self.settings.lang, request.headers)
