"""Controls made from a configuration's fields: bounds, choices and help are written once, beside the field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

import gradio as gr
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from steelgui.ui.i18n import Translator


def fields_form(
    kind: type[BaseModel], names: Sequence[str], values: dict[str, Any], t: Translator, scope: str = "field"
) -> dict[str, Any]:
    """Field name → control, in the order of `names`, holding `values`; its element is called `scope-name`."""
    return {name: _control(name, kind.model_fields[name], values[name], t, scope) for name in names}


def form_values(kind: type[BaseModel], names: Sequence[str], given: Sequence[Any]) -> dict[str, Any]:
    """What the controls hold, in the fields' own types; an emptied number is left out."""
    found = {}
    for name, value in zip(names, given, strict=True):
        annotation = kind.model_fields[name].annotation
        if value is None or value == "":
            continue
        whole = annotation is int or (get_origin(annotation) is Literal and isinstance(get_args(annotation)[0], int))
        found[name] = int(value) if whole else float(value) if annotation is float else value
    return found


def _control(name: str, info: FieldInfo, value: Any, t: Translator, scope: str) -> Any:
    label, help_text = t.field(name, scope), t.field_help(name, info.description or "", scope)
    common: dict[str, Any] = {"label": label, "info": help_text, "elem_id": f"{scope}-{name}", "min_width": 200}
    if info.annotation is bool:
        return gr.Checkbox(value, **common)
    if get_origin(info.annotation) is Literal:
        return gr.Dropdown(list(get_args(info.annotation)), value=value, **common)
    if info.annotation in (int, float):
        low, high = _bounds(info)
        return gr.Number(value, minimum=low, maximum=high, precision=0 if info.annotation is int else None, **common)
    if info.examples:
        return gr.Dropdown(info.examples, value=value, allow_custom_value=True, **common)
    return gr.Textbox(value, **common)


def _bounds(info: FieldInfo) -> tuple[float | None, float | None]:
    low = next((float(m.ge if isinstance(m, Ge) else m.gt) for m in info.metadata if isinstance(m, (Ge, Gt))), None)  # type: ignore[arg-type]
    high = next((float(m.le if isinstance(m, Le) else m.lt) for m in info.metadata if isinstance(m, (Le, Lt))), None)  # type: ignore[arg-type]
    return low, high
