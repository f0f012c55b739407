"""Sets of synthetic pictures as training samples: `DIR/<class>/*.png`, `DIR/masks/`, and a manifest."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.imagefile import ImageError, image_size
from models.spec import is_defect_free
from training.data.folders import NOT_CLASSES
from training.data.listing import list_images, subfolders
from training.data.record import DataError, MaskFile, Sample, mask_problem

#: The split of a synthetic sample; no reader of real data gives it.
SYNTHETIC = "synthetic"


@dataclass(frozen=True)
class Filters:
    """What a synthetic picture must reach; a picture whose manifest does not tell passes no filter that asks for it.

    Attributes:
        confidence: the classifier's, that it shows its class, at least; 0 to 1.
        distance: to the nearest training picture at least, in the manifest's unit (below 1 it is nearer than real
            pictures lie to each other).
        furthest: likewise, at most.
    """

    confidence: float = 0.0
    distance: float = 0.0
    furthest: float = float("inf")

    def passes(self, row: dict[str, str]) -> bool:
        if self.confidence > 0 and _number(row.get("confidence"), -1.0) < self.confidence:
            return False
        if self.distance > 0 and _number(row.get("distance"), -1.0) < self.distance:
            return False
        return self.furthest == float("inf") or _number(row.get("distance"), float("inf")) <= self.furthest


ALL = Filters()


def read_synthetic(folder: Path, filters: Filters = ALL) -> list[Sample]:
    """Samples of one set, in the order of their names, with `split` set to `SYNTHETIC` and the set's name as `group`.

    A folder of class folders without a manifest will do, with masks in `masks/<class>/<picture>.png`; filters then
    pass nothing. A mask of another size than its picture counts as none.

    Raises:
        DataError: there is no such folder, no picture in it, or none that passes.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such synthetic set; accept samples in the GAN Studio first")
    rows = manifest(folder)
    if rows:
        named = [(row["file"], row["class"], row.get("mask", "")) for row in rows if filters.passes(row)]
    elif filters == ALL:
        named = [
            (f"{label.name}/{path.name}", label.name, f"masks/{label.name}/{path.stem}.png")
            for label in subfolders(folder)
            if label.name not in NOT_CLASSES
            for path in list_images(label)
        ]
    else:
        raise DataError(f"{folder.name} has no manifest.csv with scores; leave the filters out")
    samples = []
    for file, label, mask in sorted(named):
        path = folder / file
        try:
            image_size(path)
        except ImageError:
            continue  # deleted by hand, or half copied: what is left is of use
        known = None
        if mask and mask_problem(path, folder / mask) is None:
            known = MaskFile(folder / mask, () if is_defect_free(label) else ((-1, label),))
        samples.append(Sample(path, (label,), known, group=folder.name, split=SYNTHETIC))
    if not samples:
        why = f"none of its {len(rows)} pictures passes the filters" if rows else "it holds no picture"
        raise DataError(f"{folder.name}: the synthetic set is empty; {why}")
    return samples


def choose(pool: Sequence[Sample], real: Sequence[Sample], ratio: float, seed: int) -> list[Sample]:
    """For each class of the pool `ratio` times as many pictures as there are real ones, drawn without repeats.

    Args:
        real: the training samples, which say how many that is.
        seed: of the draw; another seed takes other pictures of a large pool.
    """
    counts = Counter(label for sample in real for label in sample.labels)
    by_class = defaultdict(list)
    for sample in pool:
        by_class[sample.labels[0]].append(sample)
    chosen = []
    for number, (label, samples) in enumerate(sorted(by_class.items())):
        wanted = min(len(samples), round(ratio * counts[label]))
        order = np.random.default_rng([seed, number]).permutation(len(samples))[:wanted]
        chosen += [samples[index] for index in sorted(order.tolist())]
    return chosen


def manifest(folder: Path) -> list[dict[str, str]]:
    """What a set holds, a row a picture; empty where there is none yet."""
    path = folder / "manifest.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [dict(row) for row in csv.DictReader(file)]


def _number(text: str | None, missing: float) -> float:
    try:
        return float(text or "")
    except ValueError:
        return missing
