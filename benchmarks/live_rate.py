"""Frames a second of `POST /live/frame` against the bare Inspector, in one run.

The endpoint takes a JPEG over HTTP on this machine (one frame in flight, as the page does), decodes it, runs the
networks, decides, steadies, draws and encodes the overlay and the three panels; the bare side gets the decoded frame
and runs the networks. Frames alternate, so that other work on the machine hits both. The server has a process of its
own, as in use.
"""

from __future__ import annotations

import argparse
import http.client
import io
import multiprocessing
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from steelgui.services.inspection import Inspector
from steelgui.services.workbench import Workbench
from steelgui.settings import Settings, assets_folder, weights_folder

SIZES = ((200, 200), (640, 480), (800, 450))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=80)
    frames = parser.parse_args().frames
    (sample,) = (assets_folder() / "samples").glob("08-*.jpg")
    inspector = Inspector(*(weights_folder() / f"neu-{kind}.safetensors" for kind in ("classifier", "segmenter")))
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f} before")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(port,), daemon=True)
    server.start()
    for width, height in SIZES:
        image = np.array(Image.open(sample).convert("RGB").resize((width, height)))
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "JPEG", quality=92)
        jpeg, connection = stream.getvalue(), connect(port)
        live, bare = alternate(
            lambda to=connection, body=jpeg: post(to, body), lambda frame=image: inspector.look(frame), frames
        )
        for what, of in (("median", statistics.median), ("quickest", min)):
            one, other = 1000 / of(live), 1000 / of(bare)
            print(
                f"{width}×{height}, {what}: /live/frame {one:.1f} frames/s, bare Inspector {other:.1f}, "
                f"ratio {one / other:.2f}"
            )
    print(f"load {os.getloadavg()[0]:.1f} after")
    server.terminate()


def serve(port: int) -> None:
    import uvicorn
    from starlette.applications import Starlette

    from steelgui.live import live_routes

    with tempfile.TemporaryDirectory() as home:
        uvicorn.run(
            Starlette(routes=[live_routes(Workbench(Settings(home=Path(home))))]),
            port=port,
            log_level="error",
            timeout_keep_alive=600,
        )


def connect(port: int) -> http.client.HTTPConnection:
    for _ in range(200):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.connect()
            return connection
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the server did not start")


def post(connection: http.client.HTTPConnection, body: bytes) -> None:
    connection.request("POST", "/live/frame?client=bench&panels=1", body, {"Content-Type": "image/jpeg"})
    answer = connection.getresponse()
    said = answer.read()
    assert answer.status == 200, said


def alternate(
    first: Callable[[], object], second: Callable[[], object], frames: int
) -> tuple[list[float], list[float]]:
    """Milliseconds of each call; the first two of a side warm it up."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(frames + 2):
        for call, kept in zip((first, second), times, strict=True):
            since = time.perf_counter()
            call()
            if number >= 2:
                kept.append((time.perf_counter() - since) * 1000)
    return times


if __name__ == "__main__":
    main()
