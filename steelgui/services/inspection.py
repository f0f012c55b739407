"""Runs the networks: images in, `Evidence` out. Loads torch on first use only."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.sidecar import CheckpointError
from models.spec import Kind, is_defect_free
from steelgui.results import Evidence, Strangeness

if TYPE_CHECKING:
    from torch import Tensor

    from models.checkpoint import Checkpoint
    from models.tiling import Box

#: In the order of an inspector's networks, with what a sentence calls one.
KINDS: dict[Kind, str] = {"classifier": "a classifier", "segmenter": "a segmenter", "anomaly": "an anomaly detector"}
#: Tiles that go through a network at once; bounds memory for a very long strip.
BATCH_TILES = 32


def devices() -> list[str]:
    """What there is to run on, the quickest last; imports torch."""
    import torch

    have = {"cpu": True, "mps": torch.backends.mps.is_available(), "cuda": torch.cuda.is_available()}
    return [name for name, there in have.items() if there]


class Inspector:
    """A classifier, a segmenter and an anomaly detector, any of which may be absent, but not all.

    All forward passes run on one thread of its own: torch sets up its workers once for each calling thread, and a web
    server's threads come and go.
    """

    def __init__(
        self, classifier: Path | None, segmenter: Path | None, detector: Path | None = None, device: str = "auto"
    ) -> None:
        self.paths = (classifier, segmenter, detector)
        if not any(self.paths):
            raise CheckpointError("no model to inspect with; reinstall SteelGUI or name one with --model FILE")
        self.wanted_device = device
        self._lock = threading.Lock()
        self._networks: tuple[Checkpoint | None, ...] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inference")

    @property
    def ready(self) -> bool:
        return self._networks is not None

    @property
    def names(self) -> dict[str, str]:
        """Network kind → name of the checkpoint, without loading it."""
        return {kind: path.stem for kind, path in zip(KINDS, self.paths, strict=True) if path}

    @property
    def device(self) -> str:
        """`cpu`, `cuda` or `mps`: the wanted one if it is here; asks torch, so it is slow before the first use."""
        here = devices()
        return self.wanted_device if self.wanted_device in here else here[-1]

    def load(self) -> None:
        """Load the networks now; CheckpointError names what is wrong with a file."""
        with self._lock:
            if self._networks is None:
                from models.checkpoint import load_checkpoint

                networks = tuple(load_checkpoint(path, self.device) if path else None for path in self.paths)
                for checkpoint, kind in zip(networks, KINDS, strict=True):
                    if checkpoint and checkpoint.spec.kind != kind:
                        found = KINDS.get(checkpoint.spec.kind, f"a {checkpoint.spec.kind}")
                        raise CheckpointError(f"{checkpoint.name} is {found}; {KINDS[kind]} is needed")
                self._networks = networks

    def look(self, image: NDArray[np.uint8]) -> Evidence:
        """One H×W×3 uint8 image; see `look_many`."""
        return self.look_many([image])[0]

    def look_many(self, images: Sequence[NDArray[np.uint8]]) -> list[Evidence]:
        """Images of any sizes, H×W×3 uint8 RGB; tiles of all of them share batches."""
        self.load()
        return self._thread.submit(self._look_many, images).result()

    def _look_many(self, images: Sequence[NDArray[np.uint8]]) -> list[Evidence]:
        from models.tiling import plan_tiles

        assert self._networks
        classifier, segmenter, detector = self._networks
        since = time.perf_counter()

        def plans(checkpoint: Checkpoint) -> list[list[Box]]:
            return [plan_tiles(*image.shape[:2], tiles=checkpoint.spec.preprocess.tiles) for image in images]

        seen = self._classify(classifier, images, plans(classifier)) if classifier else None
        maps = self._segment(segmenter, images, plans(segmenter)) if segmenter else None
        strange = self._detect(detector, images, plans(detector)) if detector else None
        each = (time.perf_counter() - since) * 1000 / len(images)
        return [
            Evidence(
                image=image,
                scores=seen[index][0] if seen else {},
                mask_classes=segmenter.spec.classes if segmenter else (),
                probabilities=maps[index] if maps else np.zeros((0, *image.shape[:2]), dtype=np.uint8),
                heat=seen[index][1] if seen else np.zeros(image.shape[:2], dtype=np.uint8),
                models=self.names,
                ms=each,
                strangeness=strange[index] if strange else None,
            )
            for index, image in enumerate(images)
        ]

    @staticmethod
    def _batches(
        images: Sequence[NDArray[np.uint8]], plans: Sequence[Sequence[Box]], checkpoint: Checkpoint
    ) -> Iterator[Tensor]:
        """The tiles of all images in order, `BATCH_TILES` at a time; only one batch is held as float."""
        import torch

        from models.imaging import to_input

        device = next(checkpoint.network.parameters()).device
        tiles = [(image, box) for image, plan in zip(images, plans, strict=True) for box in plan]
        for start in range(0, len(tiles), BATCH_TILES):
            part = [
                to_input(image, [box], checkpoint.spec.preprocess) for image, box in tiles[start : start + BATCH_TILES]
            ]
            yield torch.cat(part).to(device, memory_format=torch.channels_last)

    def _classify(
        self, checkpoint: Checkpoint, images: Sequence[NDArray[np.uint8]], plans: Sequence[Sequence[Box]]
    ) -> list[tuple[dict[str, float], NDArray[np.uint8]]]:
        """Scores and heat map of each image."""
        import torch

        from models.classifiers import classify, grad_cam, pool_tiles
        from models.imaging import stitch

        spec = checkpoint.spec
        with torch.no_grad():
            passed = [
                classify(checkpoint.network, b, spec.multi_label) for b in self._batches(images, plans, checkpoint)
            ]
        scores, features = torch.cat([s for s, _ in passed]), torch.cat([f for _, f in passed])
        results = []
        defects = [index for index, name in enumerate(spec.classes) if not is_defect_free(name)]
        for image, plan, part in _each(images, plans):
            pooled = pool_tiles(scores[part], spec)
            target = defects[int(pooled[defects].argmax())]
            cam = grad_cam(checkpoint.network, features[part], torch.full((len(plan),), target, device=features.device))
            # A clean tile of a strip has a map too; by its own score it stays dark.
            cam = cam * scores[part, target, None, None]
            heat = stitch((cam / cam.amax().clamp(min=1e-6))[:, None], plan, *image.shape[:2])[0]
            results.append((dict(zip(spec.classes, pooled.tolist(), strict=True)), heat))
        return results

    def _segment(
        self, checkpoint: Checkpoint, images: Sequence[NDArray[np.uint8]], plans: Sequence[Sequence[Box]]
    ) -> list[NDArray[np.uint8]]:
        """C×H×W uint8 probabilities of each image."""
        import torch

        from models.imaging import stitch

        with torch.inference_mode():
            maps = torch.cat(
                [checkpoint.network(b).float().sigmoid().cpu() for b in self._batches(images, plans, checkpoint)]
            )
        return [stitch(maps[part], plan, *image.shape[:2]) for image, plan, part in _each(images, plans)]

    def _detect(
        self, checkpoint: Checkpoint, images: Sequence[NDArray[np.uint8]], plans: Sequence[Sequence[Box]]
    ) -> list[Strangeness]:
        """How strange each image is, and where."""
        import torch

        from models.anomaly import Detector
        from models.imaging import stitch

        assert isinstance(checkpoint.network, Detector)
        with torch.inference_mode():
            passed = [checkpoint.network(batch) for batch in self._batches(images, plans, checkpoint)]
            good = checkpoint.network.good.float().cpu()
        scores = torch.cat([score.float().cpu() for score, _ in passed])
        maps = torch.cat([where.float().cpu() for _, where in passed])
        steepest = float(good[:, 1].max())
        # As bytes: twice the highest value of a good picture is as strange as anything need be.
        shares = (maps / max(steepest, 1e-12) * (128 / 255)).clamp(0, 1)
        return [
            Strangeness(
                score=float(scores[part].max()),
                map=stitch(shares[part][:, None], plan, *image.shape[:2])[0],
                steepest=steepest,
                good=good.numpy(),
            )
            for image, plan, part in _each(images, plans)
        ]


def _each(
    images: Sequence[NDArray[np.uint8]], plans: Sequence[Sequence[Box]]
) -> Iterator[tuple[NDArray[np.uint8], Sequence[Box], slice]]:
    """Every image with its tiles, and where these lie among the tiles of all."""
    start = 0
    for image, plan in zip(images, plans, strict=True):
        yield image, plan, slice(start, start := start + len(plan))
