"""How much memory this process holds; a few microseconds a question, so that every step may ask."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

MEGABYTE = 1_000_000


def memory(device: torch.device) -> dict[str, int]:
    """Megabytes: `process`, resident in main memory, and on CUDA `gpu`, held by tensors. `process` is left out where
    the system does not tell."""
    found = {}
    if resident := _resident():
        found["process"] = resident // MEGABYTE
    if device.type == "cuda":
        found["gpu"] = torch.cuda.memory_allocated(device) // MEGABYTE
    return found


def _resident() -> int:
    """Bytes; 0 where the system does not tell."""
    if sys.platform == "win32":
        return _resident_on_windows()
    try:
        # Second word: resident pages (proc(5)).
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        # Without /proc, as on a Mac, only the most that it ever was is told, and there in bytes.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _resident_on_windows() -> int:
    """WorkingSetSize of GetProcessMemoryInfo (psapi.h)."""
    import ctypes
    from ctypes import wintypes

    class Counters(ctypes.Structure):
        _fields_ = (
            *(("cb", wintypes.DWORD), ("PageFaultCount", wintypes.DWORD), ("PeakWorkingSetSize", ctypes.c_size_t)),
            ("WorkingSetSize", ctypes.c_size_t),
            *((f"other{number}", ctypes.c_size_t) for number in range(6)),
        )

    counters = Counters(cb=ctypes.sizeof(Counters))
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009  (mypy on Linux knows no windll)
    kernel.GetCurrentProcess.restype = wintypes.HANDLE
    ask = kernel.K32GetProcessMemoryInfo
    ask.argtypes = (wintypes.HANDLE, ctypes.c_void_p, wintypes.DWORD)
    return counters.WorkingSetSize if ask(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.cb) else 0
