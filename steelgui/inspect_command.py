"""`steelgui inspect`: pictures, folders of them and videos, from a shell."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.files import atomic_path
from models.imagefile import ImageError, read_image
from steelgui.console import print_json, print_line, say, settings_from
from steelgui.history import History
from steelgui.overlay import draw_overlay
from steelgui.results import Inspection, Thresholds
from steelgui.services.decision import decide
from steelgui.services.inspection import Inspector
from steelgui.services.library import Library
from steelgui.services.videos import VIDEO_SUFFIXES, VideoError, read_frames
from steelgui.services.workbench import pictures
from training.config import ConfigError


@dataclass(frozen=True)
class Seen:
    """What is looked at: a picture, or one frame of a video.

    Attributes:
        where: what its JSON object starts with.
        title: what its line starts with, and its name in the history, less the folder.
        suffix: tells the overlays of one video's frames apart.
        original: the file to keep in the history; None of a frame, which has none.
    """

    image: NDArray[np.uint8]
    where: dict[str, Any]
    title: str
    suffix: str = ""
    original: Path | None = None


def inspect(arguments: argparse.Namespace) -> int:
    settings = settings_from(arguments)
    library = Library(settings)
    paths_of = dict(zip(("classifier", "segmenter", "detector"), library.together(), strict=True))
    for kind in paths_of:
        if name := getattr(arguments, kind):
            paths_of[kind] = None if name == "none" else library.find(name)
    wanted = settings.preferences
    inspector = Inspector(**paths_of, device=wanted.device)
    thresholds = Thresholds(
        wanted.score if arguments.threshold is None else arguments.threshold,
        wanted.min_area if arguments.min_area is None else arguments.min_area,
        wanted.gate,
        _rate(arguments.false_alarms, wanted.false_alarms),
    )
    paths = pictures(arguments.paths)
    if not paths:
        raise ImageError("no_pictures", name=arguments.paths[0])
    _check_frames(arguments, paths)
    history = None
    if arguments.record:
        settings.prepare()
        history = History(settings)
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
    failed = defects = 0
    written: dict[str, int] = {}
    for path in paths:
        # Pictures of one name from two folders must not overwrite each other.
        written[path.stem] = written.get(path.stem, 0) + 1
        stem = f"{path.stem}-{written[path.stem]}" if written[path.stem] > 1 else path.stem
        try:
            for seen in _seen(path, arguments):
                inspection = decide(inspector.look(seen.image), thresholds)
                overlay = draw_overlay(seen.image, inspection)
                if arguments.out:
                    with atomic_path(arguments.out / f"{stem}{seen.suffix}.png") as temporary:
                        Image.fromarray(overlay).save(temporary, "PNG")
                if history:
                    name, source = Path(seen.title).name, "cli" if seen.original else "video"
                    history.record(
                        seen.image, inspection, name=name, source=source, overlay=overlay, original=seen.original
                    )
                defects += inspection.verdict == "defect"
                _tell(seen, inspection, arguments.json)
        except (ImageError, VideoError) as error:
            failed += 1
            say(str(error))
    if failed:
        say(f"{failed} of {len(paths)} files could not be inspected")
    return int(failed > 0 or (arguments.fail_on_defect and defects > 0))


def _rate(given: float | None, wanted: float) -> float:
    if given is not None and not 0 < given < 1:
        raise ConfigError("--false-alarms: give a part of good pictures, above 0 and below 1; 0.01 is 1 in 100")
    return wanted if given is None else given


def _check_frames(arguments: argparse.Namespace, paths: list[Path]) -> None:
    if arguments.every is not None and arguments.every < 1:
        raise ConfigError("--every: give 1 or more frames")
    if arguments.fps is not None and not 0 < arguments.fps < 1000:
        raise ConfigError("--fps: give a number of frames a second, above 0 and below 1000")
    if (arguments.every or arguments.fps) and not any(_is_video(path) for path in paths):
        raise ConfigError(f"--every and --fps are for videos ({' '.join(sorted(VIDEO_SUFFIXES))}); none is named")


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES


def _seen(path: Path, arguments: argparse.Namespace) -> Iterator[Seen]:
    if not _is_video(path):
        yield Seen(read_image(path), {"path": str(path)}, str(path), original=path)
        return
    for frame in read_frames(path, every=arguments.every or 1, per_second=arguments.fps):
        yield Seen(
            frame.image,
            {"path": str(path), "frame": frame.number, "time": round(frame.seconds, 3)},
            f"{path} {frame.seconds:.2f} s",
            f"-{frame.number:06d}",
        )


def _tell(seen: Seen, inspection: Inspection, as_json: bool) -> None:
    if as_json:
        print_json({**seen.where, **inspection.to_json()})
        return
    score = inspection.scores.get(inspection.label)
    masks = ", ".join(f"{d.name} {d.area_px} px ({d.area_pct:.2f} %)" for d in inspection.defects)
    shown = f"{inspection.label} {score:.2f}" if score is not None else inspection.label
    found = inspection.anomaly
    strange = f"  anomaly {found.score:.3g} (threshold {found.threshold:.3g})" if found else ""
    print_line(f"{seen.title}: {inspection.verdict.upper()}  {shown}  {masks}{strange}  {inspection.ms:.0f} ms")
