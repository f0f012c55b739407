"""Stored inspections as files that other programs read: CSV, COCO JSON, Severstal's run lengths, and a ZIP of all."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from models import rle
from models.files import atomic_path
from models.imagefile import ImageError, read_image
from models.spec import is_defect_free
from steelgui.history import HistoryRow
from steelgui.overlay import marked
from training.data.severstal import CLASS_NAMES

Kind = Literal["csv", "coco", "rle", "zip"]
#: What an export is called.
NAMES: dict[Kind, str] = {"csv": "inspections.csv", "coco": "coco.json", "rle": "masks.csv", "zip": "inspections.zip"}
_EIGHT_CONNECTED = np.ones((3, 3), dtype=bool)


def write(rows: Sequence[HistoryRow], kind: Kind, path: Path) -> None:
    """Write a file, whole or not at all.

    Raises:
        OSError: the disk is full.
    """
    with atomic_path(path) as temporary:
        if kind == "zip":
            _archive(rows, temporary)
        else:
            temporary.write_bytes(_written(rows, kind))


def _written(rows: Sequence[HistoryRow], kind: Kind) -> bytes:
    if kind == "coco":
        return json.dumps(coco(rows), ensure_ascii=False, indent=1).encode()
    # Excel takes UTF-8 for Korean names only with a byte-order mark; a program that reads masks stumbles over it.
    return table(rows).encode("utf-8-sig") if kind == "csv" else runs(rows).encode()


def marks(row: HistoryRow) -> dict[str, str]:
    """Class → run lengths of what is marked, as it holds now.

    Masks are the models'. Where a person said defect-free there are none, and where a person named a class and the
    models had marked one alone, the mask is that class's.
    """
    found = {defect["class"]: defect["rle"] for defect in row.result["defects"]}
    if row.corrected_at is None:
        return found
    if is_defect_free(row.label):
        return {}
    return {row.label: next(iter(found.values()))} if len(found) == 1 else found


def masks(row: HistoryRow) -> dict[str, NDArray[np.bool_]]:
    """`marks`, decoded: class → H×W."""
    return {name: rle.decode(told, row.height, row.width) for name, told in marks(row).items()}


def file_name(row: HistoryRow) -> str:
    """What a picture is called in an export: unlike any other's, and safe in every file system."""
    stem = "".join(one if one.isalnum() or one in "-_." else "_" for one in Path(row.name).stem)[:80]
    return f"{row.id:07d}-{stem}{row.original.suffix}"


def table(rows: Iterable[HistoryRow]) -> str:
    """One line an inspection, with verdict and class as they hold now; times in UTC."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(
        [
            *("id", "time", "file", "picture", "source", "verdict", "label", "score", "defects", "area_px", "area_pct"),
            *("width", "height", "ms", "classifier", "segmenter", "corrected", "model_label", "note"),
            *("anomaly", "anomaly_threshold"),
        ]
    )
    for row in rows:
        named = marks(row)
        area = sum(defect["area_px"] for defect in row.result["defects"]) if named else 0
        strange = row.result.get("anomaly") or {}
        writer.writerow(
            [
                row.id,
                row.created_at.isoformat(timespec="milliseconds"),
                _inert(row.name),
                file_name(row),
                row.source,
                row.verdict,
                _inert(row.label),
                "" if row.score is None else f"{row.score:.4f}",
                _inert("; ".join(named)),
                area,
                f"{100 * area / (row.width * row.height):.4f}",
                row.width,
                row.height,
                f"{row.ms:.1f}",
                row.classifier or "",
                row.segmenter or "",
                row.corrected_at.isoformat(timespec="seconds") if row.corrected_at else "",
                row.result["label"],
                _inert(row.note or ""),
                strange.get("score", ""),
                strange.get("threshold", ""),
            ]
        )
    return out.getvalue()


def _inert(text: str) -> str:
    """A spreadsheet runs what begins like a formula, and these texts come from visitors."""
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def runs(rows: Iterable[HistoryRow]) -> str:
    """Severstal's `train.csv`, a line for each class that is marked; its four classes keep their numbers."""
    lines = [(file_name(row), name, told) for row in rows for name, told in marks(row).items()]
    numbers = class_numbers({name for _, name, _ in lines})
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["ImageId", "ClassId", "EncodedPixels", "ClassName"])
    writer.writerows((file, numbers[name], told, name) for file, name, told in lines)
    return out.getvalue()


