"""Where a data set is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from steelgui.services.known_data import known_data
from steelgui.settings import Settings
from training.config import ConfigError


def data_field(i18n: Callable[[str], Any], elem_id: str, name: str = "studio.data", **how: Any) -> gr.Dropdown:
    """A data set: chosen among those that are `offered`, or the path of any folder, typed.

    Its label is the word `name`, what it is for `name`_hint; its value is a path, for `folder_in`.
    """
    words = {"label": i18n(name), "info": i18n(f"{name}_hint"), "elem_id": elem_id}
    return gr.Dropdown([], value=None, allow_custom_value=True, **words, **how)


def offered(settings: Settings, chosen: str | None = None) -> gr.Dropdown:
    """The data sets that are known now, to choose from; what was chosen stays, unless another folder is given."""
    choices = [(name, str(folder)) for name, folder in known_data(settings)]
    return gr.Dropdown(choices=choices, value=chosen) if chosen else gr.Dropdown(choices=choices)


def folder_in(data: str | None) -> Path | None:
    """What a data field holds, None where it is empty."""
    return Path(data.strip()) if data and data.strip() else None


def folder_of(data: str | None) -> Path:
    """The same; ConfigError where it is empty."""
    if folder := folder_in(data):
        return folder
    raise ConfigError("data: name a folder")
