"""One line of pictures in front of the networks: those that wait together go through them together."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from steelgui.results import Evidence
    from steelgui.services.inspection import Inspector

T = TypeVar("T")
#: Pictures that may wait: some seconds of work on two slow cores.
CAPACITY = 64
#: Pictures that share a pass through the networks, and pixels at which no further one joins them.
BATCH, BATCH_PIXELS = 8, 4_000_000
#: Pixels that are in hand at once, seen by the networks and not yet drawn and stored: each costs some ten bytes.
HELD_PIXELS = 64_000_000
#: Threads that draw and store what the networks saw, while these go on.
FINISHERS = 4


class QueueFullError(RuntimeError):
    """More pictures than fit; `retry_after` is in how many whole seconds there will be room."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many pictures are waiting to be inspected; try again in {retry_after} s.")
        self.retry_after = retry_after


@dataclass(frozen=True)
class _Job:
    load: Callable[[], NDArray[np.uint8]]
    finish: Callable[[Evidence], Any]
    done: Future[Any]


class InspectionQueue:
    """Bounded, in the order of arrival. A picture is decoded only when its turn comes, so what waits is small.

    A batch is whatever waits when the networks are free: a lone picture is never delayed to gather others.
    """

    def __init__(self, inspector: Callable[[], Inspector], capacity: int = CAPACITY) -> None:
        self._inspector = inspector
        self._capacity = capacity
        self._waiting: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._held = 0
        self._looking = False
        self._worker: threading.Thread | None = None
        self._finishers = ThreadPoolExecutor(FINISHERS, thread_name_prefix="finish")
        self._seconds = 0.1  # a picture, a running mean

    @property
    def busy(self) -> bool:
        """Is a picture waiting, or with the networks?"""
        return bool(self._waiting) or self._looking

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def check(self, count: int = 1) -> None:
        """QueueFullError where so many more pictures do not fit; more than ever fit are let into an empty queue."""
        with self._changed:
            over = len(self._waiting) + min(count, self._capacity) - self._capacity
            if over > 0:
                raise QueueFullError(max(1, math.ceil(over * self._seconds)))

    def submit(self, load: Callable[[], NDArray[np.uint8]], finish: Callable[[Evidence], T]) -> Future[T]:
        """Line up, however many wait; ask `check` first where strangers may come in any number.

        Args:
            load: decodes the picture, H×W×3 uint8; what it raises is the future's error and nobody else's.
            finish: makes the result of what the networks saw, on one of a few threads.
        """
        job = _Job(load, finish, Future())
        with self._changed:
            self._waiting.append(job)
            if self._worker is None or not self._worker.is_alive():
                self._worker = threading.Thread(target=self._work, name="inspection-queue", daemon=True)
                self._worker.start()
            self._changed.notify_all()
        return job.done

    def look(self, image: NDArray[np.uint8]) -> Evidence:
        """Wait for one H×W×3 uint8 picture's turn."""
        return self.submit(lambda: image, lambda evidence: evidence).result()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting and self._held < HELD_PIXELS)
            since = time.monotonic()
            jobs, images = self._gather()
            if jobs:
                self._run(jobs, images)
                self._seconds += 0.2 * ((time.monotonic() - since) / len(jobs) - self._seconds)

    def _gather(self) -> tuple[list[_Job], list[NDArray[np.uint8]]]:
        jobs: list[_Job] = []
        images: list[NDArray[np.uint8]] = []
        pixels = 0
        while len(jobs) < BATCH and pixels < BATCH_PIXELS:
            with self._changed:
                if not self._waiting:
                    break
                job = self._waiting.popleft()
            if not job.done.set_running_or_notify_cancel():
                continue
            try:
                image = job.load()
                pixels += image.size // 3
            except BaseException as error:
                job.done.set_exception(error)
            else:
                jobs.append(job)
                images.append(image)
        return jobs, images

    def _run(self, jobs: list[_Job], images: list[NDArray[np.uint8]]) -> None:
        self._looking = True
        try:
            seen = self._inspector().look_many(images)
        except BaseException as error:
            if len(jobs) == 1:
                jobs[0].done.set_exception(error)
                return
            # One of them may be too much for the memory; the others are not to suffer for it.
            for job, image in zip(jobs, images, strict=True):
                self._run([job], [image])
            return
        finally:
            self._looking = False
        for job, evidence in zip(jobs, seen, strict=True):
            self._hold(evidence.image.size // 3)
            self._finishers.submit(self._finish, job, evidence)

    def _finish(self, job: _Job, evidence: Evidence) -> None:
        try:
            job.done.set_result(job.finish(evidence))
        except BaseException as error:
            job.done.set_exception(error)
        finally:
            self._hold(-(evidence.image.size // 3))

    def _hold(self, pixels: int) -> None:
        with self._changed:
            self._held += pixels
            self._changed.notify_all()
