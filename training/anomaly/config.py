"""The configuration of an anomaly detector's training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from training.config import STARTS, RunConfig


class AnomalyConfig(RunConfig):
    """`train_anomaly`: from good parts only."""

    method: Literal["memory-bank", "cutpaste", "autoencoder", "combined", "discriminative"] = Field(
        "memory-bank", description="how to tell good from strange; memory-bank is ready in a minute"
    )
    parts: tuple[Literal["cutpaste", "autoencoder", "discriminative", "memory-bank"], ...] = Field(
        ("cutpaste", "autoencoder"), min_length=2, description="of a combined method: what is joined"
    )
    normal: str | None = Field(None, description="class of the good pictures; the defect-free one if left out")
    clean_crops: int = Field(
        0,
        ge=0,
        le=64,
        description="for data without a good class: defect-free crops cut from outside each training mask",
    )
    false_alarms: float = Field(
        0.05, gt=0, lt=1, description="part of the good pictures that may be called strange; sets the threshold"
    )
    init: str = Field(
        "bundled",
        description="start: bundled (our steel backbone), imagenet (a MobileNetV2 that knows no steel), pretrained "
        "(timm's download), random, or a FILE",
        examples=list(STARTS),
    )
    encoder: str = Field("mobilenetv2_100", description="any timm model that gives feature maps")
    layers: tuple[int, ...] = Field(
        (2, 3), min_length=1, description="stages of the encoder for a memory bank's and CutPaste's map, from 0"
    )
    size: int = Field(224, ge=64, le=1024, multiple_of=32, description="side of the network's square input, px")
    bank: int = Field(2000, ge=16, le=50_000, description="of a memory bank: patches that it keeps at most")
    folds: int = Field(
        4,
        ge=2,
        le=20,
        description="parts of the good pictures, each judged by what the others taught, for the threshold; the "
        "trained methods keep back one part",
    )
    steps: int = Field(300, ge=1, le=100_000, description="of a trained method: steps, of a combined one for each part")
    batch_size: int = Field(8, ge=2, le=512, description="of a trained method: good pictures a step")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="of a trained method: peak of the one-cycle schedule")
    flips: bool = Field(True, description="of a trained method: mirror along and across the rolling direction")

    @field_validator("parts")
    @classmethod
    def _each_once(cls, parts: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(parts)) < len(parts):
            raise ValueError("name each part once")
        return parts
