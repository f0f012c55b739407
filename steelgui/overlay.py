"""`Inspection` → picture: masks in fixed colours with an outline, or the heat map. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from steelgui.results import Inspection

#: Okabe–Ito: told apart with any colour vision. The same everywhere: legend, masks, charts, CSV.
CLASS_COLOURS = {
    "crazing": "#E69F00",
    "inclusion": "#56B4E9",
    "patches": "#009E73",
    "pitted_surface": "#F0E442",
    "rolled-in_scale": "#0072B2",
    "scratches": "#D55E00",
    "unknown": "#CC79A7",
}
#: For classes of other data sets, in the order of their names.
FURTHER_COLOURS = ("#88CCEE", "#DDCC77", "#117733", "#AA4499", "#999933", "#882255", "#44AA99", "#6699CC")

#: Degrees of heat in a layer, whose colours are named by one byte; the rest are for outlines.
_HEAT_STEPS = 224


def class_colours(names: Iterable[str]) -> dict[str, str]:
    """Name → "#RRGGBB"; a known class always has its own colour, others take further ones by the alphabet."""
    names = list(names)
    others = sorted(set(names) - set(CLASS_COLOURS))
    further = {name: FURTHER_COLOURS[index % len(FURTHER_COLOURS)] for index, name in enumerate(others)}
    return {name: CLASS_COLOURS.get(name) or further[name] for name in names}


def draw_overlay(
    image: NDArray[np.uint8],
    inspection: Inspection,
    *,
    shown: Collection[str] | None = None,
    opacity: float = 0.45,
    heat: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Draw masks; over a heat map only their outlines, since two colours mixed say nothing.

    Args:
        image: H×W×3 uint8.
        shown: class names to draw; None for all.
        opacity: of the masks, or of the heat map if one is given; 0 (outlines only) to 1.
        heat: H×W uint8.

    Returns:
        H×W×3 uint8, a new array.
    """
    result = image.astype(np.float32)
    if heat is not None:
        strength = (heat.astype(np.float32) / 255)[..., None]
        result += strength * min(1.0, 1.6 * opacity) * (_hot(heat) - result)
    colours = class_colours(defect.name for defect in inspection.defects)
    for defect in inspection.defects:
        if shown is None or defect.name in shown:
            _paint(result, defect.mask, colours[defect.name], opacity if heat is None else 0.0)
    return np.asarray(result.round().clip(0, 255).astype(np.uint8))


def overlay_layer(
    inspection: Inspection,
    *,
    shown: Collection[str] | None = None,
    opacity: float = 0.45,
    heat: NDArray[np.uint8] | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """What `draw_overlay` adds to a picture, by itself: to be laid over a video that is elsewhere.

    A palette instead of four channels, because it is a tenth of the bytes and of the time as PNG.

    Returns:
        H×W uint8 indices, and the colours that they name: N×4 uint8, red, green, blue, opacity; index 0 is nothing.
    """
    indices = np.zeros((inspection.height, inspection.width), dtype=np.uint8)
    palette: list[tuple[int, ...]] = [(0, 0, 0, 0)]
    if heat is not None:
        steps = np.arange(1, _HEAT_STEPS + 1) / _HEAT_STEPS
        indices = np.ceil(heat / np.float32(255) * _HEAT_STEPS).astype(np.uint8)
        colours = _hot(np.asarray(255 * steps, dtype=np.float32)[None])[0].round().astype(int)
        opaque = (255 * min(1.0, 1.6 * opacity) * steps).round().astype(int)
        palette += [(*colour, alpha) for colour, alpha in zip(colours.tolist(), opaque.tolist(), strict=True)]
    named = class_colours(defect.name for defect in inspection.defects)
    for defect in inspection.defects:
        # A byte names no more colours; 15 classes found on one picture are more than anybody can tell apart.
        if (shown is None or defect.name in shown) and len(palette) <= 254:
            colour = _rgb(named[defect.name])
            if heat is None:
                indices[defect.mask] = len(palette)
                palette.append((*colour, round(255 * opacity)))
            indices[_outline(defect.mask)] = len(palette)
            palette.append((*colour, 255))
    return indices, np.array(palette, dtype=np.uint8)


def marked(
    image: NDArray[np.uint8], masks: Mapping[str, NDArray[np.bool_]], opacity: float = 0.45
) -> NDArray[np.uint8]:
    """An H×W×3 uint8 picture with the H×W mask of each class in its colour: a new array of the same shape."""
    result = image.astype(np.float32)
    colours = class_colours(masks)
    for name, mask in masks.items():
        _paint(result, mask, colours[name], opacity)
    return np.asarray(result.round().clip(0, 255).astype(np.uint8))


def outlined(image: NDArray[np.uint8], mask: NDArray[np.bool_], name: str) -> NDArray[np.uint8]:
    """A picture, H×W or H×W×3 uint8, with the outline of a defect's mask in the class's colour: H×W×3 uint8."""
    result = np.stack([image] * 3, -1).astype(np.float32) if image.ndim == 2 else image.astype(np.float32)
    _paint(result, mask, class_colours([name])[name], 0.0)
    return result.astype(np.uint8)


def layer(mask: NDArray[np.bool_], colour: str, opacity: float = 0.45) -> Image.Image:
    """A mask alone, to be laid over its picture: a palette image, transparent where nothing is marked.

    Args:
        mask: H×W.
        colour: "#RRGGBB".
    """
    picture = Image.fromarray(mask.astype(np.uint8) + _outline(mask), "P")
    picture.putpalette([0, 0, 0, *2 * _rgb(colour)])
    picture.info["transparency"] = bytes([0, round(255 * opacity), 255])
    return picture


def _rgb(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def _paint(picture: NDArray[np.float32], mask: NDArray[np.bool_], colour: str, opacity: float) -> None:
    """Tint a mask in place, and draw its outline."""
    rgb = np.array(_rgb(colour), dtype=np.float32)
    picture[mask] += opacity * (rgb - picture[mask])
    picture[_outline(mask)] = rgb


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    # A line of 1 px vanishes where a 1600 px strip is shown 800 px wide.
    line = 1 if mask.shape[1] <= 512 else 2
    return np.asarray(mask & ~ndimage.binary_erosion(mask, iterations=line, border_value=1))


def _hot(heat: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Black – red – orange – white, the colours of hot strip: brightness rises all the way, so it reads in grey too."""
    stops = np.array([[0, 0, 0], [120, 10, 10], [230, 90, 10], [255, 190, 60], [255, 250, 220]], dtype=np.float32)
    at = np.linspace(0, 255, len(stops))
    channels = [np.interp(heat.ravel(), at, stops[:, c]).reshape(heat.shape) for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)
