"""The Sampling part of the GAN Studio: draw from any generator, accept and reject, keep, hand out, walk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from models.imagefile import ImageError
from models.sidecar import CheckpointError
from steelgui.services.sampling import SEEDS, Draw, Kept, Sampling
from steelgui.services.sources import Source
from steelgui.settings import Settings, assets_folder
from steelgui.ui import curate_fragments as shown
from steelgui.ui import fragments
from steelgui.ui.i18n import Translator
from steelgui.ui.latent_walk import LatentWalk
from steelgui.ui.panel import Panel
from steelgui.ui.toast import refusal, warn
from training.data.record import DataError
from training.runs import RunError

Updates = dict[Any, Any]
COUNTS = (24, 48, 96)
SORTS = ("drawn", "confidence", "distance")
#: What cannot be drawn from; each says one sentence.
TROUBLE = (RunError, CheckpointError, DataError, ImageError, OSError)

#: The gallery listens to these; what is hidden or marked needs no server.
_FILTER = """(sort, confidence, distance) => {
  document.querySelector("#curate-gallery .sg-picks").dispatchEvent(
    new CustomEvent("sg-filter", { bubbles: true, detail: { sort, confidence, distance } }));
}"""
_MARK = """() => {
  document.querySelector("#curate-gallery .sg-picks").dispatchEvent(
    new CustomEvent("sg-mark", { bubbles: true, detail: "%s" }));
}"""
#: A button that makes a file hands it out through a hidden one; the file's address has to arrive there first.
HAND_OUT = """() => new Promise((done) => setTimeout(() => {
  document.querySelector("#%s")?.click();
  done();
}, 150))"""


@dataclass
class Curate(Panel):
    """Layout and wiring; the drawn pictures stay in the visitor's session, what is accepted of them in the page."""

    sampling: Sampling
    settings: Settings
    i18n: Callable[[str], Any]

    def layout(self, runs: Any, samples: Any) -> None:
        """Build the panel.

        Args:
            runs: the control that says which run is watched.
            samples: the picture that changes with each of its checks, and so with each snapshot.
        """
        t = Translator(self.settings.lang or "en")
        self.made = gr.State(None)
        self.last = gr.State(None)
        self.picked = gr.State(None)  # the source that the visitor chose by hand
        self.run = gr.State(None)  # which sources were last listed for
        with gr.Column(elem_id="curate"):
            self.title = gr.HTML(shown.title(t), elem_id="curate-title")
            self._asking(t)
            self.bar = gr.HTML(fragments.batch_bar(0, 0, ""), elem_id="curate-bar")
            self.gallery = gr.HTML(
                {},
                html_template=shown.TEMPLATE,
                js_on_load=(assets_folder() / "sampling.js").read_text("utf-8"),
                elem_id="curate-gallery",
                pictures={"draw": "", "items": []},
                scores={"draw": "", "items": []},
                added={"draw": "", "items": []},
                words=shown.words(t),
            )
            self._filtering(t)
            with gr.Row(elem_id="curate-acts"):
                self.all = gr.Button(self.i18n("curate.all"), size="md", min_width=96, elem_id="curate-all")
                self.none = gr.Button(self.i18n("curate.none"), size="md", min_width=96, elem_id="curate-none")
                self.keep = gr.Button(
                    self.i18n("curate.keep"), variant="primary", size="md", interactive=False, elem_id="curate-keep",
                    min_width=200,
                )  # fmt: skip
                self.undo = gr.Button(
                    self.i18n("curate.undo"), size="md", interactive=False, min_width=96, elem_id="curate-undo"
                )
                self.zip = gr.Button(
                    self.i18n("curate.zip"), size="md", interactive=False, min_width=120, elem_id="curate-zip"
                )
                self.file = gr.DownloadButton(visible="hidden", elem_id="curate-file")
            self.walk = LatentWalk(self.sampling, self.settings, self.i18n)
            self.walk.layout()
        self._wire(runs, samples)
        self.walk.wire([self.source, self.label, self.seed, self.truncation], self.made, self.gallery, HAND_OUT)

    def _asking(self, t: Translator) -> None:
        sources = self.sampling.sources.all(None)
        with gr.Row(elem_id="curate-ask", equal_height=True):
            self.source = gr.Dropdown(
                [(shown.source_name(source, t), source.key) for source in sources],
                value=sources[0].key if sources else None,
                label=self.i18n("curate.source"),
                elem_id="curate-source",
                scale=4,
                min_width=220,
            )
            self.label = gr.Dropdown(
                **_class_choices(sources[0] if sources else None, t),
                label=self.i18n("curate.class"),
                elem_id="curate-class",
                scale=2,
                min_width=140,
            )
            self.count = gr.Dropdown(
                list(COUNTS), value=COUNTS[0], label=self.i18n("curate.count"), elem_id="curate-count", scale=1,
                min_width=90,
            )  # fmt: skip
            self.seed = gr.Number(
                0, precision=0, label=self.i18n("curate.seed"), elem_id="curate-seed", scale=1, min_width=96
            )
            self.truncation = gr.Slider(
                0.3,
                1.2,
                1.0,
                step=0.05,
                label=self.i18n("curate.truncation"),
                min_width=140,
                scale=2,
                elem_id="curate-truncation",
            )
            self.draw = gr.Button(self.i18n("curate.draw"), size="md", min_width=120, scale=1, elem_id="curate-draw")

    def _filtering(self, t: Translator) -> None:
        with gr.Row(elem_id="curate-filter", equal_height=True):
            self.sort = gr.Radio(
                _sorts(t), value="drawn", label=self.i18n("curate.sort"), elem_id="curate-sort", min_width=280
            )
            self.confidence = gr.Slider(
                0, 1, 0, step=0.01, label=self.i18n("curate.confidence"), info=self.i18n("curate.confidence_hint"),
                interactive=False, min_width=240, elem_id="curate-confidence",
            )  # fmt: skip
            self.distance = gr.Slider(
                0, 2, 0, step=0.02, label=self.i18n("curate.distance"), info=self.i18n("curate.distance_hint"),
                interactive=False, min_width=240, elem_id="curate-distance",
            )  # fmt: skip

    def _wire(self, runs: Any, samples: Any) -> None:
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        from_where = [self.source, self.label, self.picked]
        # One after the other, as they were asked, so that what was picked last is answered last.
        in_turn = {**quiet, "concurrency_id": "curate-source", "concurrency_limit": 1}
        runs.change(self.on_run, [runs, self.picked, self.run], [*from_where, self.run], **in_turn)
        samples.change(self.on_snapshot, [runs, self.picked], from_where, **in_turn)
        self.source.input(self.on_source, self.source, [*from_where, self.truncation], **in_turn)
        scored = [self.bar, self.gallery, self.confidence, self.distance]
        drawn = self.draw.click(
            self.on_draw, [self.made, self.source, self.label, self.count, self.seed, self.truncation],
            [self.made, self.seed, self.confidence, self.distance, self.bar, self.gallery],
            api_visibility="private", show_progress_on=self.gallery,
        )  # fmt: skip
        drawn.success(self.on_score, self.made, scored, concurrency_limit=2, **quiet)
        chosen = [self.made, self.gallery]
        acts = [self.keep, self.undo, self.zip]
        self.gallery.choose(
            self.on_choose, [*chosen, self.last], acts, queue=False, trigger_mode="always_last", **quiet
        )
        filters: list[Any] = [self.sort, self.confidence, self.distance]
        for control in filters:
            control.change(None, filters, None, js=_FILTER, **quiet)
        self.all.click(None, None, None, js=_MARK % "all", **quiet)
        self.none.click(None, None, None, js=_MARK % "none", **quiet)
        self.keep.click(self.on_keep, [*chosen, self.last], [self.gallery, self.last, *acts], **quiet)
        self.undo.click(self.on_undo, [*chosen, self.last], [self.gallery, self.last, *acts], **quiet)
        self.zip.click(self.on_zip, chosen, self.file, **quiet).success(
            None, None, None, js=HAND_OUT % "curate-file", **quiet
        )

    # Where from -------------------------------------------------------------------------------------------------

    def on_load(self, t: Translator, run_id: str | None, chosen: str | None) -> Updates:
        """In the visitor's language, with what there is by now."""
        return {
            **dict(zip((self.source, self.label), self._sources(run_id, _of_no_run(chosen), t), strict=True)),
            self.sort: gr.Radio(choices=_sorts(t)),
            self.gallery: gr.HTML(words=shown.words(t)),
            self.title: shown.title(t),
        }

    @property
    def load_outputs(self) -> list[Any]:
        return [self.source, self.label, self.sort, self.gallery, self.title]

    def on_run(
        self, request: gr.Request, run_id: str | None, picked: str | None, before: str | None
    ) -> tuple[Any, Any, str | None, str | None]:
        """Another run is drawn from as soon as it is watched. The list of runs changes without that, too, and at the
        start: then what was picked stays."""
        kept = picked if before in (None, run_id) else _of_no_run(picked)
        return *self._sources(run_id, kept, self._translator(request)), kept, run_id

    def on_snapshot(self, request: gr.Request, run_id: str | None, picked: str | None) -> tuple[Any, Any, str | None]:
        """What the visitor picked stays; else the run's best is taken as soon as there is one."""
        return *self._sources(run_id, picked, self._translator(request)), picked

    def on_source(self, request: gr.Request, key: str | None) -> tuple[str | None, Any, str | None, Any]:
        """What was picked is said again: the answer to an earlier change of the run may have come in between."""
        classes, variety = self._drawn_from(key, self._translator(request))
        return key, gr.Dropdown(**classes), key, variety

    def on_vary(self, request: gr.Request, folder: str, label: str) -> tuple[Any, Any, Any, str]:
        """The data set's own defects of a class are what is drawn from: source, class, variety, picked."""
        t, key = self._translator(request), f"data:{folder}"
        classes, variety = self._drawn_from(key, t)
        # A class that only stands beside others in its pictures cannot be drawn alone.
        drawn = label if label in (name for _, name in classes["choices"]) else ""
        choices = [(shown.source_name(source, t), source.key) for source in self.sampling.sources.all(None)]
        return gr.Dropdown(choices=choices, value=key), gr.Dropdown(**{**classes, "value": drawn}), variety, key

    def _drawn_from(self, key: str | None, t: Translator) -> tuple[dict[str, Any], Any]:
        """The classes that a source has to choose from, and the slider of variety, which is a generator's alone."""
        try:
            source = self.sampling.sources.find(key or "")
        except TROUBLE as error:
            warn(t, error)
            source = None
        return _class_choices(source, t), gr.Slider(interactive=source is None or source.kind != "data")

    def _sources(self, run_id: str | None, chosen: str | None, t: Translator) -> tuple[Any, Any]:
        sources = self.sampling.sources.all(run_id)
        choices = [(shown.source_name(source, t), source.key) for source in sources]
        if any(source.key == chosen for source in sources):
            return gr.Dropdown(choices=choices, value=chosen), gr.skip()
        first = sources[0] if sources else None
        classes = gr.Dropdown(**_class_choices(first, t))
        return gr.Dropdown(choices=choices, value=first.key if first else None), classes

    # Pictures ---------------------------------------------------------------------------------------------------

    def on_draw(
        self,
        request: gr.Request,
        before: Draw | None,
        key: str | None,
        label: str | None,
        count: int,
        seed: float | None,
        truncation: float,
    ) -> Updates:
        t = self._translator(request)
        number = int(seed or 0)
        if not key:
            raise refusal(t("curate.nothing"))
        if number not in SEEDS or number + count not in SEEDS:
            raise refusal(t("curate.seed_wrong", most=SEEDS.stop - 1))
        try:
            draw = self.sampling.draw(self.sampling.sources.find(key), int(count), number, label or None, truncation)
        except TROUBLE as error:
            raise refusal(t("curate.broken", why=t.problem(error))) from error
        if before is not None:
            before.superseded = True
        return {
            self.made: draw,
            # The next click draws others.
            self.seed: number + int(count),
            self.confidence: gr.Slider(interactive=False),
            self.distance: gr.Slider(interactive=False),
            self.bar: fragments.batch_bar(0, 0, ""),
            self.gallery: gr.HTML(pictures=shown.pictures(draw, t)),
        }

    def on_score(self, request: gr.Request, draw: Draw) -> Iterator[Updates]:
        t = self._translator(request)
        for told in self.sampling.score(draw):
            # Gradio's `cancels` would do, but complains in the browser where there is nothing to cancel.
            if draw.superseded:
                return
            yield {self.bar: fragments.batch_bar(told.done, told.total, shown.stage(told, t))}
        classes = any(score.confidence is not None for score in draw.scores)
        near = any(score.distance is not None for score in draw.scores)
        yield {
            self.bar: fragments.batch_bar(0, 0, shown.summary(draw, t)),
            self.gallery: gr.HTML(scores=shown.scores(draw, t)),
            self.confidence: gr.Slider(
                interactive=classes, info=t("curate.confidence_hint") if classes else t("curate.confidence_none")
            ),
            self.distance: gr.Slider(
                interactive=near, info=t("curate.distance_hint") if near else t("curate.distance_none")
            ),
        }

    def on_choose(
        self, request: gr.Request, draw: Draw | None, choice: dict[str, Any], last: Kept | None
    ) -> tuple[Any, Any, Any]:
        accepted, offered = _accepted(draw, choice), _offered(draw, choice)
        t = self._translator(request)
        return (
            gr.Button(
                t("curate.keep_count", count=len(accepted)) if accepted else t("curate.keep"),
                interactive=bool(accepted),
            ),
            gr.Button(interactive=last is not None),
            gr.Button(
                t("curate.zip_count", count=len(offered)) if offered else t("curate.zip"), interactive=bool(offered)
            ),
        )

    def on_keep(
        self, request: gr.Request, draw: Draw | None, choice: dict[str, Any], last: Kept | None
    ) -> tuple[Any, ...]:
        t = self._translator(request)
        accepted = _accepted(draw, choice)
        if draw is None or not accepted:
            return gr.skip(), last, *self.on_choose(request, draw, choice, last)
        try:
            kept = self.sampling.keep(draw, accepted)
        except OSError as error:
            raise refusal(t("curate.not_written", why=t.problem(error))) from error
        total, folder = kept.added.total, str(kept.added.folder)
        gr.Info(t("curate.kept", count=len(accepted), total=total, folder=folder))
        left = {**choice, "accepted": []}
        return gr.HTML(added=shown.added(draw)), kept, *self.on_choose(request, draw, left, kept)

    def on_undo(
        self, request: gr.Request, draw: Draw | None, choice: dict[str, Any], last: Kept | None
    ) -> tuple[Any, ...]:
        t = self._translator(request)
        if last is None:
            return gr.skip(), None, *self.on_choose(request, draw, choice, None)
        try:
            total = self.sampling.undo(last)
        except OSError as error:
            raise refusal(t("curate.not_written", why=t.problem(error))) from error
        gr.Info(t("curate.undone", count=len(last.added.files), total=total))
        gallery = gr.HTML(added=shown.added(draw)) if draw is last.draw else gr.skip()
        return gallery, None, *self.on_choose(request, draw, choice, None)

    def on_zip(self, request: gr.Request, draw: Draw | None, choice: dict[str, Any]) -> Any:
        t = self._translator(request)
        offered = _offered(draw, choice)
        if draw is None or not offered:
            raise refusal(t("curate.nothing_shown"))
        try:
            return str(self.sampling.export(draw, offered))
        except OSError as error:
            raise refusal(t("curate.not_written", why=t.problem(error))) from error


