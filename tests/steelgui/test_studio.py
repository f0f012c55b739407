"""What the GAN Studio reads from folders: classes, curves, words, sets of accepted pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from steelgui.services.studio import POINTS, Studio, changed_from, preset_values
from steelgui.settings import Settings
from steelgui.ui.form import form_values
from training.config import ConfigError
from training.gan.config import GanConfig
from training.gan.health import diagnose
from training.runs import Status


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    settings = Settings(home=tmp_path / "home")
    settings.prepare()
    return Studio(settings)


def step(number: int, real: float = 0.6, fake: float = 0.4) -> dict[str, Any]:
    losses = {"g": 0.7, "d": 1.3, "real": real, "fake": fake}
    return {"kind": "step", "step": number, "steps": 10_000, "losses": losses, "images_per_s": 50.0}


def check(number: int, diversity: float = 0.8, nearest: float = 1.0) -> dict[str, Any]:
    values = {"kid": 0.1, "diversity": diversity, "nearest": nearest}
    return {"kind": "checked", "step": number, "values": values, "samples": f"{number}.png"}


@pytest.mark.parametrize(
    ("steps", "checks", "word"),
    [
        ([], [], "waiting"),
        ([step(i) for i in range(40)], [], "learning"),
        ([step(i) for i in range(40)], [check(i, 0.3 + 0.1 * i) for i in range(5)], "learning"),
        ([step(i) for i in range(40)], [check(i, d) for i, d in enumerate((0.4, 0.7, 0.8, 0.2))], "collapsing"),
        ([step(i) for i in range(40)], [check(i, 0.05) for i in range(6)], "collapsing"),
        ([step(i) for i in range(40)], [check(i) for i in range(3)] + [check(4, 0.9, 0.2)], "memorising"),
        ([step(i, 0.99, 0.01) for i in range(40)], [check(1)], "d_wins"),
        ([step(i, 0.5, 0.95) for i in range(40)], [check(1)], "g_wins"),
        ([step(i, 0.99, 0.01) for i in range(40)] + [step(i) for i in range(40, 80)], [check(1)], "learning"),
    ],
)
def test_health_in_a_word(steps: list[Any], checks: list[Any], word: str) -> None:
    assert diagnose(steps, checks) == word


def test_classes_the_scarcest_first(studio: Studio, strips_folder: Path) -> None:
    found = studio.classes(strips_folder)
    assert [row.count for row in found] == sorted(row.count for row in found)
    assert "none" not in {row.name for row in found}
    assert found[0].scarce and not found[-1].scarce


def test_a_run_as_the_page_shows_it(studio: Studio) -> None:
    run = studio.jobs.create("gan", {"data": "nowhere", "arch": "dcgan", "size": 64}, "mine")
    events = [step(10 * i, real=i / 1000) for i in range(1000)] + [check(500), check(9000, 0.9)]
    events.append({"kind": "note", "step": 5, "text": "out of memory: the batch is now 16 pictures"})
    run.events_path.write_text("\n".join(json.dumps(event) for event in events) + '\n{"kind": "st')
    before = studio.token(run)
    run.write_status(Status("stopped", 9990, 10_000))
    assert studio.token(run) != before
    seen = studio.watch(run)
    assert (seen.name, seen.state, seen.step) == ("mine", "stopped", 9990)
    assert len(seen.curves["real"]) == POINTS and seen.curves["real"][-1][0] == 9990
    assert seen.curves["real"] == sorted(seen.curves["real"])
    assert seen.curves["diversity"] == [(500, 0.8), (9000, 0.9)]
    assert [moment for moment, _ in seen.samples] == [500, 9000]
    assert seen.notes == ("out of memory: the batch is now 16 pictures",)
    assert studio.estimate("quick", {}) == pytest.approx(40_000 / 50)  # its measured speed, not a guess


def test_only_what_was_changed_is_asked_for(studio: Studio) -> None:
    values = form_values(GanConfig, ("images", "g_rate", "size", "masks", "loss"), (1000.0, 2e-4, "128", True, None))
    assert values == {"images": 1000, "g_rate": 2e-4, "size": 128, "masks": True}
    changes = changed_from("quick", values)
    assert changes == {"images": 1000, "size": 128, "masks": True}
    line = studio.command("my data", "crazing", "quick", changes)
    assert line == (
        "steelgui train gan --data 'my data' --class crazing --preset quick --images 1000 --size 128 --masks"
    )
    assert preset_values("thesis")["d_norm"] == "batch"
    with pytest.raises(ConfigError, match="choose from quick"):
        preset_values("best")


def test_preview_says_what_is_left_out(studio: Studio, strips_folder: Path) -> None:
    seen = studio.preview(strips_folder, "scratches", 10.0)
    assert sum(seen.counts.values()) == 6 * seen.looked
    assert seen.counts["kept"] > 0 and seen.counts["other"] > 0
    assert seen.tiles[0].image.shape[0] == 256
    darker = studio.preview(strips_folder, "scratches", 255.0)
    assert darker.counts == {"dark": 6 * seen.looked}
