"""Messages that come up and go again, in the page's language; their titles are in the page's header."""

from __future__ import annotations

import gradio as gr

from steelgui.ui.i18n import Translator


def warn(t: Translator, message: str | Exception) -> None:
    """Something could not be done; an exception says why, in the visitor's words."""
    gr.Warning(t.problem(message) if isinstance(message, Exception) else message)


def refusal(message: str) -> gr.Error:
    """To be raised: what was asked for does not happen, and nothing on the page changes."""
    return gr.Error(message, print_exception=False)
