"""Frozen, validated configurations; help, bounds and choices sit on the fields, CLI and forms are made from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.spec import Preprocess, Tiles

#: Side of the smallest crop that a segmenter learns from, px.
SMALLEST_CROP = 64


class RunConfig(BaseModel):
    """What every training shares."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Field(description="folder of the data set")
    format: Literal["auto", "folders", "severstal", "masks", "mvtec", "coco", "labelme", "yolo", "workspace"] = Field(
        "auto", description="layout of the data set"
    )
    out: Path = Field(description="folder for the best checkpoint, its card and the resume state")
    normal: str | None = Field(None, description="class of the good parts, where its name does not say so (A, 1, …)")
    fold: int | None = Field(None, ge=0, description="of folds.csv: the fold to hold out; all others train")
    seed: int = Field(0, ge=0, description="of weights, order and augmentation")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="autocast; auto takes bf16 where the machine is fast at it"
    )
    compile: bool = Field(
        False, description="torch.compile the network: a minute to start, and faster on some machines only; try it"
    )
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps")
    resume: bool = Field(False, description="go on from the last saved state in OUT")

    @property
    def best(self) -> Path:
        """The checkpoint that a finished training leaves, named after the folder it was asked for."""
        return self.out / f"{self.out.resolve().name}.safetensors"


#: Starts that have a name; a FILE will do as well.
STARTS = ("bundled", "imagenet", "pretrained", "random")


class LearningConfig(RunConfig):
    """What a training and an experiment, which is many of them, share."""

    init: str = Field(
        "bundled",
        description="start: bundled (our steel backbone), imagenet (a MobileNetV2 that knows no steel), pretrained "
        "(timm's download), random, or a FILE",
        examples=list(STARTS),
    )
    batch_size: int = Field(32, ge=2, le=1024, description="images a step")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="peak of the one-cycle schedule")
    average: float = Field(
        0.0,
        ge=0,
        le=1,
        description="last part of the epochs whose networks are averaged into one (SWA), where validation jumps from "
        "epoch to epoch",
    )
    min_confidence: float = Field(0.0, ge=0, le=1, description="of synthetic pictures: the classifier's, at least")
    min_distance: float = Field(
        0.0, ge=0, le=10, description="of synthetic pictures: how far from the nearest training picture, at least"
    )
    real_last: float = Field(
        0.0, ge=0, lt=1, description="last part of the epochs in which only real pictures are looked at"
    )


class TrainConfig(LearningConfig):
    """What a classifier's and a segmenter's training share."""

    epochs: int = Field(12, ge=1, le=1000, description="passes over the training split")
    start_rate: float = Field(
        0.3, gt=0, le=1, description="learning rate of layers taken from the start, as a part of the new layers' rate"
    )
    weight_decay: float = Field(0.01, ge=0, le=1, description="AdamW's decay")
    size: int = Field(224, ge=32, le=1024, description="height of the network's input, px; its side where square")
    width: int | None = Field(None, ge=32, le=2048, description="width of an input that is not square, px")
    tiles: Tiles = Field(
        "strip",
        description="how a picture is looked at: a strip in overlapping squares, cut in six along its length (logits "
        "averaged), or whole",
    )
    balanced: bool = Field(False, description="draw every class equally often")
    zoom: float = Field(0.5, ge=0, le=1, description="part of the samples that are crops around a defect")
    flips: bool = Field(True, description="mirror along and across the rolling direction")
    rotations: bool = Field(False, description="also quarter turns (they break the rolling direction)")
    affine: float = Field(
        0.0,
        ge=0,
        le=0.3,
        description="random stretch and shift by up to this part of a picture's sides, and turn by up to this part of "
        "a right angle, for parts that do not always lie alike",
    )
    photometric: float = Field(0.3, ge=0, le=1, description="strength of brightness, contrast, gamma and noise jitter")
    exposure: float = Field(
        0.0,
        ge=0,
        le=4,
        description="random exposure, stops: 2 is down to a quarter of the brightness, and half a stop up",
    )
    clean_crops: int = Field(
        0, ge=0, le=64, description="defect-free crops cut from outside each training mask, as class none"
    )
    demo_strips: int = Field(0, ge=0, le=5000, description="rendered strips added to the training split")
    demo_even: bool = Field(False, description="render every class equally often instead of as at Severstal")
    max_per_epoch: int = Field(0, ge=0, description="samples drawn an epoch; 0 for all")
    patience: int = Field(8, ge=1, description="epochs without progress before stopping early")
    settle: int = Field(
        0, ge=0, description="batches on which batch norm's statistics are measured anew before each validation"
    )
    synthetic: tuple[Path, ...] = Field((), description="sets of synthetic pictures that join the training split")
    ratio: float = Field(1.0, gt=0, le=100, description="synthetic pictures for each real one, class by class")

    @model_validator(mode="after")
    def _input_fits(self) -> Self:
        if self.tiles == "strip" and self.size % 32:
            raise ValueError(
                f"size is {self.size}; it must be a multiple of 32 (any will do with --tiles six or whole)"
            )
        if self.width is not None and self.tiles != "whole":
            raise ValueError(f"width is {self.width}, but tiles are square; give it with --tiles whole")
        if self.rotations and self.width not in (None, self.size):
            raise ValueError("rotations need a square input; leave width or rotations out")
        return self

    def in_last(self, part: float, epoch: int) -> bool:
        """Is `epoch`, from 1, in that last part of them, 0 to 1?"""
        return epoch > self.epochs * (1 - part)

    @property
    def preprocess(self) -> Preprocess:
        return Preprocess(self.size, width=self.width, tiles=self.tiles)


