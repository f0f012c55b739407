"""Detectors that see different things together: what looks different, what is new, what was never seen, what looks
drawn on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from models.anomaly import Detector
from models.autoencoder import Autoencoder
from models.cutpaste import CutPaste
from models.discriminative import Discriminative
from models.memory_bank import MemoryBank

Answer = tuple[Tensor, Tensor]


class Combined(Detector):
    """The sum of its parts' answers, each in the unit of how much it varies on good pictures.

    Attributes:
        parts: their names; each is a submodule of that name.
        spread: P×2, each part's standard deviations of scores and of map values.
    """

    spread: Tensor

    def __init__(
        self,
        calibration: int,
        encoder: str = "mobilenetv2_100",
        layers: Sequence[int] = (2, 3),
        size: int = 224,
        parts: Sequence[str] = ("cutpaste", "autoencoder"),
        bank: int = 1,
        side: int = 1,
    ) -> None:
        """
        Args:
            calibration, encoder, layers, size, bank, side: as of the parts.
            parts: two or more of `cutpaste`, `autoencoder`, `discriminative` and `memory-bank`.

        Raises:
            ValueError: there is no such part.
        """
        super().__init__(calibration)
        self.parts = tuple(parts)
        for name in self.parts:
            self.add_module(name, _part(name, encoder, layers, size, bank, side))
        self.register_buffer("spread", torch.ones(len(self.parts), 2))

    def part(self, name: str) -> Detector:
        found: Detector = self.get_submodule(name)  # type: ignore[assignment]
        return found

    def forward(self, images: Tensor) -> Answer:
        return self.join([self.part(name)(images) for name in self.parts])

    def join(self, answers: Sequence[Answer]) -> Answer:
        """Scores (N) and maps (N×h×w) of each part → those of the whole, maps as fine as the finest."""
        finest = max(maps.shape[-2:] for _, maps in answers)
        scores, maps = zip(*answers, strict=True)
        same = [F.interpolate(one[:, None], finest, mode="bilinear")[:, 0] for one in maps]
        units = self.spread[:, :, None]
        return (torch.stack(scores) / units[:, 0]).sum(0), (torch.stack(same) / units[:, 1, :, None, None]).sum(0)


def _part(name: str, encoder: str, layers: Sequence[int], size: int, bank: int, side: int) -> Detector:
    if name == "cutpaste":
        return CutPaste(0, encoder, layers)
    if name == "autoencoder":
        return Autoencoder(0, encoder, layers, size)
    if name == "discriminative":
        return Discriminative(0, encoder)
    if name == "memory-bank":
        return MemoryBank(0, bank, encoder, layers, side)
    raise ValueError(
        f"a combined detector has no part {name!r}; choose from cutpaste, autoencoder, discriminative, memory-bank"
    )
