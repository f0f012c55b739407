"""Does the kiosk grow? Captures in a row with Chromium's fake camera; memory of the server and of the page.

`uv run python benchmarks/kiosk_soak.py [--captures N] [--settled N] [--port N] [--js-flags=FLAGS]`. What is used after
the first 50 captures is compared with the end. The server's is resident memory. The page's is what its JavaScript holds
after a garbage collection, by a heap snapshot: without machine code, of which the engine makes more for a while, and
without the browser's own timeline, which has a limit. JSHeapUsedSize, with that code, is printed beside it; with
`--js-flags="--jitless --no-lazy-feedback-allocation"` the engine makes none, and what still grows would be a leak.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psutil

CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", *CAMERA)


@dataclass(frozen=True)
class Used:
    """After so many captures: bytes of the server, of the page's objects and of its heap with code; its elements and
    listeners."""

    captures: int
    server: int
    objects: int
    heap: int
    nodes: int
    listeners: int


def soak(page: Any, server: int, captures: int, every: int = 50) -> Iterator[Used]:
    """Capture on a kiosk's page that was opened with `?count=0`, from the attract screen on; tells what is used."""
    tools = page.context.new_cdp_session(page)
    tools.send("Performance.enable")
    page.locator('[data-do="begin"]').click()
    for number in range(1, captures + 1):
        page.locator('section[data-on="home"] [data-do="capture"]').click()
        page.locator('section[data-on="result"] [data-do="again"]').click()
        if number % every == 0 or number == captures:
            page.locator('body[data-screen="home"]').wait_for()
            tools.send("HeapProfiler.collectGarbage")
            told = {one["name"]: int(one["value"]) for one in tools.send("Performance.getMetrics")["metrics"]}
            memory = psutil.Process(server).memory_info().rss
            objects = held(tools)
            yield Used(number, memory, objects, told["JSHeapUsedSize"], told["Nodes"], told["JSEventListeners"])


def held(tools: Any) -> int:
    """Bytes of the objects that the page's JavaScript holds."""
    parts: list[str] = []

    def part(event: dict[str, str]) -> None:
        parts.append(event["chunk"])

    tools.on("HeapProfiler.addHeapSnapshotChunk", part)
    tools.send("HeapProfiler.takeHeapSnapshot", {"reportProgress": False})
    tools.remove_listener("HeapProfiler.addHeapSnapshotChunk", part)
    shot = json.loads("".join(parts))
    about, nodes = shot["snapshot"]["meta"], shot["nodes"]
    fields, kinds = about["node_fields"], about["node_types"][0]
    kind, size, step = fields.index("type"), fields.index("self_size"), len(fields)
    foreign = {kinds.index("code"), kinds.index("native")}
    return sum(nodes[at + size] for at in range(0, len(nodes), step) if nodes[at + kind] not in foreign)


def growth(before: int, after: int) -> float:
    """In percent."""
    return 100 * (after - before) / before


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captures", type=int, default=500)
    parser.add_argument("--settled", type=int, default=50)
    parser.add_argument("--port", type=int, default=7990)
    parser.add_argument("--js-flags", default="", help="of the browser's engine")
    asked = parser.parse_args()
    url = f"http://127.0.0.1:{asked.port}/kiosk/"
    with tempfile.TemporaryDirectory() as home, sync_playwright() as driver:
        # In a process of its own: what rendering has used and given back would hide what visitors cost.
        render = f"from steelgui.kiosk.walk import *; render_walk(Settings(home=Path({home!r})))"
        subprocess.run([sys.executable, "-c", render], check=True)
        command = [sys.executable, "-m", "steelgui", "serve", "--kiosk", "--no-inbrowser", "--home", home]
        server = subprocess.Popen([*command, "--port", str(asked.port)])
        try:
            wait_for_walk(url)
            browser = driver.chromium.launch(
                executable_path=shutil.which("chromium"), args=[*FLAGS, f"--js-flags={asked.js_flags}"]
            )
            page = browser.new_page(viewport={"width": 1080, "height": 1920})
            page.goto(f"{url}?count=0")
            since, settled = time.monotonic(), None
            for used in soak(page, server.pid, asked.captures, asked.settled):
                settled = settled or used
                more = [growth(getattr(settled, name), getattr(used, name)) for name in ("server", "objects", "heap")]
                print(
                    f"{used.captures:5} captures in {time.monotonic() - since:.0f} s: "
                    f"server {used.server / 1e6:.1f} MB ({more[0]:+.2f} %), "
                    f"page {used.objects / 1e6:.3f} MB ({more[1]:+.2f} %; with code {more[2]:+.2f} %), "
                    f"{used.nodes} nodes, {used.listeners} listeners",
                    flush=True,
                )
            browser.close()
        finally:
            server.terminate()
            server.wait(20)


def wait_for_walk(url: str) -> None:
    """The server is up, its models are loaded, and no walk is being rendered: now only visitors cost memory."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}alive", timeout=5) as answer:
                told = json.load(answer)
                if told["ready"] and told["walk"]:
                    return
        except OSError:
            pass
        time.sleep(1)
    raise SystemExit("the kiosk did not start")


if __name__ == "__main__":
    main()
