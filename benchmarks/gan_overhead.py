"""What events, saved states and a page that watches cost a training: pictures a second of a real run, started as the
page starts it and watched in Chromium, over the bare loop of `Trainer.step`; both in turn, on this machine.

uv run python benchmarks/gan_overhead.py [--rounds 3] [--seconds 30] [--no-page]
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from steelgui.services.jobs import Jobs
from steelgui.settings import Settings
from training.gan.config import gan_config
from training.gan.patches import load_patches
from training.gan.train import generator_spec
from training.gan.trainer import Trainer
from training.runs import Run

#: Steps before a measurement, so that caches and clocks have settled.
SETTLE = 5.0


def bare(step: Callable[[], object], batch: int, seconds: float) -> float:
    """Pictures a second of the loop alone."""
    count, started = 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds:
        step()
        count += batch
    return count / passed


def watched(run: Run, seconds: float) -> float:
    """Pictures a second of a run, by what its worker writes and when."""
    time.sleep(SETTLE)
    (first, then), _ = _mark(run), time.sleep(seconds)
    last, now = _mark(run)
    return (last - first) / (now - then)


def _mark(run: Run) -> tuple[int, float]:
    """Pictures seen, and when the worker said so."""
    before = run.status().step
    while (status := run.status()).step == before:
        time.sleep(0.02)
    return status.step, (run.folder / "status.json").stat().st_mtime


def _until(run: Run, state: str) -> None:
    while (status := run.status()).state != state:
        if status.error:
            raise SystemExit(status.error)
        time.sleep(0.1)


@contextmanager
def page(home: Path) -> Iterator[Callable[[bool], None]]:
    """A function that opens the Studio in Chromium, or leaves it."""
    from playwright.sync_api import sync_playwright

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "steelgui", "serve", "--home", str(home), "--port", str(port), "--no-inbrowser"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
                tab = browser.new_page(viewport={"width": 1440, "height": 900}, locale="en-US")
                tab.set_default_timeout(120_000)
                for _ in range(240):
                    with socket.socket() as probe:
                        if probe.connect_ex(("127.0.0.1", port)) == 0:
                            break
                    time.sleep(0.5)

                def look(at: bool) -> None:
                    if not at:
                        tab.goto("about:blank")
                        return
                    tab.goto(f"http://127.0.0.1:{port}/")
                    tab.wait_for_selector('.sg-models[data-ready="true"]')
                    tab.get_by_role("tab", name="GAN Studio").click()
                    tab.wait_for_selector("#studio-health [data-health]")

                yield look
                browser.close()
        finally:
            server.terminate()


@contextmanager
def no_page(_: Path) -> Iterator[Callable[[bool], None]]:
    yield lambda _at: None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--no-page", action="store_true", help="events alone, nobody watches")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        random = np.random.default_rng(0)
        (home / "pictures" / "scratches").mkdir(parents=True)
        for number in range(240):
            pixels = random.integers(0, 255, (64, 64), dtype=np.uint8)
            Image.fromarray(pixels).save(home / "pictures" / "scratches" / f"{number}.png")
        # One check, at an end that never comes: measuring samples is a part of training, not of watching it.
        values = {"data": home / "pictures", "class": "scratches", "images": 100_000_000, "checks": 1, "device": "cpu"}
        config = gan_config({**values, "out": home}, "quick")
        patches = load_patches(config)
        trainer = Trainer(config, generator_spec(config, patches.classes), patches, torch.device("cpu"))
        jobs = Jobs(Settings(home=home))
        jobs.settings.prepare()
        run = jobs.create("gan", json.loads(config.model_dump_json(exclude={"out", "resume"})))
        ratios = []
        with (no_page if options.no_page else page)(home) as look:
            jobs.start(run)
            try:
                _until(run, "running")
                for number in range(options.rounds):
                    look(True)
                    ours = watched(run, options.seconds)
                    look(False)
                    jobs.pause(run)
                    _until(run, "paused")
                    bare(trainer.step, trainer.batch, SETTLE)
                    alone = bare(trainer.step, trainer.batch, options.seconds)
                    jobs.resume(run)
                    _until(run, "running")
                    ratios.append(ours / alone)
                    print(f"{number + 1}: bare {alone:.0f}, run {ours:.0f} images/s, ratio {ours / alone:.3f}")
            finally:
                jobs.stop(run)
        overhead = 100 * (1 - statistics.median(ratios))
        print(f"DCGAN 64²: overhead {overhead:.1f} % (median of {len(ratios)} rounds; target 3 %)")


if __name__ == "__main__":
    main()
