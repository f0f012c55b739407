"""What is done with stored inspections: neighbours, corrections, undo, judging again, exports that others can read."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models import rle
from models.imagefile import ImageError
from steelgui.history import Filter, HistoryRow
from steelgui.results import Defect, Inspection, Thresholds
from steelgui.services import history_export, review
from steelgui.services.datasets import Datasets
from steelgui.services.review import Review, ReviewError
from steelgui.services.workbench import Workbench
from steelgui.settings import Settings
from training.data.record import DataError

HEIGHT, WIDTH = 40, 64


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Review]:
    settings = Settings(home=tmp_path / "home")
    opened = Review(Workbench(settings), Datasets(settings))
    yield opened
    opened.history.close()


def two_regions() -> NDArray[np.bool_]:
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[0:5, 0:7] = True  # begins with the first pixel, where COCO's counts begin with a 0
    mask[20:30, 40:64] = True
    return mask


def store(desk: Review, seed: int = 0, verdict: str = "defect", label: str = "scratches", **changes: Any) -> HistoryRow:
    image = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    mask = two_regions()
    area = int(mask.sum())
    defects = (Defect("scratches", mask, area, 100 * area / mask.size, 2),) if verdict == "defect" else ()
    values: dict[str, Any] = {
        "verdict": verdict,
        "label": label,
        "scores": {label: 0.9 - seed / 100, "patches": 0.02},
        "defects": defects,
        "width": WIDTH,
        "height": HEIGHT,
        "ms": 12.5,
        "models": {"classifier": "neu-classifier", "segmenter": "neu-segmenter"},
        "thresholds": Thresholds(),
    }
    name = changes.pop("name", f"strip-{seed}.png")
    return desk.history.record(image, Inspection(**(values | changes)), name=name, source="upload")


# Look -----------------------------------------------------------------------------------------------------------------


def test_a_stored_inspection_is_what_was_recorded(desk: Review) -> None:
    row = store(desk)
    found = review.stored(row)
    assert (found.verdict, found.label, found.defects[0].regions) == ("defect", "scratches", 2)
    assert (found.defects[0].mask == two_regions()).all()
    assert found.to_json() == row.result


def test_an_opened_inspection_knows_its_neighbours_in_the_list(desk: Review) -> None:
    rows = [store(desk, seed) for seed in range(3)]
    store(desk, 3, "ok", "none")
    found = desk.open(rows[2].id, Filter(verdict="defect"), "newest")
    assert (found.previous, found.following) == (None, rows[1].id)
    assert found.image.shape == (HEIGHT, WIDTH, 3)


def test_pages_say_whether_there_are_more(desk: Review) -> None:
    rows = [store(desk, seed) for seed in range(3)]
    page, more = desk.page(Filter(), "newest", None, 2)
    assert ([row.id for row in page], more) == ([rows[2].id, rows[1].id], True)
    page, more = desk.page(Filter(), "newest", page[-1].cursor, 2)
    assert ([row.id for row in page], more) == ([rows[0].id], False)


def test_what_is_gone_says_so(desk: Review) -> None:
    with pytest.raises(ReviewError, match="no inspection 7"):
        desk.open(7, Filter(), "newest")
    row = store(desk)
    row.original.unlink()
    with pytest.raises(ImageError, match=r"strip-0\.png"):
        desk.open(row.id, Filter(), "newest")


# Change ---------------------------------------------------------------------------------------------------------------


def test_delete_and_restore_can_be_taken_back(desk: Review) -> None:
    rows = [store(desk, seed) for seed in range(3)]
    key = desk.delete([rows[0].id, rows[2].id])
    assert desk.history.count() == 1
    assert desk.summary(Filter(deleted=True)).count == 2
    desk.undo(key)
    assert desk.history.count() == 3
    with pytest.raises(ReviewError, match="no longer"):
        desk.undo(key)
    desk.delete([rows[0].id])
    desk.undo(desk.restore([rows[0].id]))
    assert desk.summary(Filter(deleted=True)).count == 1


@pytest.mark.parametrize("count", [0, review.MOST_CHANGED + 1])
def test_not_none_and_not_too_many_at_once(desk: Review, count: int) -> None:
    with pytest.raises(ReviewError, match=f"{count} inspections are chosen"):
        desk.delete(range(1, count + 1))


def labels(desk: Review, folder: Path) -> list[tuple[str, ...]]:
    return [sample.labels for sample in desk.datasets.samples(folder)]


def test_relabelling_feeds_the_next_training(desk: Review) -> None:
    rows = [store(desk, seed) for seed in range(2)]
    ids = [row.id for row in rows]
    key = desk.relabel(ids, "patches", "")
    folder = desk.datasets.find("corrections")
    assert labels(desk, folder) == [("patches",), ("patches",)]
    assert len(desk.datasets.overview(folder).changes) == 1
    found = desk.rows(ids)
    assert [(row.label, row.verdict, row.score) for row in found] == [("patches", "defect", 0.02)] * 2
    desk.undo(key)
    assert desk.rows(ids) == rows
    assert not list((folder / "added").iterdir())


def test_a_second_correction_replaces_the_first_and_gives_it_back(desk: Review) -> None:
    row = store(desk)
    desk.relabel([row.id], "patches", "")
    folder = desk.datasets.find("corrections")
    key = desk.relabel([row.id], "none", "corrections")
    assert labels(desk, folder) == [("none",)]
    assert desk.rows([row.id])[0].verdict == "ok"
    desk.undo(key)
    assert labels(desk, folder) == [("patches",)]
    assert desk.rows([row.id])[0].label == "patches"


def test_a_correction_is_taken_back_although_others_came_after_it(desk: Review) -> None:
    one, other = store(desk, 0), store(desk, 1)
    key = desk.relabel([one.id], "patches", "")
    desk.relabel([other.id], "crazing", "")
    desk.undo(key)
    folder = desk.datasets.find("corrections")
    assert labels(desk, folder) == [("crazing",)]
    # And it may come back: its file is there still.
    desk.relabel([one.id], "inclusion", "")
    assert labels(desk, folder) == [("crazing",), ("inclusion",)]


def test_a_correction_that_cannot_be_made_changes_nothing(desk: Review) -> None:
    rows = [store(desk, seed) for seed in range(2)]
    for label, into in (("a/b", ""), ("patches", "nowhere")):
        with pytest.raises(DataError):
            desk.relabel([rows[0].id], label, into)
    rows[1].original.unlink()
    with pytest.raises(ImageError):
        desk.relabel([row.id for row in rows], "patches", "")
    assert desk.rows([row.id for row in rows]) == rows
    assert desk.datasets.all() == []


def test_notes_can_be_taken_back_to_what_each_said(desk: Review) -> None:
    rows = [store(desk, seed) for seed in range(2)]
    ids = [row.id for row in rows]
    desk.annotate(ids[:1], "edge")
    key = desk.annotate(ids, " roll 4 changed ")
    assert [row.note for row in desk.rows(ids)] == ["roll 4 changed"] * 2
    desk.undo(key)
    assert [row.note for row in desk.rows(ids)] == ["edge", None]


# Judge again ----------------------------------------------------------------------------------------------------------


def test_judging_again_stores_nothing_unless_asked(desk: Review) -> None:
    sample = desk.workbench.samples()[0]
    desk.workbench.look(sample, Thresholds(), name=sample.name, origin="sample")
    row = desk.history.latest(1)[0]
    found = desk.compare(row.id)
    # The same models say the same, to the digits that are stored.
    assert found.before.to_json() == found.after.to_json() | {"ms": found.before.to_json()["ms"]}
    assert not found.differs
    assert desk.history.count() == 1
    kept = desk.keep(row.id)
    assert (kept.original, kept.source, kept.label) == (row.original, row.source, row.label)
    assert desk.history.count() == 2


# Hand out -------------------------------------------------------------------------------------------------------------


def exported(desk: Review, kind: history_export.Kind, ids: list[int] | None = None) -> bytes:
    return desk.export(kind, ids or [], Filter(), "oldest").read_bytes()


def test_csv_holds_every_inspection_and_no_formula(desk: Review) -> None:
    store(desk, name="=cmd()|강판.png")
    store(desk, 1, "ok", "none")
    content = exported(desk, "csv")
    assert content.startswith(b"\xef\xbb\xbf")
    lines = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert [line["file"] for line in lines] == ["'=cmd()|강판.png", "strip-1.png"]
    area = int(two_regions().sum())
    assert (lines[0]["area_px"], lines[0]["defects"], lines[1]["area_px"]) == (str(area), "scratches", "0")
    assert lines[0]["picture"] == "0000001-_cmd___강판.png"


def test_run_lengths_come_back_as_the_same_masks(desk: Review) -> None:
    store(desk)
    store(desk, 1, "ok", "none")
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[3, 3] = True
    store(desk, 2, label="rust", defects=(Defect("rust", mask, 1, 0.1, 1),))
    lines = list(csv.DictReader(io.StringIO(exported(desk, "rle").decode())))
    assert [(line["ImageId"], line["ClassId"], line["ClassName"]) for line in lines] == [
        ("0000001-strip-0.png", "3", "scratches"),
        ("0000003-strip-2.png", "5", "rust"),
    ]
    assert (rle.decode(lines[0]["EncodedPixels"], HEIGHT, WIDTH) == two_regions()).all()


def drawn(segmentation: dict[str, Any]) -> NDArray[np.bool_]:
    """COCO's uncompressed RLE, read as its definition says."""
    height, width = segmentation["size"]
    inside = np.arange(len(segmentation["counts"])) % 2 == 1
    return np.repeat(inside, segmentation["counts"]).reshape(width, height).T


