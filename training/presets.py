"""Recipes by name: the thesis's models as it prepared pictures for them, and ours beside them. Literal, needs no torch.

The thesis started ResNet and EfficientNet from ImageNet's weights. A machine without a network has none, so that all of
its models start from random weights here; `--init pretrained` beside the preset downloads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from training.config import ConfigError

Kind = Literal["classifier", "segmenter"]


@dataclass(frozen=True)
class Preset:
    """`values` are fields of the kind's configuration; what is given beside a preset wins."""

    kind: Kind
    values: Mapping[str, Any]


#: Mirrored both ways and nothing else: rotations would break the rolling direction (the thesis's section 3.5.1).
_FLIPS = {"flips": True, "rotations": False, "zoom": 0.0, "photometric": 0.0, "init": "random"}
#: Six pieces a picture: four pictures of the deeper ones already take 5 to 10 GB to learn from.
_SIX = {**_FLIPS, "size": 224, "tiles": "six", "label_smoothing": 0.0, "batch_size": 4}
_WIDE = {**_FLIPS, "size": 100, "width": 625, "tiles": "whole", "label_smoothing": 0.0}

PRESETS: dict[str, Preset] = {
    "mobilenetv2": Preset("classifier", {}),
    "thesis-cnn": Preset(
        "classifier",
        {**_FLIPS, "arch": "small_cnn", "size": 32, "width": 200, "tiles": "whole", "label_smoothing": 0.0,
         "epochs": 50},
    ),
    "thesis-resnet18": Preset("classifier", {**_SIX, "arch": "resnet18"}),
    "thesis-resnet34": Preset("classifier", {**_SIX, "arch": "resnet34"}),
    "thesis-resnet50": Preset("classifier", {**_SIX, "arch": "resnet50"}),
    "thesis-resnet101": Preset("classifier", {**_SIX, "arch": "resnet101"}),
    "thesis-resnet152": Preset("classifier", {**_SIX, "arch": "resnet152"}),
    "thesis-efficientnet-b0": Preset("classifier", {**_WIDE, "arch": "efficientnet_b0"}),
    "thesis-efficientnet-b3": Preset("classifier", {**_WIDE, "arch": "efficientnet_b3"}),
    "unet": Preset("segmenter", {}),
    "thesis-unet": Preset(
        "segmenter",
        {**_FLIPS, "arch": "elu_unet", "size": 256, "width": 1600, "tiles": "whole", "dice_weight": 0.5,
         "batch_size": 16, "epochs": 100},
    ),
}  # fmt: skip


def names(kind: Kind) -> tuple[str, ...]:
    return tuple(name for name, preset in PRESETS.items() if preset.kind == kind)


def preset_values(name: str | None, kind: Kind) -> dict[str, Any]:
    """A preset's fields; none without a name. ConfigError for one that is unknown, or of the other kind."""
    if name is None:
        return {}
    if name not in names(kind):
        raise ConfigError(f"preset: there is no {kind}'s preset {name!r}; choose from {', '.join(names(kind))}")
    return dict(PRESETS[name].values)
