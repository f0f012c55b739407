"""What the commands about runs and generators do; stdout is for results, stderr for progress."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from steelgui.console import print_json, print_line, read_recipe, say, settings_from
from steelgui.services.jobs import Jobs
from training.runs import Run, RunError


def train_gan(arguments: argparse.Namespace) -> int:
    """A run like any other, worked on by this process; the page and other shells see it and can pause or stop it."""
    from steelgui.options import config_values
    from training.gan.config import GanConfig, gan_config

    jobs = _jobs(arguments)
    values = {**read_recipe(arguments.config), **config_values(GanConfig, arguments)}
    if "init" in values:
        values["init"] = _start(jobs, values["init"])
    config = gan_config({**values, "out": jobs.root}, arguments.preset)
    run = jobs.create("gan", json.loads(config.model_dump_json(exclude={"out", "resume"})), arguments.name)
    return _work(run, arguments.json)


def work(arguments: argparse.Namespace) -> int:
    """What `Jobs.start` spawns."""
    return _work(Run(arguments.which), json_alone=False, quiet=True)


def list_runs(arguments: argparse.Namespace) -> int:
    rows = [_row(run) for run in _jobs(arguments).all()]
    if arguments.json:
        print_json(rows)
        return 0
    for row in rows:
        progress = f"{row['step']:>9} of {row['steps']:<9}"
        print_line(f"{row['id']:<34} {row['kind']:<6} {row['state']:<11} {progress} {row['name']}")
    if not rows:
        say("no runs yet; `steelgui train gan --data DIR --class NAME` makes one")
    return 0


def show_run(arguments: argparse.Namespace) -> int:
    run = _jobs(arguments).find(arguments.which)
    checks = [event for event in run.events() if event["kind"] == "checked"]
    notes = [event["text"] for event in run.events() if event["kind"] == "note"]
    report = {**_row(run), "error": run.status().error, "folder": str(run.folder), "config": run.about()["config"]}
    report |= {"last_check": checks[-1]["values"] if checks else None, "notes": notes}
    if arguments.json:
        print_json(report)
    else:
        print_line("\n".join(f"{key:<10} {value}" for key, value in report.items()))
    return 0


def command_run(arguments: argparse.Namespace) -> int:
    """`pause`, `resume`, `stop`, `save`, `delete`, `undelete`."""
    jobs = _jobs(arguments)
    if arguments.action == "undelete":
        jobs.undelete(arguments.which)
        return 0
    run = jobs.find(arguments.which)
    getattr(jobs, arguments.action)(run)
    say(f"{run.id}: {arguments.action}")
    return 0


def sample(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from steelgui.services.inpainting import Backgrounds
    from steelgui.services.synthesis import Synthesiser, write_samples

    synthesiser = Synthesiser(Path(_start(_jobs(arguments), arguments.generator)))
    asked = (arguments.out, arguments.count, arguments.seed, arguments.class_name, arguments.truncation)
    change = Backgrounds(arguments.background).compose if arguments.background else None
    written = write_samples(synthesiser, *asked, change)
    count = 0
    for path in tqdm(written, total=arguments.count, unit="picture", disable=arguments.json):
        if arguments.json:
            print_json({"path": str(path)})
        count += 1
    say(f"{count} pictures in {arguments.out}")
    if count < arguments.count:
        say(f"{arguments.count - count} more showed no defect, or nothing else, and were left out")
    return 0


def report(arguments: argparse.Namespace) -> int:
    from models.checkpoint import load_checkpoint
    from training.gan.report import report_on

    jobs = _jobs(arguments)
    run = jobs.find(arguments.which)
    checkpoint = load_checkpoint(run.generator)
    speeds = [event["images_per_s"] for event in run.events() if event["kind"] == "step"]
    config = {**run.about()["config"], "out": str(run.folder), "features": arguments.features}
    figures = {"id": run.id, **report_on(checkpoint, config, arguments.count)}
    figures["images_per_s"] = speeds[-1] if speeds else None
    if arguments.json:
        print_json(figures)
    else:
        print_line("\n".join(f"{key:<14} {value}" for key, value in figures.items()))
    return 0


def _work(run: Run, json_alone: bool, quiet: bool = False) -> int:
    from tqdm import tqdm

    from training.events import Event, to_json
    from training.runs import Status
    from training.worker import work

    with tqdm(unit="picture", disable=json_alone or quiet) as bar:

        def tell(event: Event | Status) -> None:
            if isinstance(event, Status):
                if not json_alone:
                    bar.write(f"{run.id}: {event.state}", file=sys.stderr)
                return
            if json_alone and event.kind != "busy":
                print_json(to_json(event))
            if event.kind == "started":
                bar.total = event.steps
                for line in (f"start: {event.start}; {event.device}; {event.counts}", *event.notes):
                    bar.write(line, file=sys.stderr)
            elif event.kind == "step":
                bar.n = event.step
                bar.set_postfix({k: f"{v:.2f}" for k, v in event.losses.items()}, refresh=False)
                bar.refresh()
            elif event.kind == "checked":
                figures = " ".join(f"{name} {value:.3f}" for name, value in event.values.items())
                bar.write(f"{event.step}: {figures}{'  best' if event.best else ''}", file=sys.stderr)
            elif event.kind == "note":
                bar.write(f"{event.step}: {event.text}", file=sys.stderr)

        status = work(run, tell)
    say(f"{run.id}: {status.state} at {status.step} of {status.steps}")
    return 0


def _row(run: Run) -> dict[str, Any]:
    status = run.status()
    try:
        about = run.about()
    except RunError:
        about = {"kind": "?", "name": "unreadable", "created": ""}
    return {
        "id": run.id,
        "kind": about["kind"],
        "name": about["name"],
        "state": status.state,
        "created": about["created"],
        "step": status.step,
        "steps": status.steps,
    }


def _start(jobs: Jobs, name: str) -> str:
    """A generator by the run that trained it, by a model's name or by its file; `random` stays as it is."""
    from steelgui.services.library import Library

    if name == "random" or Path(name).exists():
        return name if name == "random" else str(Library(jobs.settings).find(name))
    try:
        run = jobs.find(name)
    except RunError:
        return str(Library(jobs.settings).find(name))
    return str(run.generator)


def _jobs(arguments: argparse.Namespace) -> Jobs:
    settings = settings_from(arguments)
    settings.prepare()
    return Jobs(settings)
