"""A walk between seeds: a slider with a live picture, and the whole as a GIF or WebP."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from models.sidecar import CheckpointError
from steelgui.services.animation import FRAMES
from steelgui.services.sampling import SEEDS, Draw, Sampling
from steelgui.settings import Settings
from steelgui.ui import curate_fragments as shown
from steelgui.ui.i18n import Translator
from steelgui.ui.panel import Panel
from steelgui.ui.toast import refusal
from training.config import ConfigError
from training.data.record import DataError
from training.runs import RunError

#: More seeds make no slider that a hand can steer.
MOST_SEEDS = 12
TROUBLE = (RunError, CheckpointError, ConfigError, DataError, OSError)


@dataclass
class LatentWalk(Panel):
    """Layout and wiring; source, class and truncation are those of the gallery above."""

    sampling: Sampling
    settings: Settings
    i18n: Callable[[str], Any]

    def layout(self) -> None:
        with (
            gr.Accordion(self.i18n("walk.title"), open=False, elem_id="walk") as self.panel,
            gr.Row(equal_height=False, elem_id="walk-row"),
        ):
            self.picture = gr.HTML(_frame("", ""), elem_id="walk-picture", min_width=200, scale=0)
            with gr.Column(scale=1, min_width=320):
                with gr.Row(elem_classes="sg-low"):
                    self.seeds = gr.Textbox(
                        "", label=self.i18n("walk.seeds"), info=self.i18n("walk.seeds_hint"), scale=4,
                        min_width=200, elem_id="walk-seeds",
                    )  # fmt: skip
                    self.take = gr.Button(
                        self.i18n("walk.take"), size="md", scale=1, min_width=140, elem_id="walk-take"
                    )
                self.place = gr.Slider(0, 100, 0, step=1, label=self.i18n("walk.place"), elem_id="walk-place")
                with gr.Row(elem_classes="sg-low"):
                    self.frames = gr.Slider(
                        12, 120, 48, step=4, label=self.i18n("walk.frames"), min_width=200, elem_id="walk-frames"
                    )
                    self.gif = gr.Button(self.i18n("walk.gif"), size="md", min_width=110, elem_id="walk-gif")
                    self.webp = gr.Button(self.i18n("walk.webp"), size="md", min_width=110, elem_id="walk-webp")
                self.file = gr.DownloadButton(visible="hidden", elem_id="walk-file")

    def wire(self, asked: list[Any], made: Any, gallery: Any, hand_out: str) -> None:
        """Wire it.

        Args:
            asked: the controls of source, class, seed and truncation.
            made, gallery: the latest draw and what is accepted of it.
            hand_out: script that hands out a file through the hidden button of an id.
        """
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        inputs = [*asked, self.seeds]
        self.take.click(self.on_take, [made, gallery], self.seeds, **quiet).success(
            self.on_place, [*inputs, self.place], self.picture, **quiet
        )
        for happens in (self.panel.expand, self.place.input, self.seeds.submit, self.seeds.blur):
            happens(self.on_place, [*inputs, self.place], self.picture, trigger_mode="always_last", **quiet)
        for button, suffix in ((self.gif, ".gif"), (self.webp, ".webp")):
            button.click(
                self._export(suffix), [*inputs, self.frames], self.file, api_visibility="private",
                show_progress_on=self.picture,
            ).success(None, None, None, js=hand_out % "walk-file", **quiet)  # fmt: skip

    def on_take(self, request: gr.Request, draw: Draw | None, choice: dict[str, Any]) -> str:
        t = self._translator(request)
        accepted = choice.get("accepted", []) if draw is not None and choice.get("draw") == draw.id else []
        chosen = sorted({*accepted, *draw.kept}) if draw is not None else []
        if draw is None or len(chosen) < 2:
            raise refusal(t("walk.accept_two"))
        return ", ".join(str(draw.pictures[index].seed) for index in chosen[:MOST_SEEDS])

    def on_place(
        self,
        request: gr.Request,
        key: str | None,
        label: str | None,
        seed: float | None,
        truncation: float,
        seeds: str,
        place: float,
    ) -> str:
        t = self._translator(request)
        numbers = self._seeds(key, seeds, seed, t)
        # From the first to the last; the way back is for the files, which repeat.
        position = place / 100 * (len(numbers) - 1)
        try:
            made = self.sampling.picture_between(
                self.sampling.sources.find(key or ""), numbers, position, label or None, truncation
            )
        except TROUBLE as error:
            raise refusal(t("curate.broken", why=t.problem(error))) from error
        return _frame(shown.picture_url(made.image), t("walk.alt", seeds=", ".join(map(str, numbers))))

    def _export(self, suffix: str) -> Callable[..., str]:
        def export(
            request: gr.Request,
            key: str | None,
            label: str | None,
            seed: float | None,
            truncation: float,
            seeds: str,
            frames: float,
        ) -> str:
            t = self._translator(request)
            numbers = self._seeds(key, seeds, seed, t)
            try:
                source = self.sampling.sources.find(key or "")
                count = min(max(int(frames), FRAMES.start), FRAMES.stop - 1)
                return str(self.sampling.export_walk(source, numbers, count, label or None, truncation, suffix))
            except OSError as error:
                raise refusal(t("curate.not_written", why=t.problem(error))) from error
            except TROUBLE as error:
                raise refusal(t("curate.broken", why=t.problem(error))) from error

        return export

    def _seeds(self, key: str | None, text: str, seed: float | None, t: Translator) -> list[int]:
        """The seeds in the field; without any, the one above and its neighbour. One sentence where it holds others."""
        if not key:
            raise refusal(t("curate.nothing"))
        words = [word for word in re.split(r"[\s,;]+", text) if word]
        first = int(seed or 0)
        numbers = [int(word) for word in words if re.fullmatch(r"\d{1,10}", word)] if words else [first, first + 1]
        if len(numbers) < max(2, len(words)) or len(numbers) > MOST_SEEDS or any(n not in SEEDS for n in numbers):
            raise refusal(t("walk.seeds_wrong", most=MOST_SEEDS, last=SEEDS.stop - 1))
        return numbers


def _frame(address: str, text: str) -> str:
    picture = f'<img src="{address}" alt="{text}">' if address else ""
    return f'<div class="sg-walk">{picture}</div>'
