"""What a comparison trains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self, get_args

from pydantic import BeforeValidator, Field, model_validator

from training.config import ClassifierConfig, RunConfig, SegmenterConfig, parse, split_commas
from training.presets import PRESETS, Preset

#: A start that leaves each model its own.
OWN = "own"


def _presets(value: Any) -> Any:
    return tuple(PRESETS) if value in (["all"], ("all",)) else split_commas(value)


class ComparisonConfig(RunConfig):
    """`train_comparison`: every model with every seed, on one split, each as many pictures seen."""

    models: Annotated[tuple[str, ...], BeforeValidator(_presets)] = Field(
        min_length=1, description="what is compared: presets (all for all), names of timm's networks or of our decoders"
    )
    epochs: int = Field(12, ge=1, le=1000, description="of each training")
    budget: int = Field(
        0, ge=0, description="pictures that each training sees an epoch; 0 for the whole training split"
    )
    seeds: int = Field(3, ge=1, le=20, description="trainings of each model")
    multi_label: bool = Field(
        False, description="several classes a picture; without it, pictures of several are left out of classifiers"
    )
    clean: bool = Field(True, description="defect-free pictures as a class; the thesis's classifiers had defects alone")
    init: str = Field(
        "random",
        description="start of all: random, own (each preset's), imagenet, bundled, pretrained (timm's), or a FILE",
        examples=["random", OWN, "imagenet", "bundled", "pretrained"],
    )
    batch_size: int | None = Field(None, ge=2, le=1024, description="pictures a step; each preset's own if left out")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="peak of the one-cycle schedule")
    at_once: int = Field(0, ge=0, le=16, description="trainings at the same time; 0 for what is fastest here")

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if twice := sorted({name for name in self.models if self.models.count(name) > 1}):
            raise ValueError(f"models: {', '.join(twice)} twice; name each once")
        return self

    def training(self, name: str, seed: int, out: Path, budget: int) -> ClassifierConfig | SegmenterConfig:
        """One training's configuration; ConfigError where it cannot be."""
        preset = preset_of(name)
        values: dict[str, Any] = {
            **preset.values,
            **{field: getattr(self, field) for field in ("data", "precision", "compile", "device", "epochs")},
            "learning_rate": self.learning_rate,
            "out": out,
            "seed": seed,
            "max_per_epoch": budget,
            "patience": self.epochs,
            "resume": (out / "resume.pt").is_file(),
        }
        if self.init != OWN:
            values["init"] = self.init
        if self.batch_size:
            values["batch_size"] = self.batch_size
        if preset.kind == "segmenter":
            return parse(SegmenterConfig, values)
        return parse(ClassifierConfig, {**values, "multi_label": self.multi_label})


def preset_of(name: str) -> Preset:
    """A preset, a decoder of ours, or else what timm is asked for."""
    if name in PRESETS:
        return PRESETS[name]
    decoders = get_args(SegmenterConfig.model_fields["arch"].annotation)
    return Preset("segmenter" if name in decoders else "classifier", {"arch": name})
