"""Do synthetic pictures help on NEU with three classes cut down? The answer is known where the pool is planted.

uv run python benchmarks/experiment_neu.py --pool held-back [--task segmenter] [--scarce 8] [--arms plain balanced …]

`--pool transplants` puts the training pictures' own defects on their own steel, and `--pool made` shows those of the
classes without masks in other light besides; nothing is known of them beforehand. NEU has masks of three classes only:
a segmenter's scarce ones, and those that transplants show, are inclusion and scratches, or with `--classes inclusion
patches scratches` all three.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from steelgui.services.variants import Variants
from training.config import parse
from training.experiment.config import ARMS, ExperimentConfig
from training.experiment.run import train_experiment

SHARED = Path(__file__).resolve().parents[2] / "shared"
#: Training pictures of the other classes, and pictures of each scarce class that a planted pool may use.
OTHERS, POOL = 120, 48
#: A line of split.csv.
Row = dict[str, str]


def cut_down(
    folder: Path, scarce: int, classes: Sequence[str], deal: int = 0, unlike: bool = False
) -> dict[str, list[Path]]:
    """NEU with `scarce` training pictures of `classes`; returns the pictures that are in no split, by class.

    NEU's validation split stays, what is left of its training is the test.

    Args:
        deal: which pictures are for training, and which for the test.
        unlike: takes one picture of each group, so that every picture of the test stands for itself.
    """
    source = SHARED / "data" / "neu-det"
    folder.mkdir(parents=True)
    for part in ("images", "masks", "annotations"):
        (folder / part).symlink_to(source / part)
    with (source / "split.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    dealt = [row for row in rows if row["split"] == "validation"]
    spare = {}
    random = np.random.default_rng(deal)
    for label in sorted({row["label"] for row in rows}):
        groups: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            if row["label"] == label and row["split"] == "train":
                groups[row["group"]].append(row)
        shuffled = [groups[name][: 1 if unlike else None] for name in random.permutation(sorted(groups))]
        train, shuffled = take(shuffled, scarce if label in classes else OTHERS)
        if label in classes:
            held_back, shuffled = take(shuffled, POOL)
            spare[label] = [source / row["image"] for row in held_back]
        test = [row for group in shuffled for row in group]
        dealt += [{**row, "split": "train"} for row in train] + [{**row, "split": "test"} for row in test]
    with (folder / "split.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ("image", "label", "group", "split"))
        writer.writeheader()
        writer.writerows(dealt)
    return spare


def take(groups: list[list[Row]], count: int) -> tuple[list[Row], list[list[Row]]]:
    """The first `count` rows, and the groups that none of them is from.

    The rest of a group that was begun goes nowhere: it may look like what was taken.
    """
    taken: list[Row] = []
    for place, group in enumerate(groups):
        if len(taken) == count:
            return taken, groups[place:]
        taken += group[: count - len(taken)]
    return taken, []


def planted(kind: str, folder: Path, data: Path, spare: dict[str, list[Path]]) -> Path:
    """A pool whose answer is known: held-back real pictures, copies of the training pictures, or noise.

    Where NEU has masks, so have the pool's pictures; noise is all defect.
    """
    with (data / "split.csv").open(newline="") as file:
        train = [(row["image"], row["label"]) for row in csv.DictReader(file) if row["split"] == "train"]
    random = np.random.default_rng(1)
    for label in spare:
        pictures, masks = folder / label, folder / "masks" / label
        for part in (pictures, masks):
            part.mkdir(parents=True)
        own = [data / image for image, of in train if of == label]
        for number in range(POOL):
            name = f"{number:03d}"
            if kind == "noise":
                noise = random.integers(0, 255, (200, 200), dtype=np.uint8)
                Image.fromarray(noise).save(pictures / f"{name}.png")
                Image.new("L", (200, 200), 255).save(masks / f"{name}.png")
                continue
            source = spare[label][number] if kind == "held-back" else own[number % len(own)]
            shutil.copyfile(source, pictures / f"{name}.jpg")
            mask = data / "masks" / f"{source.stem}.png"
            if mask.is_file():
                shutil.copyfile(mask, masks / f"{name}.png")
    return folder


def variants(folder: Path, data: Path, count: int, classes: Sequence[str], masked: bool) -> Path:
    """A pool of `count` pictures of each of `classes`, or of those with masks, as `steelgui sample DATA` draws them."""
    maker = Variants(data)
    for label in sorted(set(classes) & set(maker.classes)):
        for made in maker.draw(count, 0, label):
            if masked and made.mask is None:
                break
            for part, pixels in ((folder / label, made.image), (folder / "masks" / label, made.mask)):
                if pixels is not None:
                    part.mkdir(parents=True, exist_ok=True)
                    Image.fromarray(pixels).save(part / f"{made.seed:03d}.png")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--pool", default="held-back", help="held-back, copies, noise, transplants, made, or the folder of a set"
    )
    parser.add_argument("--count", type=int, default=64, help="transplants, or pictures made, of a class")
    parser.add_argument("--task", default="classifier", choices=("classifier", "segmenter"))
    parser.add_argument("--scarce", type=int, default=8, help="training pictures that each of --classes keeps")
    parser.add_argument("--classes", nargs="+", default=["inclusion", "pitted_surface", "scratches"])
    parser.add_argument("--deal", type=int, default=0, help="which pictures are for training, and which for the test")
    parser.add_argument("--unlike", action="store_true", help="one picture of each of NEU's groups")
    parser.add_argument("--init", default=str(SHARED / "weights" / "mobilenetv2_100.safetensors"))
    parser.add_argument("--arms", nargs="+", default=list(ARMS))
    parser.add_argument("--arch", default="mobilenetv2_100")
    parser.add_argument("--ratios", type=float, nargs="+", default=[6.0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="the first")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--average", type=float, default=0.0, help="last part of the epochs that is averaged (SWA)")
    options = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        spare = cut_down(folder / "data", options.scarce, options.classes, options.deal, options.unlike)
        if options.pool in ("transplants", "made"):
            masked = options.pool == "transplants"
            pool = variants(folder / "pool", folder / "data", options.count, options.classes, masked)
        elif options.pool in ("held-back", "copies", "noise"):
            pool = planted(options.pool, folder / "pool", folder / "data", spare)
        else:
            pool = Path(options.pool)
        values = {"data": folder / "data", "out": folder / "run", "synthetic": [pool]}
        asked = (
            *("task", "arms", "ratios", "seeds", "seed", "epochs", "init", "arch", "size"),
            *("batch_size", "learning_rate", "average"),
        )
        values |= {name: getattr(options, name) for name in asked}
        for event in train_experiment(parse(ExperimentConfig, values)):
            if event.kind == "trial" and event.done:
                print(
                    f"{event.number} of {event.count}: {event.arm}, {time.perf_counter() - started:.0f} s", flush=True
                )
        result = json.loads((folder / "run" / "result.json").read_text("utf-8"))
    print(result["counts"], result["training_counts"])
    for note in result["notes"]:
        print(note)
    for arm in result["arms"]:
        figures = " ".join(
            f"{name} {figure['value']:.3f} ({figure['low']:.3f}–{figure['high']:.3f})"
            for name, figure in arm["figures"].items()
            if ":" not in name
        )
        print(f"{arm['arm']:<10} {arm['ratio'] or '':<4} {figures}")
        mean = "scarce_f1" if options.task == "classifier" else "scarce_dice"
        for base in ("over_plain", "over_balanced"):
            if over := arm[base].get(mean):
                print(f"{'':<15} {base} {over['value']:+.3f} ({over['low']:+.3f} to {over['high']:+.3f})")
    print(result["verdict"]["sentence"])
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
