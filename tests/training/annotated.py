"""Small data sets as COCO, LabelMe and YOLO write them; each marks `SQUARE` of `drawn` as a scratch on a.png."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from drawn import picture

#: Corners of `SQUARE` in pixels.
CORNERS = [(10, 4), (20, 4), (20, 9), (10, 9)]
FLAT = [value for corner in CORNERS for value in corner]


def write_json(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def annotation(image: int = 1, category: int = 7, **more: Any) -> dict[str, Any]:
    known = {"id": 1, "image_id": image, "category_id": category, "iscrowd": 0, "bbox": [10, 4, 10, 5]}
    return {**known, "segmentation": [FLAT], **more}


def coco(root: Path, *annotations: Any, file: str = "annotations.json", **more: Any) -> Path:
    """a.png and b.png in images/; categories 3 and 7 of which 7 is the scratch."""
    for name in ("a.png", "b.png"):
        picture(root / "images" / name)
    content = {
        "images": [
            {"id": number, "file_name": name, "width": 30, "height": 20}
            for number, name in ((1, "a.png"), (2, "b.png"))
        ],
        "annotations": [*annotations],
        "categories": [{"id": 3, "name": "dent"}, {"id": 7, "name": "scratch"}],
    }
    write_json(root / file, {**content, **more})
    return root


def shape(kind: str = "polygon", points: Any = CORNERS, label: str = "scratch", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}, **more}


def labelme(root: Path, *shapes: Any, name: str = "a", **more: Any) -> Path:
    picture(root / f"{name}.png")
    known = {"version": "5.5.0", "flags": {}, "shapes": [*shapes], "imagePath": f"{name}.png", "imageData": "x" * 99}
    write_json(root / f"{name}.json", {**known, "imageHeight": 20, "imageWidth": 30, **more})
    return root


#: A line of YOLO for `SQUARE`, class 0.
LINE = "0 " + " ".join(f"{x / 30:.6f} {y / 20:.6f}" for x, y in CORNERS)


def yolo(root: Path, lines: str = LINE, names: str = "names: [scratch, dent]", split: str = "train") -> Path:
    """a.png with a text file, b.png without one."""
    for name in ("a.png", "b.png"):
        picture(root / "images" / split / name)
    text = root / "labels" / split / "a.txt"
    text.parent.mkdir(parents=True, exist_ok=True)
    text.write_text(lines, encoding="utf-8")
    if names:
        (root / "data.yaml").write_text(f"path: ../data\ntrain: images/train\nval: images/val\n{names}\n", "utf-8")
    return root