def test_coco_is_valid(desk: Review) -> None:
    store(desk)
    store(desk, 1, "ok", "none")
    told = json.loads(exported(desk, "coco"))
    assert told["categories"] == [{"id": 1, "name": "scratches", "supercategory": "defect"}]
    assert [image["id"] for image in told["images"]] == [1, 2]
    whole = np.zeros((HEIGHT, WIDTH), dtype=bool)
    for annotation in told["annotations"]:
        mask = drawn(annotation["segmentation"])
        rows, columns = np.nonzero(mask)
        assert sum(annotation["segmentation"]["counts"]) == HEIGHT * WIDTH
        assert annotation["area"] == mask.sum()
        assert annotation["area_pct"] == pytest.approx(100 * mask.sum() / mask.size, abs=1e-4)
        assert annotation["bbox"] == [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        assert annotation["image_id"] == 1 and annotation["category_id"] == 1 and annotation["iscrowd"] == 0
        whole |= mask
    assert len({annotation["id"] for annotation in told["annotations"]}) == 2
    assert (whole == two_regions()).all()


def test_corrections_hold_in_what_is_handed_out(desk: Review) -> None:
    one, other = store(desk, 0), store(desk, 1)
    desk.history.correct([one.id], "patches")
    desk.history.correct([other.id], "none")
    assert [list(history_export.marks(row)) for row in desk.rows([one.id, other.id])] == [["patches"], []]
    lines = list(csv.DictReader(io.StringIO(exported(desk, "csv").decode("utf-8-sig"))))
    assert [(line["label"], line["model_label"]) for line in lines] == [("patches", "scratches"), ("none", "scratches")]


def test_archive_holds_pictures_as_they_came_and_what_was_found(desk: Review) -> None:
    rows = [store(desk, seed) for seed in range(3)]
    rows[1].original.unlink()
    archive = zipfile.ZipFile(io.BytesIO(exported(desk, "zip", [rows[0].id, rows[1].id])))
    assert sorted(archive.namelist()) == [
        *("coco.json", "images/0000001-strip-0.png", "inspections.csv", "masks.csv", "missing.txt"),
        *("overlays/0000001-strip-0.jpg", "results/0000001-strip-0.json"),
    ]
    assert archive.read("images/0000001-strip-0.png") == rows[0].original.read_bytes()
    assert "strip-1" in archive.read("missing.txt").decode()
    assert json.loads(archive.read("results/0000001-strip-0.json"))["label"] == "scratches"
    assert [image["id"] for image in json.loads(archive.read("coco.json"))["images"]] == [1, 2]


def test_nothing_and_too_much_are_not_handed_out(desk: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ReviewError, match="nothing to export"):
        exported(desk, "csv")
    for seed in range(3):
        store(desk, seed)
    monkeypatch.setattr(review, "MOST_ROWS", 2)
    with pytest.raises(ReviewError, match="more than 2"):
        exported(desk, "coco")