def class_numbers(names: Iterable[str]) -> dict[str, int]:
    """Severstal's numbers for its classes, further ones by the alphabet."""
    known = {name: int(number) for number, name in CLASS_NAMES.items()}
    others = sorted(set(names) - set(known))
    return known | {name: number for number, name in enumerate(others, len(known) + 1)}


def coco(rows: Sequence[HistoryRow]) -> dict[str, Any]:
    """COCO's object detection format: an annotation for each 8-connected region, its mask as uncompressed RLE."""
    found = [(row, name, told) for row in rows for name, told in marks(row).items()]
    numbers = {name: number for number, name in enumerate(sorted({name for _, name, _ in found}), 1)}
    annotations: list[dict[str, Any]] = []
    for row, name, told in found:
        regions, _ = ndimage.label(rle.decode(told, row.height, row.width), structure=_EIGHT_CONNECTED)
        for number, (down, across) in enumerate(ndimage.find_objects(regions), 1):
            mask = regions == number
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": row.id,
                    "category_id": numbers[name],
                    "area": int(mask.sum()),
                    "area_pct": round(100 * float(mask.mean()), 4),
                    "bbox": [across.start, down.start, across.stop - across.start, down.stop - down.start],
                    "iscrowd": 0,
                    "segmentation": {"size": [row.height, row.width], "counts": counts(mask)},
                }
            )
    return {
        "info": {"description": "Inspections of SteelGUI; masks are the models' unless a person corrected them"},
        "images": [
            {
                "id": row.id,
                "file_name": file_name(row),
                "width": row.width,
                "height": row.height,
                "date_captured": row.created_at.isoformat(timespec="seconds"),
                "verdict": row.verdict,
                "label": row.label,
            }
            for row in rows
        ],
        "annotations": annotations,
        "categories": [{"id": number, "name": name, "supercategory": "defect"} for name, number in numbers.items()],
    }


def counts(mask: NDArray[np.bool_]) -> list[int]:
    """COCO's run lengths, column by column, of what is outside and inside in turn; the first may be 0."""
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff(np.concatenate(([0], edges, [flat.size]))).tolist()
    return [0, *lengths] if flat[0] else lengths


def _archive(rows: Sequence[HistoryRow], path: Path) -> None:
    """Originals as they came, pictures with what was found, results as JSON, and the three tables.

    Pictures whose file is gone are named in `missing.txt`; the rest is there.
    """
    missing = []
    with zipfile.ZipFile(path, "w") as archive:
        for row in rows:
            name = file_name(row)
            try:
                image = read_image(row.original, row.name)
                drawn = marked(image, masks(row)) if image.shape[:2] == (row.height, row.width) else image
                content = row.original.read_bytes()
            except (ImageError, OSError) as error:
                missing.append(f"{name}: {error}")
                continue
            picture = io.BytesIO()
            Image.fromarray(drawn).save(picture, "JPEG", quality=92)
            archive.writestr(f"images/{name}", content)
            archive.writestr(f"overlays/{Path(name).stem}.jpg", picture.getvalue())
            corrected = row.label if row.corrected_at else None
            told = {"id": row.id, "name": row.name, "time": row.created_at.isoformat(), "note": row.note}
            told |= {**row.result, "corrected": corrected}
            archive.writestr(f"results/{Path(name).stem}.json", json.dumps(told, ensure_ascii=False, indent=1))
        for kind in ("csv", "coco", "rle"):
            archive.writestr(NAMES[kind], _written(rows, kind), zipfile.ZIP_DEFLATED)
        if missing:
            archive.writestr("missing.txt", "\n".join(missing))
