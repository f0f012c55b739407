"""What the models of an experiment see in a picture."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from steelgui.results import Evidence
from steelgui.services.inspection import Inspector

#: Models that stay in memory: one picture after the other is asked of the same two, before and after.
KEPT = 2


class HeatMaps:
    """Models by file; the ones asked last stay loaded, since loading one takes about a second."""

    def __init__(self) -> None:
        self._classifier = lru_cache(maxsize=KEPT)(lambda path: Inspector(path, None))
        self._segmenter = lru_cache(maxsize=KEPT)(lambda path: Inspector(None, path))

    def look(self, image: NDArray[np.uint8], model: Path, marks: bool = False) -> Evidence:
        """Scores and heat map of an H×W×3 uint8 picture, or a segmenter's probabilities (`marks`).

        Raises:
            CheckpointError: the file cannot be used, or is of the other kind.
        """
        return (self._segmenter if marks else self._classifier)(model).look(image)
