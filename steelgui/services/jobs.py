"""Trainings as processes of their own: start, pause, resume, stop, delete; whoever asks, and from wherever."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from steelgui.ourselves import our_environment, ourselves
from steelgui.settings import Settings
from training.runs import LIVE, REMEDIES, Run, RunError, all_runs, find_run

#: Seconds that a run gets to stop by itself, between two steps, before its process is ended.
GRACE = 3.0
#: Days in which a deleted run can be brought back; it may hold hundreds of megabytes.
KEPT_DAYS = 7


class Jobs:
    """The runs of one home folder. Holds no state: a second browser, or a shell, sees and does the same.

    A run keeps a copy of the generator that it starts from, so that deleting one run does no harm to another.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.root = settings.runs

    def all(self) -> list[Run]:
        """The oldest first, without those that were refused: they hold nothing."""
        return [run for run in all_runs(self.root) if run.status().state != "refused"]

    def find(self, name: str) -> Run:
        """By id, the start of one, or name; RunError where none or several fit."""
        return find_run(self.root, name)

    def known(self, run_id: str | None) -> Run | None:
        """The run, None where there is none (any more)."""
        try:
            return self.find(run_id) if run_id else None
        except RunError:
            return None

    def of_kind(self, kind: str) -> list[Run]:
        """The newest first."""
        return [run for run in reversed(self.all()) if run.kind == kind]

    def create(self, kind: str, config: dict[str, Any], name: str | None = None) -> Run:
        """A run that nobody works on yet; `config` is the training's, without its folder."""
        self._sweep()
        # The worker may be started from another folder, today or next week.
        run = Run.create(self.root, kind, {**config, "data": str(Path(config["data"]).absolute())}, name)
        start = Path(str(config.get("init", "random")))
        if start.suffix == ".safetensors" and start.is_file():
            try:
                own = run.folder / "start" / start.name
                own.parent.mkdir()
                for path in (start, start.with_suffix(".json")):
                    if path.is_file():
                        shutil.copyfile(path, own.parent / path.name)
                run.change(init=str(own))
            except BaseException:
                shutil.rmtree(run.folder, ignore_errors=True)
                raise
        return run

    def start_file(self, name: str) -> str:
        """A generator by the run that trained it, by a model's name or by its file; `random` and `bundled` stay.

        Raises:
            RunError, CheckpointError: there is none of that name, or several, or it has made no generator yet.
        """
        from steelgui.services.library import Library

        if name in ("random", "bundled"):
            return name
        if not Path(name).exists():
            try:
                run = self.find(name)
            except RunError:
                pass
            else:
                return str(run.generator)
        return str(Library(self.settings).find(name))

    def start(self, run: Run) -> None:
        """Spawn a worker that outlives us; its output goes to the run's log."""
        run.say("run")  # instead of a word from before; what is said from now on, the worker will find
        run.write_status(replace(run.status(), state="queued", pid=None, error=None))
        with (run.folder / "log.txt").open("ab") as log:
            # Our own program, with arguments that we made.
            subprocess.Popen(  # noqa: S603
                [*ourselves(), "runs", "work", str(run.folder), "--home", str(self.settings.home)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                close_fds=True,
                env=our_environment(),
                **_detached(),
            )

    def pause(self, run: Run) -> None:
        """Keep everything and let others compute; RunError where nobody is at it."""
        self._need(run, "running", "queued")
        run.say("pause")

    def resume(self, run: Run) -> None:
        """Go on: wake a paused worker, or start a new one from the last saved state."""
        state = run.status().state
        if state in ("running", "queued"):
            raise RunError(f"{run.id} is {state} already")
        if state == "finished":
            raise RunError(f"{run.id} is finished; start a new run from it with --init {run.id}")
        if state == "paused":
            run.say("run")
        else:
            self.start(run)

    def save(self, run: Run) -> None:
        self._need(run, "running")
        run.say("save")

    def remedy(self, run: Run, name: str) -> None:
        """Change how a GAN goes on; RunError for an unknown word, or where it cannot be done now."""
        if name not in REMEDIES:
            raise RunError(f"there is no remedy {name!r}; known: {', '.join(REMEDIES)}")
        self._need(run, "running")
        if name == "best" and not (run.folder / "checkpoints" / "best.pt").is_file():
            raise RunError(f"{run.id} has no best snapshot to go back to yet; wait for its first check")
        run.say(name)

    def stop(self, run: Run) -> None:
        """Save and end. A worker that is deep in a long step is ended after `GRACE` seconds; at most what it did since
        its last saved state is lost then."""
        self._need(run, *LIVE)
        pid = run.status().pid
        run.say("stop")
        until = time.monotonic() + GRACE
        while run.alive():
            if time.monotonic() > until:
                if pid is not None and pid != os.getpid():
                    os.kill(pid, signal.SIGTERM)
                break
            time.sleep(0.05)
        while run.alive() and time.monotonic() < until + 1:
            time.sleep(0.05)
        if not run.alive() and run.status().state not in ("stopped", "finished", "failed"):
            status = run.status()
            run.write_status(replace(status, state="stopped"))

    def delete(self, run: Run) -> Path:
        """Put a run aside where `undelete` finds it; RunError while it is worked on."""
        if run.alive():
            raise RunError(f"{run.id} is {run.status().state}; stop it first")
        target = self.root / ".deleted" / run.id
        target.parent.mkdir(exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        run.folder.rename(target)
        os.utime(target)  # from now on
        return target

    def undelete(self, run_id: str) -> Run:
        """Bring a run back; RunError where none of that id was deleted."""
        source = self.root / ".deleted" / run_id
        if not run_id or not source.is_dir() or source.parent != self.root / ".deleted":
            raise RunError(f"{run_id}: there is no deleted run of that name")
        source.rename(self.root / run_id)
        return Run(self.root / run_id)

    def _sweep(self) -> None:
        """Remove what was refused, since who asked for it has read why, and what was deleted long ago."""
        for run in all_runs(self.root):
            if run.status().state == "refused" and not run.alive():
                shutil.rmtree(run.folder, ignore_errors=True)
        for folder in (self.root / ".deleted").glob("*"):
            with suppress(FileNotFoundError):  # another app on this home was faster
                if time.time() - folder.stat().st_mtime > 86_400 * KEPT_DAYS:
                    shutil.rmtree(folder, ignore_errors=True)

    def _need(self, run: Run, *states: str) -> None:
        state = run.status().state
        if state not in states:
            if state == "paused":
                raise RunError(f"{run.id} is paused; resume it first")
            raise RunError(f"{run.id} is {state}; this works only while it is {' or '.join(sorted(states))}")


def _detached() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    return {"start_new_session": True}
