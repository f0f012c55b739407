"""How sure the classifier is of drawn pictures, and how near they lie to the pictures that were learnt from."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from models.imagefile import ImageError
from models.sidecar import CheckpointError, read_sidecar
from steelgui.services.inspection import Inspector
from steelgui.services.sampled import Gap, Progress, Score, Synthetic
from training.config import ConfigError, parse
from training.data.record import DataError
from training.gan.config import GanConfig
from training.gan.measure import Features
from training.gan.patches import load_patches

#: Pictures between two words about how far it is.
BATCH = 16
#: Data sets whose pictures and features stay in memory.
KEPT = 2
#: Rows of a table of distances that are held at once.
ROWS = 512


@dataclass(frozen=True)
class Real:
    """What a generator learnt from: N×C×S×S uint8 without masks, N×F features, median nearest distance by class."""

    images: Tensor
    features: Tensor
    spacing: Mapping[str, float]


class Scorer:
    """Holds the classifier, the measuring network and the features of the latest data sets; loads each on first use.

    Torch computes on one thread of its own, because it sets up its workers once for each thread that calls it.
    """

    def __init__(self, classifier: Path | None) -> None:
        self._inspector = Inspector(classifier, None) if classifier else None
        self._known = frozenset(read_sidecar(classifier)[0].classes) if classifier else frozenset()
        self._features: Features | None = None
        self._real: OrderedDict[str, Real] = OrderedDict()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="scoring")

    def score(
        self, pictures: Sequence[Synthetic], config: Mapping[str, Any] | None
    ) -> Iterator[Progress | tuple[list[Score], list[Gap]]]:
        """Tell how far it is, and at last the scores in the order of `pictures`, with the reasons of those that lack.

        Args:
            config: of the training, as in the generator's card; None where the card has none.
        """
        gaps: list[Gap] = []
        confidences: list[float | None] = [None] * len(pictures)
        unknown = sorted({picture.label for picture in pictures} - self._known)
        if unknown:
            gaps.append(Gap("classes", ", ".join(unknown)))
        asked = [index for index, picture in enumerate(pictures) if picture.label in self._known]
        for start in range(0, len(asked), BATCH):
            yield Progress("confidence", start, len(asked))
            part = asked[start : start + BATCH]
            for index, value in zip(part, self._confidences([pictures[i] for i in part]), strict=True):
                confidences[index] = value
        scores = [Score(value) for value in confidences]
        try:
            real = yield from self._real_pictures(config)
            near: list[tuple[float, int]] = []
            for start in range(0, len(pictures), BATCH):
                yield Progress("distance", start, len(pictures))
                near += self._thread.submit(self._nearest, pictures[start : start + BATCH], real).result()
            scores = [
                Score(score.confidence, distance, _as_picture(real.images[index]))
                for score, (distance, index) in zip(scores, near, strict=True)
            ]
        except (ConfigError, DataError, ImageError, CheckpointError, OSError) as error:
            gaps.append(_gap(config, error))
        yield scores, gaps

    def _confidences(self, pictures: Sequence[Synthetic]) -> list[float]:
        assert self._inspector is not None
        seen = self._inspector.look_many([_coloured(picture.image) for picture in pictures])
        return [found.scores[picture.label] for found, picture in zip(seen, pictures, strict=True)]

    def _real_pictures(self, config: Mapping[str, Any] | None) -> Generator[Progress, None, Real]:
        if config is None:
            raise ConfigError("the generator's card does not say what it was trained on")
        # A card may come from another version, with other fields.
        settings = parse(GanConfig, {name: config[name] for name in GanConfig.model_fields if name in config})
        # What decides about the pictures; the same data serves every snapshot of a run, and every run on it.
        fields = ("data", "format", "fold", "seed", "class_name", "size", "colour", "masks", "dark")
        key = repr([getattr(settings, name) for name in fields])
        if key in self._real:
            self._real.move_to_end(key)
            # A data set that is gone since then is still in memory, and as good as it was.
            return self._real[key]
        yield Progress("reading", 0, 0)
        patches = self._thread.submit(load_patches, settings).result()
        images = patches.images[:, : 3 if settings.colour else 1].contiguous()
        found = []
        for start in range(0, len(images), 2 * BATCH):
            yield Progress("training_pictures", start, len(images))
            found.append(self._thread.submit(self._look, images[start : start + 2 * BATCH]).result())
        features = torch.cat(found)
        spacing = {
            name: self._thread.submit(_spacing, features[patches.labels == index]).result()
            for index, name in enumerate(patches.classes)
        }
        real = self._real[key] = Real(images, features, spacing)
        while len(self._real) > KEPT:
            self._real.popitem(last=False)
        return real

    def _look(self, images: Tensor) -> Tensor:
        if self._features is None:
            self._features = Features()
        return self._features(images.float() / 127.5 - 1)

    def _nearest(self, pictures: Sequence[Synthetic], real: Real) -> list[tuple[float, int]]:
        if foreign := sorted({picture.label for picture in pictures} - real.spacing.keys()):
            raise DataError(f"the training data does not show {', '.join(foreign)} any more")
        # A generator's are as large as those it learnt from; real defects on other steel as large as their pictures.
        side = real.images.shape[-1]
        stacked = torch.cat([_fitted(picture.image, side) for picture in pictures])
        nearest = torch.cdist(self._look(stacked), real.features).min(1)
        return [
            (distance / real.spacing[picture.label], index)
            for picture, distance, index in zip(
                pictures, nearest.values.tolist(), nearest.indices.tolist(), strict=True
            )
        ]


def _gap(config: Mapping[str, Any] | None, error: Exception) -> Gap:
    if config is None:
        return Gap("card")
    folder = str(config.get("data", ""))
    return Gap("data", str(error)) if Path(folder).is_dir() else Gap("gone", folder)


def _spacing(features: Tensor) -> float:
    """Median distance from a picture to the nearest other one, N×F; as `training.gan.measure.likeness` has it."""
    nearest = []
    for start in range(0, len(features), ROWS):
        table = torch.cdist(features[start : start + ROWS], features)
        table[torch.arange(len(table)), torch.arange(len(table)) + start] = torch.inf
        nearest.append(table.amin(1))
    # A data set of copies has none; a distance of anything is then far.
    return max(float(torch.cat(nearest).median()), 1e-6)


def _coloured(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, 2)


def _fitted(image: NDArray[np.uint8], side: int) -> Tensor:
    """1×C×S×S float, 0 to 255; resized as a training resizes, where it has another size."""
    channels = image[None] if image.ndim == 2 else np.ascontiguousarray(image.transpose(2, 0, 1))
    pixels = torch.from_numpy(channels)[None].float()
    if pixels.shape[-2:] == (side, side):
        return pixels
    return F.interpolate(pixels, (side, side), mode="bilinear", antialias=True)


def _as_picture(image: Tensor) -> NDArray[np.uint8]:
    return np.asarray(image[0] if len(image) == 1 else image.permute(1, 2, 0).contiguous())
