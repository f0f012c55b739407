"""Trainings in processes of their own: the same answer, what goes wrong is told, and nothing is left running."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import torch
from stripes import SIDE, striped_folder

from training.config import parse
from training.events import Busy, Event
from training.experiment.config import ExperimentConfig
from training.experiment.run import train_experiment
from training.experiment.side_by_side import how_many, run_side_by_side
from training.runs import RunError


def count(job: int) -> Iterator[Event]:
    """Says so, or fails, or dies, or goes on for ever."""
    if job == 3:
        raise ValueError("the third is not to be had; ask for another")
    if job == 4:
        os._exit(7)
    yield Busy(f"{job} {torch.get_num_threads()}")
    while job == 5:
        yield Busy("still")


def test_every_job_is_done_once_with_its_share_of_the_threads() -> None:
    told = [(number, event.what) for number, event in run_side_by_side(count, [0, 1, 2], 2) if event]  # type: ignore[union-attr]
    share = max(1, torch.get_num_threads() // 2)
    assert sorted(told) == [(0, f"0 {share}"), (1, f"1 {share}"), (2, f"2 {share}")]


@pytest.mark.parametrize(("jobs", "sentence"), [([0, 3], "the third is not to be had"), ([4], "ended with status 7")])
def test_what_goes_wrong_is_told_and_ends_all(jobs: list[int], sentence: str) -> None:
    with pytest.raises(RunError, match=sentence):
        list(run_side_by_side(count, jobs, 1))
    assert not children()


def test_who_stops_listening_ends_the_processes() -> None:
    events = run_side_by_side(count, [5, 5], 2)
    assert any(event and event.what == "still" for _, event in events)  # type: ignore[union-attr]
    assert len(children()) == 2
    events.close()
    assert not children()


def children() -> list[int]:
    """Spawned ones that live; multiprocessing keeps a tracker of resources besides."""
    found = []
    for one in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # it may end at any moment; zombies have no words either
            if "spawn_main" in " ".join(one.cmdline()):
                found.append(one.pid)
    return found


def test_an_experiment_side_by_side_is_the_same_experiment(tmp_path: Path) -> None:
    data = striped_folder(tmp_path / "data")
    short = {"arch": "test_resnet", "init": "random", "size": SIDE, "epochs": 1, "seeds": 2, "device": "cpu"}
    results = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for at_once in (1, 2):
            out = tmp_path / str(at_once)
            values = {"data": data, "out": out, "arms": ["plain", "balanced"], "at_once": at_once, **short}
            events = list(train_experiment(parse(ExperimentConfig, values)))
            steps = [event.step for event in events if event.kind == "step"]
            assert steps == sorted(steps) and steps[-1] == next(e.steps for e in events if e.kind == "step")
            assert {event.number for event in events if event.kind == "trial" and event.done} == {1, 2, 3, 4}
            results.append(json.loads((out / "result.json").read_text("utf-8")))
    finally:
        torch.set_num_threads(threads)
    assert results[0]["test"] == results[1]["test"] and results[0]["arms"] == results[1]["arms"]


def test_how_many() -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert how_many(0, cpu, 12, 100) == 1
    assert how_many(0, cpu, 12, 5000) == min(4, torch.get_num_threads())
    assert how_many(0, gpu, 12, 5000) == 1
    assert how_many(3, gpu, 2, 0) == 2 and how_many(3, cpu, 0, 0) == 1


def test_a_killed_parent_leaves_no_children(tmp_path: Path) -> None:
    import subprocess
    import sys

    script = (
        "from test_side_by_side import count\nfrom training.experiment.side_by_side import run_side_by_side\n"
        "if __name__ == '__main__':\n    for _ in run_side_by_side(count, [5], 1):\n        print('on', flush=True)\n"
    )
    (tmp_path / "parent.py").write_text(script)
    paths = os.pathsep.join(
        [str(Path(__file__).parent), str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
    )
    parent = subprocess.Popen(
        [sys.executable, tmp_path / "parent.py"], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths}
    )
    assert parent.stdout and parent.stdout.readline() == b"on\n"
    spawned = psutil.Process(parent.pid).children()
    assert spawned
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 30
    while any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in spawned):
        assert time.monotonic() < deadline
        time.sleep(0.2)
