"""Which of the pictures that were called good look as if they were not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from training.data.record import Sample

#: So many robust standard deviations above the median of all is odd, on the logarithm of the score.
ODD = 4.5
#: Few pictures may be alike by chance: none is odd that is not two fifths above the median.
LEAST = 0.075
#: Named at most in one sentence.
NAMED = 5


def odd_scores(scores: Tensor) -> Tensor:
    """Which of N scores of good pictures stand out upwards: N bool.

    By median and median absolute deviation of the logarithm (Iglewicz & Hoaglin 1993), which a few bad pictures among
    the good hardly move. 1.4826 makes it the standard deviation of a normal distribution.
    """
    logs = scores.clamp(min=1e-6).log()
    median = logs.median()
    spread = (logs - median).abs().median() * 1.4826
    return (logs - median) / spread.clamp(min=LEAST) > ODD


def odd_pictures(samples: Sequence[Sample], scores: Tensor) -> list[Path]:
    """Good pictures that look strange, the strangest first."""
    numbers = torch.nonzero(odd_scores(scores))[:, 0]
    order = numbers[scores[numbers].argsort(descending=True)].tolist()
    return list(dict.fromkeys(samples[number].image for number in order))


def odd_ones(samples: Sequence[Sample], scores: Tensor) -> list[str]:
    """A warning that names the good pictures which look strange, the strangest first; empty where none does."""
    names = [picture.name for picture in odd_pictures(samples, scores)]
    if not names:
        return []
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return [
        f"beside the other good pictures these look strange ({len(names)}): {', '.join(names[:NAMED])}{more}; "
        "take out what shows a defect and train again"
    ]
