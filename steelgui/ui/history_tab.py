"""The History tab: one piece of HTML that asks these functions; each is a line into the service and one into HTML."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from models.imagefile import ImageError
from models.sidecar import CheckpointError
from steelgui.overlay import CLASS_COLOURS
from steelgui.results import UNKNOWN
from steelgui.services.history_export import NAMES
from steelgui.services.review import Review, ReviewError
from steelgui.settings import Settings, assets_folder
from steelgui.ui import history_detail, history_frame, history_query
from steelgui.ui import history_fragments as shown
from steelgui.ui.i18n import Translator
from steelgui.ui.panel import Panel
from training.data.record import DataError

#: Rows of a page: a page of thumbnails is some 300 KB.
PAGE = 60
SCRIPTS = ("viewer.js", "history_detail.js", "history.js")
#: What each says in one sentence.
TROUBLE = (ReviewError, ImageError, CheckpointError, DataError, OSError)

Asked = dict[str, Any]
Answer = dict[str, Any]

log = logging.getLogger(__name__)


@dataclass
class HistoryTab(Panel):
    """In a demo there is nothing here that changes an inspection: neither its control nor its function exists."""

    review: Review
    settings: Settings

    def layout(self) -> None:
        changing = (
            []
            if self.settings.demo
            else [self.delete, self.restore, self.relabel, self.collect, self.annotate, self.undo]
        )
        asking = [] if self.settings.demo else [self.ask_relabel, self.ask_collect, self.ask_annotate]
        looking = [self.start, self.listing, self.open, self.compare, self.keep, self.export]
        self.html = gr.HTML(
            "",
            html_template='<div class="sg-history"></div>',
            js_on_load="\n".join((assets_folder() / name).read_text("utf-8") for name in SCRIPTS),
            server_functions=[self._served(act) for act in (*looking, *asking, *changing)],
            elem_id="history",
        )

    # Look ---------------------------------------------------------------------------------------------------------

    def start(self, t: Translator, _: Asked) -> Answer:
        return {"frame": history_frame.frame(t, changing=not self.settings.demo), "words": shown.words(t)}

    def listing(self, t: Translator, asked: Asked) -> Answer:
        """A page; with `count` the line above it, with `facets` what there is to filter by."""
        where, order = history_query.where(asked), history_query.order(asked)
        rows, more = self.review.page(where, order, history_query.cursor(asked.get("cursor")), PAGE)
        draw = shown.table if asked.get("view") == "table" else shown.gallery
        answer: Answer = {
            "html": draw(rows, t) if rows else shown.empty(where, t),
            "ids": [row.id for row in rows],
            "next": history_query.token(rows[-1].cursor) if more else None,
        }
        if asked.get("count"):
            answer["count"] = shown.count(self.review.summary(where), where, t)
        if asked.get("facets"):
            answer["facets"] = shown.facets(self.review.facets(), t)
        return answer

    def open(self, t: Translator, asked: Asked) -> Answer:
        where, order = history_query.where(asked), history_query.order(asked)
        found = self.review.open(_one(asked), where, order)
        return history_detail.detail(found, t, changing=not self.settings.demo)

    def compare(self, t: Translator, asked: Asked) -> Answer:
        """One in large, many as a table."""
        chosen = history_query.ids(asked)
        if len(chosen) == 1 and not asked.get("many"):
            return {"html": history_detail.compared(self.review.compare(chosen[0]), t)}
        return {"html": history_detail.compared_many(list(self.review.compare_many(chosen)), t)}

    def keep(self, t: Translator, asked: Asked) -> Answer:
        row = self.review.keep(_one(asked))
        return {"said": t("history.kept", name=row.name)}

    def export(self, t: Translator, asked: Asked) -> Answer:
        kind = next(one for one in NAMES if one == asked.get("kind", "zip"))
        where, order = history_query.where(asked), history_query.order(asked)
        path = self.review.export(kind, history_query.ids(asked), where, order)
        # Gradio sweeps what it knows of away after a day.
        self.html.temp_files.add(str(path))
        return {"url": shown.download(path), "name": path.name, "said": t("history.exported", name=path.name)}

    # Change -------------------------------------------------------------------------------------------------------

    def delete(self, t: Translator, asked: Asked) -> Answer:
        chosen = history_query.ids(asked)
        return {"undo": self.review.delete(chosen), "said": t("history.deleted", count=len(chosen))}

    def restore(self, t: Translator, asked: Asked) -> Answer:
        chosen = history_query.ids(asked)
        return {"undo": self.review.restore(chosen), "said": t("history.restored", count=len(chosen))}

    def ask_relabel(self, t: Translator, asked: Asked) -> Answer:
        chosen = history_query.ids(asked)
        known = [*self.review.classes(chosen), *(name for name in CLASS_COLOURS if name != UNKNOWN)]
        names = [(name, t.short(name)) for name in dict.fromkeys(known)]
        sets = [folder.name for folder in self.review.datasets.all()]
        return {"html": history_frame.relabelling(names, sets, len(chosen), t)}

    def relabel(self, t: Translator, asked: Asked) -> Answer:
        chosen, label = history_query.ids(asked), str(asked.get("label", ""))
        key = self.review.relabel(chosen, label, str(asked.get("into", "")))
        return {"undo": key, "said": t("history.relabelled", count=len(chosen), label=t.short(label))}

    def ask_collect(self, t: Translator, asked: Asked) -> Answer:
        sets = [folder.name for folder in self.review.datasets.all()]
        return {"html": history_frame.collecting(sets, len(history_query.ids(asked)), t)}

    def collect(self, t: Translator, asked: Asked) -> Answer:
        """With the way on to Retrain, where their data set is learned from."""
        chosen, label = history_query.ids(asked), str(asked.get("label", ""))
        key, folder = self.review.collect(chosen, label, str(asked.get("into", "")), str(asked.get("new", "")))
        said = t("history.collected", count=len(chosen), label=t.short(label), data=folder.name)
        return {"undo": key, "said": said, "on": str(folder)}

    def ask_annotate(self, t: Translator, asked: Asked) -> Answer:
        chosen = history_query.ids(asked)
        notes = {row.note or "" for row in self.review.rows(chosen)}
        return {"html": history_frame.annotating(len(chosen), notes.pop() if len(notes) == 1 else "", t)}

    def annotate(self, t: Translator, asked: Asked) -> Answer:
        chosen = history_query.ids(asked)
        key = self.review.annotate(chosen, str(asked.get("note", "")))
        return {"undo": key, "said": t("history.noted", count=len(chosen))}

    def undo(self, t: Translator, asked: Asked) -> Answer:
        self.review.undo(str(asked.get("key", "")))
        return {"said": t("history.undone")}

    # What they share ----------------------------------------------------------------------------------------------

    def _served(self, act: Callable[[Translator, Asked], Answer]) -> Callable[..., Answer]:
        """As Gradio calls it from the page; what goes wrong is said there, in the visitor's words."""

        def serve(asked: Any, request: gr.Request) -> Answer:
            t = self._translator(request)
            try:
                return act(t, asked if isinstance(asked, dict) else {})
            except TROUBLE as error:
                return {"error": t.problem(error)}
            except Exception as error:
                log.exception("%s failed", act.__name__)
                return {"error": t("failed", kind=type(error).__name__)}

        # A component has names of its own, `select` or `undo` among them.
        serve.__name__ = f"do_{act.__name__}"
        return serve


def _one(asked: Asked) -> int:
    found = asked.get("id")
    if type(found) is not int:
        raise ReviewError("no inspection was named; choose one in the list")
    return found
