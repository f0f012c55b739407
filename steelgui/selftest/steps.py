"""What a self-test does, step by step. A step gives a few words about what it saw, or raises a sentence."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from steelgui.selftest import talk
from steelgui.selftest.known import KNOWN, compare
from steelgui.selftest.place import COMMAND, Place, StepError
from steelgui.settings import assets_folder
from training.runs import Run, Status

STRIPS, BATCH, STEPS, SIDE = 12, 16, 20, 64
SAMPLES = 4


@dataclass(frozen=True)
class Step:
    """`needs` are the steps without which it cannot be done."""

    name: str
    do: Callable[[Place], str]
    needs: tuple[str, ...] = ()


def server(place: Place) -> str:
    since = time.monotonic()
    place.serve()
    return f"{place.address} answers after {time.monotonic() - since:.1f} s"


def page(place: Place) -> str:
    """The page is ours, and the parts that it names are there: a bundle may lack Gradio's files."""
    html = talk.get(f"{place.address}/").decode("utf-8")
    if "SteelGUI" not in html or "gradio_config" not in html:
        raise StepError("what answers is not the page of SteelGUI", html[:400])
    parts = sorted(set(re.findall(r'(?:src|href)="\.?/?(assets/[^"]+\.(?:js|css))"', html)))
    if not parts:
        raise StepError("the page names no scripts", html[:400])
    size = len(html) + sum(len(talk.get(f"{place.address}/{part}")) for part in parts)
    return f"{size / 1e6:.1f} MB with its {len(parts)} scripts and styles"


def inspection(place: Place) -> str:
    """Bundled samples come out as they are known to."""
    words = []
    for name, known in KNOWN.items():
        try:
            found, where = talk.post_picture(f"{place.address}/api/v1/predict", name, _sample(name))
        except talk.RefusedError as error:
            raise StepError(f"{name} was not inspected: {error}", place.said()) from None
        words.append(compare(name, found, known))
        place.inspected.append(int(where.rsplit("/", 1)[-1]))
    return "; ".join(words)


def history(place: Place) -> str:
    """What was inspected is kept with its picture; one is put into the trash and brought back."""
    api = f"{place.address}/api/v1/inspections"
    rows = {row["id"]: row for row in talk.get_json(api)["items"]}
    for number, (name, known) in zip(place.inspected, KNOWN.items(), strict=True):
        row = rows.get(number)
        if row is None or (row["name"], row["verdict"], row["label"]) != (name, known.verdict, known.label):
            raise StepError(f"the history has {row and (row['name'], row['label'])} where {name} was inspected")
        if talk.get(f"{api}/{number}/image") != _sample(name):
            raise StepError(f"the picture that the history keeps is not {name} as it was sent")
        if not talk.get(f"{api}/{number}/overlay").startswith(b"\x89PNG"):
            raise StepError(f"the history draws no overlay of {name}")
    talk.send("DELETE", f"{api}/{number}")
    if len(talk.get_json(api)["items"]) != len(rows) - 1:
        raise StepError("a deleted inspection is still in the history")
    talk.send("POST", f"{api}/{number}/restore")
    if len(talk.get_json(api)["items"]) != len(rows):
        raise StepError("a deleted inspection could not be brought back")
    return f"{len(rows)} inspections with their pictures; one deleted and brought back"


def commands(place: Place) -> str:
    """Another process inspects into the same history, and the server sees it."""
    name, known = next(iter(KNOWN.items()))
    found = json.loads(place.run("inspect", assets_folder() / "samples" / name, "--record", "--json"))
    words = compare(name, found, known)
    newest = talk.get_json(f"{place.address}/api/v1/inspections?limit=1")["items"]
    if not newest or newest[0]["source"] != "cli" or newest[0]["name"] != name:
        raise StepError("the server does not see in its history what the command line has inspected", place.said())
    return f"`steelgui inspect`: {words}, seen by the server"


def data(place: Place) -> str:
    place.run("data", "render", place.folder / "strips", "--strips", str(STRIPS))
    found = json.loads(place.run("data", "describe", place.folder / "strips", "--json"))
    return f"{STRIPS} strips rendered; {sum(found['classes'].values())} labels read"


