"""Which data sets the fields of the page offer."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from stripes import striped_folder

from steelgui.services.datasets import Datasets
from steelgui.services.jobs import Jobs
from steelgui.services.known_data import RECENT, known_data
from steelgui.settings import Settings
from steelgui.ui.data_field import folder_in, folder_of, offered
from training.config import ConfigError


def test_those_of_the_workspace_then_what_runs_learned_from(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    assert known_data(settings) == []
    source = striped_folder(tmp_path / "stripes")
    taken = Datasets(settings).take_in(source, "line")
    jobs = Jobs(settings)
    gone = striped_folder(tmp_path / "gone")
    for folder in (source, gone, source, taken):
        jobs.create("experiment", {"data": str(folder)})
    (jobs.create("experiment", {"data": str(source)}).folder / "config.json").write_text("torn")
    shutil.rmtree(gone)
    assert known_data(settings) == [("line", taken), (f"stripes ({tmp_path})", source)]
    assert offered(settings).choices == [("line", str(taken)), (f"stripes ({tmp_path})", str(source))]

    for number in range(RECENT + 1):
        (tmp_path / f"{number}").mkdir()
        jobs.create("experiment", {"data": str(tmp_path / f"{number}")})
    assert [folder.name for _, folder in known_data(settings)] == ["line", *map(str, range(RECENT, 0, -1))]


def test_a_path_is_taken_without_what_was_pasted_around_it(tmp_path: Path) -> None:
    assert folder_in(f" {tmp_path}\n") == folder_of(str(tmp_path)) == tmp_path
    assert folder_in(None) is folder_in(" ") is None
    with pytest.raises(ConfigError, match="name a folder"):
        folder_of("")
