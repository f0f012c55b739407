"""The words and the environments of child processes, from source and frozen."""

from __future__ import annotations

import subprocess
import sys

import pytest

from steelgui.ourselves import our_environment, ourselves, their_environment

INSIDE = {
    "PATH": "/bin",
    "LD_LIBRARY_PATH": "/opt/SteelGUI/_internal",
    "LD_LIBRARY_PATH_ORIG": "/opt/cuda/lib",
    "LIBPATH": "/opt/SteelGUI/_internal",
    "_PYI_ARCHIVE_FILE": "/opt/SteelGUI/SteelGUI",
}


def test_from_source_the_words_start_us_and_nothing_is_changed() -> None:
    done = subprocess.run([*ourselves(), "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("steelgui ")
    assert our_environment(INSIDE) == their_environment(INSIDE) == INSIDE


def test_frozen_it_is_the_program_itself_and_others_get_their_own_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert ourselves() == [sys.executable]
    assert our_environment(INSIDE) == {**INSIDE, "PYINSTALLER_RESET_ENVIRONMENT": "1"}
    assert their_environment(INSIDE) == {"PATH": "/bin", "LD_LIBRARY_PATH": "/opt/cuda/lib"}
