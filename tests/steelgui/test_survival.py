"""Runs that are killed at random moments, two apps on one home folder, and folders with broken files."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from same import assert_same
from test_jobs import CONFIG, data, jobs, wait_for  # noqa: F401  (two of them are fixtures)

from models.checkpoint import load_checkpoint
from steelgui.services.jobs import Jobs
from training.runs import Run, RunError, find_run

ROOT = Path(__file__).resolve().parents[2]
SAVE_SECONDS = 1.0

APP = """
import json, sys
from pathlib import Path
from steelgui.services.studio import Studio
from steelgui.settings import Settings
from steelgui.ui import studio_fragments
from steelgui.ui.i18n import Translator

studio = Studio(Settings(home=Path(sys.argv[1])))
studio.settings.prepare()
for line in sys.stdin:
    word, about = json.loads(line)
    if word == "train":
        answer = studio.train(Path(about.pop("data")), about.pop("class_name"), "quick", about).id
    if word == "look":
        watched = studio.watch(studio.jobs.find(about))
        answer = {run.id: run.status().state for run in studio.jobs.all()}
        answer["says"] = studio_fragments.health(watched, studio.busy_with(), Translator("en"))
    if word == "stop":
        answer = studio.jobs.stop(studio.jobs.find(about))
    print(json.dumps(answer), flush=True)
"""


class App:
    """The services and the page's words in a process of their own, as a second window on the home folder."""

    def __init__(self, home: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", APP, str(home)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    def __call__(self, word: str, about: Any) -> Any:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps([word, about]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate(timeout=30)


def test_two_apps_on_one_home_folder(jobs: Jobs, data: Path) -> None:  # noqa: F811
    """One computes, the other's run waits and says for whom; both see both, and the turn passes on."""
    first, second = App(jobs.settings.home), App(jobs.settings.home)
    try:
        one = first("train", {"data": str(data), **CONFIG})
        wait_for(lambda: Run(jobs.root / one).status().state == "running", 120)
        two = second("train", {"data": str(data), **CONFIG})
        wait_for(lambda: Run(jobs.root / two).alive(), 120)
        time.sleep(1)
        name = Run(jobs.root / one).about()["name"]
        for app in (first, second):
            seen = app("look", two)
            assert (seen[one], seen[two]) == ("running", "queued")
            assert name in seen["says"], "the page says whom it waits for"
        second("stop", one)
        wait_for(lambda: first("look", two)[two] == "running", 120)
        first("stop", two)
        assert second("look", two) | {"says": None} == {one: "stopped", two: "stopped", "says": None}
    finally:
        first.close()
        second.close()


def killed(run: Run) -> None:
    pid = run.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not run.alive())


def weights_of(run: Run) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(sorted(run.folder.glob("checkpoints/state-*.pt"))[-1], weights_only=True)
    return state["trainer"]


@pytest.mark.timeout(1800)  # six workers start one after the other, each of which imports torch
def test_killed_at_random_moments_a_run_ends_as_if_it_had_not_been(jobs: Jobs, data: Path) -> None:  # noqa: F811
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    print(f"seed {seed}")
    more = {"images": 6000, "precision": "fp32", "save_minutes": SAVE_SECONDS / 60, "ngf": 4, "ndf": 4}
    whole, broken = (jobs.create("gan", {"data": str(data), **CONFIG, **more}) for _ in range(2))
    jobs.start(whole)
    wait_for(lambda: whole.status().state == "finished", 600)
    jobs.start(broken)
    kills = 0
    # The last pause is longer than what may be lost.
    for pause in (chance.uniform(0, 1.5), chance.uniform(0, 1.5), SAVE_SECONDS + 4):
        at = broken.status().step
        wait_for(lambda at=at: broken.status().step > at or broken.status().state == "finished", 600)
        began = time.time()  # what a worker needs to start is no work that could be lost
        time.sleep(pause)
        if broken.status().state == "finished":
            break
        now = time.time()
        killed(broken)
        kills += 1
        states = sorted(broken.folder.glob("checkpoints/state-*.pt"))
        for path in states:
            torch.load(path, weights_only=True)
        # A step on a busy machine, and what the clock of the file system leaves off.
        assert now - max(began, *(path.stat().st_mtime for path in states)) <= SAVE_SECONDS + 3
        assert broken.status().state == "interrupted"
        jobs.resume(broken)
    assert kills >= 2
    wait_for(lambda: broken.status().state == "finished", 600)
    assert_same(weights_of(whole), weights_of(broken))
    assert broken.generator.read_bytes() == whole.generator.read_bytes()
    load_checkpoint(broken.generator)
    assert not list(broken.folder.rglob(".*.tmp*")), "halves of files that it was killed over"
    told = [event["step"] for event in broken.events() if event["kind"] == "step"]
    assert told == sorted(set(told))


RUBBISH = {"binary": bytes(range(256)) * 20, "cut": b'{"kind": "step", "st', "empty": b"", "other": b'["a list"]\n7\n'}


@pytest.mark.parametrize("rubbish", RUBBISH)
@pytest.mark.parametrize("name", ["events.jsonl", "status.json"])
def test_a_run_with_a_broken_file_goes_on(name: str, rubbish: str, jobs: Jobs, data: Path) -> None:  # noqa: F811
    """In this process: what is read and written is the same, and a worker a case would take minutes."""
    from training.worker import work

    values = {**CONFIG, "images": 64, "data": str(data)}
    run = jobs.create("gan", values)
    work(run, lambda event: run.say("stop") if getattr(event, "kind", "") == "step" else None)
    (run.folder / name).write_bytes(RUBBISH[rubbish])
    assert jobs.find(run.id[:-1]).status().state in ("stopped", "interrupted")
    run.say("run")
    assert work(run).state == "finished"
    assert [event["kind"] for event in run.events()][-1] == "finished"
    json.loads((run.folder / "status.json").read_text())


@pytest.mark.parametrize("rubbish", RUBBISH)
def test_a_broken_configuration_is_said_and_hides_nothing(rubbish: str, jobs: Jobs, data: Path) -> None:  # noqa: F811
    from training.worker import work

    broken, good = (jobs.create("gan", {"data": str(data), **CONFIG}, name) for name in ("first", "second"))
    (broken.folder / "config.json").write_bytes(RUBBISH[rubbish])
    assert find_run(jobs.root, "second").id == good.id
    with pytest.raises(RunError, match=r"config\.json cannot be read"):
        work(broken)
    assert "config.json cannot be read" in str(broken.status().error)
    assert not broken.alive()
    jobs.delete(broken)
    assert [run.id for run in jobs.all()] == [good.id]
