"""How long a picture takes: all models measured in one go, turn by turn, so that a busy moment meets all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray

from models.checkpoint import Checkpoint
from training.classifier import stream_scores
from training.events import Busy, Event
from training.segmenter import mask_probabilities

#: Turns that count, after one that does not; threads that each model computes with.
TURNS, THREADS = 5, 1


def milliseconds(
    models: Mapping[str, Checkpoint], image: NDArray[np.uint8], turns: int = TURNS
) -> Generator[Event, None, dict[str, float]]:
    """Time one picture (H×W×3 uint8) through each model, from pixels to scores or masks in the picture's size.

    Yields:
        A sign of life after each turn.

    Returns:
        Name → median milliseconds, a picture at a time and with `THREADS` threads.
    """
    taken: dict[str, list[float]] = {name: [] for name in models}
    with _threads(THREADS):
        for turn in range(turns + 1):
            for name, model in models.items():
                since = time.perf_counter()
                _look(model)(image)
                if turn:
                    taken[name].append((time.perf_counter() - since) * 1000)
                yield Busy("timing")
    return {name: median(values) for name, values in taken.items()}


def _look(model: Checkpoint) -> Callable[[NDArray[np.uint8]], object]:
    network, spec = model.network, model.spec
    if spec.kind == "segmenter":
        return lambda image: mask_probabilities(network, spec, image)
    return lambda image: next(stream_scores(network, spec, [image]))


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
