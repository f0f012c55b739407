"""Frames a second of `POST /live/frame` against the bare Inspector, in one run.

The endpoint takes a JPEG over HTTP on this machine (one frame in flight, as the page does), decodes it, runs the
networks, decides, steadies, draws and encodes the overlay and the three panels; the bare side gets the decoded frame
and runs the networks. Rounds alternate, so that other work on the machine hits both. The server has a process of its
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
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each side in each round")
    arguments = parser.parse_args()
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
        post(connection, jpeg)
        inspector.look(image)
        live, bare = [], []
        for _ in range(arguments.rounds):
            live.append(rate(lambda to=connection, body=jpeg: post(to, body), arguments.seconds))
            bare.append(rate(lambda frame=image: inspector.look(frame), arguments.seconds))
        ratio = statistics.median(one / other for one, other in zip(live, bare, strict=True))
        print(
            f"{width}×{height}: /live/frame {statistics.median(live):.1f} frames/s, bare Inspector "
            f"{statistics.median(bare):.1f} frames/s, median ratio {ratio:.2f} "
            f"({min(live):.1f}…{max(live):.1f} against {min(bare):.1f}…{max(bare):.1f})"
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


def rate(act: Callable[[], object], seconds: float) -> float:
    count, since = 0, time.perf_counter()
    while (now := time.perf_counter()) - since < seconds:
        act()
        count += 1
    return count / (now - since)


if __name__ == "__main__":
    main()
