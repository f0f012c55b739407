"""Unpacking a ZIP that somebody gave us: pictures and tables only, nothing outside its folder, never more than fits."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from models.imagefile import IMAGE_SUFFIXES
from training.data.record import DataError

#: What data sets consist of; all else in an archive stays there.
WANTED = IMAGE_SUFFIXES | {".csv", ".json", ".txt", ".xml", ".yaml", ".yml"}
MOST_BYTES = 8 * 2**30
MOST_FILES = 500_000
#: Part of the disk's free room that an archive may take.
ROOM = 0.9

Progress = Callable[[int, int], None]


def unpack(archive: Path, folder: Path, progress: Progress | None = None) -> Path:
    """Unpack into `folder`, which must not exist, and return the folder that holds the data: the only one in it, or it.

    Names without the UTF-8 flag are read as UTF-8 or as Korean (CP949), which Windows writes.

    Args:
        progress: called with (files unpacked, all).

    Raises:
        DataError: it is no ZIP, is damaged or encrypted, holds a path that climbs out of it, nothing of use, or more
            than `MOST_BYTES` or the disk takes; nothing stays behind.
        OSError: the disk is full or cannot be written; nothing stays behind.
    """
    temporary = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            wanted = _wanted(opened, archive.name, shutil.disk_usage(folder.parent).free)
            for number, (path, info) in enumerate(wanted, 1):
                target = temporary / path
                target.parent.mkdir(parents=True, exist_ok=True)
                # Never longer than its header says, which was counted: zipfile stops there.
                with opened.open(info) as source, target.open("xb") as file:
                    shutil.copyfileobj(source, file, 2**20)
                if progress:
                    progress(number, len(wanted))
        temporary.rename(folder)
    except FileNotFoundError:
        raise DataError(f"{archive}: there is no such file") from None
    except FileExistsError as error:
        raise DataError(f"{archive.name}: it holds {error.filename} twice; zip the folder again") from error
    except (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError, ValueError, zlib.error) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{archive.name}: it is no ZIP that can be read ({error}); zip the folder again") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    while len(inside) == 1 and inside[0].is_dir():
        folder, inside = inside[0], [path for path in inside[0].iterdir() if not path.name.startswith(".")]
    # One class alone is no wrapping: its folder is its name.
    return folder.parent if any(path.suffix.lower() in IMAGE_SUFFIXES for path in inside) else folder


def _wanted(opened: zipfile.ZipFile, name: str, free: int) -> list[tuple[PurePosixPath, zipfile.ZipInfo]]:
    """Path below the folder and entry of each file of use, once all of them were found harmless."""
    found = []
    for info in opened.infolist():
        path = PurePosixPath(_named(info).replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or any(":" in part for part in path.parts):
            raise DataError(f"{name}: its file {_named(info)} would be written outside of its folder; zip it again")
        if info.is_dir() or stat.S_ISLNK(info.external_attr >> 16) or path.suffix.lower() not in WANTED:
            continue
        if any(part.startswith((".", "__")) for part in path.parts):
            continue  # what macOS and Windows put beside pictures
        if info.flag_bits & 1:
            raise DataError(f"{name}: it is encrypted; unpack it yourself and name the folder")
        found.append((path, info))
    if not any(path.suffix.lower() in IMAGE_SUFFIXES for path, _ in found):
        raise DataError(f"{name}: it holds no picture; zip the data set's folder")
    size, most = sum(info.file_size for _, info in found), min(MOST_BYTES, int(free * ROOM))
    if size > most or len(found) > MOST_FILES:
        raise DataError(
            f"{name}: unpacked it would have {size / 1e9:.1f} GB in {len(found):,} files; at most {most / 1e9:.1f} GB "
            f"and {MOST_FILES:,} files are taken in; unpack it yourself and name the folder"
        )
    return found


def _named(info: zipfile.ZipInfo) -> str:
    if info.flag_bits & 0x800:
        return info.filename
    raw = info.filename.encode("cp437", errors="replace")
    for encoding in ("utf-8", "cp949"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return info.filename
