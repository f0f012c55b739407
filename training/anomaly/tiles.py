"""Good pictures as the trained methods look at them: tiles to learn from, and pictures kept back to calibrate on."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from models.anomaly import Detector
from models.imagefile import ImageError
from models.imaging import resize, to_input
from models.spec import NetworkSpec
from models.tiling import plan_tiles
from training.anomaly.config import AnomalyConfig
from training.anomaly.cutpaste import Picture
from training.anomaly.material import GoodMaterial, folds_of, load_good
from training.anomaly.steps import Progress
from training.data.record import DataError, Sample
from training.events import Event

#: Bytes of tiles that are kept; of more, some at random are learned from.
KEPT = 2**30


class Tiles:
    """Decoded tiles of the pictures to learn from, S×S×3 uint8, and the pictures that are kept back.

    Attributes:
        held: good pictures that nothing is learned from, so that thresholds may come from them; groups are kept
            together. One of `config.folds` parts.
        learned: the others.
        notes: what could not be read.
    """

    def __init__(self, config: AnomalyConfig, material: GoodMaterial) -> None:
        """Raises DataError where too little can be read."""
        self.notes: list[str] = []
        folds = folds_of(material.good, config.folds, config.seed)
        self.held = [sample for sample, fold in zip(material.good, folds, strict=True) if fold == 0]
        self.learned = [sample for sample, fold in zip(material.good, folds, strict=True) if fold]
        self.size, self._seed = config.size, config.seed
        rng, room = np.random.default_rng(config.seed), KEPT // (3 * config.size**2)
        self._tiles: list[Picture] = []
        for number in rng.permutation(len(self.learned)).tolist():
            if len(self._tiles) < room:
                self._tiles += self._read(self.learned[number])
        if len(self._tiles) < 2:
            raise DataError(f"{config.data}: its good pictures cannot be read; the first: {self.notes[0]}")

    def __len__(self) -> int:
        return len(self._tiles)

    def draw(self, step: int, count: int, flips: bool) -> Iterator[tuple[Picture, np.random.Generator]]:
        """`count` tiles at random, mirrored at random, with random numbers for each: a function of seed and step."""
        rng = np.random.default_rng([self._seed, step])
        for number, own in zip(rng.integers(len(self), size=count).tolist(), rng.spawn(count), strict=True):
            tile = self._tiles[number]
            if flips:
                tile = tile[:: own.choice((-1, 1)), :: own.choice((-1, 1))]
            yield np.ascontiguousarray(tile), own

    def plain(self, size: int) -> Iterator[Tensor]:
        """All tiles in batches, N×3×S×S float from 0 to 255."""
        for start in range(0, len(self), size):
            yield as_floats(self._tiles[start : start + size])

    def _read(self, sample: Sample) -> list[Picture]:
        try:
            image = load_good(sample)
        except ImageError as error:
            self.notes.append(f"left out: {error}")
            return []
        boxes = plan_tiles(*image.shape[:2])
        tiles = (torch.from_numpy(image[b.top : b.bottom, b.left : b.right]) for b in boxes)
        return [resize(tile, (self.size, self.size)).permute(1, 2, 0).round().byte().numpy() for tile in tiles]


def as_floats(pictures: Sequence[Picture]) -> Tensor:
    """N pictures S×S×3 uint8 → N×3×S×S float from 0 to 255."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float()


def answers(
    network: Detector, spec: NetworkSpec, samples: Sequence[Sample]
) -> Iterator[tuple[Sample, tuple[Tensor, Tensor]]]:
    """Each sample that can be read, with scores and maps of its tiles."""
    for sample in samples:
        try:
            image = load_good(sample)
        except ImageError:
            continue
        with torch.inference_mode():
            tiles = to_input(image, plan_tiles(*image.shape[:2]), spec.preprocess)
            yield sample, network(tiles.to(network.good.device))


def judge_held(
    network: Detector, spec: NetworkSpec, tiles: Tiles, progress: Progress
) -> Generator[Event, None, tuple[Sample, ...]]:
    """Fill `network.good` from the pictures that were kept back; returns those that could be read.

    Raises:
        DataError: none could.
    """
    judged, rows = [], []
    for sample, answer in answers(network, spec, tiles.held):
        judged.append(sample)
        rows.append(highest(answer))
        yield progress.step(1)
    if not rows:
        raise DataError(f"none of the {len(tiles.held)} good pictures kept back for the threshold can be read")
    known = {sample.image for sample in judged}
    tiles.notes += [f"left out: {one.image.name}: it cannot be read" for one in tiles.held if one.image not in known]
    network.good = torch.stack(rows).to(network.good.device)
    return tuple(judged)


def highest(answer: tuple[Tensor, Tensor]) -> Tensor:
    """Score and highest map value of a picture: a row of `Detector.good`."""
    return torch.stack([answer[0].max(), answer[1].max()]).cpu()
