"""Show a surface in another picture's light: its fine texture, the other's slow brightness."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

#: What changes more slowly than this, as a part of the picture's short side, is taken for light.
SLOW = 0.15
#: Added to grey values before their logarithm, so that black has one.
FLOOR = 8.0


def relight(picture: NDArray[np.uint8], light: NDArray[np.uint8], contrast: float = 1.0) -> NDArray[np.uint8]:
    """The picture's texture under the light of another.

    What a camera sees is light times reflectance. The light is estimated by a wide Gaussian and divided out, as in
    homomorphic filtering (Oppenheim, Schafer and Stockham 1968, section V) and the single-scale retinex (Jobson,
    Rahman and Woodell 1997, section II), and the other's is multiplied in.

    Args:
        picture: H×W×C.
        light: h×w×C of any size; its slow brightness is stretched over the picture.
        contrast: exponent of the reflectance; 1 leaves it as it is.

    Returns:
        H×W×C.

    Raises:
        ValueError: one is grey and the other RGB.
    """
    if picture.ndim != 3 or light.ndim != 3 or picture.shape[2] != light.shape[2]:
        raise ValueError(f"the picture is {picture.shape} and the light {light.shape}; both must be grey or both RGB")
    own, other = _slow(picture), _slow(light)
    scales = [wanted / there for wanted, there in zip(picture.shape, other.shape, strict=True)]
    stretched = ndimage.zoom(other, scales, order=1, mode="nearest", grid_mode=True)
    found = stretched * ((picture + FLOOR) / own) ** contrast - FLOOR
    return np.asarray(found.round().clip(0, 255), dtype=np.uint8)


def _slow(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    width = SLOW * min(picture.shape[:2])
    blurred: NDArray[np.float64] = ndimage.gaussian_filter(
        picture.astype(np.float64), (width, width, 0), mode="nearest"
    )
    return blurred + FLOOR
