"""uint8 H×W×3 ↔ float N×3×h×w, and strips cut into tiles and put back together: pure functions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from models.spec import Preprocess
from models.tiling import OVERLAP, Box


def to_input(image: NDArray[np.uint8], boxes: Sequence[Box], preprocess: Preprocess) -> Tensor:
    """Cut, resize and normalise.

    Args:
        image: H×W×3 uint8, RGB.

    Returns:
        N×3×h×w float32, one for each box, h and w as `preprocess.shape`.
    """
    shape = preprocess.shape
    tiles = [resize(torch.from_numpy(image[b.top : b.bottom, b.left : b.right]), shape) for b in boxes]
    return normalise(torch.stack(tiles), preprocess)


def resize(image: Tensor, shape: tuple[int, int]) -> Tensor:
    """H×W×3 uint8 → 3×h×w float from 0 to 255, antialiased where it shrinks; the aspect is not kept."""
    channels = image.permute(2, 0, 1)[None].float()
    if channels.shape[-2:] == shape:
        return channels[0]
    return F.interpolate(channels, shape, mode="bilinear", antialias=True)[0]


def normalise(images: Tensor, preprocess: Preprocess) -> Tensor:
    """…×3×h×w float from 0 to 255 → the network's input range."""
    mean = torch.tensor(preprocess.mean, device=images.device)[:, None, None] * 255
    std = torch.tensor(preprocess.std, device=images.device)[:, None, None] * 255
    return (images - mean) / std


def stitch(maps: Tensor, boxes: Sequence[Box], height: int, width: int) -> NDArray[np.uint8]:
    """Put tiles' maps back onto the image as bytes, see `blend`.

    Args:
        maps: N×C×h×w float from 0 to 1, one for each box, any h and w.

    Returns:
        C×H×W uint8, 0 to 255.
    """
    result = np.zeros((maps.shape[1], height, width), dtype=np.uint8)
    for channel in range(len(result)):  # one at a time: a camera's picture has tens of megapixels
        result[channel] = _to_bytes(blend(maps[:, channel], boxes, height, width))
    return result


def blend(maps: Tensor, boxes: Sequence[Box], height: int, width: int) -> Tensor:
    """N×h×w maps of tiles → H×W float on the image; overlaps are blended with a ramp, so that no seam shows."""
    if len(boxes) == 1:
        return _scale(maps, height, width)[0]
    horizontal = width >= height
    weight, total = torch.zeros(width if horizontal else height), torch.zeros(height, width)
    for index, box in enumerate(boxes):
        start, end = (box.left, box.right) if horizontal else (box.top, box.bottom)
        ramp = _ramp(end - start)
        weight[start:end] += ramp
        tile = _scale(maps[index : index + 1], box.bottom - box.top, box.right - box.left)[0]
        total[box.top : box.bottom, box.left : box.right] += tile * (ramp if horizontal else ramp[:, None])
    return total / (weight if horizontal else weight[:, None])


def _scale(maps: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(maps[:, None].float(), (height, width), mode="bilinear", align_corners=False)[:, 0]


def _ramp(length: int) -> Tensor:
    """Weight along a tile: rises over the overlap, 1 in the middle, falls again; never 0."""
    overlap = max(1, round(length * OVERLAP))
    distance = torch.minimum(torch.arange(length), torch.arange(length).flip(0)) + 0.5
    return (distance / overlap).clamp(max=1.0)


def _to_bytes(values: Tensor) -> NDArray[np.uint8]:
    return np.asarray((values * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy())
