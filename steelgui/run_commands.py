"""What the commands about runs and generators do; stdout is for results, stderr for progress."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from steelgui.console import print_json, print_line, read_recipe, say, settings_from
from steelgui.services.jobs import Jobs
from training.runs import Run, RunError

if TYPE_CHECKING:
    from steelgui.services.sampling import Sampling
    from steelgui.services.sources import Source


def train_gan(arguments: argparse.Namespace) -> int:
    """A run like any other, worked on by this process; the page and other shells see it and can pause or stop it."""
    from steelgui.options import config_values
    from training.gan.config import GanConfig, gan_config
    from training.gan.start import recipe_of

    jobs = _jobs(arguments)
    values = {**read_recipe(arguments.config), **config_values(GanConfig, arguments)}
    if "init" in values:
        values["init"] = jobs.start_file(values["init"])
        if arguments.preset is None:
            values = {**recipe_of(values["init"]), **values}
    config = gan_config({**values, "out": jobs.root}, arguments.preset)
    run = jobs.create("gan", json.loads(config.model_dump_json(exclude={"out", "resume"})), arguments.name)
    return work_on(run, arguments.json)


def train_anomaly(arguments: argparse.Namespace) -> int:
    """A run like any other, worked on by this process; its detector lies in its folder, and in `--out`."""
    from steelgui.options import config_values
    from steelgui.services.library import copy_model
    from training.anomaly.config import AnomalyConfig
    from training.config import parse

    jobs = _jobs(arguments)
    values = {**read_recipe(arguments.config), **config_values(AnomalyConfig, arguments)}
    config = parse(AnomalyConfig, {**values, "out": jobs.root})
    run = jobs.create("anomaly", json.loads(config.model_dump_json(exclude={"out", "resume"})), arguments.name)
    work_on(run, arguments.json)
    detector = run.folder / f"{run.id}.safetensors"
    if run.status().state != "finished":
        return 1
    if out := getattr(arguments, "out", None):
        copy_model(detector, detector := out / f"{out.resolve().name}.safetensors")
    if not arguments.json:
        print_line(str(detector))
    return 0


def experiment(arguments: argparse.Namespace) -> int:
    """A run like any other, worked on by this process; at its end the figures of every arm and the verdict."""
    from steelgui.options import config_values
    from steelgui.services.experiments import Experiments
    from steelgui.ui.report import write_report
    from training.config import parse
    from training.experiment.config import ExperimentConfig

    experiments = Experiments(_jobs(arguments).settings)
    values = {**read_recipe(arguments.config), **config_values(ExperimentConfig, arguments)}
    values["synthetic"] = [experiments.set_folder(str(name)) for name in values.get("synthetic", ())]
    config = parse(ExperimentConfig, {**values, "out": experiments.jobs.root})
    run = experiments.create(config, arguments.name)
    work_on(run, json_alone=False, quiet=arguments.json)
    result = run.result()
    if result is None:
        say(f"{run.id} has not ended; `steelgui runs resume {run.id}` goes on")
        return 1
    if arguments.out:
        write_report(result, arguments.out)
    if arguments.json:
        print_json(result)
        return 0
    for arm in result["arms"]:
        print_line(arm["arm"] if arm["ratio"] is None else f"{arm['arm']} × {arm['ratio']:g}")
        for name, figure in arm["figures"].items():
            print_line(f"  {name:<28} {figure['value']:.3f}  {figure['low']:.3f} to {figure['high']:.3f}")
    print_line(result["verdict"]["sentence"])
    say(f"the models are in {run.folder / 'trainings'}; `steelgui models import FILE` takes one in")
    return 0


def work(arguments: argparse.Namespace) -> int:
    """What `Jobs.start` spawns."""
    return work_on(Run(arguments.which), json_alone=False, quiet=True)


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


def rename_run(arguments: argparse.Namespace) -> int:
    run = _jobs(arguments).find(arguments.which)
    run.rename(arguments.name)
    say(f"{run.id}: {run.about()['name']}")
    return 0


def remedy_run(arguments: argparse.Namespace) -> int:
    jobs = _jobs(arguments)
    run = jobs.find(arguments.which)
    jobs.remedy(run, arguments.name)
    say(f"{run.id}: {arguments.name} at its next step; `steelgui runs show` tells what came of it")
    return 0


def sample(arguments: argparse.Namespace) -> int:
    from steelgui.services.animation import check_animation
    from steelgui.services.sampling import Sampling
    from training.config import ConfigError

    if arguments.out is None and arguments.walk is None:
        raise ConfigError("sample: give --out DIR for pictures, --walk FILE.gif for a walk between seeds, or both")
    if arguments.walk is not None:
        check_animation(arguments.walk, arguments.frames)
    sampling = Sampling(_jobs(arguments).settings)
    source = sampling.sources.named(arguments.generator, arguments.at)
    if arguments.out is not None:
        _write_samples(sampling, source, arguments)
    if arguments.walk is not None:
        seeds = arguments.seeds or [arguments.seed, arguments.seed + 1]
        drawn = (arguments.class_name, arguments.truncation)
        path = sampling.walk(source, seeds, arguments.frames, *drawn, arguments.walk)
        if arguments.json:
            print_json({"path": str(path)})
        say(f"{arguments.frames} frames from seed to seed ({', '.join(map(str, seeds))}) in {path}")
    return 0


def _write_samples(sampling: Sampling, source: Source, arguments: argparse.Namespace) -> None:
    from tqdm import tqdm

    from steelgui.services.sampled import write_folder

    asked = (arguments.count, arguments.seed, arguments.class_name, arguments.truncation, arguments.scores)
    drawn = sampling.stream(source, *asked, arguments.background)
    count = 0
    for path in tqdm(write_folder(drawn, arguments.out), total=arguments.count, unit="picture", disable=arguments.json):
        if arguments.json:
            print_json({"path": str(path)})
        count += 1
    say(f"{count} pictures in {arguments.out}")
    if count < arguments.count:
        say(f"{arguments.count - count} more showed no defect, or nothing else, and were left out")


def report(arguments: argparse.Namespace) -> int:
    from models.checkpoint import load_checkpoint
    from training.gan.report import report_on

    jobs = _jobs(arguments)
    run = jobs.find(arguments.which)
    checkpoint = load_checkpoint(run.generator)
    config = {**run.about()["config"], "out": str(run.folder), "features": arguments.features}
    figures = {"id": run.id, **report_on(checkpoint, config, arguments.count)}
    figures["images_per_s"] = run.speed()
    if arguments.json:
        print_json(figures)
    else:
        print_line("\n".join(f"{key:<14} {value}" for key, value in figures.items()))
    return 0


def work_on(run: Run, json_alone: bool, quiet: bool = False) -> int:
    """Work on a run in this process and tell of it."""
    from tqdm import tqdm

    from training.events import Event, to_json
    from training.runs import Status
    from training.worker import work

    with tqdm(unit="picture" if run.kind == "gan" else "step", disable=json_alone or quiet) as bar:

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
            elif event.kind == "trial" and event.done:
                figures = " ".join(f"{name} {value:.3f}" for name, value in event.values.items())
                arm = event.arm if event.ratio is None else f"{event.arm} ×{event.ratio:g}"
                bar.write(f"{event.number} of {event.count}: {arm}, seed {event.seed}: {figures}", file=sys.stderr)
            elif event.kind == "metric":
                figures = " ".join(f"{name} {value:.4g}" for name, value in event.values.items())
                bar.write(f"{event.split}: {figures}", file=sys.stderr)
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


def _jobs(arguments: argparse.Namespace) -> Jobs:
    settings = settings_from(arguments)
    settings.prepare()
    return Jobs(settings)
