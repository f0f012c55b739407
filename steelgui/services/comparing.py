"""Two models of the library judged on the same pictures that neither should know."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from steelgui.services.library import Library

if TYPE_CHECKING:
    from training.experiment.paired import Comparison


def compare_models(
    library: Library, first: str, second: str, data: Path, format: str = "auto", split: str | None = None
) -> Comparison:
    """Judge both on one split of a data set.

    Args:
        first: a model's name or checkpoint; `second` likewise.
        split: its name; the test if the data names one, else validation.

    Raises:
        CheckpointError: a model cannot be used, or the two do not answer the same question.
        DataError, ImageError: the data cannot be read, or is too little.
    """
    from models.checkpoint import load_checkpoint
    from training.data import read_dataset
    from training.experiment.paired import check_alike, compare, judged_split

    a, b = library.entry(first), library.entry(second)
    names = (a.name, b.name) if a.name != b.name else (first, second)
    assert a.spec and b.spec
    check_alike(names, a.spec, b.spec)
    name, samples = judged_split(read_dataset(data, format), split)
    return compare(load_checkpoint(a.path), load_checkpoint(b.path), names, name, samples)
