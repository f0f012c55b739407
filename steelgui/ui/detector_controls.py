"""What the Inspect tab has more where an anomaly detector is at work: its map, and the rate of false alarms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from steelgui.preferences import BOUNDS
from steelgui.services.workbench import Workbench
from steelgui.settings import Settings
from steelgui.ui.i18n import Translator
from steelgui.ui.panel import Panel

Updates = dict[Any, Any]


@dataclass
class DetectorControls(Panel):
    """Out of sight without a detector. The rate is in per cent."""

    workbench: Workbench
    settings: Settings
    i18n: Callable[[str], Any]

    def layout(self) -> None:
        least, most = (100 * bound for bound in BOUNDS["false_alarms"])
        with gr.Row(elem_classes="controls", elem_id="detector-controls", visible=False) as self.row:
            self.map = gr.Checkbox(
                label=self.i18n("control.anomaly"),
                info=self.i18n("control.anomaly_info"),
                elem_id="anomaly-map",
                min_width=150,
            )
            self.rate = gr.Slider(
                least, most, 1, step=0.1, label=self.i18n("control.alarms"), elem_id="false-alarms", min_width=150
            )

    @property
    def outputs(self) -> list[Any]:
        return [self.row, self.rate]

    def shown(self, t: Translator, *, anew: bool = False) -> Updates:
        """As it is now; `anew` where another detector may have been activated, with a rate of its own."""
        count = self.workbench.vouching()
        if count is None:
            return {self.row: gr.Row(visible=False)}
        rate: dict[str, Any] = {"value": round(100 * self.settings.preferences.false_alarms, 6)} if anew else {}
        return {self.row: gr.Row(visible=True), self.rate: gr.Slider(info=vouched(count, t), **rate)}


def vouched(count: int, t: Translator) -> str:
    """The lowest rate of false alarms that so many good pictures can vouch for, in words."""
    from models.anomaly import surest_rate

    return t("anomaly.vouched", n=f"{count:,}", one_in=f"{1 / surest_rate(count):,.0f}")
