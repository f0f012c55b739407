"""What the GAN Studio shows: a data set's classes, and a run as curves, samples and words."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.sidecar import CheckpointError, read_sidecar
from models.spec import is_defect_free
from steelgui.services.following import Following
from steelgui.services.jobs import Jobs
from steelgui.settings import Settings
from training.config import ConfigError
from training.data import read_dataset
from training.data.record import scarce_classes
from training.data.strips import EVEN_COUNTS, render_dataset
from training.gan.config import PRESETS, GanConfig, gan_config
from training.gan.health import Health, diagnose, remedy_for
from training.runs import REMEDIES, Run, RunError, State

DEMO_STRIPS = 60
#: Pictures that a preview reads, and tiles that it shows.
PREVIEWED, PREVIEW_TILES = 40, 24
#: Pictures a second where no run has measured them yet: (network, side) on two slow cores.
GUESSED_SPEED = {("dcgan", 64): 60.0, ("dcgan", 128): 40.0, ("dcgan", 32): 200.0, ("pggan", 64): 60.0}


@dataclass(frozen=True)
class ClassCount:
    """A class of a data set, how many pictures show it, and whether that is few beside the others."""

    name: str
    count: int
    scarce: bool


@dataclass(frozen=True)
class Tile:
    """H×W×3 uint8, what becomes of it (`kept`, `dark` or `other`), and its mean grey, 0 to 255."""

    image: NDArray[np.uint8]
    verdict: str
    grey: float


@dataclass(frozen=True)
class Preview:
    """Some tiles, how many there are of each verdict, and of how many pictures that was counted."""

    tiles: tuple[Tile, ...]
    counts: dict[str, int]
    looked: int
    pictures: int


@dataclass(frozen=True)
class Watched:
    """A run as the page shows it.

    Attributes:
        token: changes whenever anything else does; who has it need not draw again.
        curves: name → (pictures seen, value) in order, thinned: `g`, `d`, `real`, `fake`, `kid`, `diversity`, `depth`.
        samples: (pictures seen, PNG of a grid) in order.
        health: `remedied` from a remedy to the next check, which tells whether it helped.
        eta: seconds to go, None where that is unknown.
        memory: megabytes, `process` and, on a GPU, `gpu`.
        remedy: what would help, or, while it is `remedied`, what was done.
        pending: a remedy that was asked for and that the next step will bring.
    """

    id: str
    name: str
    token: str
    state: State
    step: int
    steps: int
    error: str | None
    health: Health | Literal["remedied"]
    speed: float
    eta: float | None
    curves: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    samples: tuple[tuple[int, Path], ...] = ()
    notes: tuple[str, ...] = ()
    memory: dict[str, int] = field(default_factory=dict)
    remedy: str | None = None
    pending: str | None = None


@dataclass(frozen=True)
class RunRow:
    """A run in the list: `share` of it done, 0 to 1; `kid` of its best snapshot; `created` in local time."""

    id: str
    name: str
    class_name: str | None
    network: str
    size: int | None
    state: State
    share: float
    kid: float | None
    created: datetime | None


class Studio:
    """No state but what was read already: the folders are the truth."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.jobs = Jobs(settings)
        self._following = Following()

    # Data -------------------------------------------------------------------------------------------------------

    def demo_data(self) -> Path:
        """Rendered strips, made once: every defect class as often as the others."""
        folder = self.settings.home / "data" / "demo-strips"
        if not (folder / "train.csv").is_file():
            folder.parent.mkdir(parents=True, exist_ok=True)
            for _ in render_dataset(folder, DEMO_STRIPS, 1, EVEN_COUNTS):
                pass
        return folder

    def classes(self, data: Path) -> list[ClassCount]:
        """Defect classes, the scarcest first; DataError where the folder holds no data set."""
        counts = {name: count for name, count in read_dataset(data).counts().items() if not is_defect_free(name)}
        scarce = scarce_classes(counts)
        return [
            ClassCount(name, count, name in scarce)
            for name, count in sorted(counts.items(), key=lambda item: (item[1], item[0]))
        ]

    def preview(self, data: Path, class_name: str, dark: float) -> Preview:
        """Some of what a training on the class would see, and what it would leave out.

        Raises:
            DataError: the folder holds no data set.
            ImageError: a picture of it cannot be read.
        """
        from training.gan.patches import look_at_patches

        samples = [sample for sample in read_dataset(data).samples if class_name in sample.labels]
        looked, counts = samples[:PREVIEWED], Counter[str]()
        tiles = []
        for patch, picture, _ in look_at_patches(looked, (class_name,), dark):
            counts[patch.verdict] += 1
            tiles.append(Tile(picture, patch.verdict, patch.grey))
        # Those that are left out among those that stay, so that a glance tells whether the limit is right.
        shown = [tile for verdict in ("dark", "kept", "other") for tile in tiles if tile.verdict == verdict]
        return Preview(tuple(shown[:PREVIEW_TILES]), dict(counts), len(looked), len(samples))

    # Runs -------------------------------------------------------------------------------------------------------

    def train(self, data: Path, class_name: str | None, preset: str, changes: dict[str, Any]) -> Run:
        """Make a run and start its worker; ConfigError, or RunError or CheckpointError for a start that is not there,
        in one sentence."""
        values = {**changes, "data": data, "out": self.jobs.root, "class_name": class_name}
        if "init" in changes:
            values["init"] = self.jobs.start_file(changes["init"])
        config = gan_config(values, preset)
        stored = config.model_dump(mode="json", exclude={"out", "resume"})
        run = self.jobs.create("gan", stored, f"{class_name or 'all classes'} {config.arch} {config.size}²")
        self.jobs.start(run)
        return run

    def rows(self) -> list[RunRow]:
        """The list of runs, the newest first."""
        return [_row(run) for run in reversed(self.jobs.all()) if run.kind not in ("experiment", "anomaly")]

    def structure(self, run_id: str) -> dict[str, Any]:
        """Every field of a run's configuration, for another that is to start from its generator; RunError where it has
        made none yet."""
        run = self.jobs.find(run_id)
        _ = run.generator
        return gan_config({**run.about()["config"], "out": run.folder}).model_dump()

    def start_name(self, init: str) -> str:
        """What a start is called: a run's name, else what was given."""
        try:
            return _name(self.jobs.find(init))
        except RunError:
            return init

    def busy_with(self) -> str | None:
        """Name of the run that computes at present."""
        for run in self.jobs.all():
            if run.status().state == "running":
                return _name(run)
        return None

    def token(self, run: Run) -> str:
        """Cheap to ask each second; equal as long as nothing new happened."""
        marks = []
        for path in (run.events_path, run.folder / "status.json", run.folder / "control"):
            try:
                found = path.stat()
                marks.append(f"{found.st_size}-{found.st_mtime_ns}")
            except OSError:
                marks.append("-")
        return "/".join([run.id, *marks, run.status().state])

    def watch(self, run: Run) -> Watched:
        token, status, word = self.token(run), run.status(), run.told()
        with self._following.told(run) as told:
            health: Health | Literal["remedied"] = "remedied" if told.remedy else diagnose(told.recent, told.checks)
            speed = told.last["images_per_s"] if told.last else 0.0
            augment = told.last["losses"].get("augment", 1.0) if told.last else 1.0
            left = status.steps - status.step
            curves = {name: curve.points() for name, curve in told.curves.items()}
            for name in ("kid", "diversity"):
                curves[name] = [(check["step"], check["values"][name]) for check in told.checks]
            return Watched(
                run.id,
                _name(run),
                token,
                status.state,
                status.step,
                status.steps,
                status.error,
                health,
                speed,
                left / speed if speed and status.state == "running" else None,
                curves,
                tuple((check["step"], Path(check["samples"])) for check in told.checks),
                tuple(note["text"] for note in told.notes),
                told.last["memory"] if told.last else {},
                told.remedy or remedy_for(health, augment),
                word if word in REMEDIES else None,
            )

    # Words around a run -----------------------------------------------------------------------------------------

    def estimate(self, preset: str, changes: dict[str, Any]) -> float:
        """Seconds that a run will take, from the last run of its kind, or a guess for a slow laptop."""
        values = {**PRESETS[preset], **changes}
        kind = values.get("arch", "dcgan"), int(values.get("size", 64))
        images = int(values.get("images", GanConfig.model_fields["images"].default))
        for run in reversed(self.jobs.all()):
            try:
                config = run.about()["config"]
            except RunError:
                continue
            if (config.get("arch"), config.get("size")) == kind:
                speed = run.speed()
                if speed:
                    return images / max(speed, 0.1)
        return images / GUESSED_SPEED.get(kind, 6.0)

    def command(self, data: str, class_name: str | None, preset: str, changes: dict[str, Any]) -> str:
        """The same from the command line; only what differs from the preset is written out."""
        words = ["steelgui", "train", "gan", "--data", data, *(["--class", class_name] if class_name else [])]
        words += ["--preset", preset]
        for name, value in changes.items():
            flag = name.replace("_", "-")
            if isinstance(value, bool):
                words.append(f"--{flag}" if value else f"--no-{flag}")
            else:
                words += [f"--{flag}", f"{value:g}" if isinstance(value, float) else str(value)]
        return shlex.join(words)