def _of_no_run(chosen: str | None) -> str | None:
    """A data set's defects stay chosen, whichever run is watched."""
    return chosen if chosen and chosen.startswith("data:") else None


def _accepted(draw: Draw | None, choice: dict[str, Any] | None) -> list[int]:
    """Numbers of the accepted pictures of this draw; the page may still speak of an earlier one."""
    if draw is None or not choice or choice.get("draw") != draw.id:
        return []
    return [int(index) for index in choice.get("accepted", [])]


def _offered(draw: Draw | None, choice: dict[str, Any] | None) -> list[int]:
    """What an archive holds: the accepted and kept ones, or, where there are none, all that are shown."""
    if draw is None or not choice or choice.get("draw") != draw.id:
        return []
    good = sorted({*_accepted(draw, choice), *draw.kept})
    return good or [int(index) for index in choice.get("shown", [])]


def _class_choices(source: Source | None, t: Translator) -> dict[str, Any]:
    """A generator of one class needs no choice."""
    classes = source.classes if source else ()
    choices = [(t("curate.every_class"), ""), *((t.short(name), name) for name in classes)]
    return {"choices": choices, "value": "", "visible": len(classes) > 1}


def _sorts(t: Translator) -> list[tuple[str, str]]:
    names = (t("curate.sort_drawn"), t("curate.sort_confidence"), t("curate.sort_distance"))
    return list(zip(names, SORTS, strict=True))
