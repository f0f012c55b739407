"""Show a surface in another picture's light: its fine texture, the other's slow brightness."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from models.imaging import resize

#: What changes more slowly than this, as a part of the picture's short side, is taken for light.
SLOW = 0.15
#: Added to grey values, so that black has a reflectance too, and the noise of a dark picture is not blown up.
FLOOR = 8.0
#: Short side, px, of twice which on a picture is made smaller before its light is looked for: a Gaussian as wide as
#: that of a large picture takes minutes.
ENOUGH = 256


def relight(picture: NDArray[np.uint8], light: NDArray[np.uint8], contrast: float = 1.0) -> NDArray[np.uint8]:
    """The picture's texture under the light of another.

    What a camera sees is light times reflectance. The light is estimated by a wide Gaussian and divided out, as in
    homomorphic filtering (Oppenheim, Schafer and Stockham 1968, "Nonlinear filtering of multiplied and convolved
    signals") and the single-scale retinex (Jobson, Rahman and Woodell 1997, "Properties and performance of a
    center/surround retinex"), and the other's is multiplied in.

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
    own, other = (_slow(image, picture.shape) for image in (picture, light))
    found = other * ((picture + FLOOR) / own) ** contrast - FLOOR
    return np.asarray(found.round().clip(0, 255), dtype=np.uint8)


def _slow(picture: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """A picture's light, stretched to H×W×C."""
    step = max(1, min(picture.shape[:2]) // ENOUGH)
    high, wide = (side // step for side in picture.shape[:2])
    small = resize(torch.from_numpy(picture), (high, wide)).permute(1, 2, 0).double().numpy()
    width = SLOW * min(high, wide)
    blurred = ndimage.gaussian_filter(small, (width, width, 0), mode="nearest")
    scales = [wanted / there for wanted, there in zip(shape, blurred.shape, strict=True)]
    stretched: NDArray[np.float64] = ndimage.zoom(blurred, scales, order=1, mode="nearest", grid_mode=True)
    return stretched + FLOOR
