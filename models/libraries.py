"""timm and segmentation_models.pytorch, imported without torch's compiler.

Both pull it in (torch._dynamo, with sympy and the code generators) only to ask or to decorate, which takes as long as
all of torch. Whoever compiles a network imports it then. Import the two from here and from nowhere else.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_UTILITIES = "torch._dynamo.utils"


@contextmanager
def _compiler_later() -> Iterator[None]:
    """What is imported inside finds in the compiler's place what imports it at its first call."""
    disable = torch.compiler.disable
    torch.compiler.disable = _disable  # timm decorates a method with it
    stand_in = None
    if _UTILITIES not in sys.modules:
        stand_in = ModuleType(_UTILITIES)
        stand_in.is_compile_supported = _is_compile_supported  # type: ignore[attr-defined]  # torchvision's RoI align
        sys.modules[_UTILITIES] = stand_in
    try:
        yield
    finally:
        torch.compiler.disable = disable
        if sys.modules.get(_UTILITIES) is stand_in:
            sys.modules.pop(_UTILITIES)


def _disable(fn: Callable[..., Any] | None = None, *settings: Any, **named: Any) -> Callable[..., Any]:
    if fn is None:
        return lambda fn: _disable(fn, *settings, **named)

    @functools.wraps(fn)
    def call(*arguments: Any, **more: Any) -> Any:
        return torch.compiler.disable(fn, *settings, **named)(*arguments, **more)  # type: ignore[no-untyped-call]

    return call


def _is_compile_supported(device: str) -> bool:
    from torch._dynamo.utils import is_compile_supported

    return bool(is_compile_supported(device))


with _compiler_later():
    import segmentation_models_pytorch as smp
    import timm


class NothingToFill(TorchFunctionMode):
    """Tensors on the device `meta` have no values, and are not filled with random ones.

    segmentation_models.pytorch builds an encoder there to see its widths; torch would import its compiler for the
    random numbers. Tensors on real devices are filled as ever.
    """

    FILLS = frozenset({"normal_", "uniform_", "trunc_normal_", "kaiming_normal_", "kaiming_uniform_"})

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        tensor = args[0] if args else kwargs.get("tensor")
        if isinstance(tensor, Tensor) and tensor.is_meta and getattr(func, "__name__", "") in self.FILLS:
            return tensor
        return func(*args, **kwargs)


__all__ = ["NothingToFill", "smp", "timm"]
