"""Live inspection on the Inspect tab: the stage of a camera or a video file, and what is found on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from steelgui.settings import Settings, assets_folder
from steelgui.ui import fragments
from steelgui.ui.i18n import Translator
from steelgui.ui.panel import Panel
from steelgui.ui.toast import warn

#: What the browser's side says; the keys of the page's texts behind `live.`.
WORDS = (
    *("source", "video", "camera", "pause", "resume", "snapshot", "close", "stage", "rate", "starting", "paused"),
    *("ended", "no_camera", "denied", "in_use", "insecure", "lost", "unplayable", "gone", "busy", "login"),
)
TOGGLE = """() => document.querySelector("#live .sg-live").dispatchEvent(new Event("sg-toggle"))"""
ASKED = """(score, min_area, shown, heat, opacity, anomaly, alarms) => (
  { score, min_area, shown, heat: anomaly ? "anomaly" : heat, opacity, false_alarms: alarms / 100 })"""

_ICONS = {
    "pause": '<path class="sg-going" d="M8 5v14M16 5v14"/><path class="sg-still" d="M8 5 18 12 8 19z"/>',
    "snapshot": '<path d="M6 4h12v16l-6-5-6 5z"/>',
    "close": '<path d="M6 6 18 18M18 6 6 18"/>',
}


def _button(act: str) -> str:
    return (
        f'<button type="button" data-act="{act}"><svg viewBox="0 0 24 24" aria-hidden="true">{_ICONS[act]}</svg>'
        "<span></span></button>"
    )


#: Its words come by `live_words`, since they change with the visitor.
STAGE = (
    '<div class="sg-live" data-state="off"><div class="sg-live-view"><video data-part="video"></video>'
    '<canvas data-part="canvas" role="img"></canvas><div class="sg-live-rate" data-part="rate"></div>'
    '<div class="sg-live-said" data-part="said" role="status"></div>'
    '<div class="sg-live-spoken" data-part="spoken" role="status"></div></div>'
    '<div class="sg-live-bar"><select data-part="source"></select>'
    f"{''.join(map(_button, _ICONS))}"
    '<input type="file" accept="video/*,.mkv" data-part="file" hidden></div></div>'
)


def live_blank(t: Translator, classes: list[str]) -> dict[str, str]:
    """The panels while there is nothing to tell."""
    return {
        "verdict": fragments.verdict(None, t),
        "scores": fragments.scores(None, t, classes),
        "areas": fragments.areas(None, t),
    }


def live_words(t: Translator) -> dict[str, str]:
    return {name: t(f"live.{name}") for name in WORDS}


@dataclass
class LivePanel(Panel):
    """Three places on one tab; the stream itself runs between the browser and `steelgui.live`."""

    settings: Settings
    i18n: Callable[[str], Any]

    classes: list[str]

    def stage(self, t: Translator) -> None:
        """Lies over the picture's stage while it is on."""
        self.html = gr.HTML(
            {},
            html_template=STAGE,
            js_on_load=(assets_folder() / "live_inspect.js").read_text("utf-8"),
            elem_id="live",
            looked="",
            **self.props(t),
        )

    def props(self, t: Translator) -> dict[str, Any]:
        """What depends on the visitor's language."""
        return {"words": live_words(t), "blank": live_blank(t, self.classes)}

    def switch(self) -> None:
        self.start = gr.Button(self.i18n("live.start"), size="sm", elem_id="live-start")

    def result(self) -> None:
        """Takes the place of the still picture's verdict while it is on; the browser's side fills it."""
        parts = "".join(f'<div data-part="{name}"></div>' for name in ("verdict", "scores", "areas"))
        gr.HTML(parts, elem_id="live-result")

    def wire(self, controls: list[Any], latest: Callable[[gr.Request], Any], outputs: list[Any]) -> None:
        """`latest` draws the strip of latest inspections, into `outputs`."""
        self.start.click(None, None, None, js=TOGGLE, show_progress="hidden")
        for control in controls:
            control.change(None, controls, self.html, js=ASKED, show_progress="hidden")
        # Through the queue: without it Gradio has no way to bring a message up.
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        self.html.kept(self.on_kept, None, None, **private).then(latest, None, outputs, **private)
        self.html.failed(self.on_failed, None, None, **private)

    def on_kept(self, event: gr.EventData) -> None:
        gr.Info(event.said)

    def on_failed(self, request: gr.Request, event: gr.EventData) -> None:
        warn(self._translator(request), event.said)
