"""Classifiers: any timm network by name, and Grad-CAM on its last feature map."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models import small_cnn  # noqa: F401  timm knows it from now on
from models.libraries import timm
from models.spec import NetworkSpec, is_defect_free
from models.turned import look_eight_ways


def build_classifier(spec: NetworkSpec) -> nn.Module:
    """A timm classifier with one logit a class and random weights; with the argument `turns` it looks eight ways.

    Raises:
        ValueError: timm has no architecture of that name; the message names close ones.
    """
    if not timm.is_model(spec.architecture):
        near = ", ".join(timm.list_models(f"*{spec.architecture.split('_')[0].rstrip('0123456789')}*")[:4])
        raise ValueError(
            f"timm has no classifier called {spec.architecture!r}; " + (f"close: {near}" if near else "try resnet18")
        )
    arguments = {name: value for name, value in spec.arguments.items() if name != "turns"}
    network: nn.Module = timm.create_model(
        spec.architecture, pretrained=False, num_classes=len(spec.classes), **arguments
    )
    return look_eight_ways(network) if spec.arguments.get("turns") else network


def classify(network: nn.Module, images: Tensor, multi_label: bool) -> tuple[Tensor, Tensor]:
    """Scores and the feature maps that `grad_cam` explains them with.

    Args:
        network: a timm model.
        images: N×3×h×w float, normalised.

    Returns:
        N×K scores from 0 to 1 (softmax, or sigmoid for a multi-label network) and the features of the last stage.
    """
    features = network.forward_features(images)  # type: ignore[operator]
    logits = network.forward_head(features)  # type: ignore[operator]
    return (logits.float().sigmoid() if multi_label else logits.float().softmax(1)), features


def grad_cam(network: nn.Module, features: Tensor, targets: Tensor) -> Tensor:
    """Gradient-weighted class activation maps (Selvaraju et al. 2017, section 3), not yet normalised.

    Only the head is run backwards, so this costs next to nothing after `classify`.

    Args:
        features: N×F×h×w as `classify` returned them.
        targets: N int64, the class to explain.

    Returns:
        N×h×w float, ≥ 0; zeros for a network whose features are no map (a transformer's tokens).
    """
    if features.ndim != 4:
        return torch.zeros(len(features), 1, 1)
    with torch.enable_grad():
        leaf = features.detach().float().requires_grad_()
        logits = network.forward_head(leaf)  # type: ignore[operator]
        (gradient,) = torch.autograd.grad(logits.gather(1, targets[:, None]).sum(), leaf)
    return torch.relu((gradient.mean((2, 3), keepdim=True) * leaf.detach()).sum(1))


def pool_tiles(scores: Tensor, spec: NetworkSpec) -> Tensor:
    """N×K scores of a picture's tiles → K.

    Of overlapping tiles the highest score of each defect, and of the defect-free class the lowest; of pieces that were
    cut without regard to what they show, the score of their averaged logits, as such a network is trained.
    """
    if spec.preprocess.tiles == "six":
        # Of a softmax the logits come back but for a constant a tile, which the second softmax takes out again.
        if spec.multi_label:
            return scores.logit(eps=1e-7).mean(0).sigmoid()
        return scores.clamp(min=1e-38).log().mean(0).softmax(0)
    pooled = scores.amax(0)
    for index, name in enumerate(spec.classes):
        if is_defect_free(name):
            pooled[index] = scores[:, index].amin(0)
    return pooled
