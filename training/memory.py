"""How much memory this process holds; some microseconds a question, so that every step may ask."""

from __future__ import annotations

import psutil
import torch

MEGABYTE = 1_000_000


def memory(device: torch.device) -> dict[str, int]:
    """Megabytes: `process`, resident in main memory, and on CUDA `gpu`, held by tensors."""
    found = {"process": psutil.Process().memory_info().rss // MEGABYTE}
    if device.type == "cuda":
        found["gpu"] = torch.cuda.memory_allocated(device) // MEGABYTE
    return found
