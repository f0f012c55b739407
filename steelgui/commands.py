"""What the commands do. stdout is for results, stderr for progress; imports wait until a command needs them."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from steelgui.console import print_json, print_line, read_recipe, say, settings_from
from steelgui.settings import Settings, default_database_url, default_home, weights_folder
from training.config import ClassifierConfig, ConfigError, SegmenterConfig, parse

if TYPE_CHECKING:
    from models.checkpoint import Checkpoint
    from training.data.record import Sample

CONFIGS: dict[str, type[ClassifierConfig] | type[SegmenterConfig]] = {
    "classifier": ClassifierConfig,
    "segmenter": SegmenterConfig,
}
PACKAGES = (
    *("torch", "torchvision", "timm", "segmentation-models-pytorch", "torchmetrics", "gradio", "numpy", "pillow"),
    *("onnx", "onnxruntime", "onnxscript"),
)


def serve(arguments: argparse.Namespace) -> int:
    from steelgui.app import serve as run

    auth = None
    login = arguments.auth if arguments.auth is not None else os.environ.get("STEELGUI_AUTH") or None
    if login is not None:
        user, colon, password = login.partition(":")
        if not (user and colon and password):
            raise ConfigError("--auth, or STEELGUI_AUTH: give USER:PASSWORD, both not empty")
        auth = (user, password)
    pin = arguments.kiosk_pin or os.environ.get("STEELGUI_KIOSK_PIN") or None
    if pin is not None and not (pin.isascii() and pin.isdigit() and 4 <= len(pin) <= 12):
        raise ConfigError("--kiosk-pin: give 4 to 12 digits")
    if (arguments.upload_mb is not None and arguments.upload_mb < 1) or arguments.rate < 0:
        raise ConfigError("--upload-mb takes 1 or more, --rate 0 or more")
    if arguments.camera is not None and arguments.share:
        raise ConfigError("--camera: with --share anybody on the internet would look through it; leave one of them out")
    settings = Settings(
        home=arguments.home or default_home(),
        host=arguments.host,
        port=arguments.port,
        share=arguments.share,
        lang=arguments.lang,
        auth=auth,
        allow_all=arguments.allow_all,
        max_upload_mb=arguments.upload_mb,
        rate=arguments.rate,
        inbrowser=arguments.inbrowser,
        database_url=arguments.database_url or default_database_url(),
        kiosk=arguments.kiosk,
        kiosk_pin=pin,
        kiosk_keep=arguments.kiosk_keep,
        camera=arguments.camera,
        window_at=arguments.window_at,
    )
    run(settings, arguments.parent)
    return 0


def train(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from steelgui.options import config_values
    from steelgui.services.experiments import Experiments
    from training.classifier import train_classifier
    from training.events import to_json
    from training.presets import preset_values
    from training.segmenter import train_segmenter

    kind = CONFIGS[arguments.kind]
    preset = preset_values(getattr(arguments, "preset", None), arguments.kind)
    values = {**preset, **read_recipe(arguments.config), **config_values(kind, arguments)}
    if values.get("synthetic"):
        experiments = Experiments(settings_from(arguments))
        values["synthetic"] = [experiments.set_folder(str(name)) for name in values["synthetic"]]
    config = parse(kind, values)
    events = train_classifier(config) if isinstance(config, ClassifierConfig) else train_segmenter(config)
    with tqdm(unit="step", disable=arguments.json) as bar:
        for event in events:
            if arguments.json:
                print_json(to_json(event))
            if event.kind == "started":
                bar.total = event.steps
                say(f"start: {event.start}; {event.device}; {event.counts}")
                for note in event.notes:
                    say(note)
            elif event.kind == "step":
                bar.n = event.step
                bar.set_postfix(loss=f"{event.losses['loss']:.3f}", refresh=False)
                bar.refresh()
            elif event.kind == "metric":
                figures = " ".join(f"{name} {value:.4f}" for name, value in event.values.items() if name != "n")
                bar.write(f"epoch {event.epoch}: {figures}", file=sys.stderr)
            elif event.kind == "finished":
                bar.write(f"{event.reason}; best checkpoint: {event.path}", file=sys.stderr)
    return 0


def evaluate(arguments: argparse.Namespace) -> int:
    from models.checkpoint import load_checkpoint
    from models.sidecar import CheckpointError
    from steelgui.services.library import Library
    from training.classifier import evaluate_classifier
    from training.data import read_dataset
    from training.data.splits import select
    from training.segmenter import evaluate_segmenter

    if not 0 < arguments.brightness <= 16:
        raise ConfigError("--brightness takes a factor above 0, up to 16; 1 is as it is")
    checkpoint = load_checkpoint(Library(settings_from(arguments)).find(arguments.model))
    dataset = read_dataset(arguments.data, arguments.format)
    samples = select(dataset, arguments.split or ("test" if dataset.format == "mvtec" else "all"))
    if checkpoint.spec.kind == "generator":
        raise CheckpointError(f"{checkpoint.name} is a generator; `steelgui gan report RUN` measures it")
    if checkpoint.spec.kind == "anomaly":
        figures = _evaluate_detector(checkpoint, samples, arguments.brightness)
    else:
        judge = evaluate_classifier if checkpoint.spec.kind == "classifier" else evaluate_segmenter
        figures = judge(checkpoint.network, checkpoint.spec, samples, arguments.brightness)
    if arguments.json:
        print_json(figures)
        return 0
    for name, value in figures.items():
        if name == "per_class":
            for label, row in value.items():
                print_line(f"  {label:<20} " + "  ".join(f"{key} {number}" for key, number in row.items()))
        else:
            print_line(f"{name}: {value}")
    return 0


def _evaluate_detector(checkpoint: Checkpoint, samples: Sequence[Sample], brightness: float) -> dict[str, Any]:
    """Of pictures that it has not learned from; what it has is told, and left out."""
    from typing import cast

    from models.anomaly import Detector
    from models.sidecar import seen_by
    from training.anomaly.evaluate import evaluate_detector
    from training.data.record import DataError
    from training.data.seen import digest

    seen = seen_by(checkpoint.card) or frozenset()
    new = [sample for sample in samples if digest(sample.image) not in seen]
    if not new:
        raise DataError(f"{checkpoint.name} has learned from all of these {len(samples)} pictures; name others")
    if len(new) < len(samples):
        say(f"{len(samples) - len(new)} pictures that {checkpoint.name} has learned from are left out")
    rate = float(checkpoint.card.get("calibration", {}).get("false_alarms", 0.05))
    return evaluate_detector(cast(Detector, checkpoint.network), checkpoint.spec, new, rate, brightness)


def doctor(arguments: argparse.Namespace) -> int:
    """Exit status 1 when something that inspection needs is missing."""
    import torch

    from models.checkpoint import load_checkpoint
    from models.sidecar import CheckpointError
    from models.start import IMAGENET
    from steelgui.services.library import Library
    from steelgui.settings import StorageError, assets_folder

    settings, missing = settings_from(arguments), []
    for entry in Library(settings).entries():
        try:
            load_checkpoint(entry.path)
        except CheckpointError as error:
            missing.append(str(error))
    bundled = [weights_folder() / f"neu-{kind}.safetensors" for kind in CONFIGS]
    missing.extend(
        f"the bundled {path.stem} is not in {path.parent}; install SteelGUI again"
        for path in (*bundled, IMAGENET)
        if not path.is_file()
    )
    if not list((assets_folder() / "samples").glob("*.jpg")):
        missing.append(f"the sample pictures are not in {assets_folder() / 'samples'}; install SteelGUI again")
    try:
        settings.prepare()
    except StorageError as error:
        missing.append(str(error))
    cuda = torch.cuda.is_available()
    report: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "versions": {"steelgui": version("steelgui"), **{name: version(name) for name in PACKAGES}},
        "home": str(settings.home),
        "weights": str(weights_folder()),
        "models": [entry.name for entry in Library(settings).entries()],
        "missing": missing,
    }
    if arguments.json:
        print_json(report)
    else:
        for key, value in report.items():
            shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
            print_line(f"{key:<9} {', '.join(shown) if isinstance(shown, list) else shown}")
        print_line("nothing is missing" if not missing else f"{len(missing)} things are missing or broken")
    return int(bool(missing))


def keys(arguments: argparse.Namespace) -> int:
    """`create`, `list`, `revoke`."""
    from steelgui.services.keys import Keys

    settings = settings_from(arguments)
    settings.prepare()
    known = Keys(settings.keys)
    if arguments.action == "create":
        allow = [word for word in arguments.allow.split(",") if word]
        secret = known.create(arguments.name, allow)
        if arguments.json:
            print_json({"name": arguments.name, "allow": allow, "key": secret})
        else:
            print_line(secret)
            say("keep it safe: it is shown this once")
    elif arguments.action == "revoke":
        known.revoke(arguments.name)
        say(f"{arguments.name}: revoked")
    else:
        rows = [{"name": key.name, "allow": list(key.allow), "created": key.created} for key in known.all()]
        if arguments.json:
            print_json(rows)
        for row in [] if arguments.json else rows:
            print_line(f"{row['name']:<24} {','.join(row['allow']):<28} {row['created']}")
    return 0
