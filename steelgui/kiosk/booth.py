"""What the kiosk does, without HTTP: look at a picture, play, show the walk. One for the whole app."""

from __future__ import annotations

import asyncio
import secrets
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from models.imagefile import read_image
from models.sidecar import CheckpointError
from steelgui.kiosk.capture import shrunk, told
from steelgui.kiosk.lock import Lock
from steelgui.kiosk.pictures import Pictures
from steelgui.kiosk.quiz import Best, Quiz
from steelgui.kiosk.walk import render_walk, walk_path
from steelgui.overlay import draw_overlay
from steelgui.services.cameras import STALE, Camera, Shot
from steelgui.services.decision import decide
from steelgui.services.workbench import Workbench
from steelgui.settings import StorageError

#: Visitors who may wait at once; a booth has one, a shared link more.
WAITING = 6
Result = TypeVar("Result")


class Busy(Exception):  # noqa: N818  (a state, and no fault)
    """So many wait already that one more would wait too long."""


class Booth:
    """Light to make; networks load on first use. Nothing of visitors is kept, unless the settings say so."""

    def __init__(self, workbench: Workbench) -> None:
        self.workbench, self.settings = workbench, workbench.settings
        self.lock = Lock(self.settings)
        scores = self.settings.cache / "kiosk-best.json" if self.settings.kiosk_keep else None
        self.quiz = Quiz(Pictures(self.settings), Best(scores))
        self.camera = Camera(self.settings.camera, _say) if self.settings.camera else None
        #: Another one after each start, so that a page that is older than the server loads itself anew.
        self.start_id = secrets.token_hex(4)
        # One thread of its own: a web server's threads come and go, and each keeps memory of its own.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kiosk")
        self._waiting = 0
        self._rendering: threading.Thread | None = None

    async def run(self, call: Callable[..., Result], *arguments: Any) -> Result:
        """Do something that takes a while, one after the other; Busy where too many wait already."""
        if self._waiting >= WAITING:
            raise Busy
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)
        finally:
            self._waiting -= 1

    def plates(self) -> list[Path]:
        """Sample pictures for who has no camera: the square ones, since a strip is hard to read on a booth's screen."""
        return [path for path in self.workbench.samples() if "-tile-" in path.name]

    def inspect(self, source: bytes | Path, keep: bool = False) -> dict[str, Any]:
        """What the page shows of a frame or a plate.

        Args:
            keep: also in the history.

        Raises:
            ImageError, CheckpointError: one sentence each.
        """
        image = shrunk(read_image(source, "camera" if isinstance(source, bytes) else source.name))
        evidence = self.workbench.inspector.look(image)
        inspection = decide(evidence, self.settings.preferences.thresholds)
        if keep:
            name = f"kiosk-{datetime.now():%Y%m%d-%H%M%S}.jpg"
            try:
                self.workbench.history.record(
                    image, inspection, name=name, source="kiosk", overlay=draw_overlay(image, inspection)
                )
            except StorageError as error:
                # The visitor gets the answer all the same.
                _say(str(error))
        return told(evidence, inspection)

    async def shot(self, after: int) -> Shot | None:
        """The server's camera: its newest picture, other than the one of a number; None where none comes."""
        for _ in range(int(STALE * 50)):
            if self.camera is None:
                return None
            shot = self.camera.newest()
            # A page that is older than the server may have a number that is yet to come.
            if shot is not None and shot.number != after:
                return shot
            await asyncio.sleep(0.02)
        return None

    def walk(self) -> Path | None:
        """The rendered walk; None until it is there. Rendering begins once visitors need not wait for the models."""
        path = walk_path(self.settings)
        if path.is_file():
            return path
        if self._rendering is None and self.workbench.ready:
            self._rendering = threading.Thread(target=self._render, name="kiosk-walk", daemon=True)
            self._rendering.start()
        return None

    def _render(self) -> None:
        try:
            render_walk(self.settings)
        except (CheckpointError, OSError) as error:
            # Once a start: the sample plates slide in its place.
            _say(f"the walk cannot be rendered: {error}")


def _say(sentence: str) -> None:
    sys.stderr.write(f"SteelGUI kiosk: {sentence}\n")
