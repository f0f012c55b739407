"""Does the kiosk grow? Captures in a row with Chromium's fake camera; memory of the server and of the browser.

`uv run python benchmarks/kiosk_soak.py [--captures N] [--settled N] [--port N] [--js-flags=FLAGS]`. What is used after
the first 50 captures is compared with the end: the server's resident memory; that of all processes of the browser, what
they share counted once; the page's JSHeapUsedSize after a garbage collection; and of that the objects, by a heap
snapshot. The browser runs with the flags of `docs/kiosk/steelgui-kiosk.sh`; `--js-flags=` leaves them out, and the heap
then grows by machine code, of which the engine makes more for a while. Nothing of the test runs in the page: taps come
from outside.
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
ENGINE = "--no-opt --no-maglev"  # As in the kiosk's start script.
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
    tap(tools, '[data-do="begin"]')
    for number in range(1, captures + 1):
        tap(tools, 'section[data-on="home"] [data-do="capture"]')
        tap(tools, 'section[data-on="result"] [data-do="again"]')
        if number % every == 0 or number == captures:
            where(tools, 'section[data-on="home"] [data-do="capture"]')
            tools.send("HeapProfiler.collectGarbage")
            told = {one["name"]: int(one["value"]) for one in tools.send("Performance.getMetrics")["metrics"]}
            memory = psutil.Process(server).memory_info().rss
            objects = held(tools)
            yield Used(number, memory, objects, told["JSHeapUsedSize"], told["Nodes"], told["JSEventListeners"])


def tap(tools: Any, selector: str) -> None:
    """As a finger does. Playwright's own clicks run scripts in the page, whose machine code would count as ours."""
    x, y = where(tools, selector)
    for kind in ("mousePressed", "mouseReleased"):
        tools.send("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1})


def where(tools: Any, selector: str, patience: float = 60) -> tuple[float, float]:
    """The middle of what is shown of an element, in CSS pixels, as soon as it is shown and stands still.

    Raises:
        TimeoutError: it did not come up within so many seconds.
    """
    from playwright.sync_api import Error

    deadline, before = time.monotonic() + patience, None
    while time.monotonic() < deadline:
        root = tools.send("DOM.getDocument", {"depth": 0})["root"]["nodeId"]
        node = tools.send("DOM.querySelector", {"nodeId": root, "selector": selector})["nodeId"]
        try:
            quad = tools.send("DOM.getContentQuads", {"nodeId": node})["quads"]
        except Error:  # Not laid out: another screen is up.
            quad = []
        if quad and quad == before:
            return sum(quad[0][::2]) / 4, sum(quad[0][1::2]) / 4
        before = quad
        time.sleep(0.03)
    raise TimeoutError(f"{selector} did not come up within {patience:.0f} s")


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


def of_browser() -> int:
    """Bytes of all processes of the browser; what several share is counted once."""
    children = psutil.Process().children(recursive=True)
    return sum(child.memory_full_info().pss for child in children if child.name().startswith("chrom"))


def growth(before: int, after: int) -> float:
    """In percent."""
    return 100 * (after - before) / before


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captures", type=int, default=500)
    parser.add_argument("--settled", type=int, default=50)
    parser.add_argument("--port", type=int, default=7990)
    parser.add_argument("--js-flags", default=ENGINE, help="of the browser's engine")
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
            since, settled, browser_settled = time.monotonic(), None, 0
            for used in soak(page, server.pid, asked.captures, asked.settled):
                browser_used = of_browser()
                settled, browser_settled = settled or used, browser_settled or browser_used
                more = [growth(getattr(settled, name), getattr(used, name)) for name in ("server", "objects", "heap")]
                print(
                    f"{used.captures:5} captures in {time.monotonic() - since:.0f} s: "
                    f"server {used.server / 1e6:.1f} MB ({more[0]:+.2f} %), "
                    f"browser {browser_used / 1e6:.1f} MB ({growth(browser_settled, browser_used):+.2f} %), "
                    f"page's heap {used.heap / 1e6:.3f} MB ({more[2]:+.2f} %; objects {more[1]:+.2f} %), "
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
