"""The line in front of the networks: shared passes, errors that stay with their picture, bounds."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from steelgui.results import Evidence
from steelgui.services.queue import BATCH, InspectionQueue, QueueFullError

Image = NDArray[np.uint8]


class Counting:
    """Stands where the networks would: tells how many pictures came at once, and can be held up."""

    def __init__(self) -> None:
        self.passes: list[int] = []
        self.go = threading.Event()
        self.busy = threading.Event()

    def look_many(self, images: Sequence[Image]) -> list[Evidence]:
        self.busy.set()
        assert self.go.wait(30)
        self.passes.append(len(images))
        if any(image[0, 0, 0] == 13 for image in images):
            raise MemoryError("too much")
        return [Evidence(image, {}, (), image[None, ..., 0], image[..., 0], {}, 1.0) for image in images]


def picture(value: int) -> Image:
    return np.full((16, 16, 3), value, np.uint8)


def value_of(evidence: Evidence) -> int:
    return int(evidence.image[0, 0, 0])


@pytest.fixture
def networks() -> Counting:
    return Counting()


def fill(queue: InspectionQueue, networks: Counting, values: Sequence[int]) -> list[Any]:
    """The first is at work when the others line up."""
    first = queue.submit(lambda: picture(values[0]), value_of)
    assert networks.busy.wait(30)
    return [first, *(queue.submit(lambda value=value: picture(value), value_of) for value in values[1:])]  # type: ignore[misc]


def test_it_is_busy_while_a_picture_waits_or_is_looked_at(networks: Counting) -> None:
    queue = InspectionQueue(lambda: networks)  # type: ignore[arg-type, return-value]
    assert not queue.busy
    waiting = fill(queue, networks, range(1, 3))
    assert queue.busy
    networks.go.set()
    assert [one.result(30) for one in waiting] == [1, 2]
    until = time.monotonic() + 10
    while queue.busy and time.monotonic() < until:
        time.sleep(0.01)
    assert not queue.busy


def test_who_waits_goes_together_and_everyone_gets_their_own(networks: Counting) -> None:
    queue = InspectionQueue(lambda: networks)  # type: ignore[arg-type, return-value]
    waiting = fill(queue, networks, range(1, 12))
    networks.go.set()
    assert [one.result(30) for one in waiting] == list(range(1, 12))
    assert networks.passes == [1, BATCH, 2]


def test_an_error_stays_with_its_picture(networks: Counting) -> None:
    queue = InspectionQueue(lambda: networks)  # type: ignore[arg-type, return-value]
    waiting = fill(queue, networks, [1, 2, 13, 4])

    def broken() -> Image:
        raise ValueError("no picture")

    waiting.append(queue.submit(broken, value_of))
    waiting.append(queue.submit(lambda: picture(6), lambda _: 1 // 0))
    networks.go.set()
    errors = [type(one.exception(30)) for one in waiting]
    assert errors == [type(None), type(None), MemoryError, type(None), ValueError, ZeroDivisionError]
    assert [waiting[index].result() for index in (0, 1, 3)] == [1, 2, 4]
    assert value_of(queue.look(picture(9))) == 9


def test_it_is_bounded_and_says_when_there_is_room(networks: Counting) -> None:
    queue = InspectionQueue(lambda: networks, capacity=4)  # type: ignore[arg-type, return-value]
    queue.check(1000)
    waiting = fill(queue, networks, [1, 2, 3, 4])
    queue.check(1)
    with pytest.raises(QueueFullError) as full:
        queue.check(2)
    assert full.value.retry_after >= 1
    networks.go.set()
    assert [one.result(30) for one in waiting] == [1, 2, 3, 4]
    queue.check(4)


def test_pixels_in_hand_are_bounded(networks: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    """While drawing and storing is slow, no further pictures are decoded."""
    monkeypatch.setattr("steelgui.services.queue.HELD_PIXELS", 16 * 16)
    queue = InspectionQueue(lambda: networks)  # type: ignore[arg-type, return-value]
    networks.go.set()
    stored, decoded = threading.Event(), threading.Event()

    def slow(evidence: Evidence) -> int:
        assert stored.wait(30)
        return value_of(evidence)

    def second() -> Image:
        decoded.set()
        return picture(2)

    first = queue.submit(lambda: picture(1), slow)
    while not networks.passes:
        networks.busy.wait(0.01)
    waiting = queue.submit(second, value_of)
    assert not decoded.wait(0.3)
    stored.set()
    assert (first.result(30), waiting.result(30)) == (1, 2)
