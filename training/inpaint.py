"""Put a defect into another background: gradients of the picture, brightness of the background, no seam."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.linalg import splu

#: How far beyond its mask a defect's surroundings come along and fade out, as a part of the picture's side.
MARGIN = 1 / 32
#: How much a defect's contrast may be changed to suit the background.
GAINS = (0.7, 1.5)
#: Part of a defect's pixels that may end up black or white at most, as in a picture that is a little overexposed.
CLIPPED = 0.02


def inpaint(
    picture: NDArray[np.uint8], mask: NDArray[np.bool_], background: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A defect with its mask on a clean background, as if it had been there.

    Seamless cloning (Pérez, Gangnet and Blake 2003, "Poisson image editing", section 2, equations 4 and 5): inside the
    mask and a margin around it the result has the picture's gradients and meets the background at the rim. Before, the
    gradients are scaled to the background's contrast, so far as the defect then stays within black and white; after,
    the margin is feathered, so that little but the defect itself replaces the background's texture.

    Args:
        picture: H×W or H×W×3.
        mask: H×W, where the defect is; it may touch the picture's edge.
        background: of the picture's shape.

    Returns:
        The composed picture, of the same shape, and the mask.

    Raises:
        ValueError: the shapes differ, or the mask marks nothing, or leaves no surroundings.
    """
    if background.shape != picture.shape or mask.shape != picture.shape[:2]:
        raise ValueError(
            f"the picture is {picture.shape}, its mask {mask.shape} and the background {background.shape}; "
            "all must be of one height and width, and both pictures grey or both RGB"
        )
    if not mask.any():
        raise ValueError("the mask marks nothing; there is no defect to put anywhere")
    margin = max(2, round(min(mask.shape) * MARGIN))
    distance = ndimage.distance_transform_edt(~mask)
    region = distance <= margin
    if region.all():
        raise ValueError("the mask covers nearly the whole picture; there is no rim at which to join the background")
    # One channel more or less, the same sums.
    source, ground = (image.astype(np.float64).reshape(*mask.shape, -1) for image in (picture, background))
    scaled = source * _gain(source, ground, mask, region)
    joined = scaled[region] + _membrane(ground - scaled, region)
    # 1 on the defect, 0 at the rim.
    weight = (1 - distance[region] / (margin + 1))[:, None]
    result = ground.copy()
    result[region] += weight * (joined - ground[region])
    return result.round().clip(0, 255).astype(np.uint8).reshape(picture.shape), mask.copy()


def _gain(
    source: NDArray[np.float64], ground: NDArray[np.float64], mask: NDArray[np.bool_], region: NDArray[np.bool_]
) -> float:
    """Factor on the defect's contrast: the backgrounds' ratio, then what black and white leave room for."""
    around = ~region
    grey, base = source.mean(2), ground.mean(2)
    # Textures of different coarseness: differences between neighbours say how strong each is, not slow shading.
    ratio = roughness(base, np.ones_like(mask)) / max(roughness(grey, around), 1e-6)
    level, floor = np.median(grey[around]), np.median(base[mask])
    low, high = np.quantile(grey[mask] - level, (CLIPPED, 1 - CLIPPED))
    room = min(
        (255 - floor) / high if high > 0 else np.inf,
        floor / -low if low < 0 else np.inf,
    )
    return float(min(np.clip(ratio, *GAINS), max(room, 0.05)))


def roughness(grey: NDArray[np.float64], where: NDArray[np.bool_]) -> float:
    """Mean absolute difference between neighbours inside `where`; 0 where there are none."""
    differences = np.concatenate([np.abs(np.diff(grey, axis=axis))[_pairs(where, axis)] for axis in (0, 1)])
    return float(differences.mean()) if differences.size else 0.0


def _pairs(where: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    first, second = (where[:-1], where[1:]) if axis == 0 else (where[:, :-1], where[:, 1:])
    return first & second


def _membrane(rim: NDArray[np.float64], region: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The smoothest K×C values inside `region` (K pixels) that meet `rim` (H×W×C) outside it.

    Laplace's equation: each pixel is the mean of its neighbours. At the picture's own edge there is no neighbour to
    meet, and the values may end there as they like.
    """
    height, width = region.shape
    numbers = np.full(region.shape, -1)
    numbers[region] = np.arange(region.sum())
    rows, columns = np.nonzero(region)
    count = len(rows)
    degree, sums = np.zeros(count), np.zeros((count, rim.shape[2]))
    links = []
    for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        y, x = rows + down, columns + right
        there = np.flatnonzero((y >= 0) & (y < height) & (x >= 0) & (x < width))
        degree[there] += 1
        other = numbers[y[there], x[there]]
        inside = other >= 0
        links.append((there[inside], other[inside]))
        outside = there[~inside]
        sums[outside] += rim[y[outside], x[outside]]
    first, second = (np.concatenate(part) for part in zip(*links, strict=True))
    matrix = sparse.coo_array((-np.ones(len(first)), (first, second)), shape=(count, count))
    solved: NDArray[np.float64] = splu((matrix + sparse.diags_array(degree)).tocsc()).solve(sums)
    return solved
