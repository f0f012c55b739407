"""What a network sees of a sample during training: a crop, mirrored, lit differently; and plainly, to be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from models.imagefile import read_image
from models.imaging import resize
from models.spec import Preprocess, is_defect_free
from models.tiling import Box, plan_tiles
from training.config import TrainConfig
from training.data.record import Sample, known_classes, load_masks

#: A crop around a defect shows at least this part of what the whole picture shows of it, or a fixed patch of it.
MIN_SHOWN, MIN_SHOWN_PIXELS = 0.25, 150
#: Tiles of a strip whose defect is smaller than this are neither clean nor a fair example.
AMBIGUOUS_PIXELS = 120


@dataclass(frozen=True)
class View:
    """A decoded sample: image H×W×3 uint8, masks C×H×W bool (a box stands in where only that is known)."""

    sample: Sample
    image: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    known: NDArray[np.bool_]


class Views:
    """Decoded samples by index; kept in memory, since a few thousand pictures decode slower than they fit.

    Args:
        keep: bytes of them, at most.
    """

    def __init__(self, samples: Sequence[Sample], mask_classes: Sequence[str], keep: int = 3 * 2**30) -> None:
        self.samples = tuple(samples)
        self.mask_classes = tuple(mask_classes)
        self._keep = keep
        self._kept: dict[int, View] = {}

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> View:
        """Raises ImageError or DataError where picture or mask cannot be read."""
        if index in self._kept:
            return self._kept[index]
        sample = self.samples[index]
        whole = read_image(sample.image)
        masks = load_masks(sample, self.mask_classes, *whole.shape[:2])
        image = (
            whole
            if sample.crop is None
            else whole[sample.crop.top : sample.crop.bottom, sample.crop.left : sample.crop.right]
        )
        view = View(sample, np.ascontiguousarray(image), masks, known_classes(sample, self.mask_classes))
        size = view.image.nbytes + view.masks.nbytes
        if size <= self._keep:
            self._keep -= size
            self._kept[index] = view
        return view


def strip_tiles(samples: Sequence[Sample], mask_classes: Sequence[str], multi_label: bool) -> list[Sample]:
    """Cut long strips into the tiles that inspection looks at, each labelled by what its own pixels show.

    Samples that are no strips, or whose masks are unknown, stay as they are. For a single-label training a tile takes
    the class that covers most of it; tiles with only a speck of defect are dropped.
    """
    from dataclasses import replace

    from models.imagefile import image_size

    result: list[Sample] = []
    for sample in samples:
        width, height = image_size(sample.image)
        boxes = plan_tiles(height, width)
        if len(boxes) == 1 or sample.crop is not None or not known_classes(sample, mask_classes).all():
            result.append(sample)
            continue
        masks = load_masks(sample, mask_classes, height, width)
        clean = next((label for label in sample.labels if is_defect_free(label)), "none")
        for box in boxes:
            areas = masks[:, box.top : box.bottom, box.left : box.right].sum((1, 2))
            shown = [name for name, area in zip(mask_classes, areas, strict=True) if area >= AMBIGUOUS_PIXELS]
            if not shown and areas.any():
                continue
            largest = (mask_classes[int(areas.argmax())],)
            result.append(
                replace(sample, labels=(tuple(shown) if multi_label else largest) if shown else (clean,), crop=box)
            )
    return result


def training_crop(view: View, config: TrainConfig, rng: np.random.Generator) -> Box:
    """Where to look: the whole picture, or (for `config.zoom` of the samples) a square that still shows its defect."""
    height, width = view.image.shape[:2]
    whole = Box(0, 0, width, height)
    if rng.random() >= config.zoom:
        return whole
    clean = all(is_defect_free(label) for label in view.sample.labels)
    marked: NDArray[np.bool_] = np.asarray(view.masks.any(axis=0)).reshape(height, width)
    total = int(marked.sum())
    # Without a mask or box a defect is taken to fill the picture: only mild crops are safe.
    smallest = 0.3 if clean or total else 0.7
    for _ in range(4):
        scale = rng.uniform(smallest, 1.0)
        high, wide = max(32, round(height * scale)), max(32, round(width * scale))
        high, wide = min(high, height), min(wide, width)
        top, left = _corner(marked if total and not clean else None, height, width, high, wide, rng)
        shown = int(marked[top : top + high, left : left + wide].sum())
        if clean or not total or shown >= min(MIN_SHOWN * total, max(MIN_SHOWN_PIXELS, 0.08 * high * wide)):
            return Box(left, top, left + wide, top + high)
    return whole


def classifier_input(view: View, config: TrainConfig, prepare: Preprocess, rng: np.random.Generator) -> Tensor:
    """3×h×w float from 0 to 255: cropped, sometimes continued by mirroring, moved, mirrored, lit; 6×3×h×w where
    a picture is cut in six."""
    box = training_crop(view, config, rng)
    image = view.image[box.top : box.bottom, box.left : box.right]
    small = max(image.shape[:2]) < 0.75 * config.size
    # Small crops would all arrive enlarged, and blur would tell the class; half of them grow by mirroring instead.
    if small and rng.random() < 0.5:
        target = int(rng.integers(max(image.shape[:2]), config.size + 1))
        missing = [max(0, target - side) for side in image.shape[:2]]
        image = np.pad(image, [(0, missing[0]), (0, missing[1]), (0, 0)], mode="symmetric")
    image = np.ascontiguousarray(image)
    boxes = plan_tiles(*image.shape[:2], tiles="six" if prepare.tiles == "six" else "whole")
    parts = [resize(torch.from_numpy(image[b.top : b.bottom, b.left : b.right]), prepare.shape) for b in boxes]
    pixels = torch.stack(parts) if prepare.tiles == "six" else parts[0]
    return _lit(_mirrored(_moved(pixels, config.affine, rng), config, rng), config, rng)


def segmenter_input(
    view: View, config: TrainConfig, prepare: Preprocess, crop: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """3×h×w float from 0 to 255 and C×h×w float masks: a square of side `crop` near the scale that inspection looks
    at, or the whole picture where that is looked at whole."""
    if prepare.tiles == "whole":
        image, masks = torch.from_numpy(view.image), torch.from_numpy(view.masks.astype(np.float32))
        return _pair(image, masks, prepare.shape, config, rng)
    height, width = view.image.shape[:2]
    scale = config.size / min(height, width) * float(rng.uniform(0.8, 1.25))
    side = max(16, min(height, width, round(crop / scale)))
    marked: NDArray[np.bool_] = np.asarray(view.masks.any(axis=0)).reshape(height, width)
    around = marked if marked.any() and rng.random() < config.zoom else None
    top, left = _corner(around, height, width, side, side, rng)
    image = torch.from_numpy(np.ascontiguousarray(view.image[top : top + side, left : left + side]))
    masks = torch.from_numpy(view.masks[:, top : top + side, left : left + side].astype(np.float32))
    return _pair(image, masks, (crop, crop), config, rng)


def _pair(
    image: Tensor, masks: Tensor, shape: tuple[int, int], config: TrainConfig, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Picture and masks of the same size, moved and mirrored together."""
    masks = F.interpolate(masks[None], shape, mode="bilinear", align_corners=False)[0]
    both = _mirrored(_moved(torch.cat([resize(image, shape), masks]), config.affine, rng), config, rng)
    return _lit(both[:3], config, rng), (both[3:] > 0.5).float()


