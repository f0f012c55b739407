"""Inspecting needs no compiler, and whoever does need it still gets it."""

from __future__ import annotations

import torch
from fresh import said

from models.libraries import NothingToFill

COMPILER = "print(sorted({'torch._dynamo', 'torch._dynamo.utils', 'torch._inductor', 'sympy'} & set(sys.modules)))\n"


def test_an_inspection_loads_no_compiler() -> None:
    code = """
import sys
import numpy as np
from steelgui.services.inspection import Inspector
from steelgui.settings import weights_folder
inspector = Inspector(*(weights_folder() / f"neu-{kind}.safetensors" for kind in ("classifier", "segmenter")))
print(inspector.look(np.zeros((200, 200, 3), np.uint8)).probabilities.shape[1:])
"""
    assert said(code + COMPILER) == ["(200, 200)", "[]"]


def test_what_was_put_off_works_when_it_is_called() -> None:
    code = """
import sys, torch
from models.libraries import timm, _disable
import torchvision
assert torch.compiler.disable.__module__ == "torch.compiler"
boxes = torch.tensor([[0.0, 0.0, 0.0, 4.0, 4.0]])
print(tuple(torchvision.ops.roi_align(torch.ones(1, 3, 8, 8), boxes, 2).shape))
network = torch.compile(torch.nn.Linear(2, 2), backend="eager")
print(tuple(network(torch.ones(1, 2)).shape))

@_disable
def twice(x): return 2 * x

@_disable(recursive=False)
def thrice(x): return 3 * x

print(twice(2), thrice(2))
"""
    assert said(code) == ["(1, 3, 2, 2)", "(1, 2)", "4 6"]


def test_only_what_has_no_values_is_not_filled() -> None:
    torch.manual_seed(0)
    plain = torch.nn.init.kaiming_normal_(torch.empty(4, 4)), torch.empty(4).normal_()
    torch.manual_seed(0)
    with NothingToFill():
        same = torch.nn.init.kaiming_normal_(torch.empty(4, 4)), torch.empty(4).normal_()
        ghost = torch.nn.init.normal_(torch.empty(4, 4, device="meta"), mean=1.0)
    assert all(map(torch.equal, plain, same))
    assert ghost.is_meta and ghost.shape == (4, 4)