class ClassifierConfig(TrainConfig):
    """`train_classifier`: one label a picture, or several."""

    arch: str = Field("mobilenetv2_100", description="any timm model")
    multi_label: bool = Field(False, description="several classes may hold at once (sigmoid)")
    label_smoothing: float = Field(0.05, ge=0, le=0.5, description="softens the targets of a single-label training")
    turns: bool = Field(
        False,
        description="judge a picture by the mean of its eight turns and mirror images: surer for parts that lie as "
        "they come, at eight times the time",
    )

    @model_validator(mode="after")
    def _turns_fit(self) -> Self:
        if self.turns and self.width not in (None, self.size):
            raise ValueError("turns need a square input; leave width or turns out")
        return self


class SegmenterConfig(TrainConfig):
    """`train_segmenter`: one mask a defect class."""

    arch: Literal["unet", "unetplusplus", "fpn", "linknet", "deeplabv3plus", "elu_unet"] = Field(
        "unet", description="decoder; elu_unet is one of its own, without an encoder"
    )
    encoder: str = Field("mobilenetv2_100", description="any timm model that gives feature maps")
    decoder_channels: tuple[int, ...] | None = Field(
        (128, 64, 32, 24, 16), description="widths of a U-Net's decoder, deepest first"
    )
    crop: int = Field(160, ge=SMALLEST_CROP, le=1024, multiple_of=32, description="side of the training crops, px")
    boxes: bool = Field(True, description="train on a box where only a box is known (not used in any metric)")
    anomalies: int = Field(
        0,
        ge=0,
        le=20_000,
        description="extra training pictures with an anomaly drawn on a defect-free part, as the data's only class of "
        "defects, or as the class anomaly",
    )
    dice_weight: float = Field(0.5, ge=0, le=1, description="part of dice in BCE + dice")
    dice_of: Literal["batch", "picture"] = Field(
        "batch",
        description="what the dice loss is measured over; of each picture, as masks are judged, small defects count as "
        "much as large ones",
    )
    dice_absent: float = Field(
        0.0,
        ge=0,
        le=1,
        description="weight, in the dice loss, of classes that are not there, beside 1 of those that are; more of it "
        "leaves fewer specks of them, and may silence a rare class",
    )

    @model_validator(mode="after")
    def _crop_fits(self) -> Self:
        if self.tiles == "six":
            raise ValueError("tiles: a segmenter looks at strip or whole; six is for classifiers")
        if (self.size % 32 or (self.width or 32) % 32) and self.tiles == "whole":
            raise ValueError(
                f"a segmenter's input is {self.size}×{self.width or self.size}; both must be multiples of 32"
            )
        if self.tiles == "strip" and self.crop > self.size:
            raise ValueError(f"crop is {self.crop}; it must not exceed size, {self.size}")
        return self


def split_commas(value: Any) -> Any:
    """Names with commas between them will do on a command line."""
    return (
        [part for item in value for part in str(item).split(",") if part] if isinstance(value, (list, tuple)) else value
    )


ConfigT = TypeVar("ConfigT", bound=BaseModel)


class ConfigError(ValueError):
    """A configuration is wrong; the message names the field and what would be right."""


def parse(kind: type[ConfigT], values: dict[str, Any]) -> ConfigT:
    """Validate; ConfigError in one sentence instead of pydantic's list."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name, said = ".".join(str(part) for part in first["loc"]), first["msg"].removeprefix("Value error, ")
        if first["type"] == "missing":
            raise ConfigError(f"{name} is missing; give --{name} or put it into --config FILE") from None
        if not name:  # fields that do not fit together: the input is all of them, and the sentence names them
            raise ConfigError(said) from None
        raise ConfigError(f"{name}: {said} (got {first['input']!r})") from None
