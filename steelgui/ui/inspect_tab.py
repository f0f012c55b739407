"""The Inspect tab: a picture in, verdict, masks, heat map and areas out."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.data_classes import ImageData
from numpy.typing import NDArray
from PIL import Image

from models.imagefile import ImageError
from models.sidecar import CheckpointError
from models.spec import is_defect_free
from steelgui.overlay import CLASS_COLOURS, draw_overlay
from steelgui.preferences import BOUNDS
from steelgui.results import UNKNOWN, Thresholds
from steelgui.services.datasets import Datasets
from steelgui.services.workbench import Looked, Workbench
from steelgui.settings import Settings, StorageError
from steelgui.ui import fragments
from steelgui.ui.correction_panel import CorrectionPanel
from steelgui.ui.detector_controls import DetectorControls
from steelgui.ui.i18n import Translator
from steelgui.ui.live_panel import LivePanel
from steelgui.ui.panel import Panel
from steelgui.ui.toast import warn

LATEST = 10
#: Longest side of what is sent to the browser; more than any screen shows, and a 64-megapixel PNG takes seconds.
DISPLAY_SIDE = 2400
Updates = dict[Any, Any]

#: `start` stays: thresholds that were moved under other settings are forgotten, see `on_recall`.
REMEMBER = "(score, area, heat, opacity, alarms, before) => ({...before, score, area, heat, opacity, alarms})"

log = logging.getLogger(__name__)


@dataclass
class InspectTab(Panel):
    """Layout and wiring; handlers are a line into the workbench and a line into fragments."""

    workbench: Workbench
    settings: Settings
    i18n: Callable[[str], Any]
    samples: list[Path] = field(init=False)

    def __post_init__(self) -> None:
        self.samples = self.workbench.samples()
        self.classes = [name for name in CLASS_COLOURS if name != UNKNOWN]
        self.scored = ["none", *self.classes]
        self.live = LivePanel(self.settings, self.i18n, self.scored)
        self.detector = DetectorControls(self.workbench, self.settings, self.i18n)
        self._layout()
        self._wire()

    def _layout(self) -> None:
        text = Translator(self.settings.lang or "en")
        self.looked = gr.State("")
        self.latest_ids = gr.State([])
        self.sample_index = gr.State(-1)
        # Thresholds and the way of looking stay in this browser; they are no secret, and a key drawn at random would
        # forget them at each start.
        self.remembered = gr.BrowserState(storage_key="steelgui.inspect", secret="inspect")  # noqa: S106
        with gr.Row(elem_id="inspect", equal_height=False):
            with gr.Column(scale=62, min_width=480, elem_id="inspect-left"):
                with gr.Column(elem_id="stage"):
                    self.slider = gr.ImageSlider(
                        label=str(self.i18n("stage.label")),
                        show_label=False,
                        interactive=False,
                        format="png",
                        height=432,
                        max_height=432,
                        slider_position=12,
                        elem_id="slider",
                        buttons=["fullscreen", "download"],
                        container=False,
                    )
                    self.empty = gr.HTML(fragments.empty_stage(text), elem_id="stage-empty")
                    self.live.stage(text)
                self.meta = gr.HTML(fragments.meta(None, text), elem_id="meta")
                with gr.Row(elem_id="sources", equal_height=True):
                    with gr.Column(scale=3, min_width=176):
                        self.picture = gr.Image(
                            sources=["upload", "webcam", "clipboard"],
                            label=self.i18n("input.label"),
                            show_label=False,
                            height=200,
                            elem_id="picture",
                            placeholder=str(self.i18n("input.placeholder")),
                            webcam_options=gr.WebcamOptions(mirror=False),
                            buttons=[],
                        )
                        self.picture.preprocess = _as_it_came  # type: ignore[assignment, method-assign]
                        self.live.switch()
                    with gr.Column(scale=7, min_width=320, elem_id="samples-column"):
                        self.sample_gallery = gr.Gallery(
                            [(str(path), text.sample(path.stem)) for path in self.samples],
                            label=self.i18n("input.samples"),
                            columns=6,
                            rows=2,
                            height=200,
                            allow_preview=False,
                            object_fit="cover",
                            interactive=False,
                            buttons=[],
                            elem_id="samples",
                            elem_classes="sg-gallery",
                        )
                        self.next = gr.Button(self.i18n("input.next"), size="sm", elem_id="next-sample")
                if self.settings.demo:
                    # Whoever hands in a picture should know who will see it.
                    self.shared = gr.HTML(fragments.shared(text), elem_id="shared")
                self.latest = gr.Gallery(
                    label=self.i18n("latest.label"),
                    columns=LATEST,
                    rows=1,
                    height=112,
                    allow_preview=False,
                    object_fit="contain",
                    interactive=False,
                    buttons=[],
                    elem_id="latest",
                    elem_classes="sg-gallery",
                )
            with gr.Column(scale=38, min_width=360, elem_id="inspect-right"):
                self.live.result()
                self.verdict = gr.HTML(fragments.verdict(None, text), elem_id="verdict")
                self.scores = gr.HTML(fragments.scores(None, text, self.scored), elem_id="scores")
                self.areas = gr.HTML(fragments.areas(None, text), elem_id="areas")
                self.legend = gr.CheckboxGroup(
                    self._choices(text, self.classes),
                    value=self.classes,
                    label=self.i18n("control.shown"),
                    elem_id="legend",
                )
                self.style = gr.HTML(fragments.legend_style(self.classes), elem_id="legend-style")
                with gr.Row(elem_classes="controls"):
                    self.heat = gr.Checkbox(
                        label=self.i18n("control.heat"),
                        info=self.i18n("control.heat_info"),
                        elem_id="heat",
                        min_width=150,
                    )
                    self.opacity = gr.Slider(
                        0, 1, 0.45, step=0.05, label=self.i18n("control.opacity"), elem_id="opacity", min_width=150
                    )
                with gr.Row(elem_classes="controls"):
                    self.score = gr.Slider(
                        *BOUNDS["score"],
                        0.5,
                        step=0.01,
                        label=self.i18n("control.score"),
                        elem_id="score",
                        min_width=150,
                    )
                    self.min_area = gr.Slider(
                        *BOUNDS["min_area"],
                        40,
                        step=10,
                        label=self.i18n("control.min_area"),
                        elem_id="min-area",
                        min_width=150,
                    )
                self.detector.layout()
                # In a demo nobody may change the data sets.
                if not self.settings.demo:
                    self.correction = CorrectionPanel(self.workbench, Datasets(self.settings), self.settings, self.i18n)
                    self.correction.layout(self.looked, self.scored)

    def _wire(self) -> None:
        controls = [self.score, self.min_area, self.legend, self.heat, self.opacity, *self.detector_controls]
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        busy: dict[str, Any] = {
            "api_visibility": "private",
            "show_progress": "minimal",
            "show_progress_on": self.verdict,
        }
        self.live.wire(controls, self.on_return, [self.latest, self.latest_ids])
        drawn = [self.slider, self.verdict, self.scores, self.areas, self.meta]
        looked = [*drawn, self.live.html, self.looked, self.legend, self.style, self.latest, self.latest_ids]
        self.picture.input(self.on_picture, [self.picture, *controls], [*looked, self.picture], **busy)
        self.sample_gallery.select(self.on_sample, controls, [*looked, self.sample_index, self.sample_gallery], **busy)
        self.next.click(self.on_next, [self.sample_index, *controls], [*looked, self.sample_index], **busy)
        self.latest.select(self.on_reopen, [self.latest_ids, *controls], looked, **busy)
        # Two glows over one picture would say nothing: either is switched off by the other.
        glows = {self.heat: self.detector.map, self.detector.map: self.heat}
        for control in controls:
            event: Any = control.input
            if other := glows.get(control):
                event = event(None, [control, other], other, js="(on, other) => other && !on", **quiet).then
            # The newest value wins while a slider is dragged; those between are dropped.
            event(self.on_judge, [self.looked, *controls], drawn, trigger_mode="always_last", **quiet)
            if control in self.kept:
                control.input(None, [*self.kept, self.remembered], self.remembered, js=REMEMBER, show_progress="hidden")

    @property
    def detector_controls(self) -> list[Any]:
        return [self.detector.map, self.detector.rate]

    @property
    def kept(self) -> list[Any]:
        return [self.score, self.min_area, self.heat, self.opacity, self.detector.rate]

    def recall(self, page: gr.Blocks) -> None:
        """Set the controls as this browser left them, thresholds where the settings are still those of then."""
        page.load(
            self.on_recall,
            [self.remembered, self.heat, self.opacity],
            [self.remembered, *self.kept],
            api_visibility="private",
            show_progress="hidden",
            queue=False,
        )

    # Events -----------------------------------------------------------------------------------------------------

    def on_load(self, request: gr.Request) -> Updates:
        """Text that Python writes, in this visitor's language; the strip of latest inspections."""
        t = self._translator(request)
        return {
            self.verdict: fragments.verdict(None, t),
            self.scores: fragments.scores(None, t, self.scored),
            self.areas: fragments.areas(None, t),
            self.empty: fragments.empty_stage(t),
            self.live.html: gr.HTML(**self.live.props(t)),
            self.legend: gr.CheckboxGroup(choices=self._choices(t, self.classes)),
            self.sample_gallery: gr.Gallery([(str(path), t.sample(path.stem)) for path in self.samples]),
            **({self.shared: fragments.shared(t)} if self.settings.demo else {}),
            **self.detector.shown(t),
            **self._latest(t),
        }

    @property
    def load_outputs(self) -> list[Any]:
        return [
            *(self.verdict, self.scores, self.areas, self.empty, self.legend),
            *(self.live.html, self.sample_gallery, self.latest, self.latest_ids, *self.detector.outputs),
            *([self.shared] if self.settings.demo else []),
        ]

    def on_recall(self, kept: dict[str, Any] | None, heat: bool, opacity: float) -> tuple[Any, ...]:
        """What is remembered from now on, and the controls."""
        wanted = self.settings.preferences
        start = [wanted.score, wanted.min_area, round(100 * wanted.false_alarms, 6)]
        seen = {"heat": heat, "opacity": opacity} | (kept or {})
        if seen.get("start") != start:
            seen |= {"start": start, "score": start[0], "area": start[1], "alarms": start[2]}
        return seen, seen["score"], seen["area"], seen["heat"], seen["opacity"], seen["alarms"]

    def on_return(self, request: gr.Request) -> Updates:
        """The strip of latest inspections, when the visitor comes back from another tab."""
        return self._latest(self._translator(request))

    def on_picture(self, request: gr.Request, picture: tuple[str, str] | None, *controls: Any) -> Updates:
        if picture is None:
            return {self.looked: gr.skip()}
        path, name = picture
        # Gradio names a frame of its camera and a pasted picture itself.
        origin = "camera" if name.startswith("webcam") else "upload"
        return {self.picture: None} | self._look(Path(path), name, origin, controls, request)

    def on_sample(self, request: gr.Request, event: gr.SelectData, *controls: Any) -> Updates:
        # Deselected at once, so that a second click on the same sample is an event again.
        return {self.sample_gallery: gr.Gallery(selected_index=None)} | self._sample(
            int(event.index), controls, request
        )

    def on_next(self, request: gr.Request, index: int, *controls: Any) -> Updates:
        return self._sample((index + 1) % len(self.samples), controls, request)

    def on_reopen(self, request: gr.Request, event: gr.SelectData, ids: list[int], *controls: Any) -> Updates:
        thresholds = self._thresholds(controls)
        return self._show(lambda: self.workbench.reopen(ids[int(event.index)], thresholds), controls, request)

    def on_judge(self, request: gr.Request, looked_id: str, *controls: Any) -> Updates:
        if not looked_id:
            return {self.meta: gr.skip()}
        t = self._translator(request)
        try:
            looked = self.workbench.judge(looked_id, self._thresholds(controls))
        except KeyError:
            warn(t, t("gone"))
            return {self.meta: gr.skip()}
        return self._drawn(looked, controls, t)

    # What they share --------------------------------------------------------------------------------------------

    def _sample(self, index: int, controls: tuple[Any, ...], request: gr.Request) -> Updates:
        path = self.samples[index]
        return {self.sample_index: index} | self._look(path, path.name, "sample", controls, request)

    def _look(self, path: Path, name: str, origin: str, controls: tuple[Any, ...], request: gr.Request) -> Updates:
        thresholds = self._thresholds(controls)
        return self._show(lambda: self.workbench.look(path, thresholds, name=name, origin=origin), controls, request)

    def _show(self, act: Callable[[], Looked], controls: tuple[Any, ...], request: gr.Request) -> Updates:
        t = self._translator(request)
        try:
            looked = act()
        except (ImageError, CheckpointError, StorageError) as error:
            return self._nothing(t.problem(error), t)
        except Exception as error:
            # A page must not die of what nobody thought of; the trace goes to whoever can read it.
            log.exception("inspection failed")
            return self._nothing(t("failed", kind=type(error).__name__), t)
        names = [*looked.evidence.mask_classes] or [n for n in looked.evidence.scores if not is_defect_free(n)]
        names += [UNKNOWN] if looked.evidence.strangeness else []
        shown = _kept(controls[2], self.classes, names)
        self_controls = (*controls[:2], shown, *controls[3:])
        return {
            **self._drawn(looked, self_controls, t),
            self.looked: looked.id,
            self.live.html: gr.HTML(looked=looked.id),
            self.legend: gr.CheckboxGroup(choices=self._choices(t, names), value=shown),
            self.style: fragments.legend_style(names),
            **self._latest(t),
        }

    def _drawn(self, looked: Looked, controls: tuple[Any, ...], t: Translator) -> Updates:
        _, _, shown, heat, opacity, anomaly, _ = controls
        evidence, inspection = looked.evidence, looked.inspection
        glow = evidence.heat if heat else None
        if anomaly and evidence.strangeness:
            glow = evidence.strangeness.at(inspection.thresholds.false_alarms)
        overlay = draw_overlay(evidence.image, inspection, shown=shown, opacity=opacity, heat=glow)
        return {
            self.slider: (for_display(evidence.image), for_display(overlay)),
            self.verdict: fragments.verdict(inspection, t),
            self.scores: fragments.scores(inspection, t),
            self.areas: fragments.areas(inspection, t),
            self.meta: fragments.meta(inspection, t, looked.name),
        }

    def _nothing(self, sentence: str, t: Translator) -> Updates:
        return {
            self.slider: None,
            self.verdict: fragments.error(sentence, t),
            self.scores: fragments.scores(None, t, self.scored),
            self.areas: fragments.areas(None, t),
            self.meta: fragments.meta(None, t),
            self.looked: "",
            # A picture that could not be read is what the stage is about now.
            self.live.html: gr.HTML(looked=uuid.uuid4().hex),
        }

    def _thresholds(self, controls: tuple[Any, ...]) -> Thresholds:
        return Thresholds(float(controls[0]), int(controls[1]), self.settings.preferences.gate, controls[-1] / 100)

    def _latest(self, t: Translator) -> Updates:
        try:
            rows = self.workbench.latest(LATEST)
        except StorageError as error:
            warn(t, error)
            rows = []
        pictures = [
            (str(row.thumbnail), t("verdict.ok") if row.verdict == "ok" else t.short(row.label)) for row in rows
        ]
        return {self.latest: gr.Gallery(pictures, selected_index=None), self.latest_ids: [row.id for row in rows]}

    def _choices(self, t: Translator, names: list[str]) -> list[tuple[str, str]]:
        return [(t.short(name), name) for name in names]


def _as_it_came(payload: ImageData | None) -> tuple[str, str] | None:
    """Path in Gradio's upload folder, and the name it had.

    Gradio decodes and re-encodes a picture itself, fails on what Pillow cannot open with a message of its own, and
    drops the name. Replaced on the one instance, since Gradio writes a .pyi file beside each subclass of a component.
    """
    if payload is None or payload.path is None:
        return None
    return payload.path, payload.orig_name or Path(payload.path).name


def for_display(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture as H×W×3 uint8, at most `DISPLAY_SIDE` pixels a side."""
    if max(image.shape[:2]) <= DISPLAY_SIDE:
        return image
    small = Image.fromarray(image)
    small.thumbnail((DISPLAY_SIDE, DISPLAY_SIDE))
    return np.asarray(small)


def _kept(shown: list[str], before: list[str], names: list[str]) -> list[str]:
    """Classes that were switched off stay off when another picture comes; classes that are new are on."""
    return [name for name in names if name in shown or name not in before]
