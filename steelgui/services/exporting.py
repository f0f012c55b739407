"""Models taken elsewhere as ONNX, once onnxruntime has said the same as torch on real pictures."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from models.files import atomic_path
from models.imagefile import read_image
from models.onnxfile import OPSET, TOLERANCE, Parity, metadata, parity, to_onnx
from models.sidecar import CheckpointError, write_sidecar
from steelgui.settings import assets_folder
from training.data import read_dataset
from training.data.listing import list_images

#: Pictures that are looked at; of a larger data set so many, evenly spread.
PICTURES = 200


@dataclass(frozen=True)
class Exported:
    """Weights, card and ONNX lie side by side; `metadata` is what the ONNX file says of itself."""

    path: Path
    onnx: Path
    metadata: dict[str, str]
    parity: Parity


def export_onnx(file: Path, out: Path, data: Path | None = None, tolerance: float = TOLERANCE) -> Exported:
    """Write `out`/NAME.onnx beside a copy of weights and card; the card then tells of it under `onnx`.

    Args:
        file: a checkpoint.
        data: a data set, or a folder of pictures, to compare on; the bundled samples where it is None.
        tolerance: greatest difference of scores (0 to 1) that is let pass.

    Raises:
        CheckpointError: it cannot be loaded or exported, or onnxruntime differs by more. Nothing is written then.
        DataError, ImageError: there are no pictures, or one cannot be read.
        OSError: the disk is full.
    """
    from models.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(file)
    images = pictures(data)
    model = to_onnx(checkpoint)
    found = parity(model, checkpoint, map(read_image, images))
    if not found.greatest <= tolerance:  # NaN neither
        raise CheckpointError(
            f"{checkpoint.name}: onnxruntime's {checkpoint.spec.kind} differs from torch's by {found.greatest:.1e} on "
            f"{found.pictures} pictures, more than the {tolerance:g} allowed; nothing was written"
        )
    target = out / f"{checkpoint.name}.safetensors"
    onnx = target.with_suffix(".onnx")
    out.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as weights, atomic_path(onnx) as written:
        shutil.copyfile(file, weights)
        written.write_bytes(model)
        told = {"file": onnx.name, "opset": OPSET, **asdict(found), "tolerance": tolerance}
        write_sidecar(target, checkpoint.spec, {**checkpoint.card, "onnx": told})
    return Exported(target, onnx, metadata(checkpoint.name, checkpoint.spec), found)


def pictures(data: Path | None) -> list[Path]:
    """What is compared on, at most `PICTURES`."""
    if data is None:
        return list_images(assets_folder() / "samples")
    images = list_images(data) or list(dict.fromkeys(sample.image for sample in read_dataset(data).samples))
    count = min(PICTURES, len(images))
    return [images[place * len(images) // count] for place in range(count)]
