"""Runs as folders and workers as processes: pause, stop, kill, take turns, and survive broken files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from PIL import Image

from steelgui.services.jobs import Jobs
from steelgui.settings import Settings
from training.runs import Run, RunError, Status, all_runs, find_run
from training.worker import work

CONFIG: dict[str, Any] = {
    "class_name": "crazing", "size": 32, "images": 100_000, "batch_size": 8, "nz": 16, "ngf": 8, "ndf": 8,
    "checks": 1, "check_samples": 16, "device": "cpu", "save_minutes": 0.01,
}  # fmt: skip


def wait_for(what: Callable[[], Any], seconds: float = 180) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.1)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for label in ("crazing", "patches"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(12):
            pixels = random.integers(0, 255, (64, 64), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / label / f"{number}.png")
    return tmp_path / "data"


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    jobs = Jobs(Settings(home=tmp_path / "home"))
    jobs.settings.prepare()
    yield jobs
    for run in jobs.all():
        if run.alive():
            jobs.stop(run)


def started(jobs: Jobs, data: Path, **more: Any) -> Run:
    run = jobs.create("gan", {"data": str(data), **CONFIG, **more})
    jobs.start(run)
    return run


def test_pause_resume_stop_from_outside(jobs: Jobs, data: Path) -> None:
    run = started(jobs, data)
    wait_for(lambda: run.status().step > 0)
    jobs.pause(run)
    wait_for(lambda: run.status().state == "paused")
    at = run.status().step
    time.sleep(1)
    assert run.status().step == at and run.alive()
    with pytest.raises(RunError, match="is paused; resume it first"):
        jobs.save(run)
    Jobs(jobs.settings).resume(run)  # as another process would
    wait_for(lambda: run.status().step > at)
    begun = time.monotonic()
    jobs.stop(run)
    assert time.monotonic() - begun <= 4
    assert run.status().state == "stopped" and not run.alive()
    steps = [event["step"] for event in run.events() if event["kind"] == "step"]
    assert steps == sorted(set(steps))
    jobs.resume(run)
    wait_for(lambda: run.status().state == "running" and run.status().step > at)


def test_killed_at_once_it_is_found_and_goes_on(jobs: Jobs, data: Path) -> None:
    run = started(jobs, data)
    wait_for(lambda: run.status().step > 400 and len(list(run.folder.glob("checkpoints/state-*.pt"))) == 2)
    pid = run.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not run.alive())
    assert run.status().state == "interrupted"
    with run.events_path.open("a") as file:
        file.write('{"kind": "step", "st')  # cut off in the middle of a line
    saved = max(int(path.stem.split("-")[1]) for path in run.folder.glob("checkpoints/state-*.pt"))
    again = Jobs(jobs.settings).find(run.id)
    jobs.resume(again)
    wait_for(lambda: again.status().state == "running" and again.status().step > saved)
    events = list(again.events())
    assert [event["done"] for event in events if event["kind"] == "started"] == [0, saved]
    steps = [event["step"] for event in events if event["kind"] == "step"]
    assert steps == sorted(set(steps)), "what was told twice stands there once"


def test_runs_take_turns(jobs: Jobs, data: Path) -> None:
    first = started(jobs, data)
    wait_for(lambda: first.status().state == "running")
    second = started(jobs, data)
    wait_for(second.alive)
    time.sleep(1)
    assert (first.status().state, second.status().state) == ("running", "queued")
    jobs.pause(first)
    wait_for(lambda: second.status().state == "running")
    jobs.stop(second)
    jobs.resume(first)
    wait_for(lambda: first.status().state == "running")


def test_many_who_ask_whether_it_is_alive_do_not_keep_a_worker_from_its_run(jobs: Jobs) -> None:
    run = jobs.create("knitting", {"data": "nowhere"})
    asked, done = [], Event()

    def ask() -> None:
        while not done.is_set():
            asked.append(run.alive())

    threads = [Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(asked) > 500)
    early = set(asked)
    try:
        for _ in range(20):
            with pytest.raises(RunError, match="no training called 'knitting'"):
                work(run)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert early == {False}
    assert True in asked


def test_what_was_refused_says_why_and_is_not_listed(jobs: Jobs, data: Path) -> None:
    run = started(jobs, data, size=128)
    wait_for(lambda: run.status().state == "refused")
    assert "the smallest picture is 64 px" in (run.status().error or "")
    wait_for(lambda: not run.alive())
    assert "choose a size up to 64" in (run.folder / "log.txt").read_text("utf-8")
    assert not jobs.all() and jobs.find(run.id).status().error


def test_a_failure_in_mid_run_is_kept(jobs: Jobs, data: Path) -> None:
    run = started(jobs, data)
    wait_for(lambda: list(run.folder.glob("checkpoints/state-*.pt")) and run.status().step)
    jobs.stop(run)
    shutil.rmtree(data)
    jobs.resume(run)
    wait_for(lambda: run.status().state == "failed")
    assert [found.id for found in jobs.all()] == [run.id]
    assert "there is no such folder" in (run.status().error or "")


def test_a_remedy_reaches_the_training_and_is_told(jobs: Jobs, data: Path) -> None:
    run = started(jobs, data, checks=200)
    wait_for(lambda: (run.folder / "checkpoints" / "best.pt").is_file())
    # It is saved first, and told of then.
    wait_for(lambda: any(event["kind"] == "checked" for event in run.events()))
    at = int(next(event["step"] for event in run.events() if event["kind"] == "checked"))
    wait_for(lambda: run.status().step > at + 100)
    jobs.remedy(run, "lower_g")
    wait_for(lambda: [e["remedy"] for e in run.events() if e["kind"] == "note"] == ["lower_g"])
    jobs.remedy(run, "best")
    wait_for(lambda: [e["remedy"] for e in run.events() if e["kind"] == "note"] == ["lower_g", "best"])
    back = next(event["step"] for event in run.events() if event.get("back"))
    wait_for(lambda: any(event["kind"] == "step" and event["step"] > back for event in run.events()))
    jobs.stop(run)
    steps = [event["step"] for event in run.events() if event["kind"] == "step"]
    assert steps == sorted(steps) and back < max(steps), "what came after the snapshot is told no more"
    with pytest.raises(RunError, match="is stopped; this works only while it is running"):
        jobs.remedy(run, "best")


def test_delete_and_undo(jobs: Jobs) -> None:
    run = jobs.create("gan", {"data": "nowhere"}, name="my run")
    assert find_run(jobs.root, "my run").id == run.id
    run.rename("더 나은 이름")
    assert Run(run.folder).about()["name"] == "더 나은 이름"
    jobs.delete(run)
    assert not jobs.all()
    with pytest.raises(RunError, match="there is no such run"):
        jobs.find(run.id)
    assert jobs.undelete(run.id).about()["kind"] == "gan"
    assert [found.id for found in jobs.all()] == [run.id]


def test_what_was_deleted_is_kept_for_a_week(jobs: Jobs) -> None:
    new, old = (jobs.create("gan", {"data": "nowhere"}) for _ in range(2))
    for run in (new, old):
        os.utime(run.folder, (0, 0))  # it counts from when it was deleted
        aside = jobs.delete(run)
    os.utime(aside, (aside.stat().st_mtime - 86_400 * 7.1,) * 2)
    jobs.create("gan", {"data": "nowhere"})
    assert jobs.undelete(new.id).id == new.id
    with pytest.raises(RunError, match="no deleted run"):
        jobs.undelete(old.id)


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"kind": "gan"}', "\x00\xff"])
def test_broken_files_of_one_run_leave_the_others_alone(text: str, jobs: Jobs) -> None:
    broken, good = (jobs.create("gan", {"data": "nowhere"}) for _ in range(2))
    for name in ("config.json", "status.json", "events.jsonl"):
        (broken.folder / name).write_text(text, encoding="latin-1")
    assert {run.id for run in all_runs(jobs.root)} == {broken.id, good.id}
    assert list(broken.events()) in ([], [{"kind": "gan"}])
    assert broken.status() == Status("interrupted")
    with pytest.raises(RunError, match=r"config\.json cannot be read"):
        broken.about()
    assert json.loads((good.folder / "config.json").read_text())["kind"] == "gan"
