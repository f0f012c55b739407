"""Where a training starts: a backbone taken over from the bundled ones, timm's download or a file."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

import torch
from torch import Tensor, nn

from models.checkpoint import read_tensors
from models.sidecar import CheckpointError, read_sidecar, seen_by
from models.spec import Kind, NetworkSpec

WEIGHTS_FOLDER = Path(__file__).parent / "weights"
#: MobileNetV2 as ImageNet taught it, of no use but to start from (`training/recipes/imagenet_mobilenetv2.py`).
IMAGENET = WEIGHTS_FOLDER / "backbones" / "imagenet-mobilenetv2.safetensors"
ENCODER_PREFIX = "encoder.model."


@dataclass(frozen=True)
class Start:
    """Where a network's weights come from: a sentence for log and card, the names of the tensors taken over, and
    digests of the pictures that they had learned from, as far as that was recorded."""

    sentence: str
    taken: frozenset[str] = frozenset()
    seen: frozenset[str] = frozenset()


def start_from(network: nn.Module, spec: NetworkSpec, init: str) -> Start:
    """Fill `network` from a start.

    Args:
        init: `random`, `bundled` (the steel models in `models/weights`), `imagenet` (the MobileNetV2 beside them),
            `pretrained` (timm's download), or the path of a safetensors file: a timm backbone or one of our
            checkpoints.

    Raises:
        CheckpointError: the start cannot be read, or shares no tensor with the network.
    """
    if init == "random":
        return Start("random weights")
    if init == "pretrained":
        tensors, source = _download(spec), f"timm's pretrained {_backbone(spec)}"
    elif init == "bundled":
        file = _bundled(spec.kind)
        tensors, source = read_tensors(file), f"the bundled {file.stem}"
    elif init == "imagenet":
        tensors, source = read_tensors(IMAGENET), "ImageNet's MobileNetV2"
    else:
        tensors, source = read_tensors(Path(init)), Path(init).name
    own = network.state_dict()
    taken = {
        name: tensor.to(own[name].dtype)
        for name, tensor in _aligned(tensors, own).items()
        if own[name].shape == tensor.shape
    }
    if not any(name.endswith("weight") for name in taken):
        raise CheckpointError(
            f"{source} holds no weights for {_backbone(spec)}; choose a network that it fits, "
            "or --init pretrained, a fitting FILE, or random"
        )
    network.load_state_dict(taken, strict=False)
    seen = start_has_seen(init, spec.kind) or frozenset()
    return Start(f"{source} ({len(taken)} of {len(own)} tensors)", frozenset(taken), seen)


def start_has_seen(init: str, kind: Kind) -> frozenset[str] | None:
    """Digests of the pictures that a start has learned from; None where no card beside it says so."""
    if init in ("random", "imagenet"):
        return frozenset()
    file = _bundled(kind) if init == "bundled" else Path(init)
    try:
        return seen_by(read_sidecar(file)[1])
    except CheckpointError:
        return None


def _bundled(kind: Kind) -> Path:
    """The steel model to start from; an anomaly detector's features are the classifier's."""
    return WEIGHTS_FOLDER / f"neu-{'classifier' if kind == 'anomaly' else kind}.safetensors"


def _aligned(tensors: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename a classifier's tensors for an encoder and back, and keep those the network has."""
    aligned: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        for candidate in (name, ENCODER_PREFIX + name, name.removeprefix(ENCODER_PREFIX)):
            if candidate in own:
                aligned[candidate] = tensor
    return aligned


def _backbone(spec: NetworkSpec) -> str:
    if spec.kind == "classifier" or spec.architecture == "elu_unet":
        return spec.architecture
    return str(spec.arguments.get("encoder", "mobilenetv2_100"))


def _download(spec: NetworkSpec) -> dict[str, Tensor]:
    from huggingface_hub import constants

    from models.libraries import timm

    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE or not _reachable()
    try:
        network: nn.Module = timm.create_model(_backbone(spec), pretrained=True)
    except Exception as error:  # the hub raises anything from OSError to its own classes
        raise CheckpointError(
            f"timm's pretrained {_backbone(spec)} could not be downloaded ({type(error).__name__}); "
            "offline, use --init bundled, imagenet, random, or a FILE"
        ) from error
    finally:
        constants.HF_HUB_OFFLINE = before
    return {name: tensor for name, tensor in network.state_dict().items() if isinstance(tensor, torch.Tensor)}


def _reachable() -> bool:
    """Whether the hub answers at all; without asking it would be tried for a minute, with a dozen lines of complaints,
    even where the weights were downloaded before."""
    from huggingface_hub import constants

    if getproxies():
        return True  # only they know
    address = urlsplit(constants.ENDPOINT)
    try:
        with socket.create_connection((address.hostname or "", address.port or 443), timeout=5):
            return True
    except OSError:
        return False
