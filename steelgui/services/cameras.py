"""A camera at this machine, or a video file that is played again and again in its place: the newest picture of it."""

from __future__ import annotations

import io
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.imagefile import ImageError
from steelgui.services.videos import VIDEO_SUFFIXES, VideoError, library, read_frames

#: Pictures a second at most: enough for a visitor's eye, and no load for the machine that also inspects.
RATE = 15
#: Seconds after which a camera that nobody looks through is let go, and an older picture is no sight of now.
IDLE, STALE = 10.0, 3.0
AGAIN = 1.0
QUALITY = 92


@dataclass(frozen=True)
class Shot:
    """One picture: its number from 1 on, and a JPEG."""

    number: int
    jpeg: bytes


class Camera:
    """Looked through by any number of visitors. A thread of its own reads it while somebody asks, and no longer.

    Args:
        source: a camera's number, its device, or a video file.
        say: is told one sentence when the camera cannot be read, and one when it can again.
    """

    def __init__(self, source: str, say: Callable[[str], None]) -> None:
        self.source, self._say = source, say
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._asked = self._taken = -float("inf")
        self._shot: Shot | None = None
        self._trouble = ""

    def newest(self) -> Shot | None:
        """The picture of this moment; None while there is none. Asking keeps the camera open for `IDLE` seconds."""
        with self._lock:
            self._asked = time.monotonic()
            if self._thread is None:
                self._thread = threading.Thread(target=self._read, name="camera", daemon=True)
                self._thread.start()
            return self._shot if self._asked - self._taken < STALE else None

    def _read(self) -> None:
        while self._wanted():
            try:
                self._watch()
                continue
            except (VideoError, ImageError) as error:
                trouble = str(error)
            except Exception as error:
                # Whatever a driver may think of: the camera is looked for again, for days.
                trouble = f"{self.source}: {error}"
            self._tell(trouble)
            time.sleep(AGAIN)

    def _watch(self) -> None:
        for image in watch(self.source):
            jpeg = _jpeg(image)
            with self._lock:
                self._shot = Shot(self._shot.number + 1 if self._shot else 1, jpeg)
                self._taken = time.monotonic()
            self._tell("")
            if time.monotonic() - self._asked > IDLE:
                return

    def _wanted(self) -> bool:
        with self._lock:
            if time.monotonic() - self._asked <= IDLE:
                return True
            self._thread = None
            return False

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._say(trouble or f"{self.source}: the camera is there again")
        self._trouble = trouble


def watch(source: str) -> Iterator[NDArray[np.uint8]]:
    """H×W×3 uint8 RGB as they come, at most `RATE` a second; a file at its own speed, and from the beginning again.

    Raises:
        VideoError: there is no such camera or file, it cannot be read, or the library that reads it is missing.
        ImageError: pictures too small or too large to inspect.
    """
    path = Path(source)
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        yield from _device(source)
        return
    while True:
        began = time.monotonic()
        for frame in read_frames(path, per_second=RATE):
            time.sleep(max(0.0, began + frame.seconds - time.monotonic()))
            yield frame.image
        # A file of one picture would be read again and again as fast as it goes.
        time.sleep(1 / RATE)


def _device(source: str) -> Iterator[NDArray[np.uint8]]:
    av = library(source)
    name, kind = device(source, sys.platform)
    sharp = {"video_size": "1280x720"} if kind == "v4l2" else {}
    try:
        with av.open(name, format=kind, options=sharp, timeout=(10.0, 5.0)) as container:
            due = 0.0
            for frame in container.decode(video=0):
                if (now := time.monotonic()) >= due:
                    due = now + 0.9 / RATE
                    yield frame.to_ndarray(format="rgb24")
    except (av.FFmpegError, OSError) as error:
        raise VideoError(
            f"the camera {name} cannot be read ({error.strerror}); plug it in, or see that no other program holds it"
        ) from error
    raise VideoError(f"the camera {name} gives no more pictures; plug it in again")


def device(source: str, platform: str) -> tuple[str, str]:
    """A camera's name and FFmpeg's word for how a system reads it.

    Raises:
        VideoError: a number, where the system knows cameras by name only.
    """
    if platform == "darwin":
        return source, "avfoundation"
    if platform == "win32":
        if source.isdecimal():
            raise VideoError(
                f"camera {source}: Windows knows cameras by name; let the browser open it, without --camera"
            )
        return f"video={source}", "dshow"
    return (f"/dev/video{source}" if source.isdecimal() else source), "v4l2"


def _jpeg(image: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(image).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
