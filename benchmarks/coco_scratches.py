"""Scratches of NEU-DET as a COCO file, a U-Net trained on it, and its dice as the pictures get darker.

    python benchmarks/coco_scratches.py --data ../shared/data/neu-det \\
        --init ../shared/weights/mobilenetv2_100.safetensors

NEU's validation pictures are the test. Which epoch stays is decided by a tenth of the training pictures, near-
duplicates together, so that nothing is chosen by what is reported. One line of JSON a seed, and one of all: mean dice
of the test pictures at each brightness, with a 95 % interval from 10,000 draws of their groups.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco
from scipy import ndimage

from models.checkpoint import load_checkpoint
from models.imagefile import image_size
from training.config import SegmenterConfig, parse
from training.data import read_dataset
from training.data.record import Sample, load_masks
from training.data.splits import group_stratified_split
from training.segmenter import stream_areas, train_segmenter

LABEL = "scratches"
BRIGHTNESSES = (1.0, 0.5, 0.25)
RECIPE: dict[str, Any] = {
    "format": "coco",
    "epochs": 60,
    "crop": 160,
    "batch_size": 8,
    "learning_rate": 0.0015,
    "dice_weight": 0.6,
    "zoom": 0.75,
    "patience": 60,
    "exposure": 2.0,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="neu-det")
    parser.add_argument("--init", default="random", help="start, as `train segmenter --init`")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--set", nargs=2, action="append", default=[], metavar=("FIELD", "JSON"), help="of the recipe")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="checkpoints go here; a finished seed is not trained anew"
    )
    arguments = parser.parse_args()
    changed = {name: json.loads(value) for name, value in arguments.set}
    with tempfile.TemporaryDirectory() as temporary:
        folder, kept = Path(temporary) / LABEL, arguments.keep or Path(temporary)
        groups = write_coco(arguments.data, folder)
        dice = []
        for seed in arguments.seeds:
            values = {"data": folder, "out": kept / f"seed{seed}", "init": arguments.init, "seed": seed}
            config = parse(SegmenterConfig, {**RECIPE, **values, **changed})
            since = time.process_time()
            if not (config.out / "done").is_file():
                deque(train_segmenter(config), maxlen=0)
                (config.out / "done").touch()
            minutes = round((time.process_time() - since) / 60, 1)
            dice.append(test_dice(config.best, folder))
            means = dict(zip(map(str, BRIGHTNESSES), dice[-1].mean(axis=1).round(4).tolist(), strict=True))
            print(json.dumps({"seed": seed, "cpu_minutes": minutes, "dice": means}), flush=True)
    print(json.dumps({"changed": changed, "seeds": arguments.seeds, "dice": intervals(np.stack(dice), groups)}))


def write_coco(data: Path, folder: Path) -> list[str | None]:
    """`images/` and `annotations/instances_{train,val,test}.json`; returns the groups of the test pictures."""
    scratches = [one for one in read_dataset(data).samples if one.labels == (LABEL,)]
    learning = [replace(one, split=None) for one in scratches if one.split == "train"]
    parts: dict[str, list[Sample]] = {"train": [], "val": [], "test": [s for s in scratches if s.split == "validation"]}
    for sample in group_stratified_split(learning, {"train": 0.9, "val": 0.1}, seed=0):
        parts[sample.split or ""].append(sample)
    (folder / "images").mkdir(parents=True)
    (folder / "annotations").mkdir()
    for part, samples in parts.items():
        content = json.dumps(_content(samples))
        (folder / "annotations" / f"instances_{part}.json").write_text(content)
        for sample in samples:
            shutil.copy(sample.image, folder / "images")
    return [sample.group for sample in sorted(parts["test"], key=lambda one: one.image.name)]


def _content(samples: Sequence[Sample]) -> dict[str, Any]:
    images, annotations = [], []
    for number, sample in enumerate(samples, 1):
        width, height = image_size(sample.image)
        images.append({"id": number, "file_name": sample.image.name, "width": width, "height": height})
        regions, count = ndimage.label(load_masks(sample, [LABEL], height, width)[0], structure=np.ones((3, 3)))
        for region in range(1, count + 1):
            encoded = coco.encode(np.asfortranarray(regions == region, dtype=np.uint8))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": 7,  # any number will do
                    "iscrowd": 0,
                    "area": int(coco.area(encoded)),
                    "bbox": coco.toBbox(encoded).tolist(),
                    "segmentation": {"size": [height, width], "counts": encoded["counts"].decode()},
                }
            )
    return {"images": images, "annotations": annotations, "categories": [{"id": 7, "name": LABEL}]}


def test_dice(path: Path, folder: Path) -> np.ndarray[Any, np.dtype[np.float64]]:
    """B×N dice of the test pictures at each brightness."""
    checkpoint = load_checkpoint(path)
    samples = [sample for sample in read_dataset(folder, "coco").samples if sample.split == "test"]
    rows = []
    for brightness in BRIGHTNESSES:
        areas = stream_areas(checkpoint.network, checkpoint.spec, samples, brightness)
        rows.append([float(2 * both / (found + truth)) for both, found, truth in (one[:, 0].tolist() for one in areas)])
    return np.array(rows)


def intervals(dice: np.ndarray[Any, np.dtype[np.float64]], groups: Sequence[str | None]) -> dict[str, Any]:
    """Mean over seeds and pictures at each brightness, from S×B×N, with a 95 % interval over groups of pictures."""
    members: dict[str | None, list[int]] = defaultdict(list)
    for number, group in enumerate(groups):
        members[group].append(number)
    known, rng = list(members.values()), np.random.default_rng(0)
    draws = [
        np.concatenate([known[group] for group in rng.integers(len(known), size=len(known))]) for _ in range(10_000)
    ]
    result = {}
    for place, brightness in enumerate(BRIGHTNESSES):
        each = dice[:, place].mean(axis=0)
        low, high = np.quantile([each[draw].mean() for draw in draws], [0.025, 0.975])
        result[f"{brightness:g}"] = {
            "mean": round(float(each.mean()), 4),
            "interval": [round(float(low), 4), round(float(high), 4)],
            "seeds": dice[:, place].mean(axis=1).round(4).tolist(),
        }
    return result


if __name__ == "__main__":
    main()
