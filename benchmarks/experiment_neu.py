"""Do synthetic pictures help on NEU with three classes cut down? The answer is known where the pool is planted.

uv run python benchmarks/experiment_neu.py --pool held-back [--scarce 8] [--init FILE] [--arms plain balanced …]
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from training.config import parse
from training.experiment.config import ARMS, ExperimentConfig
from training.experiment.run import train_experiment

SHARED = Path(__file__).resolve().parents[2] / "shared"
SCARCE = ("inclusion", "pitted_surface", "scratches")
#: Training pictures of the other classes, and pictures of each scarce class that a planted pool may use.
OTHERS, POOL = 120, 48


def cut_down(folder: Path, scarce: int) -> dict[str, list[Path]]:
    """NEU with `scarce` training pictures of three classes; returns the pictures that are in no split, by class.

    Groups of its split.csv stay on one side; NEU's validation split stays, what is left of its training is the test.
    """
    source = SHARED / "data" / "neu-det"
    folder.mkdir(parents=True)
    for part in ("images", "masks", "annotations"):
        (folder / part).symlink_to(source / part)
    with (source / "split.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    out = [(row["image"], row["label"], row["group"], "validation") for row in rows if row["split"] == "validation"]
    spare: dict[str, list[Path]] = defaultdict(list)
    random = np.random.default_rng(0)
    for label in sorted({row["label"] for row in rows}):
        groups: dict[str, list[dict[str, str]]] = defaultdict(list)
        for row in rows:
            if row["label"] == label and row["split"] == "train":
                groups[row["group"]].append(row)
        order = random.permutation(sorted(groups))
        wanted, pool = (scarce, POOL) if label in SCARCE else (OTHERS, 0)
        taken = 0
        for name in order:
            for row in groups[name]:
                if taken < wanted:
                    out.append((row["image"], label, row["group"], "train"))
                elif taken < wanted + pool:
                    spare[label].append(source / row["image"])
                else:
                    out.append((row["image"], label, row["group"], "test"))
                taken += 1
            # The rest of a group that was begun goes nowhere: it may look like what was taken.
            if wanted < taken < wanted + len(groups[name]) and not pool:
                out = [row for row in out if not (row[2] == name and row[1] == label and row[3] == "test")]
    with (folder / "split.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "label", "group", "split"), *out])
    return spare


def planted(kind: str, folder: Path, data: Path, spare: dict[str, list[Path]]) -> Path:
    """A pool whose answer is known: held-back real pictures, copies of the training pictures, or noise."""
    with (data / "split.csv").open(newline="") as file:
        train = [(row["image"], row["label"]) for row in csv.DictReader(file) if row["split"] == "train"]
    random = np.random.default_rng(1)
    for label in SCARCE:
        (folder / label).mkdir(parents=True)
        own = [data / image for image, of in train if of == label]
        for number in range(POOL):
            path = folder / label / f"{number:03d}{'.png' if kind == 'noise' else '.jpg'}"
            if kind == "noise":
                Image.fromarray(random.integers(0, 255, (200, 200), dtype=np.uint8)).save(path)
            else:
                shutil.copyfile(spare[label][number] if kind == "held-back" else own[number % len(own)], path)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", default="held-back", help="held-back, copies, noise, or the folder of a set")
    parser.add_argument("--scarce", type=int, default=8)
    parser.add_argument("--init", default=str(SHARED / "weights" / "mobilenetv2_100.safetensors"))
    parser.add_argument("--arms", nargs="+", default=list(ARMS))
    parser.add_argument("--ratio", type=float, default=6.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        spare = cut_down(folder / "data", options.scarce)
        known = options.pool in ("held-back", "copies", "noise")
        pool = planted(options.pool, folder / "pool", folder / "data", spare) if known else Path(options.pool)
        values = {"data": folder / "data", "out": folder / "run", "synthetic": [pool], "ratios": [options.ratio]}
        values |= {name: getattr(options, name) for name in ("arms", "seeds", "epochs", "init")}
        for event in train_experiment(parse(ExperimentConfig, values)):
            if event.kind == "trial" and event.done:
                print(
                    f"{event.number} of {event.count}: {event.arm}, {time.perf_counter() - started:.0f} s", flush=True
                )
        result = json.loads((folder / "run" / "result.json").read_text("utf-8"))
    print(result["counts"], result["training_counts"])
    for arm in result["arms"]:
        figures = " ".join(
            f"{name} {arm['figures'][name]['value']:.3f} ({arm['figures'][name]['low']:.3f}–"
            f"{arm['figures'][name]['high']:.3f})"
            for name in ("scarce_f1", "macro_f1")
        )
        print(f"{arm['arm']:<10} {figures}")
    print(result["verdict"]["sentence"])
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
