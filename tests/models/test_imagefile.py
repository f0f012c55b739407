from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from models.imagefile import MIN_SIDE, ImageError, image_size, read_image

RAMP = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (32, 1))
"""32×64, 0 to 252 from left to right."""
COLOUR = np.stack([RAMP, RAMP[:, ::-1], np.full_like(RAMP, 90)], axis=2)


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def sentence(path: Path) -> str:
    """The error for a path: one sentence on one line that begins with the file's name."""
    with pytest.raises(ImageError) as caught:
        read_image(path)
    text = str(caught.value)
    assert text.startswith(f"{path.name}: ")
    assert "\n" not in text
    return text


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF"])
def test_colour_is_read_exactly(tmp_path: Path, format: str) -> None:
    path = tmp_path / "a.img"
    path.write_bytes(encoded(Image.fromarray(COLOUR), format))
    for source in (path, str(path), path.read_bytes()):
        image = read_image(source)
        assert image.dtype == np.uint8
        assert image.flags.c_contiguous
        assert image.flags.writeable
        assert np.array_equal(image, COLOUR)


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_lossy_colour_is_close(format: str) -> None:
    image = read_image(encoded(Image.fromarray(COLOUR), format, quality=95))
    assert np.abs(image.astype(int) - COLOUR).mean() < 4


def test_grey_has_three_equal_channels() -> None:
    assert np.array_equal(read_image(encoded(Image.fromarray(RAMP), "PNG")), np.repeat(RAMP[..., None], 3, 2))


def test_black_and_white() -> None:
    image = read_image(encoded(Image.fromarray(RAMP > 100), "PNG"))
    assert np.array_equal(image[..., 0], np.where(RAMP > 100, 255, 0))


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_deep_grey_is_scaled_from_its_bit_depth(format: str, bits: int) -> None:
    deep = np.round(np.linspace(0, 2**bits - 1, 64)).astype(np.uint16)
    image = read_image(encoded(Image.fromarray(np.tile(deep, (32, 1))), format))
    assert np.abs(image[0, :, 0] - deep * 255.0 / (2**bits - 1)).max() <= 0.51


def test_float_tiff_from_0_to_1() -> None:
    values = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (32, 1))
    values[0, 0] = np.nan
    image = read_image(encoded(Image.fromarray(values), "TIFF"))
    assert image[0, 0, 0] == 0
    assert image[1, -1, 0] == 255


def test_transparency_is_ignored() -> None:
    alpha = np.zeros_like(RAMP)
    assert np.array_equal(read_image(encoded(Image.fromarray(np.dstack([COLOUR, alpha]), "RGBA"), "PNG")), COLOUR)
    assert np.array_equal(
        read_image(encoded(Image.fromarray(np.dstack([RAMP, alpha]), "LA"), "PNG")), np.repeat(RAMP[..., None], 3, 2)
    )


def test_cmyk_jpeg_keeps_its_tones() -> None:
    image = read_image(encoded(Image.fromarray(COLOUR).convert("CMYK"), "JPEG", quality=95))
    assert image.shape == COLOUR.shape
    assert np.abs(image.astype(int) - COLOUR).mean() < 8


@pytest.mark.parametrize("transparent", [None, 3, b"\x00\x80\xff"])
def test_palette(transparent: int | bytes | None) -> None:
    palette = Image.fromarray((RAMP // 64).astype(np.uint8)).convert("P")
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120])
    options = {} if transparent is None else {"transparency": transparent}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = read_image(encoded(palette, "PNG", **options))
    assert image[0, 0].tolist() == [10, 20, 30]
    assert image[0, -1].tolist() == [100, 110, 120]


