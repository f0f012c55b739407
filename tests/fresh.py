"""A Python process of its own, for what must not be loaded: the tests' own has everything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def said(code: str, *arguments: Path) -> list[str]:
    """The lines that the code prints; its `sys.argv[1:]` are the arguments."""
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
