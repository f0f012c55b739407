"""What an experiment compares."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BeforeValidator, Field, model_validator

from training.config import SMALLEST_CROP, ClassifierConfig, LearningConfig, SegmenterConfig, parse, split_commas

#: `both` is synthetic pictures with balanced sampling.
Arm = Literal["plain", "balanced", "synthetic", "both"]
ARMS: tuple[Arm, ...] = get_args(Arm)
#: Arms that learn from synthetic pictures too, and so once for each ratio.
WITH_SYNTHETIC: frozenset[str] = frozenset({"synthetic", "both"})


class ExperimentConfig(LearningConfig):
    """`train_experiment`: every arm with every seed, on the same split and with the same number of steps."""

    task: Literal["classifier", "segmenter"] = Field(
        "classifier", description="what is trained; a segmenter learns from pictures with masks and is judged by dice"
    )
    synthetic: tuple[Path, ...] = Field((), description="sets of synthetic pictures, for the arms that use them")
    arms: Annotated[tuple[Arm, ...], BeforeValidator(split_commas)] = Field(
        ARMS, description="what is compared: plain, balanced, synthetic, both"
    )
    ratios: tuple[float, ...] = Field(
        (1.0,), description="synthetic pictures for each real one, class by class; the best on validation is judged"
    )
    seeds: int = Field(3, ge=1, le=20, description="trainings an arm")
    scarce: tuple[str, ...] = Field((), description="classes that it is about; the scarce ones if left out")
    arch: str = Field("mobilenetv2_100", description="any timm model; a segmenter's encoder")
    epochs: int = Field(12, ge=1, le=1000, description="passes over as many pictures as the real training split holds")
    size: int = Field(
        128,
        ge=32,
        le=1024,
        multiple_of=32,
        description="side of the network's square input, px; a segmenter's training crops are as large",
    )
    at_once: int = Field(0, ge=0, le=16, description="trainings at the same time; 0 for what is fastest here")
    classic: bool = Field(True, description="classic augmentation in every arm: flips, crops, light")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if "plain" not in self.arms or len(set(self.arms)) < len(self.arms):
            raise ValueError("arms: name each once, and plain among them, which the others are compared with")
        if WITH_SYNTHETIC & set(self.arms) and not self.synthetic:
            raise ValueError("the arms synthetic and both need pictures; give --synthetic, or the arms plain balanced")
        if not self.ratios or min(self.ratios) <= 0:
            raise ValueError("ratios must be above 0, one or more")
        if self.task == "segmenter" and self.size < SMALLEST_CROP:
            raise ValueError(f"size is {self.size}; a segmenter needs {SMALLEST_CROP} px or more")
        return self

    def training(
        self, balanced: bool, synthetic: bool, seed: int, out: Path, budget: int
    ) -> ClassifierConfig | SegmenterConfig:
        """One training's configuration; `budget` is the number of real training samples."""
        classic: dict[str, Any] = {} if self.classic else {"flips": False, "zoom": 0.0, "photometric": 0.0}
        shared = (
            *("data", "normal", "precision", "compile", "device"),
            *("init", "epochs", "batch_size", "size", "learning_rate", "average"),
        )
        values = {
            **{name: getattr(self, name) for name in shared},
            **classic,
            "out": out,
            "seed": seed,
            "balanced": balanced,
            "max_per_epoch": budget,
            "real_last": self.real_last if synthetic else 0.0,
            "patience": self.epochs,
            "resume": (out / "resume.pt").is_file(),
        }
        if self.task == "segmenter":
            return parse(SegmenterConfig, {**values, "encoder": self.arch, "crop": self.size})
        return parse(ClassifierConfig, {**values, "arch": self.arch})
