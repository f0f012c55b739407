"""How near generated pictures come to real ones, and how much they vary."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.checkpoint import read_tensors
from models.imaging import normalise
from models.libraries import timm
from models.spec import Preprocess
from models.start import WEIGHTS_FOLDER
from training.libraries import poly_mmd

#: Side at which pictures are measured: what the backbone was trained at is dear, and textures need no more.
SIDE = 128
NEIGHBOURS = 5
#: Side of the thumbnails in which copies are looked for. Smaller ones forget what makes a picture that picture; larger
#: ones take grain for a difference (`benchmarks/gan_alarms.py`).
THUMBNAIL = 8


class Look(NamedTuple):
    """What pictures are compared by: N×1280 features, which see texture, and N×8×8 thumbnails, which see layout.

    Features alone let copies through: noise of two grey levels moves a picture as far as its neighbour.
    """

    features: Tensor
    thumbnails: Tensor


@dataclass(frozen=True)
class Likeness:
    """Figures of one set of generated pictures.

    Attributes:
        kid: kernel distance to the real pictures (Bińkowski et al. 2018, section 4); 0 is alike, and as an unbiased
            estimate it may fall a little below.
        density: how often generated pictures lie among real ones (Naeem et al. 2020, section 3); about 1 is right.
        coverage: part of the real pictures that have a generated one beside them, 0 to 1.
        diversity: mean distance between two generated pictures over that between two real ones, in features or in
            thumbnails, whichever is less; near 0 is a collapse.
        nearest: median distance from a generated picture to the nearest training picture or its mirror image over the
            same between training pictures, in thumbnails; far below 1, pictures are copies.
    """

    kid: float
    density: float
    coverage: float
    diversity: float
    nearest: float


class Features:
    """The pooled features of a MobileNetV2, N×1280 float, for pictures N×C×S×S float from −1 to 1.

    Not Inception's: figures made with them compare with each other only.
    """

    def __init__(self, source: str = "bundled", device: torch.device | str = "cpu") -> None:
        file = WEIGHTS_FOLDER / "neu-classifier.safetensors" if source == "bundled" else Path(source)
        tensors = {name: tensor.float() for name, tensor in read_tensors(file).items()}
        network: nn.Module = timm.create_model("mobilenetv2_100", pretrained=False, num_classes=0)
        network.load_state_dict({name: tensors[name] for name in network.state_dict() if name in tensors}, strict=False)
        self._network = network.to(device).eval()
        self._device = device

    def batches(self, pictures: Tensor, size: int = 32) -> Iterator[Tensor]:
        """Features batch by batch, so that a run can be stopped between them."""
        for chunk in pictures.split(size):  # type: ignore[no-untyped-call]
            with torch.inference_mode():
                grey = chunk.to(self._device).float()
                colour = grey[:, :3] if grey.shape[1] >= 3 else grey[:, :1].expand(-1, 3, -1, -1)
                scaled = F.interpolate(colour, (SIDE, SIDE), mode="bilinear", antialias=True)
                yield self._network(normalise((scaled + 1) * 127.5, Preprocess(SIDE))).float().cpu()

    def __call__(self, pictures: Tensor) -> Tensor:
        return torch.cat(list(self.batches(pictures)))

    def look(self, pictures: Tensor) -> Look:
        return Look(self(pictures), thumbnails(pictures))


def thumbnails(pictures: Tensor) -> Tensor:
    """N×C×S×S float, −1 to 1 → N×8×8 float, grey, each the mean of what it covers; a mask that is made along is left
    out."""
    grey = pictures[:, :3] if pictures.shape[1] >= 3 else pictures[:, :1]
    return F.adaptive_avg_pool2d(grey.mean(1), THUMBNAIL)


def likeness(real: Look, fake: Look) -> Likeness:
    """Compare real and generated pictures; ValueError with fewer than 4 of either."""
    if min(len(part) for part in (*real, *fake)) < 4:
        raise ValueError(
            f"{len(real.features)} real and {len(fake.features)} generated pictures; at least 4 of each are needed"
        )
    return Likeness(
        **_in_features(real.features, fake.features),
        diversity=min(_spread(one, other) for one, other in zip(fake, real, strict=True)),
        nearest=_nearness(real.thumbnails, fake.thumbnails),
    )


def _in_features(real: Tensor, fake: Tensor) -> dict[str, float]:
    between, within = torch.cdist(fake, real), torch.cdist(real, real)
    within.fill_diagonal_(torch.inf)
    neighbours = min(NEIGHBOURS, len(real) - 1)
    radius = within.kthvalue(neighbours, dim=1).values
    inside = between < radius
    return {
        "kid": kernel_distance(real, fake),
        "density": float(inside.float().sum(1).mean() / neighbours),
        "coverage": float(inside.any(0).float().mean()),
    }


def _spread(fake: Tensor, real: Tensor) -> float:
    # Pictures that are all the same have no spread to compare with.
    return float(torch.pdist(fake.flatten(1)).mean() / torch.pdist(real.flatten(1)).mean().clamp_min(1e-6))


def _nearness(real: Tensor, fake: Tensor) -> float:
    """Mirrors count: a generator that learnt from mirrored pictures copies those too."""
    mirrored = [real.flip(axes).flatten(1) for axes in ((), (1,), (2,), (1, 2))]

    def nearest(thumbs: Tensor, itself: bool) -> Tensor:
        distances = torch.stack([torch.cdist(thumbs.flatten(1), mirror) for mirror in mirrored]).amin(0)
        return (distances.fill_diagonal_(torch.inf) if itself else distances).amin(1).median()

    return float(nearest(fake, False) / nearest(real, True).clamp_min(1e-6))


def kernel_distance(real: Tensor, fake: Tensor, subsets: int = 20) -> float:
    """KID: the mean over random subsets of equal size of the squared MMD with a cubic kernel."""
    size = min(len(real), len(fake))
    random = torch.Generator().manual_seed(0)
    # With sets of one size a single subset is the whole.
    count = 1 if len(real) == len(fake) else subsets
    values = [
        poly_mmd(
            real[torch.randperm(len(real), generator=random)[:size]],
            fake[torch.randperm(len(fake), generator=random)[:size]],
            3,
            None,
            1.0,
        )
        for _ in range(count)
    ]
    return float(torch.stack(values).mean())
