"""What the GAN Studio shows: a data set's classes, and a run as curves, samples and words."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.spec import is_defect_free
from steelgui.services.jobs import Jobs
from steelgui.settings import Settings
from training.config import ConfigError
from training.data import read_dataset
from training.data.strips import EVEN_COUNTS, render_dataset
from training.gan.config import PRESETS, GanConfig, gan_config
from training.gan.health import Health, diagnose
from training.runs import Run, RunError, State

#: Points a curve: more make a browser slow and no line clearer.
POINTS = 400
#: A class with less than this part of the largest one's pictures is scarce.
SCARCE = 0.25
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
        eta: seconds to go, None where that is unknown.
    """

    id: str
    name: str
    token: str
    state: State
    step: int
    steps: int
    error: str | None
    health: Health
    speed: float
    eta: float | None
    curves: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    samples: tuple[tuple[int, Path], ...] = ()
    notes: tuple[str, ...] = ()


class Studio:
    """No state of its own: the folders are the truth."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.jobs = Jobs(settings)

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
        most = max(counts.values(), default=0)
        return [
            ClassCount(name, count, count < SCARCE * most)
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
        """Make a run and start its worker; ConfigError in one sentence where a value is wrong."""
        values = {**changes, "data": data, "out": self.jobs.root, "class_name": class_name}
        config = gan_config(values, preset)
        stored = config.model_dump(mode="json", exclude={"out", "resume"})
        run = self.jobs.create("gan", stored, f"{class_name or 'all classes'} {config.arch} {config.size}²")
        self.jobs.start(run)
        return run

    def runs(self) -> list[tuple[str, str]]:
        """(what it is called and how it stands, id), the newest first."""
        rows = []
        for run in reversed(self.jobs.all()):
            try:
                rows.append((str(run.about()["name"]), run.id))
            except RunError:
                rows.append((run.id, run.id))
        return rows

    def busy_with(self) -> str | None:
        """Name of the run that computes at present."""
        for run in self.jobs.all():
            if run.status().state == "running":
                return str(run.about()["name"])
        return None

    def token(self, run: Run) -> str:
        """Cheap to ask each second; equal as long as nothing new happened."""
        marks = []
        for path in (run.events_path, run.folder / "status.json"):
            try:
                found = path.stat()
                marks.append(f"{found.st_size}-{found.st_mtime_ns}")
            except OSError:
                marks.append("-")
        return "/".join([run.id, *marks, run.status().state])

    def watch(self, run: Run) -> Watched:
        token, status = self.token(run), run.status()
        try:
            name = str(run.about()["name"])
        except RunError:
            name = run.id
        events = list(run.events())
        steps = [event for event in events if event["kind"] == "step"]
        checks = [event for event in events if event["kind"] == "checked"]
        speed = float(steps[-1]["images_per_s"]) if steps else 0.0
        left = status.steps - status.step
        return Watched(
            run.id,
            name,
            token,
            status.state,
            status.step,
            status.steps,
            status.error,
            diagnose(steps, checks),
            speed,
            left / speed if speed and status.state == "running" else None,
            _curves(steps, checks),
            tuple((int(check["step"]), Path(check["samples"])) for check in checks),
            tuple(str(event["text"]) for event in events if event["kind"] == "note"),
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
                speeds = [float(event["images_per_s"]) for event in run.events() if event["kind"] == "step"]
                if speeds:
                    return images / max(speeds[-1], 0.1)
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


def _curves(steps: list[dict[str, Any]], checks: list[dict[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    names = ("g", "d", "real", "fake", "depth")
    curves = {
        name: _thinned([(int(s["step"]), float(s["losses"][name])) for s in steps if name in s["losses"]])
        for name in names
    }
    for name in ("kid", "diversity"):
        curves[name] = [(int(check["step"]), float(check["values"][name])) for check in checks]
    return curves


def _thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """At most `POINTS`, each the mean of its neighbours, so that a thinned curve does not flicker."""
    if len(points) <= POINTS:
        return points
    width = len(points) / POINTS
    thinned = []
    for index in range(POINTS):
        part = points[int(index * width) : int((index + 1) * width)]
        thinned.append((part[-1][0], sum(value for _, value in part) / len(part)))
    return thinned
