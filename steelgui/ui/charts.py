"""The curves of a run, and lighter, in the same charts, those of a second one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import gradio as gr
import pandas as pd

from steelgui.services.studio import Watched
from steelgui.ui import studio_fragments as fragments
from steelgui.ui.i18n import Translator

#: Curves as charts name them, in every language: a chart keeps the names, and the colours, of its first table. What
#: visitors read is the legend below.
CURVES = {
    "g": ("G", "#0072B2"),
    "d": ("D", "#D55E00"),
    "real": ("D(real)", "#009E73"),
    "fake": ("D(made)", "#CC79A7"),
    "kid": ("KID", "#E69F00"),
    "diversity": ("diversity", "#56B4E9"),
}
CHARTS = (("loss", ("g", "d")), ("opinion", ("real", "fake")), ("likeness", ("kid", "diversity")))
#: Added to a curve's name where it is the second run's, and to its colour, which shines through then.
SECOND, LIGHTER = " ②", "66"


class Charts:
    """Mounted before the first run, so that nothing jumps."""

    def __init__(self, i18n: Callable[[str], Any]) -> None:
        self._i18n = i18n
        self._charts: list[Any] = []

    def layout(self, t: Translator) -> None:
        with gr.Row(elem_id="studio-charts"):
            for chart, names in CHARTS:
                colours = {CURVES[name][0] + SECOND: CURVES[name][1] + LIGHTER for name in names}
                colours |= {CURVES[name][0]: CURVES[name][1] for name in names}
                self._charts.append(
                    gr.LinePlot(
                        _table(names, None, None),
                        x="pictures",
                        y="value",
                        color="curve",
                        color_map=colours,
                        colors_in_legend=[],
                        x_title=" ",
                        y_title=" ",
                        x_axis_format="~s",
                        y_lim=[0.0, None],
                        y_axis_format=".2~f",
                        height=200,
                        label=self._i18n(f"chart.{chart}"),
                        elem_id=f"chart-{chart}",
                        min_width=200,
                        buttons=[],
                    )
                )
        # Below the charts, because their own legends are cut off where a chart is low.
        self.legend = gr.HTML(self.named(t), elem_id="studio-curves")

    @property
    def outputs(self) -> list[Any]:
        return [*self._charts, self.legend]

    @staticmethod
    def named(t: Translator, watched: Watched | None = None, second: Watched | None = None) -> str:
        """The legend: which curve has which colour, and which of two runs is which."""
        both = (watched.name, second.name + SECOND) if watched and second else None
        return fragments.curves([(t.curve(name, own), colour) for name, (own, colour) in CURVES.items()], both)

    def updates(self, t: Translator, watched: Watched | None, second: Watched | None) -> dict[Any, Any]:
        tables = {chart: _table(names, watched, second) for chart, (_, names) in zip(self._charts, CHARTS, strict=True)}
        return tables | {self.legend: self.named(t, watched, second)}


def _table(names: tuple[str, ...], watched: Watched | None, second: Watched | None) -> pd.DataFrame:
    rows: list[tuple[int, float, str]] = []
    for mark, run in ((SECOND, second), ("", watched)):
        # A point without a value for each: an empty table has no types, and a chart would take numbers for names.
        rows += [(0, float("nan"), CURVES[name][0] + mark) for name in names]
        if run:
            rows += [(step, value, CURVES[name][0] + mark) for name in names for step, value in run.curves[name]]
    if all(math.isnan(value) for _, value, _ in rows):
        # An axis of one point would be labelled NaN.
        rows += [(1, value, curve) for _, value, curve in rows]
    return pd.DataFrame(rows, columns=["pictures", "value", "curve"])
