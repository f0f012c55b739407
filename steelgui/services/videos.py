"""Frames of a video file, for the command line. The page plays videos in the browser and needs none of this."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.imagefile import check_size

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.stream import VideoStream

VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm"})


class VideoError(ValueError):
    """The video cannot be used; the message is one sentence that names it and says what would be right."""


@dataclass(frozen=True)
class Frame:
    """One frame: its number from 0, its time from the first one in seconds, H×W×3 uint8 RGB, upright."""

    number: int
    seconds: float
    image: NDArray[np.uint8]


def read_frames(path: Path, *, every: int = 1, per_second: float | None = None) -> Iterator[Frame]:
    """The frames in order, one held at a time.

    Args:
        every: one of so many frames, 1 or more.
        per_second: or so many a second of the video, more than 0; never more than it has.

    Raises:
        VideoError: no such file, no video in it, damaged, or the library that reads videos is not installed.
        ImageError: frames too small or too large to inspect.
    """
    av = library(path)
    if not path.is_file():
        raise VideoError(f"{path}: there is no such file; check the name")
    at = 0.0
    try:
        with av.open(str(path)) as container:
            # The cover of a music file is a stream of one picture, and no video.
            streams = [one for one in container.streams.video if not one.disposition & one.disposition.attached_pic]
            if not streams:
                raise VideoError(f"{path}: there is no video in this file; name one that plays as a video")
            stream = streams[0]
            stream.thread_type = "AUTO"
            check_size(path.name, stream.width, stream.height)
            start, due = None, 0.0
            for number, frame in enumerate(container.decode(stream)):
                at = _seconds(frame, number, stream)
                start = at if start is None else start
                at -= start
                # Half a millisecond of grace: a container's clock has whole milliseconds.
                if (number % every == 0) if per_second is None else (at >= due - 0.0005):
                    yield Frame(number, at, _upright(frame))
                    if per_second is not None:
                        due = (np.floor((at + 0.0005) * per_second) + 1) / per_second
            if start is None:
                raise VideoError(f"{path}: the video has no frames; record or copy it again")
    except av.FFmpegError as error:
        where = f" after {at:.2f} s" if at else ""
        raise VideoError(f"{path}: this video cannot be read{where} ({error.strerror}); copy it again") from error


def library(source: object) -> Any:
    """PyAV; VideoError, naming what was to be read, where it is not installed."""
    try:
        import av
    except ImportError:
        raise VideoError(
            f"{source}: reading videos needs PyAV, which is missing; install it by `pip install 'steelgui[video]'`"
        ) from None
    return av


def _seconds(frame: VideoFrame, number: int, stream: VideoStream) -> float:
    """By its own clock, or by its place where the file keeps none."""
    return float(frame.time if frame.time is not None else number / (stream.average_rate or 25))


def _upright(frame: VideoFrame) -> NDArray[np.uint8]:
    # Telephones store a turned video as it lies, with a note of how to turn it.
    image = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
    return np.ascontiguousarray(image, dtype=np.uint8)
