"""Trainings at the same time, each in a process of its own with its share of the cores.

Two trainings with a thread each take about 0.75 of the time of one after the other with two threads each (MobileNetV2
at 128², two cores): much of a step is small operations, which threads do not make faster.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from training.events import Event
from training.runs import RunError

#: More processes than this take more memory than they save time.
MOST = 4
#: Pictures of 128² that a training looks at, from which a process of its own, some seconds to start, pays.
WORTH_A_PROCESS = 2000

Work = Callable[[Any], Iterator[Event]]


def how_many(asked: int, device: torch.device, trainings: int, pictures: float) -> int:
    """Trainings at the same time.

    Args:
        asked: so many, or 0 for what is fastest: on a CPU one for each of torch's threads, on a GPU one.
        pictures: of 128² that one of them looks at.
    """
    if not asked:
        asked = min(MOST, torch.get_num_threads()) if device.type == "cpu" and pictures >= WORTH_A_PROCESS else 1
    return max(1, min(asked, trainings))


def run_side_by_side(work: Work, jobs: Sequence[Any], at_once: int) -> Iterator[tuple[int, Event | None]]:
    """(number of the job, event) of every job, as they come; None now and then while nothing new happens.

    Whoever stops listening makes the processes wait, and who closes the generator ends them.

    Args:
        work: job → its events; both it and the jobs are pickled.

    Raises:
        RunError: what a job raised, in its words, or that its process died.
    """
    context = multiprocessing.get_context("spawn")
    # Short, so that a listener that pauses is not far ahead of what it has heard.
    told, waiting = context.Queue(maxsize=2 * at_once), context.Queue()
    for item in [*enumerate(jobs), *[None] * at_once]:
        waiting.put(item)
    share = max(1, torch.get_num_threads() // at_once)
    processes = [context.Process(target=_serve, args=(work, waiting, told, share), daemon=True) for _ in range(at_once)]
    try:
        for process in processes:
            process.start()
        ended = 0
        while ended < at_once:
            try:
                number, event = told.get(timeout=1)
            except queue.Empty:
                if dead := next((one for one in processes if one.exitcode), None):
                    raise RunError(
                        f"a training's process ended with status {dead.exitcode}, perhaps for want of memory; resume, "
                        "with at_once 1 if it happens again"
                    ) from None
                yield 0, None
                continue
            if number is None:
                ended += 1
            elif isinstance(event, str):
                raise RunError(event)
            else:
                yield number, event
    finally:
        for process in processes:
            if process.is_alive():
                process.terminate()
        for process in processes:
            if process.pid is not None:
                process.join()
        for one in (told, waiting):
            one.cancel_join_thread()
            one.close()


def _serve(work: Work, waiting: Any, told: Any, threads: int) -> None:
    """A process's life: job after job, until there is none."""
    # Ctrl-C reaches the whole group; who listens decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    while (item := waiting.get()) is not None:
        number, job = item
        try:
            for event in work(job):
                told.put((number, event))
        except Exception as error:  # of another process it can only be told
            told.put((number, f"{error}" or type(error).__name__))
            return
    told.put((None, None))


def _die_with_parent() -> None:
    """A killed parent cannot end its children; they would wait for it for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
