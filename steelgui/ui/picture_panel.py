"""One picture of a data set: look at it, give it another class or split, mark it as a duplicate, paint its mask."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.imagefile import MAX_PIXELS, ImageError
from models.spec import is_defect_free
from steelgui.overlay import class_colours
from steelgui.services.datasets import SPLITS, Datasets
from steelgui.settings import Settings, assets_folder
from steelgui.ui import data_fragments as fragments
from steelgui.ui.i18n import Translator
from steelgui.ui.panel import Panel
from steelgui.ui.toast import warn
from training.data.record import DataError, Sample

Updates = dict[Any, Any]

SCROLL = '() => document.querySelector("#data-painting")?.scrollIntoView({ block: "end" })'
#: Longer side of the picture that is looked at, in pixels.
LARGE = 720


@dataclass
class PicturePanel(Panel):
    """Layout and wiring; a correction is a line into the service."""

    datasets: Datasets
    settings: Settings
    i18n: Callable[[str], Any]

    def layout(self, t: Translator) -> None:
        self.name = gr.State("")
        self.before = gr.State("")
        # What is on the canvas, whatever has been chosen in the meantime.
        self.painted = gr.State("")
        with gr.Row(equal_height=False, elem_id="data-picture"):
            self.image = gr.Image(
                show_label=False,
                interactive=False,
                format="png",
                height=232,
                buttons=["fullscreen"],
                elem_id="data-image",
                scale=4,
                min_width=240,
            )
            with gr.Column(scale=5, min_width=280):
                self.about = gr.HTML(fragments.chosen(None, "", t), elem_id="data-about")
                with gr.Row(equal_height=True):
                    self.label = gr.Dropdown(
                        [],
                        label=self.i18n("data.shows"),
                        allow_custom_value=True,
                        interactive=True,
                        elem_id="data-relabel",
                        min_width=140,
                    )
                    self.split = gr.Dropdown(
                        [], label=self.i18n("data.lies_in"), interactive=True, elem_id="data-move", min_width=120
                    )
                with gr.Row(elem_id="data-actions"):
                    self.same = gr.Button(
                        self.i18n("data.same"), size="sm", interactive=False, elem_id="data-same", min_width=120
                    )
                    self.leave_out = gr.Button(
                        self.i18n("data.leave_out"),
                        size="sm",
                        interactive=False,
                        elem_id="data-leave-out",
                        min_width=96,
                    )
                    self.paint = gr.Button(
                        self.i18n("data.paint"), size="sm", interactive=False, elem_id="data-paint", min_width=96
                    )
        with gr.Column(visible=False, elem_id="data-painting") as self.painting:
            with gr.Row(equal_height=True, elem_classes="sg-row"):
                self.mask_label = gr.Dropdown(
                    [],
                    label=self.i18n("data.mask_of"),
                    allow_custom_value=True,
                    interactive=True,
                    elem_id="data-mask-class",
                )
                self.save = gr.Button(
                    self.i18n("data.save_mask"), variant="primary", size="sm", elem_id="data-save-mask", scale=0
                )
                self.close = gr.Button(self.i18n("data.close"), size="sm", elem_id="data-close-mask", scale=0)
            self.editor = gr.HTML(
                "",
                html_template=fragments.PAINTER,
                js_on_load=(assets_folder() / "painting.js").read_text("utf-8"),
                elem_id="data-editor",
                canvas={},
                words=fragments.painter_words(t),
            )

    @property
    def outputs(self) -> list[Any]:
        return [
            *(self.name, self.before, self.image, self.about, self.label, self.split, self.same, self.leave_out),
            *(self.paint, self.painting, self.painted, self.editor, self.mask_label),
        ]

    def wire(self, folder: Any, then: Callable[[Any], Any]) -> None:
        """`then` is given each event that corrects something, to draw what it has changed."""
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        one = [folder, self.name]
        then(self.label.input(self.on_label, [*one, self.label], self.outputs, **quiet))
        then(self.split.input(self.on_split, [*one, self.split], self.outputs, **quiet))
        then(self.same.click(self.on_same, [*one, self.before], self.outputs, **quiet))
        then(self.leave_out.click(self.on_leave_out, one, self.outputs, **quiet))
        self.paint.click(self.on_paint, one, self.outputs, **quiet).then(None, None, None, js=SCROLL)
        on_canvas = [folder, self.painted, self.mask_label]
        self.mask_label.input(self.on_mask_label, on_canvas, self.editor, **quiet)
        self.close.click(lambda: gr.Column(visible=False), None, self.painting, **quiet)
        then(self.save.click(self.on_save, [*on_canvas, self.editor], self.outputs, **quiet))

    def shown(self, folder: str | None, name: str | None, t: Translator, before: str = "") -> Updates:
        """The picture, or what to do where none is chosen; `before` is the one that was looked at until now."""
        sample = self._sample(folder, name)
        if not folder or not name or sample is None:
            return {
                self.name: "",
                self.before: "",
                self.image: None,
                self.about: fragments.chosen(None, "", t),
                self.label: gr.Dropdown(choices=[], value=None),
                self.split: gr.Dropdown(choices=[], value=None),
                self.same: gr.Button(t("data.same"), interactive=False),
                self.leave_out: gr.Button(interactive=False),
                self.paint: gr.Button(interactive=False),
                self.painting: gr.Column(visible=False),
            }
        other = self._sample(folder, before) if before != name else None
        classes = [(t.short(one), one) for one in self.datasets.dataset(Path(folder)).classes]
        same = t("data.same_as", name=other.image.name) if other else t("data.same")
        single = len(sample.labels) == 1
        return {
            self.name: name,
            self.before: before if other else "",
            self.image: self._large(sample),
            self.about: fragments.chosen(sample, name, t),
            self.label: gr.Dropdown(choices=classes, value=sample.labels[0] if single else None, interactive=single),
            self.split: gr.Dropdown(choices=[(t.split(one), one) for one in SPLITS], value=self._split(sample)),
            self.same: gr.Button(same, interactive=other is not None),
            self.leave_out: gr.Button(interactive=True),
            self.paint: gr.Button(interactive=True),
            self.painting: gr.Column(visible=False),
        }

    # Events -----------------------------------------------------------------------------------------------------

    def on_label(self, request: gr.Request, folder: str, name: str, label: str) -> Updates:
        return self._do(request, folder, name, lambda: self.datasets.relabel(Path(folder), name, label))

    def on_split(self, request: gr.Request, folder: str, name: str, split: str) -> Updates:
        return self._do(request, folder, name, lambda: self.datasets.move(Path(folder), name, split))

    def on_same(self, request: gr.Request, folder: str, name: str, other: str) -> Updates:
        return self._do(request, folder, name, lambda: self.datasets.same_spot(Path(folder), name, other))

    def on_leave_out(self, request: gr.Request, folder: str, name: str) -> Updates:
        return self._do(request, folder, name, lambda: self.datasets.leave_out(Path(folder), name))

    def on_paint(self, request: gr.Request, folder: str, name: str) -> Updates:
        t = self._translator(request)
        sample = self._sample(folder, name)
        if sample is None:
            return {self.name: gr.skip()}
        classes = [one for one in self.datasets.dataset(Path(folder)).classes if not is_defect_free(one)]
        label = next((one for one in sample.labels if one in classes), classes[0] if classes else "")
        return {
            self.painting: gr.Column(visible=True),
            self.painted: name,
            self.mask_label: gr.Dropdown(choices=[(t.short(one), one) for one in classes], value=label),
            self.editor: self._canvas(sample, label, t),
        }

    def on_mask_label(self, request: gr.Request, folder: str, name: str, label: str) -> Any:
        sample = self._sample(folder, name)
        return self._canvas(sample, label, self._translator(request)) if sample else gr.skip()

    def on_save(self, request: gr.Request, folder: str, name: str, label: str, painted: str) -> Updates:
        def save() -> None:
            image = self.datasets.pixels(self.datasets.sample(Path(folder), name))
            self.datasets.paint(Path(folder), name, label, painted_mask(painted, *image.shape[:2]))

        return self._do(request, folder, name, save)

    # What they share --------------------------------------------------------------------------------------------

    def _do(self, request: gr.Request, folder: str, name: str, act: Callable[[], object]) -> Updates:
        t = self._translator(request)
        if not folder or not name:
            return {self.name: gr.skip()}
        try:
            act()
        except (DataError, ImageError, OSError) as error:
            warn(t, error)
        return self.shown(folder, name, t)

    def _sample(self, folder: str | None, name: str | None) -> Sample | None:
        try:
            return self.datasets.sample(Path(folder), name) if folder and name else None
        except DataError:
            return None

    def _large(self, sample: Sample) -> NDArray[np.uint8] | None:
        try:
            return self.datasets.picture(sample, LARGE)
        except (DataError, ImageError):
            return None

    def _canvas(self, sample: Sample, label: str, t: Translator) -> Any:
        """Picture and mask as the painter takes them: PNGs of the picture's own size."""
        try:
            image = self.datasets.pixels(sample)
            masks = self.datasets.masks(sample, *image.shape[:2])
        except (DataError, ImageError) as error:
            warn(t, error)
            return gr.skip()
        mask, colour = masks.get(label), class_colours([label])[label]
        layer = None
        if mask is not None:
            layer = np.zeros((*mask.shape, 4), dtype=np.uint8)
            layer[mask] = [*(int(colour[at : at + 2], 16) for at in (1, 3, 5)), 255]
        canvas = {"image": data_url(image), "mask": layer is not None and data_url(layer), "colour": colour}
        return gr.HTML(canvas=canvas, words=fragments.painter_words(t))

    def _split(self, sample: Sample) -> str | None:
        return sample.split if sample.split in SPLITS else None


def painted_mask(url: str, height: int, width: int) -> NDArray[np.bool_]:
    """What the painter holds, H×W; DataError where that is not the picture's size, or no picture at all."""
    try:
        content = base64.b64decode(url.removeprefix("data:image/png;base64,"), validate=True)
        layer = read_layer(content)
    except ValueError:
        raise DataError("the mask has not arrived; paint it again") from None
    if layer.shape != (height, width):
        raise DataError(f"the mask is {layer.shape[1]}×{layer.shape[0]}, but the picture is {width}×{height}")
    return layer > 127


def read_layer(content: bytes) -> NDArray[np.uint8]:
    """How opaque each pixel of a PNG is, H×W; ValueError where it is none."""
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise ValueError("too large")
            return np.asarray(opened.convert("RGBA").getchannel("A"))
    except OSError as error:
        raise ValueError(str(error)) from error


def data_url(pixels: NDArray[np.uint8]) -> str:
    """A PNG as it stands in a page."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
