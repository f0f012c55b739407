"""Pictures from a trained generator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from models.checkpoint import Checkpoint, load_checkpoint
from models.sidecar import CheckpointError
from steelgui.services.sampled import Synthetic

BATCH = 32


class Synthesiser:
    """A generator's checkpoint, ready to draw; CheckpointError where it is none."""

    def __init__(self, path: Path) -> None:
        self.checkpoint: Checkpoint = load_checkpoint(path)
        if self.checkpoint.spec.kind != "generator":
            raise CheckpointError(f"{path.name} is a {self.checkpoint.spec.kind}; a generator is needed")

    @property
    def classes(self) -> tuple[str, ...]:
        return self.checkpoint.spec.classes

    @property
    def seen(self) -> int | None:
        """Training pictures that it had seen when it was saved; None where its card does not say."""
        found = self.checkpoint.card.get("seen")
        return int(found) if isinstance(found, (int, float)) else None

    def draw(self, count: int, seed: int, label: str | None = None, truncation: float = 1.0) -> Iterator[Synthetic]:
        """`count` pictures from the seeds that follow `seed`; a seed makes the same picture, whatever is drawn with it.

        Args:
            label: one of `classes`; by the seed, each in turn, if left out.
            truncation: factor on z; below 1, pictures are more alike and safer.

        Raises:
            CheckpointError: the generator does not know the class.
        """
        self._check(label)
        for start in range(seed, seed + count, BATCH):
            numbers = range(start, min(start + BATCH, seed + count))
            labels = [self._label(number, label) for number in numbers]
            pictures = self._pictures(torch.stack([self.z(number) for number in numbers]) * truncation, labels)
            for picture, name, number in zip(pictures, labels, numbers, strict=True):
                yield self._made(picture, name, number)

    def walk(
        self, seeds: Sequence[int], positions: Sequence[float], label: str | None = None, truncation: float = 1.0
    ) -> Iterator[Synthetic]:
        """Pictures on the way from one seed's to the next one's, all of one class.

        Args:
            seeds: two or more.
            positions: 0 is the first seed, 1 the second, 1.5 half way to the third; after the last, back to the first.
            label: one of `classes`; the first seed's if left out.

        Raises:
            CheckpointError: the generator does not know the class.
            ValueError: fewer than two seeds.
        """
        self._check(label)
        if len(seeds) < 2:
            raise ValueError(f"{len(seeds)} seeds; a walk needs two or more")
        ends = [self.z(seed) for seed in seeds]
        name = self._label(seeds[0], label)
        for start in range(0, len(positions), BATCH):
            part = positions[start : start + BATCH]
            steps = [divmod(position, 1.0) for position in part]
            z = [slerp(ends[int(i) % len(ends)], ends[(int(i) + 1) % len(ends)], share) for i, share in steps]
            for picture, (at, _) in zip(
                self._pictures(torch.stack(z) * truncation, [name] * len(z)), steps, strict=True
            ):
                yield self._made(picture, name, seeds[int(at) % len(seeds)])

    def z(self, seed: int) -> Tensor:
        """The random vector behind a seed, nz float, standard normal."""
        return torch.randn(int(self.checkpoint.spec.arguments["nz"]), generator=torch.Generator().manual_seed(seed))

    def _label(self, seed: int, label: str | None) -> str:
        return label or self.classes[seed % len(self.classes)]

    def _check(self, label: str | None) -> None:
        if label is not None and label not in self.classes:
            raise CheckpointError(f"{self.checkpoint.name} makes {', '.join(self.classes)}; it does not know {label!r}")

    @torch.inference_mode()
    def _pictures(self, z: Tensor, labels: Sequence[str]) -> NDArray[np.uint8]:
        numbers = torch.tensor([self.classes.index(label) for label in labels])
        pictures = self.checkpoint.network(z, numbers).float()
        side = self.checkpoint.spec.preprocess.size
        if pictures.shape[-1] != side:  # a growing network that was stopped before its last stage
            pictures = F.interpolate(pictures, (side, side), mode="bilinear")
        scaled = ((pictures + 1) * 127.5).round().clamp(0, 255)
        return np.asarray(scaled.permute(0, 2, 3, 1).to(torch.uint8).numpy())

    def _made(self, picture: NDArray[np.uint8], label: str, seed: int) -> Synthetic:
        colours = 3 if picture.shape[2] >= 3 else 1
        image = picture[..., :3] if colours == 3 else picture[..., 0]
        mask = picture[..., colours] >= 128 if picture.shape[2] > colours else None
        return Synthetic(np.ascontiguousarray(image), label, seed, mask)


def slerp(start: Tensor, end: Tensor, share: float) -> Tensor:
    """Between two vectors along the great arc (Shoemake 1985, section 3.3; for z: White 2016, section 2.1).

    On the straight line between two normal vectors the middle is too short: pictures there are as if truncated.

    Args:
        share: 0 gives `start`, 1 gives `end`.
    """
    cosine = torch.dot(start / start.norm(), end / end.norm()).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if float(angle.sin()) < 1e-4:  # the same direction, or the opposite one, between which any arc is as good
        return torch.lerp(start, end, share)
    return (torch.sin((1 - share) * angle) * start + torch.sin(share * angle) * end) / torch.sin(angle)
