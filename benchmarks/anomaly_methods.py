"""Does another detector beside CutPaste find more than CutPaste alone?

uv run python benchmarks/anomaly_methods.py train /tmp/answers --seeds 0 1 2 [--tune | --neu] [--set steps=200 …]
uv run python benchmarks/anomaly_methods.py report /tmp/answers

On magnetic tiles, good = free, fold 3 as test; `--tune` leaves fold 3 out altogether and judges fold 2. `--neu` learns
crops from outside the masks of NEU's training split and judges the places on its masked validation pictures. Each seed
is trained once as `combined`, whose parts are judged on their own too; differences are paired by picture and seed,
near-duplicates drawn together.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.anomaly import Detector
from models.combined import Combined
from models.imaging import blend
from models.tiling import plan_tiles
from training.anomaly.config import AnomalyConfig
from training.anomaly.material import gather_good, is_good
from training.anomaly.tiles import answers
from training.anomaly.train import METHODS
from training.config import parse
from training.data.record import load_image, load_masks
from training.data.splits import group_key
from training.experiment.compare import Bootstrap, Figure, Rates
from training.loop import pick_device

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
TILES = DATA / "magnetic-tile"
#: Levels that map values are counted in.
LEVELS = 1000
REPORTED = ("cutpaste", "autoencoder", "combined", "discriminative", "memory-bank")


def link(folder: Path, folds: tuple[int, ...]) -> Path:
    """The data with these folds only."""
    folder.mkdir(parents=True)
    for part in ("images", "masks"):
        (folder / part).symlink_to(TILES / part)
    with (TILES / "folds.csv").open(newline="") as file, (folder / "folds.csv").open("w", newline="") as out:
        rows = csv.DictReader(file)
        writer = csv.DictWriter(out, rows.fieldnames or ())
        writer.writeheader()
        writer.writerows(row for row in rows if int(row["fold"]) in folds)
    return folder


def task(on: str, folder: Path) -> dict[str, object]:
    """What is learned: fields of the configuration."""
    if on == "neu":
        return {"data": DATA / "neu-det", "clean_crops": 2}
    tune = on == "tune"
    return {"data": link(folder, (0, 1, 2) if tune else (0, 1, 2, 3)), "fold": 2 if tune else 3}


def train(out: Path, seed: int, on: str, methods: list[str], values: dict[str, str | list[str]]) -> None:
    """Train the detectors of a seed; keep each method's scores and maps of the held-out pictures."""
    with tempfile.TemporaryDirectory() as temporary:
        learned_from = task(on, Path(temporary) / "data")
        found: dict[str, list[tuple[float, NDArray[np.float32]]]] = {}
        for method in methods:
            asked = {**learned_from, "out": Path(temporary) / method, "method": method, "seed": seed}
            config = parse(AnomalyConfig, {**asked, **values})
            started = time.perf_counter()
            material = gather_good(config)
            learning = METHODS[method](config, material, pick_device(config.device))
            while True:
                try:
                    event = next(learning)
                except StopIteration as done:
                    learned = done.value
                    break
                if event.kind == "step" and event.step % 50 == 0:
                    seconds = time.perf_counter() - started
                    print(f"{method} {event.step} of {event.steps} {event.losses} {seconds:.0f} s", flush=True)
            samples = [one for one in material.validation if one.mask is not None or is_good(one, material.normal)]
            for name, part in parts(learned.network, method).items():
                found[name] = []
                for sample, (scores, maps) in answers(part, learned.spec, samples):
                    height, width = load_image(sample).shape[:2]
                    whole = blend(maps.float(), plan_tiles(height, width), height, width)
                    found[name].append((float(scores.max()), whole.numpy()))
        bad = [not is_good(sample, material.normal) for sample in samples]
        masks = []
        for sample, defective in zip(samples, bad, strict=True):
            height, width = load_image(sample).shape[:2]
            masks.append(load_masks(sample, sample.labels, height, width).any(0) & defective)
        values_of = {}
        for name, answered in found.items():
            values_of[f"score:{name}"] = np.array([score for score, _ in answered])
            limits = np.quantile(np.concatenate([one.ravel()[::7] for _, one in answered]), np.linspace(0, 1, LEVELS))
            for which in (0, 1):  # of good pixels, then of bad ones
                values_of[f"pixels{which}:{name}"] = np.stack(
                    [
                        np.bincount(np.searchsorted(limits, one[mask == which]), minlength=LEVELS + 1)
                        for (_, one), mask in zip(answered, masks, strict=True)
                    ]
                )
        out.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            out / f"{seed}.npz",
            bad=bad,
            labels=[sample.labels[0] for sample in samples],
            groups=[group_key(sample) for sample in samples],
            **values_of,
        )


