"""Run-length encoding of masks as Severstal's ``train.csv`` writes it: 1-based starts, column by column."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def encode(mask: NDArray[np.bool_]) -> str:
    """Write a mask as ``"start length start length …"``.

    Args:
        mask: H×W, anything truthy is inside.

    Returns:
        Starts are 1-based and count down the columns; an empty mask gives ``""``.
    """
    flat = np.asarray(mask, dtype=bool).T.ravel()
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flat, [False]))))
    edges[1::2] -= edges[::2]
    edges[::2] += 1
    return " ".join(map(str, edges.tolist()))


def decode(runs: str, height: int, width: int) -> NDArray[np.bool_]:
    """Read ``"start length …"`` back into an H×W bool mask.

    Raises:
        ValueError: as `parse`.
    """
    starts, lengths = parse(runs, height, width)
    flat = np.zeros(height * width, dtype=bool)
    for start, end in zip(starts.tolist(), (starts + lengths).tolist(), strict=True):
        flat[start:end] = True
    return flat.reshape(width, height).T


def parse(runs: str, height: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Check ``"start length …"`` without making the mask.

    Returns:
        Starts, 0-based, and lengths, all within the H·W pixels.

    Raises:
        ValueError: an odd count of numbers, something that is no number, or a run outside the image.
    """
    try:
        numbers = np.array(runs.split(), dtype=np.int64)
    except (ValueError, OverflowError):
        raise ValueError("run-length mask holds something that is not a whole number") from None
    if numbers.size % 2:
        raise ValueError(f"run-length mask has {numbers.size} numbers; it needs pairs of start and length")
    starts, lengths = numbers[::2] - 1, numbers[1::2]
    # Compared without a sum: the largest 64-bit numbers would wrap around and pass.
    if numbers.size and (starts.min() < 0 or lengths.min() < 1 or (lengths > height * width - starts).any()):
        raise ValueError(f"run-length mask leaves the image: {width}×{height} has pixels 1 to {height * width}")
    return starts, lengths
