"""Train and judge a segmenter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.imagefile import read_image
from models.imaging import normalise, stitch, to_input
from models.registry import build
from models.spec import NetworkSpec, is_defect_free
from models.start import start_from
from models.tiling import plan_tiles
from training.config import SegmenterConfig
from training.data.record import DataError, Sample, is_marked, known_classes, load_masks
from training.events import Event
from training.loop import Batch, Task, fit
from training.losses import bce_dice_loss
from training.material import Material, batches_of, epoch_order, gather, steps_per_epoch
from training.metrics import SegmentationMeter, mask_areas
from training.views import Views, dimmed, segmenter_input, strip_tiles


def train_segmenter(config: SegmenterConfig, material: Material | None = None) -> Iterator[Event]:
    """Train an smp network; the checkpoint with the best validation dice on images with a defect stays.

    Args:
        material: what to learn from, where it was gathered before.

    Raises:
        ConfigError, DataError, CheckpointError, ValueError: before the first event, in one sentence.
    """
    material = material or gather(config)
    defects = [name for name in material.classes if not is_defect_free(name)]
    tiles = strip_tiles(material.train, defects, multi_label=True) if config.tiles == "strip" else material.train
    train = [sample for sample in tiles if _teaches(sample, config)]
    validation = [sample for sample in material.validation if sample.mask is not None]
    taught = Counter(label for sample in train for label in sample.labels)
    classes = tuple(name for name in defects if taught[name])
    if not classes or not validation:
        raise DataError(
            f"{config.data}: no masks to learn from; a segmenter needs run lengths, polygons or pictures in masks/"
        )
    arguments: dict[str, Any] = {} if config.arch == "elu_unet" else {"encoder": config.encoder}
    if config.arch in ("unet", "unetplusplus") and config.decoder_channels:
        arguments["decoder_channels"] = list(config.decoder_channels)
    spec = NetworkSpec("segmenter", config.arch, classes, arguments, multi_label=True, preprocess=config.preprocess)
    torch.manual_seed(config.seed)
    network = build(spec)
    start = start_from(network, spec, config.init)
    views = Views(train, classes)
    size, steps = steps_per_epoch(config, len(train))

    def batches(epoch: int) -> Iterator[Batch]:
        for batch in batches_of(epoch_order(train, config, epoch), size):
            pairs = [segmenter_input(views[index], config, spec.preprocess, config.crop, rng) for index, rng in batch]
            known = [views[index].known | (views[index].masks.any((1, 2)) & config.boxes) for index, _ in batch]
            yield (
                normalise(torch.stack([image for image, _ in pairs]), spec.preprocess),
                torch.stack([masks for _, masks in pairs]),
                torch.from_numpy(np.stack(known)).float(),
            )

    def loss(network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        images, masks, known = batch
        logits = network(images.contiguous(memory_format=torch.channels_last))
        dice = (config.dice_weight, config.dice_of, config.dice_absent)
        return {"loss": bce_dice_loss(logits, masks, known, *dice)}

    task = Task(
        batches,
        loss,
        lambda network: evaluate_segmenter(network, spec, validation),
        lambda figures: float(figures["dice_positive"] or 0.0),
        steps,
        {name: taught[name] for name in material.classes},
        material.notes,
        material.seen,
    )
    yield from fit(config, network, spec, start, task)


def evaluate_segmenter(
    network: nn.Module, spec: NetworkSpec, samples: Sequence[Sample], brightness: float = 1.0
) -> dict[str, Any]:
    """Dice and IoU at probability 0.5 without any minimum area; pictures without a known mask are passed over.

    Args:
        brightness: the pictures' values are multiplied by it first.

    Raises:
        DataError: no sample has a mask of a class that the network knows.
        ImageError: a picture cannot be read.
    """
    masked = [sample for sample in samples if sample.mask is not None]
    if not masked:
        raise DataError("no picture of this split has a mask; dice needs run lengths, polygons or pictures in masks/")
    meter = SegmentationMeter(spec.classes)
    for sample, areas in zip(masked, stream_areas(network, spec, masked, brightness), strict=True):
        meter.add(areas, torch.from_numpy(known_classes(sample, spec.classes)))
    return meter.compute()


def stream_areas(
    network: nn.Module, spec: NetworkSpec, samples: Iterable[Sample], brightness: float = 1.0
) -> Iterator[Tensor]:
    """`mask_areas` of each sample, in their order, at probability 0.5 without any minimum area.

    Raises:
        DataError, ImageError: a mask or a picture cannot be read.
    """
    for sample in samples:
        image = read_image(sample.image)
        target = load_masks(sample, spec.classes, *image.shape[:2])
        if sample.crop is not None:
            image = image[sample.crop.top : sample.crop.bottom, sample.crop.left : sample.crop.right]
        predicted = torch.from_numpy(mask_probabilities(network, spec, dimmed(image, brightness))) >= 128
        yield mask_areas(predicted, torch.from_numpy(target))


@torch.inference_mode()
def mask_probabilities(
    network: nn.Module, spec: NetworkSpec, image: np.ndarray[Any, np.dtype[np.uint8]]
) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """C×H×W uint8 (0 to 255 for 0 to 1) of one H×W×3 uint8 picture or strip."""
    device = next(network.parameters()).device
    boxes = plan_tiles(*image.shape[:2], tiles=spec.preprocess.tiles)
    maps = network(to_input(image, boxes, spec.preprocess).to(device)).float().sigmoid().cpu()
    return stitch(maps, boxes, *image.shape[:2])


def _teaches(sample: Sample, config: SegmenterConfig) -> bool:
    """Pictures whose defect is nowhere marked teach a segmenter nothing about it."""
    return is_marked(sample) or (config.boxes and bool(sample.boxes))
