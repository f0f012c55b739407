"""Pictures of the history, named by their content."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from models.files import atomic_write
from steelgui.settings import StorageError

# Late, because `steelgui --help` passes here and it costs a tenth of a second.
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

THUMBNAIL_SIDE = 256
OWNERS = "databases.txt"
_SUFFIXES = {
    "JPEG": ".jpg",
    "MPO": ".jpg",
    "PNG": ".png",
    "BMP": ".bmp",
    "TIFF": ".tif",
    "WEBP": ".webp",
    "GIF": ".gif",
}


class Files:
    """The folder of pictures; names are relative to it, with `/` everywhere."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._claimed = ""

    def claim(self, store: str) -> None:
        """Write down that a history, by its name, relies on these files."""
        if store == self._claimed:
            return
        if store not in self.owners():
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                with (self.folder / OWNERS).open("a", encoding="ascii") as file:
                    file.write(f"{store}\n")
            except OSError as error:
                raise self._refused(error) from error
        self._claimed = store

    def owners(self) -> set[str]:
        """The histories that rely on these files."""
        try:
            return set((self.folder / OWNERS).read_text("ascii").split())
        except FileNotFoundError:
            return set()

    def keep(self, name: str, content: Callable[[], bytes]) -> bool:
        """Write a picture unless it is there already; True if it was not. StorageError where there is no room."""
        path = self.folder / name
        if path.exists():
            return False
        data = content()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(path, data)
        except OSError as error:
            raise self._refused(error) from error
        return True

    def _refused(self, error: OSError) -> StorageError:
        return StorageError(
            f"The picture cannot be kept in {self.folder} ({error.strerror or error}); "
            "make room there, or choose another place with --home DIR."
        )

    def drop(self, names: Iterable[str]) -> int:
        """Delete pictures; how many bytes that made free."""
        freed = 0
        for name in names:
            path = self.folder / name
            try:
                size = path.stat().st_size
                path.unlink()
                freed += size
            except OSError:
                # Gone already, or open in a program on Windows: the next sweep finds it.
                continue
        return freed

    def size(self) -> int:
        """Bytes of all pictures."""
        return sum(entry.stat().st_size for parts in ("originals", "thumbnails") for entry in self.entries(parts))

    def entries(self, *parts: str) -> Iterator[os.DirEntry[str]]:
        """The files in a folder and its subfolders."""
        folders = [str(self.folder.joinpath(*parts))]
        while folders:
            try:
                with os.scandir(folders.pop()) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(entry.path)
                        else:
                            yield entry
            except FileNotFoundError:
                continue


def address(folder: str, content: bytes, suffix: str) -> str:
    """Path relative to the history's folder, with `/` everywhere: `originals/ab/abcd….png`."""
    digest = hashlib.sha256(content).hexdigest()
    # Folders of two digits, because explorers and backups slow down on a folder of a million files.
    return f"{folder}/{digest[:2]}/{digest}{suffix}"


def storable(name: str) -> str:
    """A file's name as every database takes it."""
    # Linux file names may hold bytes that are no UTF-8 (lone surrogates here), and PostgreSQL refuses a NUL.
    return name.encode("utf-8", "replace").decode().replace("\0", "")


def original_bytes(image: NDArray[np.uint8], original: bytes | Path | None) -> tuple[bytes, str]:
    """Encoded bytes to keep and their suffix: those of `original` where Pillow knows them, else a PNG of `image`."""
    from PIL import Image

    if original is not None:
        content = original if isinstance(original, bytes) else _read(original)
        try:
            with Image.open(io.BytesIO(content)) as opened:
                known = opened.format or ""
            return content, _SUFFIXES.get(known, f".{known.lower()}")
        except (OSError, SyntaxError, ValueError):
            pass
    buffer = io.BytesIO()
    # Level 1 is several times quicker than the default, and camera noise hardly packs any better at 6.
    Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue(), ".png"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path} cannot be read ({error.strerror or error}); choose the picture again.") from error


def thumbnail_bytes(image: NDArray[np.uint8]) -> bytes:
    """A JPEG of at most `THUMBNAIL_SIDE` pixels a side."""
    from PIL import Image

    small = Image.fromarray(image)
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
