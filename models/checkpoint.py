"""A checkpoint is ``<name>.safetensors`` and ``<name>.json`` beside it; together they rebuild the network."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from models.files import atomic_path
from models.registry import build
from models.sidecar import CheckpointError, read_sidecar, write_sidecar
from models.spec import NetworkSpec


@dataclass(frozen=True)
class Checkpoint:
    """A network ready for inference, its spec and its card (metrics, training data, recipe: plain JSON)."""

    name: str
    network: nn.Module = field(repr=False)
    spec: NetworkSpec
    card: dict[str, Any] = field(default_factory=dict)


def save_checkpoint(path: Path, network: nn.Module, spec: NetworkSpec, card: dict[str, Any]) -> Path:
    """Write parameters as fp16 and buffers as they are (batch-norm variances underflow in fp16), then the sidecar.

    Args:
        path: where the weights go; `.safetensors` is put in place of any other suffix.
        card: JSON-ready facts for people: metrics, what it was trained on, seed.

    Returns:
        The path of the weights.
    """
    path = path.with_suffix(".safetensors")
    halves = {name for name, parameter in network.named_parameters() if parameter.is_floating_point()}
    tensors = {
        name: (tensor.detach().half() if name in halves else tensor.detach()).cpu().contiguous()
        for name, tensor in network.state_dict().items()
    }
    weights = save(tensors)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_bytes(weights)
    write_sidecar(path, spec, card)
    return path


def load_checkpoint(path: Path, device: torch.device | str = "cpu") -> Checkpoint:
    """Rebuild a network in fp32 and in inference mode.

    Raises:
        CheckpointError: a file is missing, broken, or the two do not belong together.
    """
    path = path.with_suffix(".safetensors")
    tensors = read_tensors(path)
    spec, card = read_sidecar(path)
    try:
        network = build(spec)
    except Exception as error:  # timm and smp raise nearly anything on arguments that they do not expect
        raise CheckpointError(f"{path.with_suffix('.json').name}: {error}") from None
    expected = network.state_dict()
    if missing := sorted(set(expected) - set(tensors)):
        raise CheckpointError(
            f"{path.name}: {len(missing)} of {len(expected)} tensors are missing (first {missing[0]}); "
            f"it is not a complete {spec.architecture}"
        )
    for name, tensor in expected.items():
        if tensor.shape != tensors[name].shape:
            raise CheckpointError(
                f"{path.name}: {name} is {tuple(tensors[name].shape)}, but a {spec.architecture} with "
                f"{len(spec.classes)} classes needs {tuple(tensor.shape)}; card and weights do not belong together"
            )
    network.load_state_dict({name: tensors[name].to(expected[name].dtype) for name in expected})
    return Checkpoint(path.stem, network.to(device).eval(), spec, card)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file by name, on the CPU; CheckpointError where it is missing or broken."""
    try:
        return load_file(path)
    except FileNotFoundError:
        raise CheckpointError(f"{path.name}: there is no such file in {path.parent}") from None
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path.name}: not a safetensors file, or cut off ({error}); copy it again") from None
