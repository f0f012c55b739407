"""The JSON half of a checkpoint: what the network is and what is known of it. Needs no torch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from models.files import atomic_path
from models.spec import NetworkSpec


class CheckpointError(ValueError):
    """The checkpoint cannot be used; the message names the file, what is wrong and what would be right."""


def write_sidecar(path: Path, spec: NetworkSpec, card: dict[str, Any]) -> None:
    """Write spec and card beside the weights at `path`."""
    text = json.dumps({"spec": spec.to_json(), "card": card}, indent=2, ensure_ascii=False)
    with atomic_path(path.with_suffix(".json")) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_sidecar(path: Path) -> tuple[NetworkSpec, dict[str, Any]]:
    """Spec and card of a checkpoint without loading its weights; CheckpointError where they cannot be read."""
    sidecar = path.with_suffix(".json")
    try:
        value = json.loads(sidecar.read_text(encoding="utf-8"))
        return NetworkSpec.from_json(value["spec"]), dict(value["card"])
    except FileNotFoundError:
        raise CheckpointError(
            f"{path.name}: {sidecar.name} is missing beside it; keep the two files together"
        ) from None
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        detail = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise CheckpointError(
            f"{sidecar.name}: not a model card of SteelGUI ({detail}); copy it again from where {path.name} came from"
        ) from None


def seen_line(digests: Iterable[str]) -> str:
    """Digests of training pictures as a card keeps them: one line, since nobody reads thousands of them."""
    return " ".join(sorted(digests))


def seen_by(card: Mapping[str, Any]) -> frozenset[str] | None:
    """Digests of all pictures that a network has learned from; None where its card does not say."""
    trained_on = card.get("trained_on")
    pictures = trained_on.get("pictures") if isinstance(trained_on, dict) else None
    return frozenset(pictures.split()) if isinstance(pictures, str) else None
