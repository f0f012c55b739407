"""How well a classifier tells good castings from defective ones: 60 % train, 10 % validate, 30 % test.

uv run python benchmarks/casting.py [--seeds 3] [--set arch=resnet18 init=random …] [--keep DIR] [--validation-only]

Near-duplicates are on one side of the split. The recipe is `training/recipes/casting-classifier.json`; what `--set`
changes is for trying things out, and whoever chooses between such things looks at `--validation-only`. A seed is one of
weights, order and augmentation; the split is the same for all (`--split-seed`). Intervals: cluster bootstrap over
groups of near-duplicates and over seeds, and Wilson's of each seed alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from models.checkpoint import load_checkpoint
from models.imagefile import read_image
from models.turned import look_eight_ways
from steelgui.overlay import draw_overlay
from steelgui.results import Thresholds
from steelgui.services.decision import decide
from steelgui.services.inspection import Inspector
from steelgui.services.quality import wilson
from training.classifier import stream_scores, train_classifier
from training.config import ClassifierConfig, parse
from training.data import read_dataset
from training.data.record import Sample, load_image
from training.data.seen import digests
from training.data.splits import group_key, split_anew
from training.experiment.compare import Bootstrap, Rates
from training.material import Material
from training.metrics import caught_without_alarms

ROOT = Path(__file__).resolve().parents[1]
PARTS = {"train": 0.6, "validation": 0.1, "test": 0.3}
Numbers = NDArray[np.float64]


def train(config: ClassifierConfig, material: Material) -> None:
    since = time.perf_counter()
    for event in train_classifier(config, material):
        if event.kind == "metric":
            shown = ("accuracy", "log_loss", "caught_at_0_alarms")
            told = " ".join(f"{name} {event.values[name]:.4f}" for name in shown)
            print(f"  epoch {event.epoch}: {told}, {time.perf_counter() - since:.0f} s", flush=True)
        elif event.kind == "finished":
            print(f"  {event.reason}; {time.perf_counter() - since:.0f} s", flush=True)


def defect_scores(path: Path, samples: Sequence[Sample], turns: bool) -> Numbers:
    """N scores of the defective class."""
    checkpoint = load_checkpoint(path)
    if turns:
        look_eight_ways(checkpoint.network)
    scores = torch.stack([*stream_scores(checkpoint.network, checkpoint.spec, map(load_image, samples))])
    return scores[:, checkpoint.spec.classes.index("def_front")].double().numpy()


def rates(scores: Numbers, defective: NDArray[np.bool_], weights: Numbers) -> dict[str, Numbers]:
    """B of accuracy at 0.5 and of defects missed without a false alarm; B×N weights say how often a picture counts."""
    right = weights @ ((scores >= 0.5) == defective) / weights.sum(1)
    highest = np.where((weights > 0) & ~defective, scores, -1.0).max(1)
    missed = ((scores <= highest[:, None]) * weights)[:, defective].sum(1) / weights[:, defective].sum(1)
    return {"accuracy": right, "missed at 0 false alarms": missed}


def report(samples: Sequence[Sample], by_seed: Sequence[Numbers]) -> None:
    defective = np.array([sample.labels == ("def_front",) for sample in samples])
    for seed, scores in enumerate(by_seed):
        right = int(((scores >= 0.5) == defective).sum())
        found = caught_without_alarms(torch.from_numpy(scores), torch.from_numpy(defective))
        missed = round(found["missed_at_0_alarms"] * int(defective.sum()))
        print(
            f"seed {seed}: accuracy {right / len(scores):.4f} ({right} of {len(scores)}; {_of(right, len(scores))}), "
            f"missed at 0 alarms {found['missed_at_0_alarms']:.4f} ({missed} of {defective.sum()}; "
            f"{_of(missed, int(defective.sum()))}), highest good {scores[~defective].max():.4f}, "
            f"lowest defect {scores[defective].min():.4f}"
        )
        for index in np.flatnonzero((scores >= 0.5) != defective):
            print(f"  wrong: {samples[index].image.name}, score {scores[index]:.3f}")
    bootstrap = Bootstrap([group_key(sample) for sample in samples], len(by_seed))

    def rated(weights: Numbers) -> list[Rates]:
        each = (rates(scores, defective, weights) for scores in by_seed)
        return [{name: draws[:, None] for name, draws in one.items()} for one in each]

    everything = np.ones_like(defective)
    for name, on in (("accuracy", everything), ("missed at 0 false alarms", defective)):
        means = {name: (name, np.array([True]))}
        figure = bootstrap.figures(rated, means, on[:, None], counted=True)[name].interval()
        print(f"{name}: {figure.value:.4f}, 95 % interval {figure.low:.4f} to {figure.high:.4f}")


def from_validation(validation: tuple[Sequence[Sample], Numbers], test: tuple[Sequence[Sample], Numbers]) -> str:
    """What the threshold that validation alone gives does on the test."""
    (samples, scores), (tested, reached) = validation, test
    good = np.array([sample.labels != ("def_front",) for sample in samples])
    threshold = scores[good].max()
    defective = np.array([sample.labels == ("def_front",) for sample in tested])
    alarms, missed = int((reached[~defective] > threshold).sum()), int((reached[defective] <= threshold).sum())
    return (
        f"threshold of validation's good castings {threshold:.4f}: on the test {alarms} false alarms of "
        f"{(~defective).sum()}, {missed} missed of {defective.sum()}"
    )


def look(path: Path, samples: Sequence[Sample], folder: Path | None) -> None:
    """Median time of an inspection with this classifier alone, and Grad-CAM pictures of the first defects."""
    inspector, times = Inspector(path, None, device="cpu"), []
    for number, sample in enumerate(samples):
        image = read_image(sample.image)
        since = time.perf_counter()
        evidence = inspector.look(image)
        times.append(1000 * (time.perf_counter() - since))
        if folder and number < 24:
            heated = draw_overlay(image, decide(evidence, Thresholds()), heat=evidence.heat)
            both = np.concatenate([image, heated], axis=1)
            Image.fromarray(both).save(folder / f"{path.stem}-{sample.labels[0]}-{sample.image.stem}.png")
    print(f"one inspection, heat map and all: median {statistics.median(times[2:]):.1f} ms")


def _of(hits: int, count: int) -> str:
    interval = wilson(hits, count)
    return f"Wilson {interval.low:.3f} to {interval.high:.3f}"


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--split-seed", type=int, default=0)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="of the recipe, changed")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="models, and pictures of what they look at")
    parser.add_argument("--validation-only", action="store_true", help="do not look at the test")
    options = parser.parse_args()
    recipe: Mapping[str, Any] = json.loads(
        (ROOT / "training" / "recipes" / "casting-classifier.json").read_text("utf-8")
    )
    changed = {name: _value(value) for name, _, value in (item.partition("=") for item in options.set)}
    values = {**recipe, **changed, "data": (ROOT / recipe["data"]).resolve()}
    dataset = read_dataset(values["data"])
    dealt = split_anew(dataset, PARTS, options.split_seed)
    splits = {name: tuple(sample for sample in dealt if sample.split == name) for name in PARTS}
    for name, samples in splits.items():
        counts = {label: sum(sample.labels == (label,) for sample in samples) for label in dataset.classes}
        print(f"{name}: {len(samples)} pictures in {len(set(map(group_key, samples)))} groups, {counts}")
    seen = frozenset(digests(sample.image for sample in splits["train"]))
    material = Material(splits["train"], splits["validation"], dataset.classes, (), seen)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        paths = []
        for seed in range(options.seeds):
            out = folder / f"casting-{seed}"
            config = parse(ClassifierConfig, {**values, "out": out, "seed": seed})
            print(f"seed {seed}", flush=True)
            if not config.best.is_file():
                train(config, material)
            paths.append(config.best)
        for turns in (False, True):
            print("looked at eight ways" if turns else "looked at once", flush=True)
            known = [defect_scores(path, splits["validation"], turns) for path in paths]
            report(splits["validation"], known)
            if options.validation_only:
                continue
            print("the test", flush=True)
            tested = [defect_scores(path, splits["test"], turns) for path in paths]
            report(splits["test"], tested)
            for own, scores in zip(known, tested, strict=True):
                print(from_validation((splits["validation"], own), (splits["test"], scores)))
        if options.validation_only:
            return
        look(paths[0], [*splits["test"][:12], *splits["test"][-60:]], options.keep)


if __name__ == "__main__":
    main()
