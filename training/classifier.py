"""Train and judge a classifier."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.classifiers import classify, pool_tiles
from models.imaging import normalise, to_input
from models.registry import build
from models.spec import NetworkSpec, is_defect_free
from models.start import start_from
from models.tiling import plan_tiles
from training.config import ClassifierConfig
from training.data.record import DataError, Sample, load_image
from training.events import Event
from training.loop import Batch, Task, fit
from training.material import Material, batches_of, epoch_order, gather, steps_per_epoch
from training.metrics import classification_metrics
from training.views import Views, classifier_input, dimmed, strip_tiles

#: Tiles that are judged at once; one alone takes three times as long as its part of these.
SCORED = 32


def train_classifier(config: ClassifierConfig, material: Material | None = None) -> Iterator[Event]:
    """Train a timm classifier; the checkpoint with the best validation macro-F1 stays in `config.best`.

    Args:
        material: what to learn from, where it was gathered before.

    Raises:
        ConfigError, DataError, CheckpointError, ValueError: before the first event, in one sentence.
    """
    material = material or gather(config)
    defects = [name for name in material.classes if not is_defect_free(name)]
    multi_label = config.multi_label
    train, validation = (
        _looked_at(samples, material.classes, config) for samples in (material.train, material.validation)
    )
    # In a multi-label network "none" is the absence of all others, not an output.
    classes = tuple(defects) if multi_label else material.classes
    if not multi_label and (mixed := next((s for s in train + validation if len(s.labels) > 1), None)):
        raise DataError(
            f"{mixed.image.name} has {len(mixed.labels)} classes ({', '.join(mixed.labels)}); use --multi-label"
        )
    spec = NetworkSpec(
        "classifier",
        config.arch,
        classes,
        {"turns": True} if config.turns else {},
        multi_label=multi_label,
        preprocess=config.preprocess,
        normal=config.normal,
    )
    torch.manual_seed(config.seed)
    network = build(spec)
    start = start_from(network, spec, config.init)
    views = Views(train, defects if config.zoom else ())  # a mask says where to zoom, and nothing else
    size, steps = steps_per_epoch(config, len(train))

    def batches(epoch: int) -> Iterator[Batch]:
        for batch in batches_of(epoch_order(train, config, epoch), size):
            images = torch.stack([classifier_input(views[index], config, spec.preprocess, rng) for index, rng in batch])
            yield normalise(images, spec.preprocess), targets_of([train[index] for index, _ in batch], spec)

    def loss(network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        images, targets = batch
        logits = _logits(network, images).float()
        if multi_label:
            return {"loss": F.binary_cross_entropy_with_logits(logits, targets.float())}
        return {"loss": F.cross_entropy(logits, targets, label_smoothing=config.label_smoothing)}

    task = Task(
        batches,
        loss,
        lambda network: evaluate_classifier(network, spec, validation),
        # A small validation split is soon without a mistake; of such epochs the surest one is the best.
        lambda figures: figures["macro_f1"] + 1e-3 * figures["accuracy"] - 1e-6 * figures["log_loss"],
        steps,
        material.counts(),
        material.notes,
        material.seen,
    )
    yield from fit(config, network, spec, start, task)


def _looked_at(samples: Sequence[Sample], classes: Sequence[str], config: ClassifierConfig) -> list[Sample]:
    """The samples, strips cut into tiles where the network looks at tiles one by one; clean tiles are left out where
    the data has no defect-free class that they could be of."""
    if config.tiles != "strip":
        return list(samples)
    defects = [name for name in classes if not is_defect_free(name)]
    tiles = strip_tiles(samples, defects, config.multi_label)
    if config.multi_label or len(defects) < len(classes):
        return tiles
    return [tile for tile in tiles if not all(map(is_defect_free, tile.labels))]


def _logits(network: nn.Module, images: Tensor) -> Tensor:
    """N×K logits; of pictures in pieces, N×P×3×h×w, the mean over a picture's pieces."""
    pieces: Tensor = network(images.flatten(0, -4).contiguous(memory_format=torch.channels_last))
    return pieces.view(*images.shape[:2], -1).mean(1) if images.ndim == 5 else pieces


def evaluate_classifier(
    network: nn.Module, spec: NetworkSpec, samples: Sequence[Sample], brightness: float = 1.0
) -> dict[str, Any]:
    """`classification_metrics` on plain, uncropped samples; what a picture takes of its tiles, `pool_tiles` decides.

    Args:
        brightness: the pictures' values are multiplied by it first.

    Raises:
        DataError: a sample has a class that the network does not know.
        ImageError: a picture cannot be read.
    """
    targets = targets_of(samples, spec)
    scores = torch.stack(
        [*stream_scores(network, spec, (dimmed(load_image(sample), brightness) for sample in samples))]
    )
    return classification_metrics(scores, targets, spec.classes, spec.multi_label)


def stream_scores(
    network: nn.Module, spec: NetworkSpec, images: Iterable[np.ndarray[Any, np.dtype[np.uint8]]]
) -> Iterator[Tensor]:
    """K scores on the CPU of each H×W×3 uint8 picture or strip, in their order; tiles of several go together."""
    device = next(network.parameters()).device
    waiting: list[Tensor] = []

    def judged() -> list[Tensor]:
        with torch.inference_mode():
            tiles = torch.cat(waiting).to(device, memory_format=torch.channels_last)
            scores = classify(network, tiles, spec.multi_label)[0].cpu()
        return [pool_tiles(part, spec) for part in scores.split([len(tiles) for tiles in waiting])]  # type: ignore[no-untyped-call]

    for image in images:
        waiting.append(to_input(image, plan_tiles(*image.shape[:2], tiles=spec.preprocess.tiles), spec.preprocess))
        if sum(map(len, waiting)) >= SCORED:
            yield from judged()
            waiting.clear()
    if waiting:
        yield from judged()


def targets_of(samples: Sequence[Sample], spec: NetworkSpec) -> Tensor:
    """N int64, indices into the network's classes; of a multi-label network N×K int64 of 0 and 1.

    Raises:
        DataError: a sample has a class that the network does not know.
    """
    index = {name: number for number, name in enumerate(spec.classes)}
    # Data sets file good parts under many names; whichever the network learnt stands for all of them.
    free = next((name for name in spec.classes if is_defect_free(name)), None)
    rows = [
        [free if free and (is_defect_free(label) or label == spec.normal) else label for label in sample.labels]
        for sample in samples
    ]
    if spec.multi_label:
        rows = [[label for label in labels if not (is_defect_free(label) and label not in index)] for labels in rows]
    unknown = sorted({label for labels in rows for label in labels if label not in index})
    if unknown:
        raise DataError(
            f"the data has {', '.join(unknown)}, which the model does not know; it knows {', '.join(spec.classes)}"
        )
    if spec.multi_label:
        targets = torch.zeros(len(rows), len(index), dtype=torch.int64)
        for number, labels in enumerate(rows):
            targets[number, [index[label] for label in labels]] = 1
        return targets
    return torch.tensor([index[labels[0]] for labels in rows])
