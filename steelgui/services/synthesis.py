"""Pictures from a trained generator."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from models.checkpoint import Checkpoint, load_checkpoint
from models.files import atomic_path, atomic_write
from models.sidecar import CheckpointError

BATCH = 32


@dataclass(frozen=True)
class Synthetic:
    """One generated picture: H×W×3 or H×W uint8, its class, its mask (H×W bool) where the generator makes one.

    `background` names the real picture that its defect was put on, if it was.
    """

    image: NDArray[np.uint8]
    label: str
    seed: int
    mask: NDArray[np.bool_] | None = None
    background: str = ""


class Synthesiser:
    """A generator's checkpoint, ready to draw; CheckpointError where it is none."""

    def __init__(self, path: Path) -> None:
        self.checkpoint: Checkpoint = load_checkpoint(path)
        if self.checkpoint.spec.kind != "generator":
            raise CheckpointError(f"{path.name} is a {self.checkpoint.spec.kind}; a generator is needed")

    @property
    def classes(self) -> tuple[str, ...]:
        return self.checkpoint.spec.classes

    def draw(self, count: int, seed: int, label: str | None = None, truncation: float = 1.0) -> Iterator[Synthetic]:
        """`count` pictures; picture i is the same for the same seed + i, however many are drawn.

        Args:
            label: one of `classes`; each in turn if left out.
            truncation: factor on z; below 1, pictures are more alike and safer.

        Raises:
            CheckpointError: the generator does not know the class.
        """
        if label is not None and label not in self.classes:
            raise CheckpointError(f"{self.checkpoint.name} makes {', '.join(self.classes)}; it does not know {label!r}")
        numbers = list(range(seed, seed + count))
        nz = int(self.checkpoint.spec.arguments["nz"])
        for start in range(0, count, BATCH):
            part = numbers[start : start + BATCH]
            labels = [self.classes.index(label) if label else n % len(self.classes) for n in range(len(numbers))]
            chosen = torch.tensor(labels[start : start + BATCH])
            z = torch.stack([torch.randn(nz, generator=torch.Generator().manual_seed(n)) for n in part])
            for picture, index, number in zip(
                self._pictures(z * truncation, chosen), chosen.tolist(), part, strict=True
            ):
                yield self._made(picture, self.classes[index], number)

    @torch.inference_mode()
    def _pictures(self, z: torch.Tensor, labels: torch.Tensor) -> NDArray[np.uint8]:
        pictures = self.checkpoint.network(z, labels).float()
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


def write_samples(
    synthesiser: Synthesiser,
    folder: Path,
    count: int,
    seed: int,
    label: str | None,
    truncation: float,
    change: Callable[[Synthetic], Synthetic | None] | None = None,
) -> Iterator[Path]:
    """Write `<class>-<seed>.png`, masks in `masks/`, and `manifest.csv` at the end; yields each picture's path.

    Args:
        change: what is written instead of a picture; those for which it gives None are left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = io.StringIO(newline="")
    rows = csv.writer(table)
    rows.writerow(["file", "mask", "class", "generator", "seed", "truncation", "background"])
    for drawn in synthesiser.draw(count, seed, label, truncation):
        made = drawn if change is None else change(drawn)
        if made is None:
            continue
        name = f"{made.label}-{made.seed:06d}.png"
        write_png(made.image, folder / name)
        mask = ""
        if made.mask is not None:
            mask = f"masks/{name}"
            write_png(made.mask.astype(np.uint8) * 255, folder / mask)
        source = synthesiser.checkpoint.name
        rows.writerow([name, mask, made.label, source, made.seed, truncation, made.background])
        yield folder / name
    atomic_write(folder / "manifest.csv", table.getvalue())


def write_png(pixels: NDArray[np.uint8], path: Path) -> None:
    """H×W or H×W×3 uint8 to a file, whole or not at all; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        Image.fromarray(pixels).save(temporary, "PNG")
