"""Messages that come up and go again, titles and all in the page's language."""

from __future__ import annotations

import gradio as gr

from steelgui.ui.i18n import Translator


def warn(t: Translator, message: str | Exception) -> None:
    """Something could not be done; an exception says why, in the visitor's words."""
    gr.Warning(t.problem(message) if isinstance(message, Exception) else message, title=t("toast.warning"))


def inform(t: Translator, message: str) -> None:
    gr.Info(message, title=t("toast.done"))


def refusal(t: Translator, message: str) -> gr.Error:
    """To be raised: what was asked for does not happen, and nothing on the page changes."""
    return gr.Error(message, title=t("toast.refused"), print_exception=False)
