"""Median milliseconds of one inspection against the same networks in plain eager torch fp32, in one run.

`uv run python benchmarks/inspect_latency.py [--repeats N]`. Both sides start from the decoded image. Ours includes
tiling, both networks, heat map, stitching to the image's own pixels and the verdict; the plain side only resizes the
image (a strip: as one 256×1600 picture) and runs the two networks. Rounds alternate, so that noise hits both. Then the
same inspection with an anomaly detector beside them (a memory bank of the default size; what it has learned takes no
time) against the one without.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from models.checkpoint import load_checkpoint, save_checkpoint
from models.registry import build
from models.spec import NetworkSpec
from steelgui.results import Thresholds
from steelgui.services.decision import decide
from steelgui.services.inspection import Inspector
from steelgui.settings import weights_folder
from training.anomaly.config import AnomalyConfig
from training.data.strips import render_strip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    repeats = parser.parse_args().repeats
    classifier, segmenter = (weights_folder() / f"neu-{kind}.safetensors" for kind in ("classifier", "segmenter"))
    inspector = Inspector(classifier, segmenter, device="cpu")
    detecting = Inspector(classifier, segmenter, detector(), device="cpu")
    networks = [load_checkpoint(path) for path in (classifier, segmenter)]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    for height, width in ((200, 200), (256, 1600)):
        grey = render_strip(np.random.default_rng(0), ["scratches"], width, height).image
        image = np.repeat(grey[..., None], 3, axis=2)

        def ours(image: np.ndarray = image) -> None:
            decide(inspector.look(image), Thresholds())

        def plain(image: np.ndarray = image, strip: bool = width > 2 * height) -> None:
            with torch.no_grad():
                for network in networks:
                    size = network.spec.preprocess.size
                    batch = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
                    network.network(F.interpolate(batch, (256, 1600) if strip else (size, size), mode="bilinear"))

        def strange(image: np.ndarray = image) -> None:
            decide(detecting.look(image), Thresholds())

        mine, theirs = alternate(ours, plain, repeats)
        print(f"{width}×{height}: inspect {mine:.1f} ms, plain eager {theirs:.1f} ms, ratio {mine / theirs:.2f}")
        without, beside = alternate(ours, strange, repeats)
        print(
            f"{width}×{height}: with a detector {beside:.1f} ms, without {without:.1f} ms, ratio {beside / without:.2f}"
        )


def detector() -> Path:
    """A memory bank of the default size, with random weights."""
    bank = AnomalyConfig.model_fields["bank"].default
    spec = NetworkSpec("anomaly", "memory-bank", ("good",), {"calibration": 100, "bank": bank})
    network = build(spec)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    folder = Path(tempfile.mkdtemp())
    return save_checkpoint(folder / "detector.safetensors", network, spec, {})


def alternate(first: Callable[[], None], second: Callable[[], None], repeats: int) -> tuple[float, float]:
    times: tuple[list[float], list[float]] = ([], [])
    for round_ in range(repeats + 2):
        for index, call in enumerate((first, second)):
            since = time.perf_counter()
            call()
            if round_ >= 2:  # the first calls set up thread pools and memory
                times[index].append((time.perf_counter() - since) * 1000)
    return statistics.median(times[0]), statistics.median(times[1])


if __name__ == "__main__":
    main()
