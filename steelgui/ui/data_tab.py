"""The Data tab: open a data set, see which class is scarce, look at its pictures, and correct them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from models.imagefile import ImageError
from models.spec import is_defect_free
from steelgui.services.datasets import SPLITS, Datasets, Overview
from steelgui.services.experiments import Experiments
from steelgui.services.studio import Studio
from steelgui.settings import Settings
from steelgui.ui import data_fragments as fragments
from steelgui.ui.i18n import Translator
from steelgui.ui.panel import Panel
from steelgui.ui.picture_panel import PicturePanel
from steelgui.ui.toast import warn
from training.data.record import DataError, Sample

Updates = dict[Any, Any]

#: Thumbnails on one page of the gallery, and their longer side in pixels.
A_PAGE, THUMBNAIL = 40, 224


@dataclass
class DataTab(Panel):
    """Layout and wiring; which data set and picture are looked at is in the page, all else in the workspace."""

    datasets: Datasets
    studio: Studio
    settings: Settings
    i18n: Callable[[str], Any]

    def __post_init__(self) -> None:
        self.experiments = Experiments(self.settings)
        self._layout()
        self._wire()

    def _layout(self) -> None:
        t = Translator(self.settings.lang or "en")
        self.folder = gr.State("")
        self.shown: Any = gr.State([])
        self.page = gr.State(0)
        with gr.Row(elem_id="data", equal_height=False):
            with gr.Column(scale=38, min_width=360, elem_id="data-left"):
                self.known = gr.Dropdown([], label=self.i18n("data.known"), elem_id="data-known")
                with gr.Row(equal_height=True, elem_id="data-open"):
                    self.path = gr.Textbox(
                        label=self.i18n("data.path"),
                        placeholder=str(self.i18n("data.path_hint")),
                        max_lines=1,
                        elem_id="data-path",
                        scale=5,
                        min_width=180,
                    )
                    self.open = gr.Button(
                        self.i18n("data.open"), size="sm", elem_id="data-open-path", scale=1, min_width=72
                    )
                    self.upload = gr.UploadButton(
                        self.i18n("data.zip"),
                        file_types=[".zip"],
                        size="sm",
                        elem_id="data-zip",
                        scale=1,
                        min_width=88,
                    )
                    self.demo = gr.Button(
                        self.i18n("data.demo"), size="sm", elem_id="data-demo", scale=1, min_width=104
                    )
                self.overview = gr.HTML(fragments.empty(t), elem_id="data-overview")
                with gr.Row(equal_height=True, elem_id="data-next"):
                    self.make = gr.Button(
                        self.i18n("data.make"), variant="primary", interactive=False, elem_id="data-make"
                    )
                    self.vary = gr.Button(self.i18n("data.transplant"), interactive=False, elem_id="data-vary")
                    self.retrain = gr.Button(self.i18n("data.retrain"), interactive=False, elem_id="data-retrain")
                with gr.Accordion(self.i18n("data.split_title"), open=False, elem_id="data-split"):
                    with gr.Row():
                        self.validation = gr.Slider(
                            0.05, 0.5, 0.2, step=0.05, label=self.i18n("data.validation"), min_width=120
                        )
                        self.test = gr.Slider(0.0, 0.5, 0.2, step=0.05, label=self.i18n("data.test"), min_width=120)
                        self.seed = gr.Number(0, precision=0, minimum=0, label=self.i18n("data.seed"), min_width=80)
                    self.split = gr.Button(self.i18n("data.split"), interactive=False, elem_id="data-split-run")
                with gr.Accordion(self.i18n("data.check_title"), open=False, elem_id="data-check"):
                    self.check = gr.Button(self.i18n("data.check"), interactive=False, elem_id="data-check-run")
                    self.checked = gr.HTML("", elem_id="data-checked", min_height=48)
            with gr.Column(scale=62, min_width=480, elem_id="data-right"):
                with gr.Row(equal_height=True, elem_id="data-filter"):
                    self.label = gr.Dropdown([], label=self.i18n("data.class"), elem_id="data-class", min_width=140)
                    self.in_split = gr.Dropdown(
                        [], label=self.i18n("data.in_split"), elem_id="data-in-split", min_width=120
                    )
                    self.previous = gr.Button("‹", size="sm", min_width=40, scale=0, elem_id="data-previous")
                    self.where = gr.HTML("", elem_id="data-where")
                    self.following = gr.Button("›", size="sm", min_width=40, scale=0, elem_id="data-following")
                    self.undo = gr.Button(
                        self.i18n("data.undo"), size="sm", interactive=False, elem_id="data-undo", min_width=120
                    )
                self.gallery = gr.Gallery(
                    label=self.i18n("data.gallery"),
                    height=372,
                    allow_preview=False,
                    object_fit="cover",
                    interactive=False,
                    buttons=[],
                    elem_id="data-gallery",
                    elem_classes="sg-gallery",
                )
                self.panel = PicturePanel(self.datasets, self.settings, self.i18n)
                self.panel.layout(t)

    def _wire(self) -> None:
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        busy: dict[str, Any] = {
            "api_visibility": "private",
            "show_progress": "full",
            "show_progress_on": self.overview,
        }
        filled = [*self.outputs, *self.panel.outputs]
        for event in (self.open.click, self.path.submit):
            event(self.on_open, self.path, filled, **busy)
        self.upload.upload(self.on_open, self.upload, filled, **busy)
        self.demo.click(self.on_demo, None, filled, **busy)
        self.known.input(self.on_known, self.known, filled, **busy)
        chosen = [self.folder, self.label, self.in_split]
        pictures = [self.gallery, self.shown, self.where, self.page, *self.makers]
        for control in (self.label, self.in_split):
            control.input(self.on_filter, chosen, pictures, **quiet)
        self.previous.click(self._turn(-1), [*chosen, self.page], pictures, **quiet)
        self.following.click(self._turn(1), [*chosen, self.page], pictures, **quiet)
        self.gallery.select(self.on_choose, [self.folder, self.shown, self.panel.name], self.panel.outputs, **quiet)
        self.undo.click(self.on_undo, [*chosen, self.page, self.panel.name], filled, **quiet)
        self.split.click(self.on_split, [*chosen, self.page, self.validation, self.test, self.seed], filled, **busy)
        self.check.click(
            self.on_check,
            self.folder,
            self.checked,
            api_visibility="private",
            show_progress="full",
            show_progress_on=self.checked,
        )
        self.panel.wire(self.folder, lambda event: event.then(self.on_changed, [*chosen, self.page], filled, **quiet))

    @property
    def makers(self) -> list[Any]:
        return [self.make, self.vary]

    @property
    def outputs(self) -> list[Any]:
        return [
            *(self.folder, self.known, self.path, self.overview, *self.makers, self.retrain, self.split, self.check),
            *(self.checked, self.label, self.in_split, self.gallery, self.shown, self.where, self.page, self.undo),
        ]

    # Events -----------------------------------------------------------------------------------------------------

    def on_load(self, request: gr.Request, folder: str, label: str, split: str, page: int) -> Updates:
        """Who comes back finds the data set that was open; a new visitor the one that was changed last."""
        t = self._translator(request)
        found = self.datasets.all()
        path = Path(folder) if folder else found[0] if found else None
        if path is None:
            return {self.overview: fragments.empty(t), **self.panel.shown(None, None, t)}
        if folder:
            seen = self._known(path) | self._numbers(path, t, label) | self._pictures(folder, label, split, page, t)
            # The filters are left alone: they may be turned while this is under way.
            return {part: update for part, update in seen.items() if part not in (self.label, self.in_split)}
        opened = self._opened(path, t)
        opened.pop(self.path, None)  # somebody may be typing already
        return opened

    @property
    def load_inputs(self) -> list[Any]:
        return [self.folder, self.label, self.in_split, self.page]

    @property
    def load_outputs(self) -> list[Any]:
        return [*self.outputs, *self.panel.outputs]

    def on_open(self, request: gr.Request, path: str | None, progress: Any = gr.Progress()) -> Updates:  # noqa: B008
        """Take a folder or a ZIP in and show it; what is open stays where that cannot be done."""
        t = self._translator(request)
        if not path or not str(path).strip():
            warn(t, t("data.no_path"))
            return {self.path: gr.skip()}
        try:
            folder = self.datasets.take_in(Path(str(path).strip()), progress=lambda done, all_: progress((done, all_)))
            self.datasets.forget(folder)
            return self._opened(folder, t)
        except (DataError, OSError) as error:
            warn(t, error)
            return {self.path: gr.skip()}

    def on_demo(self, request: gr.Request) -> Updates:
        return self.on_open(request, str(self.studio.demo_data()), lambda _: None)

    def on_known(self, request: gr.Request, name: str | None) -> Updates:
        t = self._translator(request)
        try:
            folder = self.datasets.find(name or "")
            self.datasets.forget(folder)
            return self._opened(folder, t)
        except DataError as error:
            warn(t, error)
            return {self.path: gr.skip()}

    def on_filter(self, request: gr.Request, folder: str, label: str, split: str) -> Updates:
        return self._pictures(folder, label, split, 0, self._translator(request))

    def on_choose(
        self, request: gr.Request, event: gr.SelectData, folder: str, shown: list[str], before: str
    ) -> Updates:
        name = shown[int(event.index)]
        return self.panel.shown(folder, name, self._translator(request), before)

    def on_changed(self, request: gr.Request, folder: str, label: str, split: str, page: int) -> Updates:
        """After a correction: the numbers, the pictures, and what could be taken back."""
        if not folder:
            return {self.path: gr.skip()}
        t = self._translator(request)
        return self._numbers(Path(folder), t, label, split) | self._pictures(folder, label, split, page, t)

    def on_undo(self, request: gr.Request, folder: str, label: str, split: str, page: int, name: str) -> Updates:
        t = self._translator(request)
        try:
            if folder and (change := self.datasets.undo(Path(folder))):
                gr.Info(t("data.undone", what=t(f"change.{change.what}"), detail=change.detail))
        except (DataError, OSError) as error:
            warn(t, error)
        return self.on_changed(request, folder, label, split, page) | self.panel.shown(folder, name, t)

    def on_split(
        self,
        request: gr.Request,
        folder: str,
        label: str,
        split: str,
        page: int,
        validation: float,
        test: float,
        seed: float | None,
    ) -> Updates:
        t = self._translator(request)
        try:
            counts = self.datasets.split(Path(folder), validation, test, int(seed or 0))
            gr.Info(", ".join(f"{t.split(name)} {counts[name]}" for name in SPLITS if name in counts))
        except (DataError, OSError) as error:
            warn(t, error)
        return self.on_changed(request, folder, label, split, page)

    def on_check(self, request: gr.Request, folder: str, progress: Any = gr.Progress()) -> str:  # noqa: B008
        t = self._translator(request)
        try:
            found = self.datasets.check(Path(folder), lambda done, total: progress((done, total)))
            return fragments.checked(found, t)
        except DataError as error:
            warn(t, error)
            return ""

    def on_make(self, folder: str, label: str) -> tuple[str, str | None]:
        """The data set, and the class to make more of: the one that is looked at, else the scarcest."""
        return folder, label or self.datasets.overview(Path(folder)).scarcest

    # What they share --------------------------------------------------------------------------------------------

    def _turn(self, by: int) -> Callable[..., Updates]:
        def turn(request: gr.Request, folder: str, label: str, split: str, page: int) -> Updates:
            return self._pictures(folder, label, split, page + by, self._translator(request))

        return turn

    def _opened(self, folder: Path, t: Translator) -> Updates:
        try:
            return {
                **self._known(folder),
                **self._numbers(folder, t),
                **self._pictures(str(folder), "", "", 0, t),
                **self.panel.shown(str(folder), None, t),
                self.folder: str(folder),
                self.path: "",
                self.checked: "",
            }
        except DataError as error:
            warn(t, error)
            return self._known(folder) | {self.overview: fragments.empty(t)}

    def _known(self, folder: Path) -> Updates:
        names = [one.name for one in self.datasets.all()]
        return {self.known: gr.Dropdown(choices=names, value=folder.name if folder.name in names else None)}

    def _numbers(self, folder: Path, t: Translator, label: str = "", split: str = "") -> Updates:
        seen = self.datasets.overview(folder)
        pools = [pool for pool in self.experiments.sets() if set(pool.counts) & set(seen.counts)]
        classes = [(f"{t.short(name)} · {count}", name) for name, count in seen.counts.items()]
        splits = [(t.split(name), name) for name in seen.splits]
        return {
            self.overview: fragments.overview(seen, pools, t),
            self.label: gr.Dropdown(
                choices=[(t("data.all"), ""), *classes], value=label if label in seen.counts else ""
            ),
            self.in_split: gr.Dropdown(
                choices=[(t("data.all"), ""), *splits], value=split if split in seen.splits else ""
            ),
            **self._makers(seen, label, t),
            self.retrain: gr.Button(interactive=True),
            self.split: gr.Button(interactive=True),
            self.check: gr.Button(interactive=True),
            self.undo: self._undo(seen, t),
        }

    def _makers(self, seen: Overview, label: str, t: Translator) -> Updates:
        """A generator can learn any class; defects are put on other steel where masks say what they are, and their
        pictures in other light elsewhere."""
        name = label if label in seen.counts else seen.scarcest
        if not name:
            return {self.make: gr.Button(t("data.make"), interactive=False)}
        return {
            self.make: gr.Button(t("data.make_what", name=t.short(name)), interactive=True),
            self.vary: gr.Button(
                t("data.transplant") if seen.masks.get(name) else t("data.relight"),
                interactive=not is_defect_free(name),
            ),
        }

    def _undo(self, seen: Overview, t: Translator) -> Any:
        if not seen.changes:
            return gr.Button(t("data.undo"), interactive=False)
        last = seen.changes[-1]
        return gr.Button(t("data.undo_what", what=t(f"change.{last.what}")), interactive=True)

    def _pictures(self, folder: str, label: str, split: str, page: int, t: Translator) -> Updates:
        if not folder:
            return {self.page: 0}
        samples = self.datasets.samples(Path(folder), label or None, split or None)
        pages = max(1, -(-len(samples) // A_PAGE))
        page = min(max(page, 0), pages - 1)
        here = samples[page * A_PAGE : (page + 1) * A_PAGE]
        first = page * A_PAGE + 1 if here else 0
        return {
            self.gallery: gr.Gallery(
                [(self._thumbnail(one), self._caption(one, t)) for one in here], selected_index=None
            ),
            self.shown: self.datasets.names(Path(folder), here),
            self.where: f'<div class="sg-meta">{first}–{first + len(here) - bool(here)} / {len(samples):,}</div>',
            self.page: page,
            **self._makers(self.datasets.overview(Path(folder)), label, t),
        }

    def _thumbnail(self, sample: Sample) -> Any:
        try:
            return self.datasets.picture(sample, THUMBNAIL)
        except (ImageError, DataError):
            # What is wrong with it the check tells; a hole in the gallery shows where.
            return self.datasets.hole(THUMBNAIL)

    @staticmethod
    def _caption(sample: Sample, t: Translator) -> str:
        return " + ".join(t.short(label) for label in sample.labels)
