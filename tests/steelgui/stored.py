"""What the history's tests store."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from steelgui.history.files import OWNERS
from steelgui.results import Defect, Inspection, Thresholds
from steelgui.settings import Settings

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def picture(seed: int = 0, height: int = 40, width: int = 64) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def inspection(**changes: Any) -> Inspection:
    mask = np.zeros((40, 64), dtype=bool)
    mask[3:9, 5:20] = True
    made = Inspection(
        verdict="defect",
        label="scratches",
        scores={"scratches": 0.91, "ok": 0.09},
        defects=(Defect("scratches", mask, 90, 3.5156, 1),),
        width=64,
        height=40,
        ms=12.3,
        models={"classifier": "neu-resnet", "segmenter": "severstal-unet"},
        thresholds=Thresholds(score=0.4),
    )
    return replace(made, **changes)


def encoded(image: NDArray[np.uint8], form: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, form)
    return buffer.getvalue()


def files(settings: Settings) -> list[Path]:
    return sorted(path for path in (settings.home / "history").rglob("*") if path.is_file() and path.name != OWNERS)