def _corner(
    around: NDArray[np.bool_] | None, height: int, width: int, high: int, wide: int, rng: np.random.Generator
) -> tuple[int, int]:
    """Top and left of a crop of `high`×`wide`: anywhere, or so that it holds a random marked pixel."""
    if around is None:
        return int(rng.integers(height - high + 1)), int(rng.integers(width - wide + 1))
    rows, columns = np.nonzero(around)
    pick = int(rng.integers(len(rows)))
    top = int(np.clip(rows[pick] - rng.integers(high), 0, height - high))
    return top, int(np.clip(columns[pick] - rng.integers(wide), 0, width - wide))


def _moved(pixels: Tensor, most: float, rng: np.random.Generator) -> Tensor:
    """Stretched along either side, turned and shifted about the middle; what comes in from outside is mirrored."""
    if not most:
        return pixels
    (wide, high), angle = np.exp(rng.uniform(-most, most, 2)), float(rng.uniform(-most, most)) * np.pi / 2
    right, down = 2 * rng.uniform(-most, most, 2)  # the grid's unit is half a side
    rows = [[wide * np.cos(angle), -high * np.sin(angle), right], [wide * np.sin(angle), high * np.cos(angle), down]]
    stack = pixels.reshape(-1, *pixels.shape[-3:])
    matrices = torch.tensor(rows, dtype=pixels.dtype).expand(len(stack), 2, 3)
    grid = F.affine_grid(matrices, list(stack.shape), align_corners=False)
    return F.grid_sample(stack, grid, padding_mode="reflection", align_corners=False).reshape(pixels.shape)


def _mirrored(pixels: Tensor, config: TrainConfig, rng: np.random.Generator) -> Tensor:
    if config.flips:
        axes = [axis for axis in (-2, -1) if rng.random() < 0.5]
        pixels = pixels.flip(axes) if axes else pixels
    if config.rotations:
        pixels = torch.rot90(pixels, int(rng.integers(4)), (-2, -1))
    return pixels


def dimmed(image: NDArray[np.uint8], brightness: float) -> NDArray[np.uint8]:
    """A picture as a darker or brighter exposure gives it: its values times `brightness`, whole numbers again.

    Plain values, not light: cameras of a line give values in proportion to light, and of a picture that was coded for a
    screen a quarter of its values is a twentieth of its light, which is the harder test.
    """
    if brightness == 1:
        return image
    return np.asarray((image.astype(np.float32) * brightness).round().clip(0, 255), dtype=np.uint8)


def _lit(pixels: Tensor, config: TrainConfig, rng: np.random.Generator) -> Tensor:
    return _exposed(_photometric(pixels, config.photometric, rng), config.exposure, rng)


def _exposed(pixels: Tensor, stops: float, rng: np.random.Generator) -> Tensor:
    """Every second picture darker by up to so many stops, or brighter by up to a quarter of them; as `dimmed`."""
    if not stops or rng.random() < 0.5:
        return pixels
    return (pixels * float(2 ** rng.uniform(-stops, stops / 4))).round().clamp(0, 255)


def _photometric(pixels: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """Gain, contrast about the mean, gamma, and now and then blur or sensor noise; float from 0 to 255."""
    if not strength:
        return pixels
    gain, contrast, gamma = np.exp(rng.uniform(-strength, strength, 3))
    mean = pixels.mean()
    pixels = ((pixels - mean) * float(contrast) + mean * float(gain)).clamp(0, 255)
    pixels = (pixels / 255) ** float(gamma) * 255
    if rng.random() < 0.15:
        pixels = F.avg_pool2d(pixels, 3, 1, 1, count_include_pad=False)
    if rng.random() < 0.15:
        noise = rng.normal(0, 255 * 0.1 * strength, pixels.shape[-2:]).astype(np.float32)
        pixels = (pixels + torch.from_numpy(noise)).clamp(0, 255)
    return pixels
