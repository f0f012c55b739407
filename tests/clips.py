"""Small videos for the tests, made of the bundled sample pictures."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from PIL import Image

from steelgui.settings import assets_folder

CODECS = {".webm": "libvpx", ".mp4": "libx264", ".avi": "mpeg4", ".mkv": "libx264"}


def make_clip(path: Path, numbers: tuple[int, ...] = (7, 11), each: int = 10, rate: int = 10) -> Path:
    """`each` frames of every sample picture of these numbers, 200×200, `rate` a second; the suffix says the format."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(CODECS[path.suffix], rate=rate)
        stream.width = stream.height = 200
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 2_000_000
        for number in numbers:
            (sample,) = (assets_folder() / "samples").glob(f"{number:02d}-*.jpg")
            image = np.array(Image.open(sample).convert("RGB").resize((200, 200)))
            for _ in range(each):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path
