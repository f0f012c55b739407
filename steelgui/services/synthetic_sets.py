"""Accepted synthetic pictures, kept by the run that made them: `HOME/synthetic/<run>/<class>/<seed>.png`."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.files import atomic_write
from steelgui.services.synthesis import Synthetic, write_png
from steelgui.settings import Settings

COLUMNS = ("file", "mask", "class", "run", "seed")


def add(settings: Settings, run_id: str, made: Sequence[Synthetic]) -> Path:
    """Write pictures, their masks and the set's manifest; what is there already (same class and seed) is kept once.

    Returns:
        The set's folder, in the layout of class folders with `masks/`.

    Raises:
        OSError: the disk is full; pictures already written stay, and the manifest is the old one.
    """
    folder = settings.synthetic / run_id
    rows = {row["file"]: row for row in manifest(folder)}
    for picture in made:
        name = f"{picture.label}/{picture.seed:010d}.png"
        write_png(picture.image, folder / name)
        mask = ""
        if picture.mask is not None:
            mask = f"masks/{picture.label}/{picture.seed:010d}.png"
            write_png(picture.mask.astype(np.uint8) * 255, folder / mask)
        rows[name] = {
            "file": name,
            "mask": mask,
            "class": picture.label,
            "run": run_id,
            "seed": str(picture.seed),
        }
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, COLUMNS)
    table.writeheader()
    table.writerows(rows[name] for name in sorted(rows))
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write(folder / "manifest.csv", text.getvalue())
    return folder


def manifest(folder: Path) -> list[dict[str, str]]:
    """What a set holds, a row a picture; empty where there is none yet."""
    path = folder / "manifest.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [dict(row) for row in csv.DictReader(file)]