@pytest.mark.parametrize(("orientation", "corner"), [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))])
def test_exif_rotation_is_applied(tmp_path: Path, orientation: int, corner: tuple[int, int]) -> None:
    picture = np.zeros((24, 48, 3), dtype=np.uint8)
    picture[:8, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "phone.jpg"
    path.write_bytes(encoded(Image.fromarray(picture), "JPEG", quality=95, exif=exif))
    image = read_image(path)
    assert image.shape[:2] == ((48, 24) if orientation > 4 else (24, 48))
    assert image[corner].min() > 200
    assert image_size(path) == (image.shape[1], image.shape[0])


def test_animation_gives_its_first_frame() -> None:
    frames = [Image.new("L", (20, 20), grey) for grey in (10, 200)]
    image = read_image(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert image.shape == (20, 20, 3)
    assert image.max() <= 12


@pytest.mark.parametrize("name", ["Überlauf Blech №7.png", "鋼板.png", "with space.png"])
def test_names_of_any_script(tmp_path: Path, name: str) -> None:
    Image.fromarray(RAMP).save(tmp_path / name)
    assert read_image(tmp_path / name).shape == (32, 64, 3)
    (tmp_path / name).write_text("no picture")
    assert "not a picture" in sentence(tmp_path / name)


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    text = sentence(tmp_path / "empty.jpg")
    assert "0 bytes" in text
    assert "copy it again" in text


def test_text_called_jpg(tmp_path: Path) -> None:
    (tmp_path / "note.jpg").write_text("I am a letter.")
    text = sentence(tmp_path / "note.jpg")
    assert "not a picture" in text
    assert "use JPEG, PNG" in text


@pytest.mark.parametrize(("format", "part"), [("JPEG", 0.6), ("PNG", 0.6), ("WEBP", 0.6), ("BMP", 0.6), ("TIFF", 0.6)])
def test_truncated(tmp_path: Path, format: str, part: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    whole = encoded(Image.fromarray(noise), format)
    path = tmp_path / "cut.jpg"
    path.write_bytes(whole[: int(len(whole) * part)])
    text = sentence(path)
    assert "save or copy it again" in text or "use JPEG" in text
    if format == "JPEG":
        assert "cut off" in text


def test_decompression_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    path = tmp_path / "bomb.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    )
    text = sentence(path)
    assert "900 megapixels" in text
    assert "the limit is 64" in text
    assert "scale it down" in text


@pytest.mark.parametrize("size", [(1, 1), (1, 20000), (20000, 1), (MIN_SIDE - 1, 100)])
def test_too_small(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("L", size).save(tmp_path / "tiny.png")
    text = sentence(tmp_path / "tiny.png")
    assert f"{size[0]}×{size[1]} is too small" in text
    assert "16 pixels or more" in text


def test_smallest_that_will_do() -> None:
    assert read_image(encoded(Image.new("L", (MIN_SIDE, MIN_SIDE)), "PNG")).shape == (MIN_SIDE, MIN_SIDE, 3)


def test_folder_and_missing(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    assert "name a picture" in sentence(tmp_path / "folder.png")
    assert "no such file; check the name" in sentence(tmp_path / "gone.png")


def test_bytes_take_the_name_given() -> None:
    with pytest.raises(ImageError, match=r"^upload\.png: "):
        read_image(b"", "upload.png")
    with pytest.raises(ImageError, match=r"^image: "):
        read_image(b"xyz")


def test_size_of_what_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(ImageError, match=r"a\.png: the file is empty"):
        image_size(tmp_path / "a.png")
    with pytest.raises(ImageError, match=r"b\.png"):
        image_size(tmp_path / "b.png")


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow tells of odd EXIF and TIFF tags
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["JPEG", "TIFF", "GIF", "BMP", "WEBP"]), st.data())
def test_damage_ends_in_a_picture_or_one_error(format: str, data: st.DataObject) -> None:
    content = bytearray(encoded(Image.fromarray(COLOUR), format))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=6)):
        content[place] = data.draw(st.integers(0, 255))
    try:
        assert read_image(bytes(content)).dtype == np.uint8
    except ImageError as error:
        assert str(error).startswith("image: ")
