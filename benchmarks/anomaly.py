"""The memory bank on real defects, beside anomalib's PatchCore with the same backbone, weights, stages, pictures and
number of patches, in one run.

`uv run --group benchmarks python benchmarks/anomaly.py {magnetic,neu} [--seeds N] [--alone] [--init FILE]`

magnetic: learns the good tiles of folds 0 to 2, judged on fold 3. neu: learns crops from outside the training split's
masks, judged on the masked pictures of the validation split. Intervals: 95 % of 1000 draws of near-duplicate groups,
both systems and all seeds on the same ones; over seeds the means, draw by draw. Time: one picture after the other from
decoded pixels to score and map in its own pixels, the two systems in turn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from models.checkpoint import load_checkpoint
from models.imaging import blend, to_input
from models.memory_bank import MemoryBank
from models.spec import NetworkSpec
from models.tiling import plan_tiles
from training.anomaly.config import AnomalyConfig
from training.anomaly.evaluate import judge
from training.anomaly.figures import pro
from training.anomaly.material import gather_good, is_good, load_good
from training.anomaly.memory import POOL
from training.anomaly.train import train_anomaly
from training.data.record import Sample, load_image, load_masks
from training.data.splits import group_key

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
DRAWS = 1000
#: Bins of map values, of equal counts: AUROC of drawn pictures comes from sums of histograms.
BINS = 2000
TIMED = 30

#: Picture (H×W×3 uint8) → score and map in its pixels.
Judge = Callable[[NDArray[np.uint8]], tuple[float, NDArray[np.float32]]]


@dataclass(frozen=True)
class Task:
    """What is learned and judged."""

    config: dict[str, Any]
    judged: Callable[[Sequence[Sample]], list[Sample]]


TASKS = {
    "magnetic": Task({"data": DATA / "magnetic-tile", "fold": 3}, list),
    "neu": Task(
        {"data": DATA / "neu-det", "clean_crops": 2},
        lambda samples: [sample for sample in samples if sample.mask is not None],
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--alone", action="store_true", help="without anomalib")
    parser.add_argument("--init", default="bundled")
    parser.add_argument("--method", default="memory-bank")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    task, results, draws = TASKS[asked.task], [], []
    for seed in range(asked.seeds):
        with tempfile.TemporaryDirectory() as folder:
            config = AnomalyConfig(
                **task.config, out=Path(folder) / "bank", seed=seed, init=asked.init, method=asked.method
            )
            since = time.perf_counter()
            for _ in train_anomaly(config):
                pass
            learned_s = time.perf_counter() - since
            checkpoint = load_checkpoint(config.best)
        material = gather_good(config)
        samples = task.judged(material.validation)
        ours: Judge = lambda image, c=checkpoint: _numpy(judge(c.network, c.spec, image))  # noqa: E731
        judges = {"ours": ours}
        if not asked.alone:
            judges["anomalib"] = patchcore(checkpoint.network, checkpoint.spec, material.good, seed)
        found, drawn = figures(judges, samples, material.normal, np.random.default_rng(0))
        draws.append(drawn)
        found |= {"seed": seed, "learned": len(material.good), "judged": len(samples), "learning_s": round(learned_s)}
        found["ms"] = milliseconds(judges, samples)
        results.append(found)
        print(json.dumps(found), flush=True)
    mean = {
        who: {name: _interval(np.mean([drawn[who][name] for drawn in draws], axis=0)) for name in draws[0][who]}
        for who in draws[0]
    }
    print(json.dumps({"mean over seeds": mean, "pro": {who: _mean_pro(results, who) for who in judges}}))
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1))


def patchcore(ours: MemoryBank, spec: NetworkSpec, good: Sequence[Sample], seed: int) -> Judge:
    """anomalib's PatchCore on our encoder's weights, with as many patches as our bank has, chosen among as many: of all
    447,000 patches of the good tiles its choice would take hours here."""
    from anomalib.models.image.patchcore.torch_model import PatchcoreModel

    torch.manual_seed(seed)
    stages = [ours.encoder.feature_info.info[index]["module"] for index in spec.arguments["layers"]]
    model = PatchcoreModel(layers=stages, backbone=spec.arguments["encoder"], pre_trained=False)
    model.feature_extractor.feature_extractor.load_state_dict(ours.encoder.state_dict())
    model.train()
    for sample in good:
        image = load_good(sample)
        model(to_input(image, plan_tiles(*image.shape[:2]), spec.preprocess))
        found = model.embedding_store[-1]
        model.embedding_store[-1] = found[torch.randperm(len(found))[: POOL // len(good)]]
    patches = sum(map(len, model.embedding_store))
    model.subsample_embedding(len(ours.bank) / patches)
    model.eval()

    def judged(image: NDArray[np.uint8]) -> tuple[float, NDArray[np.float32]]:
        height, width = image.shape[:2]
        boxes = plan_tiles(height, width)
        with torch.inference_mode():
            told = model(to_input(image, boxes, spec.preprocess))
        return float(told.pred_score.max()), blend(told.anomaly_map[:, 0], boxes, height, width).numpy()

    return judged


def figures(
    judges: dict[str, Judge], samples: Sequence[Sample], normal: str, random: np.random.Generator
) -> tuple[dict[str, Any], dict[str, dict[str, NDArray[np.float64]]]]:
    """Image AUROC, pixel AUROC and PRO of each with intervals, and ours less the other's on the same draws; and all
    draws, the pictures as they are first."""
    images = [load_image(sample) for sample in samples]
    bad = np.array([not is_good(sample, normal) for sample in samples])
    masks = [
        load_masks(sample, sample.labels, *image.shape[:2]).any(0) if wrong else np.zeros(image.shape[:2], dtype=bool)
        for sample, image, wrong in zip(samples, images, bad, strict=True)
    ]
    groups = np.unique([group_key(sample) for sample in samples], return_inverse=True)[1]
    members = [np.flatnonzero(groups == number) for number in range(groups.max() + 1)]
    drawn_groups = random.integers(0, len(members), (DRAWS, len(members)))
    draws = [np.arange(len(samples)), *(np.concatenate([members[g] for g in row]) for row in drawn_groups)]
    result: dict[str, Any] = {}
    drawn: dict[str, dict[str, NDArray[np.float64]]] = {}
    for who, look in judges.items():
        scores, maps = zip(*map(look, images), strict=True)
        histograms = _histograms(maps, masks)
        drawn[who] = {"pixel_auroc": np.array([_pixel_auroc(histograms[draw].sum(0)) for draw in draws])}
        if bad.any() and not bad.all():
            drawn[who]["image_auroc"] = np.array([_auroc(np.array(scores)[draw], bad[draw]) for draw in draws])
        result[who] = {name: _interval(values) for name, values in drawn[who].items()}
        thin = [[values[::2, ::2] for values in rows] for rows in (maps, masks)]
        result[who]["pro"] = [round(pro(*thin) or 0, 4)]
    if len(drawn) == 2:
        first, second = drawn.values()
        drawn["difference"] = {name: first[name] - second[name] for name in first}
        result["difference"] = {name: _interval(values) for name, values in drawn["difference"].items()}
    return result, drawn


def _mean_pro(results: Sequence[dict[str, Any]], who: str) -> float:
    return round(statistics.mean(result[who]["pro"][0] for result in results), 4)


def milliseconds(judges: dict[str, Judge], samples: Sequence[Sample]) -> dict[str, float]:
    times: dict[str, list[float]] = {who: [] for who in judges}
    for number, sample in enumerate(samples[: TIMED + 3]):
        image = load_image(sample)
        for who, look in judges.items():
            since = time.perf_counter()
            look(image)
            if number >= 3:
                times[who].append((time.perf_counter() - since) * 1000)
    found = {who: round(statistics.median(values), 2) for who, values in times.items()}
    if "anomalib" in times:
        ratios = [a / b for a, b in zip(times["ours"], times["anomalib"], strict=True)]
        found["ratio"] = round(statistics.median(ratios), 3)
    return found


def _histograms(maps: Sequence[NDArray[np.float32]], masks: Sequence[NDArray[np.bool_]]) -> NDArray[np.int64]:
    """N×2×BINS: good and bad pixels of each picture by map value."""
    edges = np.quantile(np.concatenate([values.ravel()[::7] for values in maps]), np.linspace(0, 1, BINS + 1)[1:-1])
    found = np.zeros((len(maps), 2, BINS), dtype=np.int64)
    for number, (values, mask) in enumerate(zip(maps, masks, strict=True)):
        places = np.searchsorted(edges, values)
        for kind in (0, 1):
            found[number, kind] = np.bincount(places[mask == bool(kind)], minlength=BINS)
    return found


def _pixel_auroc(histogram: NDArray[np.int64]) -> float:
    good, bad = histogram.astype(np.float64)
    below = np.cumsum(good) - good
    return float((bad * (below + good / 2)).sum() / (good.sum() * bad.sum()))


def _auroc(scores: NDArray[np.float64], bad: NDArray[np.bool_]) -> float:
    ranks, count = rankdata(scores), bad.sum()
    return float((ranks[bad].sum() - count * (count + 1) / 2) / (count * (~bad).sum()))


def _interval(values: NDArray[np.float64]) -> list[float]:
    """The figure itself, then its 95 % interval."""
    return [round(float(v), 4) for v in (values[0], *np.nanquantile(values[1:], (0.025, 0.975)))]


def _numpy(told: tuple[float, torch.Tensor]) -> tuple[float, NDArray[np.float32]]:
    return told[0], told[1].numpy()


if __name__ == "__main__":
    main()
