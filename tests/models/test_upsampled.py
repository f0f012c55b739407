"""Resizing and convolution as one operation: the same function as one after the other."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from models.upsampled import UpsampledConv2d


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("before", "after"), [(3, 5), (8, 1)])
def test_equals_resizing_then_convolution(before: int, after: int, bias: bool) -> None:
    torch.manual_seed(0)
    layer = UpsampledConv2d(before, after, 3, 1, 1, bias=bias)
    x = torch.randn(2, before, 6, 5, requires_grad=True)
    mine = layer(x)
    plain = F.conv2d(F.interpolate(x, scale_factor=2.0), layer.weight, layer.bias, padding=1)
    torch.testing.assert_close(mine, plain)
    weights = torch.randn_like(plain)
    asked = [x, *layer.parameters()]
    gradients = [torch.autograd.grad((out * weights).sum(), asked) for out in (mine, plain)]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)
