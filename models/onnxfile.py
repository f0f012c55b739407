"""A network as ONNX, for programs without torch, and how near onnxruntime comes to torch on the same pictures.

onnx and onnxruntime are imported where they are needed: neither the page nor another command is to wait for them.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.checkpoint import Checkpoint
from models.imaging import to_input
from models.sidecar import CheckpointError
from models.spec import NetworkSpec, Tiles
from models.tiling import OVERLAP, PIECES, STRIP_ASPECT, plan_tiles

#: What the exporter of torch writes without converting; onnxruntime has it since 1.14 (2023).
OPSET = 18
INPUT = "images"
#: Greatest difference of scores that is let pass: a quarter of a grey level of our masks, and far from what a wrong
#: weight or activation makes. Rounding alone made 2e-6 (bundled classifier) and 4e-5 (segmenter) on NEU-DET.
TOLERANCE = 1e-3
#: Tiles at once. The first goes alone, so that a graph which holds for one number of pictures only does not pass.
BATCH = 16
_STRIPS: dict[Tiles, str] = {
    "strip": (
        f"a picture longer than {STRIP_ASPECT:g} times its short side is cut into squares that overlap by "
        f"{OVERLAP:g} of their side"
    ),
    "six": f"each picture is cut into {PIECES} along its length, and the logits of the pieces are averaged",
    "whole": "each picture is looked at whole",
}


@dataclass(frozen=True)
class Parity:
    """onnxruntime beside torch.

    Attributes:
        pictures: how many were looked at, in how many `tiles`.
        greatest: the largest absolute difference of two scores or mask probabilities (0 to 1); NaN where one is NaN.
        decisions: the class of a tile (of a multi-label network yes or no to each class), or each pixel of a mask.
        differing: decisions on which the two do not agree.
    """

    pictures: int
    tiles: int
    greatest: float
    decisions: int
    differing: int


class _Scores(nn.Module):
    """A network with its softmax or sigmoid, which who runs it without us would else have to know of."""

    def __init__(self, network: nn.Module, multi_label: bool) -> None:
        super().__init__()
        self.network, self.multi_label = network, multi_label

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)
        return logits.sigmoid() if self.multi_label else logits.softmax(1)


def output_name(spec: NetworkSpec) -> str:
    return "masks" if spec.kind == "segmenter" else "scores"


def metadata(name: str, spec: NetworkSpec) -> dict[str, str]:
    """What a program must know to use the network, as the ONNX file carries it: lists as JSON, the rest as text."""
    (height, width), count = spec.preprocess.shape, len(spec.classes)
    shape = f"N×{count}×{height}×{width}" if spec.kind == "segmenter" else f"N×{count}"
    what = "probability of each class at each pixel" if spec.kind == "segmenter" else "score of each class"
    activation = "sigmoid" if _sigmoid(spec) else "softmax"
    return {
        "name": name,
        "kind": spec.kind,
        "architecture": spec.architecture,
        "classes": json.dumps(spec.classes, ensure_ascii=False),
        "multi_label": json.dumps(_sigmoid(spec)),
        "size": str(height),
        "width": str(width),
        "mean": json.dumps(spec.preprocess.mean),
        "std": json.dumps(spec.preprocess.std),
        "input": (
            f"{INPUT}: N×3×{height}×{width} float32, RGB; resize to {height}×{width} (bilinear, antialiased where it "
            "shrinks, aspect not kept), divide by 255, subtract mean, divide by std"
        ),
        "strips": _STRIPS[spec.preprocess.tiles],
        "output": f"{output_name(spec)}: {shape} float32 from 0 to 1, {what} ({activation})",
    }


def to_onnx(checkpoint: Checkpoint) -> bytes:
    """An ONNX model in one piece, any number of pictures at once, with `metadata`.

    Raises:
        CheckpointError: it is a generator, or torch cannot export its architecture.
    """
    import onnx

    spec = checkpoint.spec
    if spec.kind in ("generator", "anomaly"):
        what = "a generator" if spec.kind == "generator" else "an anomaly detector"
        raise CheckpointError(f"{checkpoint.name} is {what}; ONNX is written of classifiers and segmenters")
    # Two pictures: of one alone the exporter would take the number for fixed.
    example = torch.zeros(2, 3, *spec.preprocess.shape)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch to itself
            program = torch.onnx.export(
                _Scores(checkpoint.network, _sigmoid(spec)).eval(),
                (example,),
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[output_name(spec)],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
            )
        assert program is not None
        model = program.model_proto
    except Exception as error:  # the exporter passes on whatever its parts raise
        reason = str(error).strip().splitlines()[0]
        raise CheckpointError(
            f"{checkpoint.name}: torch cannot write a {spec.architecture} as ONNX ({reason}); export it without --onnx"
        ) from error
    for node in model.graph.node:
        # Where each line of our source lay on this machine is nobody's business, and 2 % of the file.
        del node.metadata_props[:]
    onnx.helper.set_model_props(model, metadata(checkpoint.name, spec))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def parity(model: bytes, checkpoint: Checkpoint, images: Iterable[NDArray[np.uint8]]) -> Parity:
    """Run an ONNX model and the network it was made from on the same tiles of pictures (H×W×3 uint8)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    spec, reference = checkpoint.spec, _Scores(checkpoint.network, _sigmoid(checkpoint.spec)).eval()
    counts = {"pictures": 0, "tiles": 0, "decisions": 0, "differing": 0}

    def tiles() -> Iterator[Tensor]:
        for image in images:
            counts["pictures"] += 1
            yield from to_input(image, plan_tiles(*image.shape[:2], tiles=spec.preprocess.tiles), spec.preprocess)

    greatest = []
    for batch in _batches(tiles()):
        with torch.inference_mode():
            expected = reference(batch)
        found = torch.from_numpy(session.run(None, {INPUT: batch.numpy()})[0])
        greatest.append((found - expected).abs().max())
        ours, theirs = (_decided(scores, spec) for scores in (expected, found))
        counts["tiles"] += len(batch)
        counts["decisions"] += ours.numel()
        counts["differing"] += int((ours != theirs).sum())
    if not greatest:
        raise CheckpointError(f"{checkpoint.name}: there is no picture to compare onnxruntime with torch on")
    return Parity(greatest=float(torch.stack(greatest).max()), **counts)


def _batches(tiles: Iterator[Tensor]) -> Iterator[Tensor]:
    """N×3×S×S: one alone, then `BATCH` at a time."""
    waiting: list[Tensor] = []
    size = 1
    for tile in tiles:
        waiting.append(tile)
        if len(waiting) == size:
            yield torch.stack(waiting)
            waiting, size = [], BATCH
    if waiting:
        yield torch.stack(waiting)


def _decided(scores: Tensor, spec: NetworkSpec) -> Tensor:
    return scores >= 0.5 if _sigmoid(spec) else scores.argmax(1)


def _sigmoid(spec: NetworkSpec) -> bool:
    """A segmenter's maps never add up to one."""
    return spec.multi_label or spec.kind == "segmenter"
