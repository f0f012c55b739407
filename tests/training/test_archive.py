"""What is taken out of a ZIP, and what is refused; nothing stays behind of a refused one."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from training.data import read_dataset
from training.data.archive import MOST_BYTES, unpack
from training.data.record import DataError


def picture(grey: int = 128) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (16, 16), grey).save(stream, "PNG")
    return stream.getvalue()


def zipped(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(names):
            archive.writestr(name, picture(number))
    return path


@pytest.mark.parametrize("wrapping", ["", "neu/", "outer/neu/", "images/"])
def test_a_data_set_is_found_in_its_wrapping(tmp_path: Path, wrapping: str) -> None:
    archive = zipped(tmp_path / "a.zip", f"{wrapping}crazing/1.png", f"{wrapping}patches/1.png", "__MACOSX/x.png")
    assert read_dataset(unpack(archive, tmp_path / "out")).counts() == {"crazing": 1, "patches": 1}


def test_one_class_alone_is_no_wrapping(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", "crazing/1.png", "crazing/2.png")
    assert read_dataset(unpack(archive, tmp_path / "out")).counts() == {"crazing": 2}


def test_only_pictures_and_tables_come_out(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", "a/1.png", "b/1.png", "a/run.sh", "a/.hidden.png", "b/module.py")
    unpack(archive, tmp_path / "out")
    found = sorted(path.relative_to(tmp_path / "out").as_posix() for path in tmp_path.glob("out/*/*"))
    assert found == ["a/1.png", "b/1.png"]


def test_korean_names_as_windows_writes_them(tmp_path: Path) -> None:
    name = "균열/사진.png"
    archive = zipped(tmp_path / "a.zip", "XXXX/YYYY.png", "other/1.png")
    content = archive.read_bytes().replace(b"XXXX/YYYY.png", name.encode("cp949"))
    archive.write_bytes(content)
    assert len(name.encode("cp949")) == len(b"XXXX/YYYY.png")
    assert set(read_dataset(unpack(archive, tmp_path / "out")).counts()) == {"균열", "other"}


def understated(path: Path) -> None:
    """A megabyte that says it is a hundred bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/1.png", bytes(2**20))
    content = bytearray(path.read_bytes())
    size = content.index(b"PK\x01\x02") + 24
    content[size : size + 4] = struct.pack("<I", 100)
    path.write_bytes(content)


def large(path: Path) -> None:
    """Ten gigabytes of nothing, packed to ten megabytes; here but its directory, which is all that is looked at."""
    with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        archive.writestr("a/1.png", picture())
        info = archive.getinfo("a/1.png")
        info.file_size = MOST_BYTES + 1


def linked(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("a/1.png")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")


def encrypted(path: Path) -> None:
    zipped(path, "a/1.png")
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + offset] |= 1
    path.write_bytes(content)


def cut_off(path: Path) -> None:
    zipped(path, "a/1.png", "a/2.png")
    path.write_bytes(path.read_bytes()[:-30])


def damaged(path: Path) -> None:
    zipped(path, "a/1.png", "a/2.png")
    content = bytearray(path.read_bytes())
    content[60] ^= 255
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: zipped(path, "a/1.png", "../../outside.png"), "outside.png would be written outside"),
        (lambda path: zipped(path, "a/1.png", "/etc/outside.png"), "would be written outside"),
        (lambda path: zipped(path, "a/1.png", "C:\\outside.png"), "would be written outside"),
        (lambda path: zipped(path, "a/1.png", "..\\outside.png"), "would be written outside"),
        (lambda path: zipped(path, "readme.txt"), "it holds no picture"),
        (lambda path: path.write_bytes(b"no archive at all"), "no ZIP that can be read"),
        (lambda path: path.write_bytes(b""), "no ZIP that can be read"),
        (cut_off, "no ZIP that can be read"),
        (damaged, "no ZIP that can be read"),
        (linked, "it holds no picture"),
        (encrypted, "it is encrypted"),
        (large, "at most"),
        (understated, "no ZIP that can be read"),
        (lambda path: None, "there is no such file"),
    ],
)
def test_what_is_refused_leaves_nothing(tmp_path: Path, make: Callable[[Path], object], sentence: str) -> None:
    make(tmp_path / "a.zip")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError) as refused:
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_full_disk_refuses_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    archive = zipped(tmp_path / "a.zip", "a/1.png")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=20))
    with pytest.raises(DataError, match="at most"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()
