"""Train and judge a classifier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.classifiers import classify, pool_tiles
from models.imaging import normalise, to_input
from models.registry import build
from models.spec import NetworkSpec, Preprocess, is_defect_free
from models.start import start_from
from models.tiling import plan_tiles
from training.config import ClassifierConfig
from training.data.record import DataError, Sample, load_image
from training.events import Event
from training.loop import Batch, Task, fit
from training.material import batches_of, epoch_order, gather, steps_per_epoch
from training.metrics import classification_metrics
from training.views import Views, classifier_input, strip_tiles


def train_classifier(config: ClassifierConfig) -> Iterator[Event]:
    """Train a timm classifier; the checkpoint with the best validation macro-F1 stays in `config.best`.

    Raises:
        ConfigError, DataError, CheckpointError, ValueError: before the first event, in one sentence.
    """
    material = gather(config)
    defects = [name for name in material.classes if not is_defect_free(name)]
    multi_label = config.multi_label
    train = strip_tiles(material.train, defects, multi_label)
    validation = strip_tiles(material.validation, defects, multi_label)
    # In a multi-label network "none" is the absence of all others, not an output.
    classes = tuple(defects) if multi_label else material.classes
    if not multi_label and (mixed := next((s for s in train + validation if len(s.labels) > 1), None)):
        raise DataError(
            f"{mixed.image.name} has {len(mixed.labels)} classes ({', '.join(mixed.labels)}); use --multi-label"
        )
    spec = NetworkSpec("classifier", config.arch, classes, multi_label=multi_label, preprocess=Preprocess(config.size))
    torch.manual_seed(config.seed)
    network = build(spec)
    start = start_from(network, spec, config.init)
    views = Views(train, defects)
    size, steps = steps_per_epoch(config, len(train))

    def batches(epoch: int) -> Iterator[Batch]:
        for batch in batches_of(epoch_order(train, config, epoch), size):
            images = torch.stack([classifier_input(views[index], config, rng) for index, rng in batch])
            yield normalise(images, spec.preprocess), _targets([train[index] for index, _ in batch], spec)

    def loss(network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        images, targets = batch
        logits = network(images.contiguous(memory_format=torch.channels_last)).float()
        if multi_label:
            return {"loss": F.binary_cross_entropy_with_logits(logits, targets.float())}
        return {"loss": F.cross_entropy(logits, targets, label_smoothing=config.label_smoothing)}

    task = Task(
        batches,
        loss,
        lambda network: evaluate_classifier(network, spec, validation),
        lambda figures: float(figures["macro_f1"]) + 1e-3 * float(figures["accuracy"]),
        steps,
        material.counts(),
        material.notes,
    )
    yield from fit(config, network, spec, start, task)


def evaluate_classifier(network: nn.Module, spec: NetworkSpec, samples: Sequence[Sample]) -> dict[str, Any]:
    """`classification_metrics` on plain, uncropped samples; a strip takes the highest score of its tiles.

    Raises:
        DataError: a sample has a class that the network does not know.
        ImageError: a picture cannot be read.
    """
    targets = _targets(samples, spec)
    scores = torch.cat([sample_scores(network, spec, load_image(sample))[None] for sample in samples])
    return classification_metrics(scores, targets, spec.classes, spec.multi_label)


@torch.inference_mode()
def sample_scores(network: nn.Module, spec: NetworkSpec, image: np.ndarray[Any, np.dtype[np.uint8]]) -> Tensor:
    """K scores of one H×W×3 uint8 picture or strip, on the CPU."""
    device = next(network.parameters()).device
    boxes = plan_tiles(*image.shape[:2])
    scores, _ = classify(network, to_input(image, boxes, spec.preprocess).to(device), spec.multi_label)
    return pool_tiles(scores.cpu(), spec)


def _targets(samples: Sequence[Sample], spec: NetworkSpec) -> Tensor:
    index = {name: number for number, name in enumerate(spec.classes)}
    # Data sets file good parts under many names; whichever the network learnt stands for all of them.
    free = next((name for name in spec.classes if is_defect_free(name)), None)
    rows = [[free if is_defect_free(label) and free else label for label in sample.labels] for sample in samples]
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
