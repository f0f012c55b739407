"""Below the samples of a run: draw new pictures from its best snapshot, accept some, keep them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np

from models.sidecar import CheckpointError
from steelgui.services.studio import Studio
from steelgui.settings import Settings
from steelgui.ui.i18n import Translator, translator
from training.runs import RunError

Updates = dict[Any, Any]
DRAWN = 24


@dataclass
class Curate:
    """Layout and wiring; the drawn pictures and which are accepted stay in the visitor's session."""

    studio: Studio
    settings: Settings
    i18n: Callable[[str], Any]

    def layout(self, runs: Any) -> None:
        """Build the panel; `runs` is the control that says which run is watched."""
        self.made = gr.State([])
        self.accepted = gr.State([])
        with gr.Row(equal_height=True):
            self.seed = gr.Number(0, precision=0, minimum=0, label=self.i18n("curate.seed"), min_width=96)
            self.truncation = gr.Slider(
                0.3,
                1.2,
                1.0,
                step=0.05,
                label=self.i18n("curate.truncation"),
                min_width=140,
                elem_id="curate-truncation",
            )
        self.draw = gr.Button(self.i18n("curate.draw"), size="md", elem_id="curate-draw")
        self.gallery = gr.Gallery(
            label=self.i18n("curate.gallery"),
            columns=6,
            height=168,
            allow_preview=False,
            object_fit="cover",
            interactive=False,
            buttons=[],
            elem_id="curate-gallery",
            elem_classes="sg-gallery",
        )
        self.keep = gr.Button(self.i18n("curate.keep"), variant="primary", interactive=False, elem_id="curate-keep")
        quiet: dict[str, Any] = {"api_visibility": "private"}
        shown = [self.gallery, self.keep, self.made, self.accepted, self.seed]
        self.draw.click(self.on_draw, [runs, self.seed, self.truncation], shown, show_progress_on=self.gallery, **quiet)
        self.gallery.select(
            self.on_accept, [self.made, self.accepted], [self.gallery, self.keep, self.accepted],
            show_progress="hidden", **quiet,
        )  # fmt: skip
        self.keep.click(
            self.on_keep, [runs, self.made, self.accepted], [self.gallery, self.keep, self.accepted],
            show_progress="hidden", **quiet,
        )  # fmt: skip

    def on_draw(self, request: gr.Request, run_id: str | None, seed: float | None, truncation: float) -> Updates:
        t = self._translator(request)
        try:
            made = self.studio.draw(run_id or "", DRAWN, int(seed or 0), truncation)
        except (RunError, CheckpointError) as error:
            gr.Warning(t("curate.nothing") if not run_id else str(error))
            return {self.made: gr.skip()}
        # The next click draws others.
        return self._shown(made, [], t) | {self.made: made, self.seed: int(seed or 0) + DRAWN}

    def on_accept(self, request: gr.Request, event: gr.SelectData, made: list[Any], accepted: list[int]) -> Updates:
        index = int(event.index)
        chosen = [i for i in accepted if i != index] if index in accepted else [*accepted, index]
        return self._shown(made, chosen, self._translator(request))

    def on_keep(self, request: gr.Request, run_id: str | None, made: list[Any], accepted: list[int]) -> Updates:
        t = self._translator(request)
        if run_id and accepted:
            folder, total = self.studio.keep(run_id, [made[index] for index in accepted])
            gr.Info(t("curate.kept", count=len(accepted), total=total, folder=str(folder)))
        return self._shown(made, [], t)

    def _shown(self, made: list[Any], accepted: list[int], t: Translator) -> Updates:
        pictures = [
            (np.asarray(picture.image), f"✓ {picture.seed}" if index in accepted else str(picture.seed))
            for index, picture in enumerate(made)
        ]
        label = t("curate.keep_count", count=len(accepted)) if accepted else t("curate.keep")
        return {
            self.gallery: gr.Gallery(pictures, selected_index=None),
            self.keep: gr.Button(label, interactive=bool(accepted)),
            self.accepted: accepted,
        }

    def _translator(self, request: gr.Request) -> Translator:
        return translator(self.settings.lang, request.headers)
