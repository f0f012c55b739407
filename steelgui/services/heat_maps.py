"""What the models of an experiment look at in a picture."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from steelgui.results import Evidence
from steelgui.services.inspection import Inspector

#: Classifiers that stay in memory: one picture after the other is asked of the same two, before and after.
KEPT = 2


class HeatMaps:
    """Classifiers by file; the ones asked last stay loaded, since loading one takes about a second."""

    def __init__(self) -> None:
        self._inspector = lru_cache(maxsize=KEPT)(lambda path: Inspector(path, None))

    def look(self, image: NDArray[np.uint8], classifier: Path) -> Evidence:
        """Scores and heat map of an H×W×3 uint8 picture; CheckpointError where the file is no classifier."""
        return self._inspector(classifier).look(image)
