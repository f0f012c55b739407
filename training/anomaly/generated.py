"""Any of the three generated anomalies."""

from __future__ import annotations

import numpy as np

from training.anomaly.cutpaste import Mask, Picture, cut_paste, scar
from training.anomaly.perlin import texture_anomaly


def anomaly(picture: Picture, other: Picture, rng: np.random.Generator) -> tuple[Picture, Mask]:
    """The picture (H×W×3) with a patch, a scar or a texture on it, and where (H×W).

    Args:
        other: of the picture's shape; it lends its texture.
    """
    kind = rng.integers(3)
    if kind == 2:
        return texture_anomaly(picture, other, rng)
    return (cut_paste, scar)[kind](picture, rng)