def gan(place: Place) -> str:
    """A DCGAN in a process of its own, as the page starts one: paused, resumed, finished."""
    from training.gan.config import gan_config

    values = {
        "data": place.folder / "strips",
        "class": "scratches",
        "arch": "dcgan",
        "size": SIDE,
        "ngf": 16,
        "ndf": 16,
    }
    values |= {"batch_size": BATCH, "images": STEPS * BATCH, "checks": 2, "check_samples": 16}
    config = gan_config({**values, "out": place.jobs.root})
    run = place.jobs.create("gan", json.loads(config.model_dump_json(exclude={"out", "resume"})), "selftest")
    place.jobs.start(run)
    place.started += 1
    # Said at once, and obeyed at the first step that is told of, on however fast a machine.
    place.jobs.pause(run)
    paused = _wait(run, "paused")
    place.jobs.resume(run)
    done = _wait(run, "finished")
    if done.step != STEPS * BATCH or not run.generator_path.is_file():
        raise StepError(f"the run ended at {done.step} of {STEPS * BATCH} pictures", _log(run))
    return f"{STEPS} steps; paused after {paused.step // BATCH}, resumed, finished"


def samples(place: Place) -> str:
    """New pictures from that generator."""
    import numpy as np
    from PIL import Image

    out = place.folder / "samples"
    place.run("sample", "selftest", "--count", str(SAMPLES), "--out", out)
    pictures = [np.asarray(Image.open(path).convert("L")) for path in sorted(out.rglob("*.png"))]
    if len(pictures) != SAMPLES or any(picture.shape != (SIDE, SIDE) for picture in pictures):
        raise StepError(
            f"{[picture.shape for picture in pictures]} came out; {SAMPLES} of {SIDE}×{SIDE} were asked for"
        )
    if any(picture.std() < 1 for picture in pictures):
        raise StepError("a generated picture is of one grey only")
    return f"{SAMPLES} pictures of {SIDE}×{SIDE}"


def classifier(place: Place) -> str:
    small = ["--epochs", "1", "--max-per-epoch", "8", "--batch-size", "4", "--size", str(SIDE), "--multi-label"]
    out = place.folder / "classifier"
    told = place.run("train", "classifier", "--data", place.folder / "strips", "--out", out, *small, "--json")
    kinds = [json.loads(line)["kind"] for line in told.splitlines()]
    if kinds.count("step") != 2 or kinds[-1:] != ["finished"] or not (out / "classifier.safetensors").is_file():
        raise StepError(f"two steps and a checkpoint were asked for; it told of {', '.join(kinds) or 'nothing'}")
    return "2 steps, validated, saved"


def stop(place: Place) -> str:
    status = place.stop()
    if status and os.name != "nt":  # there it is ended from outside
        raise StepError(f"the server ended with status {status}", place.said())
    return "the server ended as it was told to"


def connections(place: Place) -> str:
    """Of all processes that ran, none looked further than this machine."""
    lines = place.connections.read_text("utf-8").splitlines() if place.connections.exists() else []
    watched = sum(line.startswith("watching ") for line in lines)
    outward = [line.removeprefix("outward ") for line in lines if line.startswith("outward ")]
    if outward:
        raise StepError(f"{len(outward)} times something left this machine", "\n".join(outward))
    if watched < place.started:
        raise StepError(f"only {watched} of the {place.started} started processes were watched")
    return f"{watched} processes watched; nothing left this machine"


ALL = (
    Step("server", server),
    Step("page", page, ("server",)),
    Step("inspection", inspection, ("server",)),
    Step("history", history, ("inspection",)),
    Step("commands", commands, ("server",)),
    Step("data", data),
    Step("gan", gan, ("data",)),
    Step("samples", samples, ("gan",)),
    Step("classifier", classifier, ("data",)),
    Step("stop", stop, ("server",)),
    Step("connections", connections),
)


def _sample(name: str) -> bytes:
    return (assets_folder() / "samples" / name).read_bytes()


def _wait(run: Run, state: str) -> Status:
    until = time.monotonic() + COMMAND
    while (status := run.status()).state != state:
        if status.state in ("failed", "refused", "interrupted", "stopped", "finished"):
            raise StepError(
                f"the run is {status.state} and not {state}{f': {status.error}' * bool(status.error)}", _log(run)
            )
        if time.monotonic() > until:
            raise StepError(f"the run is {status.state} after {COMMAND:.0f} s and not {state}", _log(run))
        time.sleep(0.1)
    return status


def _log(run: Run) -> str:
    path = run.folder / "log.txt"
    return path.read_text("utf-8", "replace") if path.exists() else ""
