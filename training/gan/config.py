"""A GAN's configuration, and the presets that fill it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from training.config import ConfigError, RunConfig, parse

Loss = Literal["bce", "hinge", "wgan-gp", "relativistic"]


class GanConfig(RunConfig):
    """`train_gan`: pictures of one class, or of all of them by class."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    class_name: str | None = Field(
        None, alias="class", description="class to make pictures of; all of them, by class, if left out"
    )
    arch: Literal["dcgan", "pggan"] = Field("dcgan", description="generator and discriminator")
    size: Literal[32, 64, 128, 256] = Field(64, description="side of the pictures, px")
    colour: bool = Field(False, description="RGB instead of grey")
    masks: bool = Field(False, description="make a mask along with each picture, where the data has masks")
    init: str = Field(
        "random", description="start: random, bundled, or a run, a model's name or the FILE of a checkpoint to adapt"
    )
    freeze_d: int = Field(
        0, ge=0, le=8, description="early layers of the discriminator that an adaptation leaves as the start had them"
    )

    images: int = Field(200_000, ge=1, description="real pictures seen until the end, repeats counted")
    batch_size: int = Field(16, ge=2, le=512, description="pictures a step")
    nz: int = Field(100, ge=8, le=1024, description="length of the random vector behind a picture")
    ngf: int = Field(32, ge=4, le=256, description="width of the generator")
    ndf: int = Field(32, ge=4, le=256, description="width of the discriminator")
    upsample: Literal["transposed", "smoothed", "nearest"] = Field(
        "transposed", description="how a DCGAN's generator doubles the side; smoothed leaves no checkerboard"
    )
    d_norm: Literal["batch", "none"] = Field("batch", description="normalisation in a DCGAN's discriminator")
    spectral_norm: bool = Field(False, description="spectral normalisation of a DCGAN's discriminator")

    loss: Loss = Field("bce", description="bce is the non-saturating loss of the first GANs")
    g_rate: float = Field(2e-4, gt=0, le=0.1, description="Adam's learning rate for the generator")
    d_rate: float = Field(2e-4, gt=0, le=0.1, description="Adam's learning rate for the discriminator")
    beta1: float = Field(0.5, ge=0, lt=1, description="Adam's first momentum")
    beta2: float = Field(0.999, ge=0, lt=1, description="Adam's second momentum")
    decay: float = Field(0.0, ge=0, le=1, description="last part of the run in which the learning rates fall to zero")
    r1: float = Field(0.0, ge=0, description="R1 penalty in units of 0.0002 · size² / batch; 0 switches it off")
    r1_every: int = Field(16, ge=1, le=64, description="steps between two R1 penalties")
    ema: int = Field(
        2_000, ge=0, description="pictures after which a weight's average has forgotten half; 0 for no averaging"
    )
    augment: float = Field(
        0.0,
        ge=0,
        le=1,
        description="part of the pictures that DiffAugment changes before D looks; the start if adaptive",
    )
    augment_target: float = Field(
        0.6, ge=0, le=1, description="adapt `augment` so that D is this sure of real pictures; 0 keeps it fixed"
    )

    flips: Literal["both", "along", "none"] = Field(
        "both",
        description="mirror both ways, or only over a line along the rolling direction (a lying strip's width), which "
        "keeps the direction of rolling; rotations would break it",
    )
    dark: float = Field(10.0, ge=0, le=255, description="tiles with a mean grey up to this are dropped: past the edge")
    fade: float = Field(0.4, ge=0, lt=1, description="part of each PGGAN stage in which it fades in")
    checks: int = Field(20, ge=1, le=500, description="how often in a run samples are drawn and measured")
    check_samples: int = Field(256, ge=16, le=5000, description="generated pictures that a check measures")
    features: str = Field("bundled", description="network that measures: bundled, or the FILE of a MobileNetV2")
    save_minutes: float = Field(2.0, gt=0, description="minutes between two saved states")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.arch == "dcgan" and self.loss == "wgan-gp" and self.d_norm == "batch":
            raise ValueError("wgan-gp needs the gradient of one picture; use d_norm none with it")
        if self.r1 and self.d_norm == "batch" and self.arch == "dcgan":
            raise ValueError("r1 needs the gradient of one picture; use d_norm none with it")
        if self.freeze_d and self.init == "random":
            raise ValueError("freeze_d keeps what a start has learned; give --init with it")
        return self

    @property
    def channels(self) -> int:
        return (3 if self.colour else 1) + self.masks


#: Fields that an adaptation shares with its start: those of which the networks are built, and, since each network wants
#: its own, those of the optimiser.
INHERITED = (
    *("arch", "size", "masks", "colour", "ngf", "ndf", "nz", "upsample", "d_norm", "spectral_norm"),
    *("loss", "g_rate", "d_rate", "beta1", "beta2", "r1"),
)

PRESETS: dict[str, dict[str, Any]] = {
    # Twice the paper's rates: lower KID after 24,000 pictures and after 200,000. At 128² they swing (docs/gan.md).
    "quick": {"arch": "dcgan", "size": 64, "images": 40_000, "g_rate": 4e-4, "d_rate": 4e-4},
    "good": {"arch": "dcgan", "size": 128, "images": 200_000, "ngf": 32, "ndf": 16},
    # What the paper's Adam and rates were made for, with R1 in place of its penalty, which costs a pass more each step.
    "full": {
        "arch": "pggan",
        "size": 256,
        "images": 1_500_000,
        "ngf": 16,
        "ndf": 16,
        "r1": 1.0,
        "beta1": 0.0,
        "beta2": 0.99,
        "g_rate": 1e-3,
        "d_rate": 1e-3,
    },
    # What the thesis trained: BCE, batch norm in both networks, no averaging, no augmentation, Adam as in the paper.
    "thesis": {
        "arch": "dcgan",
        "upsample": "transposed",
        "d_norm": "batch",
        "loss": "bce",
        "batch_size": 32,
        "ema": 0,
        "augment": 0.0,
        "augment_target": 0.0,
        "r1": 0.0,
        "decay": 0.0,
        "flips": "none",
    },
}
"""A preset's fields; what the user gives beside it wins. The thesis's widths follow from the size."""


def gan_config(values: Mapping[str, Any], preset: str | None = None) -> GanConfig:
    """A configuration from a preset and the values given beside it; ConfigError in one sentence."""
    if preset is not None and preset not in PRESETS:
        raise ConfigError(f"preset: {preset!r} is unknown; choose from {', '.join(PRESETS)}")
    merged = {**PRESETS.get(preset or "", {}), **values}
    if preset == "thesis":
        size = int(merged.get("size", 64))
        merged = {"ngf": 64, "ndf": 64 if size <= 64 else 16, **merged}
    return parse(GanConfig, merged)
