"""What the page does: look at a picture, judge it again, go through a folder, reopen, export."""

from __future__ import annotations

import csv
import io
import json
import threading
import uuid
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.files import atomic_path
from models.imagefile import IMAGE_SUFFIXES, ImageError, read_image
from models.sidecar import CheckpointError, read_sidecar
from steelgui.history import History, HistoryRow
from steelgui.overlay import draw_overlay
from steelgui.preferences import PreferenceFile
from steelgui.results import Evidence, Inspection, Thresholds
from steelgui.services.decision import decide
from steelgui.services.inspection import Inspector
from steelgui.services.library import Library
from steelgui.services.queue import InspectionQueue
from steelgui.settings import Settings, StorageError, assets_folder

#: Inspections whose evidence stays at hand, so that a moved slider needs no forward pass. A strip's evidence is 4 MB.
KEPT = 24


@dataclass(frozen=True)
class Looked:
    """One inspected picture as a visitor has it open."""

    id: str
    name: str
    evidence: Evidence
    inspection: Inspection


@dataclass(frozen=True)
class BatchRow:
    """One file of a batch: an inspection, or the error whose message says why there is none."""

    path: Path
    name: str
    inspection: Inspection | None
    error: Exception | None
    history_id: int | None


class Workbench:
    """Serves any number of visitors at once; light to make, the networks load on first use."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.preferences = PreferenceFile(settings)
        self.library = Library(settings)
        self.history = History(settings)
        self.queue = InspectionQueue(lambda: self.inspector)
        self._inspector: Inspector | None = None
        self._changing = threading.Lock()
        self._kept: OrderedDict[str, Looked] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def inspector(self) -> Inspector:
        """Of the active models on the wanted device; another one as soon as others are activated, here or elsewhere."""
        wanted, device = self.library.together(), self.settings.preferences.device
        with self._changing:
            if self._inspector is None or (self._inspector.paths, self._inspector.wanted_device) != (wanted, device):
                self._inspector = Inspector(*wanted, device=device)
            return self._inspector

    @property
    def ready(self) -> bool:
        return self.inspector.ready

    def model_names(self) -> dict[str, str]:
        """Network kind → name of the active model."""
        return self.inspector.names

    def device(self) -> str:
        return self.inspector.device

    def vouching(self) -> int | None:
        """How many good pictures the thresholds of the active anomaly detector come from; None where there is none."""
        detector = self.library.together()[2]
        if detector is None:
            return None
        try:
            return int(read_sidecar(detector)[0].arguments["calibration"])
        except (CheckpointError, KeyError, TypeError, ValueError):
            return None  # the next inspection says what is wrong with it

    def warm_up(self) -> None:
        """Load everything and run once, so that the first visitor does not wait for it; one who waits already is the
        first run himself."""
        self.history.count()
        self.inspector.load()
        for sample in self.samples()[:1]:
            if not self.queue.busy:
                self.inspector.look(read_image(sample))

    def look(
        self, source: Path | bytes | NDArray[np.uint8], thresholds: Thresholds, *, name: str, origin: str
    ) -> Looked:
        """Read, inspect, record.

        Args:
            source: a file, a picture's encoded bytes, or H×W×3 uint8.
            origin: one of `steelgui.history.SOURCES`.

        Raises:
            ImageError, CheckpointError, StorageError: one sentence each.
        """
        image = source if isinstance(source, np.ndarray) else read_image(source, name)
        looked = self._keep(name, self.queue.look(image), thresholds)
        self._record(looked, origin, None if isinstance(source, np.ndarray) else source)
        return looked

    def line_up(
        self, read: Callable[[], bytes], thresholds: Thresholds, *, name: str, origin: str
    ) -> Future[HistoryRow]:
        """Read, inspect, record when its turn comes; of what nobody has open, nothing is kept at hand.

        Args:
            read: gives the encoded picture.
            origin: one of `steelgui.history.SOURCES`.

        The future raises ImageError, CheckpointError or StorageError, one sentence each.
        """
        content = b""

        def load() -> NDArray[np.uint8]:
            nonlocal content
            content = read()
            return read_image(content, name)

        def finish(evidence: Evidence) -> HistoryRow:
            return self._record(Looked("", name, evidence, decide(evidence, thresholds)), origin, content)

        return self.queue.submit(load, finish)

    def judge(self, looked_id: str, thresholds: Thresholds) -> Looked:
        """The same evidence under other thresholds, without a forward pass; KeyError when it is no longer kept."""
        with self._lock:
            kept = self._kept[looked_id]
            self._kept.move_to_end(looked_id)
        return Looked(kept.id, kept.name, kept.evidence, decide(kept.evidence, thresholds))

    def kept(self, looked_id: str) -> Looked:
        """An inspection that is still at hand; KeyError when it is not."""
        with self._lock:
            return self._kept[looked_id]

    def reopen(self, history_id: int, thresholds: Thresholds) -> Looked:
        """Look again at a stored original without recording it twice.

        Raises:
            KeyError: there is no such row.
            ImageError: its original is gone.
        """
        row = self.history.get(history_id)
        if row is None:
            raise KeyError(history_id)
        return self._keep(row.name, self.inspector.look(read_image(row.original, row.name)), thresholds)

    def batch(
        self, paths: Sequence[Path], thresholds: Thresholds, *, stop: Callable[[], bool] = lambda: False
    ) -> Iterator[BatchRow]:
        """Inspect many files; one that fails is reported in its row and the rest goes on."""
        for path in pictures(paths):
            if stop():
                return
            try:
                looked = Looked(
                    "", path.name, evidence := self.inspector.look(read_image(path)), decide(evidence, thresholds)
                )
                yield BatchRow(path, path.name, looked.inspection, None, self._record(looked, "batch", path).id)
            except (ImageError, CheckpointError, StorageError) as error:
                yield BatchRow(path, path.name, None, error, None)

    def export(self, rows: Sequence[BatchRow]) -> tuple[Path, Path]:
        """Write a ZIP (overlay and JSON of each picture, the table) and the table as CSV into the exports folder."""
        self.settings.exports.mkdir(parents=True, exist_ok=True)
        stem = self.settings.exports / f"inspection-{datetime.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"
        table = csv_table(rows)
        # Excel takes UTF-8 for Korean names only with a byte-order mark.
        with atomic_path(stem.with_suffix(".csv")) as temporary:
            temporary.write_text(table, encoding="utf-8-sig", newline="")
        with atomic_path(stem.with_suffix(".zip")) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            archive.writestr("results.csv", ("\ufeff" + table).encode())
            for number, row in enumerate(rows, start=1):
                if row.inspection is None:
                    continue
                name = f"{number:04d}-{Path(row.name).stem}"
                picture = io.BytesIO()
                Image.fromarray(draw_overlay(read_image(row.path), row.inspection)).save(picture, "PNG")
                archive.writestr(f"overlays/{name}.png", picture.getvalue())
                result = {"path": row.name, **row.inspection.to_json()}
                archive.writestr(f"results/{name}.json", json.dumps(result, ensure_ascii=False, indent=1))
        return stem.with_suffix(".zip"), stem.with_suffix(".csv")

    def latest(self, count: int) -> list[HistoryRow]:
        return self.history.latest(count)

    def samples(self) -> list[Path]:
        """The bundled pictures, in the order of their names."""
        return sorted((assets_folder() / "samples").glob("*.jpg"))

    def _keep(self, name: str, evidence: Evidence, thresholds: Thresholds) -> Looked:
        looked = Looked(uuid.uuid4().hex, name, evidence, decide(evidence, thresholds))
        with self._lock:
            self._kept[looked.id] = looked
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return looked

    def _record(self, looked: Looked, origin: str, original: Path | bytes | None) -> HistoryRow:
        overlay = draw_overlay(looked.evidence.image, looked.inspection)
        return self.history.record(
            looked.evidence.image,
            looked.inspection,
            name=looked.name,
            source=origin,
            overlay=overlay,
            original=original,
        )


def pictures(paths: Sequence[Path]) -> list[Path]:
    """Files as they are named, folders as the pictures in them (also in subfolders), each once."""
    found: dict[Path, None] = {}
    for path in paths:
        inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES) if path.is_dir() else [path]
        found.update(dict.fromkeys(inside))
    return list(found)


def csv_table(rows: Sequence[BatchRow]) -> str:
    """One line a picture: file, verdict, label, score, areas, milliseconds, error, the detector's figures."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    columns = ("file", "verdict", "label", "score", "defects", "area_px", "area_pct", "width", "height", "ms", "error")
    writer.writerow([*columns, "anomaly", "anomaly_threshold"])
    for row in rows:
        found = row.inspection
        if found is None:
            writer.writerow([row.name, *[""] * 9, str(row.error), "", ""])
            continue
        strange = found.anomaly.to_json() if found.anomaly else {}
        score = found.scores.get(found.label)
        area = sum(defect.area_px for defect in found.defects)
        writer.writerow(
            [
                row.name,
                found.verdict,
                found.label,
                "" if score is None else f"{score:.4f}",
                "; ".join(defect.name for defect in found.defects),
                area,
                f"{100 * area / (found.width * found.height):.4f}",
                found.width,
                found.height,
                f"{found.ms:.1f}",
                "",
                strange.get("score", ""),
                strange.get("threshold", ""),
            ]
        )
    return out.getvalue()
