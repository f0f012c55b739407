"""What an experiment has come to: its figures, the pictures behind them, and what the models look at in one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from PIL import Image

from models.imagefile import ImageError, read_image
from models.sidecar import CheckpointError
from steelgui.services.judged import Judged, Result, changed, compared, in_cell, of_masks
from steelgui.services.retraining import Retraining
from steelgui.settings import Settings, assets_folder
from steelgui.ui import heat_fragments
from steelgui.ui import retrain_fragments as fragments
from steelgui.ui.i18n import Translator
from steelgui.ui.panel import Panel
from steelgui.ui.toast import warn
from training.data.record import DataError
from training.runs import RunError

Updates = dict[Any, Any]
#: Pictures that a gallery shows, and their longest side, px.
SHOWN, SIDE = 24, 320
GALLERIES = ("cell", "better", "worse")
_CLOSE = '() => { document.querySelector("#retrain-answer table")?.dispatchEvent(' \
         'new CustomEvent("sg-close", { bubbles: true })); }'  # fmt: skip
#: On a small screen the heat maps may be out of sight.
_IN_SIGHT = '() => { document.querySelector("#retrain-heat").scrollIntoView({ block: "nearest" }); }'


@dataclass
class RetrainResult(Panel):
    """Always there, so that nothing jumps; the style sheet hides what is below the figures until there are some."""

    retraining: Retraining
    settings: Settings
    i18n: Callable[[str], Any]

    def layout(self) -> None:
        t = Translator(self.settings.lang or "en")
        #: What the galleries show, by their names.
        self.shown = {name: gr.State(()) for name in GALLERIES}
        self.answer = gr.HTML(
            "", js_on_load=(assets_folder() / "retrain.js").read_text("utf-8"), elem_id="retrain-answer"
        )
        with gr.Column(elem_id="retrain-pictures"):
            with gr.Row(elem_id="retrain-cell-bar", equal_height=True):
                self.title = gr.HTML(fragments.cell_title(None, t), elem_id="retrain-cell-title")
                self.close = gr.Button(
                    self.i18n("retrain.close"),
                    size="sm",
                    scale=0,
                    min_width=88,
                    interactive=False,
                    elem_id="retrain-close",
                )
            galleries = {"cell": self._gallery("cell", 148)}
            with gr.Row(elem_id="retrain-changed"):
                galleries |= {name: self._gallery(name, 272) for name in ("better", "worse")}
            self.galleries = galleries
            self.heat = gr.HTML(heat_fragments.waiting(t), elem_id="retrain-heat")

    def _gallery(self, name: str, height: int) -> gr.Gallery:
        return gr.Gallery(
            label=self.i18n(f"retrain.{name}") if name != "cell" else None,
            show_label=name != "cell",
            height=height,
            object_fit="cover",
            allow_preview=False,
            interactive=False,
            buttons=[],
            elem_id=f"retrain-{name}",
            elem_classes="sg-gallery",
        )

    @property
    def outputs(self) -> list[Any]:
        return [self.answer, self.title, self.close, self.heat, *self.galleries.values(), *self.shown.values()]

    def wire(self, runs: Any) -> None:
        """`runs` is the control that says which experiment is watched."""
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        cell = [self.title, self.close, self.galleries["cell"], self.shown["cell"]]
        # "multiple", since Gradio's "always_last" sends the first event's data again in place of the last one's.
        self.answer.choose(self.on_cell, runs, cell, trigger_mode="multiple", **quiet)
        self.close.click(None, None, None, js=_CLOSE, **quiet)
        for name, gallery in self.galleries.items():
            gallery.select(
                self._on_picture(name), [runs, self.shown[name]], [self.heat, *self.galleries.values()],
                api_visibility="private", show_progress_on=self.heat, trigger_mode="multiple",
            ).success(None, None, None, js=_IN_SIGHT, **quiet)  # fmt: skip

    # What is shown ----------------------------------------------------------------------------------------------

    def show(self, result: Result | None, t: Translator) -> Updates:
        """All of an experiment's answer with no cell open; nothing while there is none."""
        better, worse = changed(result) if result else ([], [])
        marks = result is not None and of_masks(result)
        titles = {name: fragments.gallery_title(name, marks, t) for name in ("better", "worse")}
        return {
            self.answer: fragments.answer(result, t) if result else "",
            self.heat: heat_fragments.waiting(t, marks),
            **self._cell(None, [], t),
            **self._filled("better", better, t, title=titles["better"]),
            **self._filled("worse", worse, t, title=titles["worse"]),
        }

    def _cell(self, name: str | None, found: Sequence[Judged], t: Translator, seeds: int | None = None) -> Updates:
        return {
            self.title: fragments.cell_title(name, t),
            self.close: gr.Button(interactive=name is not None),
            **self._filled("cell", found, t, seeds),
        }

    def _filled(
        self, name: str, found: Sequence[Judged], t: Translator, seeds: int | None = None, title: str = ""
    ) -> Updates:
        pictures, readable = [], []
        for judged in found[:SHOWN]:
            try:
                image = Image.fromarray(read_image(judged.image))
            except ImageError:
                continue  # moved since
            image.thumbnail((SIDE, SIDE))
            pictures.append((image, fragments.picture_caption(judged, t, seeds)))
            readable.append(judged)
        label: dict[str, Any] = {"label": fragments.gallery_label(title, len(found), len(pictures), t)} if title else {}
        return {
            self.galleries[name]: gr.Gallery(pictures, selected_index=None, **label),
            self.shown[name]: tuple(readable),
        }

    # Events -----------------------------------------------------------------------------------------------------

    def on_cell(self, request: gr.Request, run_id: str | None, event: gr.EventData) -> Updates:
        t = self._translator(request)
        result = self._result(run_id)
        if result is None or not event.opened:
            return self._cell(None, [], t)
        side, truth, predicted = (int(value) for value in (event.side, event.truth, event.predicted))
        names = result["classes"][truth], result["classes"][predicted]
        found = in_cell(result, side, *names)
        name = fragments.cell_name(result, side, *names, len(found), t)
        return self._cell(name, found, t, len(result["seeds"]))

    def _on_picture(self, name: str) -> Callable[..., Updates]:
        def on_picture(
            request: gr.Request, run_id: str | None, shown: Sequence[Judged], event: gr.SelectData
        ) -> Updates:
            t = self._translator(request)
            run, result = self.retraining.find(run_id), self._result(run_id)
            if run is None or result is None:
                return {self.heat: heat_fragments.waiting(t)}
            picture = shown[int(event.index)]
            arms = [fragments.side_name(side, arm, t) for side, arm in enumerate(compared(result))]
            try:
                seen = self.retraining.explain(run, picture)
                if of_masks(result):
                    shown_large = heat_fragments.marks(picture, self.retraining.truth(run, picture), seen, arms, t)
                else:
                    shown_large = heat_fragments.comparison(picture, seen, arms, t)
            except (RunError, DataError, ImageError, CheckpointError) as error:
                warn(t, error)
                return {self.heat: heat_fragments.waiting(t, of_masks(result))}
            # One picture is chosen at a time, whichever gallery it is in.
            others = {self.galleries[other]: gr.Gallery(selected_index=None) for other in GALLERIES if other != name}
            return {self.heat: shown_large, **others}

        return on_picture

    def _result(self, run_id: str | None) -> Result | None:
        run = self.retraining.find(run_id)
        return run.result() if run else None