def preset_values(preset: str) -> dict[str, Any]:
    """Every field of a preset's configuration by name; ConfigError for an unknown preset."""
    if preset not in PRESETS:
        raise ConfigError(f"preset: {preset!r} is unknown; choose from {', '.join(PRESETS)}")
    return gan_config({"data": ".", "out": "."}, preset).model_dump()


def changed_from(preset: str, values: dict[str, Any]) -> dict[str, Any]:
    """Of the values in a form, those that differ from the preset's."""
    usual = preset_values(preset)
    return {name: value for name, value in values.items() if value is not None and value != usual[name]}


def _name(run: Run) -> str:
    try:
        return str(run.about()["name"])
    except RunError:
        return run.id


def _row(run: Run) -> RunRow:
    status = run.status()
    try:
        about = run.about()
        config, created = dict(about["config"]), datetime.fromisoformat(str(about["created"])).astimezone()
    except (RunError, KeyError, TypeError, ValueError):
        return RunRow(run.id, _name(run), None, "", None, status.state, 0.0, None, None)
    try:
        kid = float(read_sidecar(run.generator_path)[1]["metrics"]["kid"])
    except (CheckpointError, KeyError, TypeError, ValueError):
        kid = None
    share = min(1.0, status.step / status.steps) if status.steps else 0.0
    network, size = str(config.get("arch", about["kind"])), config.get("size")
    return RunRow(run.id, _name(run), config.get("class_name"), network, size, status.state, share, kid, created)
