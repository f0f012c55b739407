"""Read any picture a camera, a scanner or a colleague may send as RGB uint8, or say in one sentence why not."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif"})
MAX_PIXELS = 64_000_000
MIN_SIDE = 16

# Pillow's own limit warns first and raises later; ours is one clear number that is checked before decoding.
Image.MAX_IMAGE_PIXELS = None


#: What can be wrong with a picture, and what would be right.
SENTENCES = {
    "missing": "{name}: there is no such file; check the name",
    "folder": "{name}: this is a folder; name a picture",
    "no_pictures": "{name}: no pictures in this folder; name another one",
    "forbidden": "{name}: no permission to read it; change the file's rights or copy it elsewhere",
    "empty": "{name}: the file is empty (0 bytes); save or copy it again",
    "no_image": "{name}: this is not a picture that can be read; use JPEG, PNG, BMP, TIFF or WebP",
    "cut_off": "{name}: the picture is cut off; save or copy it again ({detail})",
    "damaged": "{name}: the picture is damaged; save or copy it again ({detail})",
    "too_large": "{name}: {width}×{height} is {megapixels} megapixels; the limit is {limit}, so cut it into strips or "
    "scale it down",
    "too_small": "{name}: {width}×{height} is too small to inspect; each side needs {limit} pixels or more",
}


class ImageError(ValueError):
    """The picture cannot be used; `kind` (a key of `SENTENCES`) and `values` let a page say so in another language."""

    def __init__(self, kind: str, **values: object) -> None:
        super().__init__(SENTENCES[kind].format(**values))
        self.kind, self.values = kind, values


def read_image(source: str | Path | bytes, name: str | None = None) -> NDArray[np.uint8]:
    """Decode a picture.

    EXIF rotation is applied, transparency is ignored, an animation gives its first frame, and grey values of more
    than 8 bits are scaled from the camera's bit depth (the smallest of 10, 12, 14 and 16 bits that holds them).

    Args:
        source: a path, or the encoded bytes.
        name: what an error calls the picture; the file name by default.

    Returns:
        H×W×3 uint8, RGB, C-contiguous.

    Raises:
        ImageError: not an image, truncated, empty, or outside 16 px a side … 64 megapixels.
    """
    name = name or (Path(source).name if isinstance(source, (str, Path)) else "image")
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as opened:
            check_size(name, *opened.size)
            opened.seek(0)
            opened.load()
            return _to_rgb(ImageOps.exif_transpose(opened))
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError("missing", name=name) from None
    except IsADirectoryError:
        raise ImageError("folder", name=name) from None
    except PermissionError:  # what Windows answers for a folder too
        if isinstance(source, (str, Path)) and Path(source).is_dir():
            raise ImageError("folder", name=name) from None
        raise ImageError("forbidden", name=name) from None
    except UnidentifiedImageError:
        raise ImageError(_not_an_image(source), name=name) from None
    except Exception as error:  # damaged TIFF headers alone end in TypeError, OverflowError, KeyError, struct.error …
        kind = "cut_off" if "truncated" in str(error).lower() else "damaged"
        raise ImageError(kind, name=name, detail=error) from None


def image_size(path: str | Path) -> tuple[int, int]:
    """Width and height as `read_image` gives them, from the header alone; ImageError where there is no picture."""
    try:
        with Image.open(path) as opened:
            width, height = opened.size
            on_its_side = opened.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
            return (height, width) if on_its_side else (width, height)
    except Exception as error:  # as above
        raise ImageError(_not_an_image(path), name=Path(path).name) from error


def check_size(name: str, width: int, height: int) -> None:
    """ImageError where a picture of so many pixels is too small or too large to inspect."""
    if width * height > MAX_PIXELS:
        megapixels, limit = round(width * height / 1e6), MAX_PIXELS // 1_000_000
        raise ImageError("too_large", name=name, width=width, height=height, megapixels=megapixels, limit=limit)
    if min(width, height) < MIN_SIDE:
        raise ImageError("too_small", name=name, width=width, height=height, limit=MIN_SIDE)


def _to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I") or image.mode == "F":
        grey = np.nan_to_num(np.asarray(image).astype(np.float32)).clip(min=0)
        peak = float(grey.max(initial=0))
        full = next((top for top in (255, 1023, 4095, 16383, 65535) if peak <= top), peak)
        full = 1.0 if image.mode == "F" and peak <= 1 else full
        grey8 = np.round(grey * (255 / full)).astype(np.uint8)
        return np.ascontiguousarray(np.repeat(grey8[..., None], 3, axis=2))
    # A palette or a grey picture with a transparent colour goes through RGBA, or Pillow warns and guesses.
    if image.mode in ("P", "PA", "LA") or "transparency" in image.info:
        image = image.convert("RGBA")
    return np.array(image.convert("RGB"), dtype=np.uint8)


def _not_an_image(source: str | Path | bytes) -> str:
    size = len(source) if isinstance(source, bytes) else Path(source).stat().st_size if Path(source).exists() else 0
    return "no_image" if size else "empty"
