"""torchmetrics and torch's optimisers, without what they load for nothing.

torchmetrics imports `scipy.signal` only to add a name to it; an optimiser's first call imports torch's compiler, only
to say that it need not be compiled. Either takes half as long as all of torch, whenever a training starts. Import them
from here and from nowhere else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TypeVar

import torch
from torch import optim

_SIGNAL = "scipy.signal"
Some = TypeVar("Some", bound=optim.Optimizer)


@contextmanager
def _signal_later() -> Iterator[None]:
    """What is imported inside finds an empty module in `scipy.signal`'s place, with the name that it would add."""
    if _SIGNAL in sys.modules:
        yield
        return
    stand_in = ModuleType(_SIGNAL)
    stand_in.hamming = None  # type: ignore[attr-defined]
    sys.modules[_SIGNAL] = stand_in
    try:
        yield
    finally:
        if sys.modules.get(_SIGNAL) is stand_in:
            del sys.modules[_SIGNAL]


def _eager(cls: type[Some]) -> type[Some]:
    """An optimiser whose methods do not ask the compiler to leave them alone: nobody calls them from compiled code.

    It is not differentiable itself, for which torch's `step` asks, too.
    """
    methods = {
        name: getattr(method, "__wrapped__", method)
        for name in ("add_param_group", "load_state_dict", "state_dict", "step", "zero_grad")
        if (method := getattr(cls, name))
    }
    return type(cls.__name__, (cls,), {**methods, "step": torch.no_grad()(methods["step"])})


with _signal_later():
    from torchmetrics.functional import classification
    from torchmetrics.image.kid import poly_mmd

Adam, AdamW = _eager(optim.Adam), _eager(optim.AdamW)

__all__ = ["Adam", "AdamW", "classification", "poly_mmd"]