def parts(network: Detector, method: str) -> dict[str, Detector]:
    if isinstance(network, Combined):
        return {name: network.part(name) for name in network.parts} | {"combined": network}
    return {method: network}


def auroc(good: NDArray[np.float64], bad: NDArray[np.float64]) -> NDArray[np.float64]:
    """B×L counts of good and bad ones by rising level → B areas under the ROC curve, ties by half."""
    below = good.cumsum(1) - good / 2
    area: NDArray[np.float64] = (below * bad).sum(1) / (good.sum(1) * bad.sum(1))
    return area


def figures(kept: list[dict[str, NDArray[np.generic]]], method: str, bootstrap: Bootstrap) -> dict[str, Figure]:
    """Image and pixel AUROC, means over seeds; of places alone where there are no good pictures."""
    names = ("image AUROC", "pixel AUROC")[int(kept[0]["bad"].all()) :]

    def rated(weights: NDArray[np.float64]) -> list[Rates]:
        rates: list[Rates] = []
        for one in kept:
            own = {"pixel AUROC": auroc(*(weights @ one[f"pixels{n}:{method}"].astype(float) for n in (0, 1)))}
            if "image AUROC" in names:
                levels = np.unique(one[f"score:{method}"], return_inverse=True)[1]
                rows, bad = np.eye(levels.max() + 1)[levels], one["bad"].astype(float)[:, None]
                own["image AUROC"] = auroc(weights @ (rows * (1 - bad)), weights @ (rows * bad))
            rates.append({name: areas[:, None] for name, areas in own.items()})
        return rates

    which, shown = np.array([True]), np.asarray(kept[0]["bad"], dtype=bool)[:, None]
    return bootstrap.figures(rated, {name: (name, which) for name in names}, shown)


def report(folder: Path) -> None:
    files = sorted(folder.glob("*.npz"))
    kept = [dict(np.load(file)) for file in files]
    bootstrap = Bootstrap([str(group) for group in kept[0]["groups"]], len(kept))
    bad = int(kept[0]["bad"].sum())
    print(f"{len(kept[0]['bad'])} pictures, {bad} bad, {len(set(kept[0]['groups']))} groups, seeds {len(files)}")
    methods = [method for method in REPORTED if f"score:{method}" in kept[0]]
    found = {method: figures(kept, method, bootstrap) for method in methods}
    for method, own in found.items():
        told = ", ".join(f"{name} {signed(figure.interval())}" for name, figure in own.items())
        against = {name: figure.minus(found["cutpaste"][name]) for name, figure in own.items()}
        print(f"{method:<12} {told}; over cutpaste {', '.join(signed(one, '+') for one in against.values())}")
    for label in sorted(set(kept[0]["labels"][kept[0]["bad"].astype(bool)]) if not kept[0]["bad"].all() else ()):
        print(f"{label:<12} " + ", ".join(f"{method} {of_class(kept, method, label):.3f}" for method in methods))


def of_class(kept: list[dict[str, NDArray[np.generic]]], method: str, label: str) -> float:
    """Image AUROC of one class against the good ones, mean over seeds."""
    areas = []
    for one in kept:
        scores = one[f"score:{method}"]
        good, bad = scores[~one["bad"].astype(bool)], scores[one["labels"] == label]
        areas.append((bad[:, None] > good).mean() + (bad[:, None] == good).mean() / 2)
    return float(np.mean(areas))


def signed(interval: object, sign: str = "") -> str:
    value, low, high = (getattr(interval, name) for name in ("value", "low", "high"))
    return f"{value:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("train", "report"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", default=["combined", "memory-bank"], help="what is trained")
    on = parser.add_mutually_exclusive_group()
    on.add_argument("--tune", dest="on", action="store_const", const="tune")
    on.add_argument("--neu", dest="on", action="store_const", const="neu")
    parser.add_argument("--set", nargs="*", default=[], metavar="FIELD=VALUE", help="of the configuration")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pairs = (pair.split("=", 1) for pair in options.set)
    values = {name: value.split(",") if "," in value else value for name, value in pairs}
    if options.action == "train":
        for seed in options.seeds:
            train(options.folder, seed, options.on or "test", options.methods, values)
    else:
        report(options.folder)


if __name__ == "__main__":
    main()
