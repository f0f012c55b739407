"""What the GAN Studio reads from folders: classes, curves, words, sets of accepted pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models.sidecar import CheckpointError, write_sidecar
from models.spec import NetworkSpec
from steelgui.services.following import POINTS, SEAM, Curve, Following
from steelgui.services.studio import Studio, changed_from, preset_values
from steelgui.settings import Settings
from steelgui.ui.form import form_values
from steelgui.ui.runs_panel import label
from training.config import ConfigError
from training.gan.config import GanConfig
from training.gan.health import diagnose, remedy_for
from training.runs import Run, RunError, Status


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
    assert POINTS / 2 <= len(seen.curves["real"]) <= POINTS and seen.curves["real"][-1][0] == 9990
    assert seen.curves["real"] == sorted(seen.curves["real"])
    assert seen.curves["diversity"] == [(500, 0.8), (9000, 0.9)]
    assert [moment for moment, _ in seen.samples] == [500, 9000]
    assert seen.notes == ("out of memory: the batch is now 16 pictures",)
    assert studio.estimate("quick", {}) == pytest.approx(40_000 / 50)  # its measured speed, not a guess


def write(run: Run, *events: dict[str, Any]) -> None:
    with run.events_path.open("a") as file:
        file.writelines(json.dumps(event) + "\n" for event in events)


def test_a_curve_is_thinned_to_means_in_order() -> None:
    curve = Curve()
    for x in range(100_000):
        curve.add(x, float(x))
    curve.add(100_000, float("nan"))
    points = curve.points()
    assert POINTS / 2 <= len(points) <= POINTS and points == sorted(points) and points[-1][0] == 99_999
    width = points[1][0] - points[0][0]
    assert all(x - y == (width - 1) / 2 for x, y in points[:-1]), "each is the mean of those up to it"


def test_events_are_read_once_and_anew_where_a_run_went_back(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    run, following = studio.jobs.create("gan", {"data": "nowhere"}), Following()
    write(run, *(step(i) for i in range(1000)))
    with following.told(run) as told:
        first = told
    with run.events_path.open("a") as file:
        file.write(json.dumps(step(1000))[:40])
    read: list[int] = []
    monkeypatch.setattr(
        "steelgui.services.following.read_event", lambda line: read.append(len(line)) or json.loads(line)
    )
    with following.told(run) as told:
        assert told is first and not read, "a line on its way waits until it is whole"
    with run.events_path.open("a") as file:
        file.write(json.dumps(step(1000))[40:] + "\n")
    with following.told(run) as told:
        assert len(read) == 1 and told.last is not None and told.last["step"] == 1000
    run.forget_after(300)
    write(run, step(301, real=0.9))
    assert run.events_path.stat().st_size > SEAM
    with following.told(run) as told:
        assert told is not first and told.curves["real"].points()[-1] == (301, 0.9)
    run.events_path.unlink()
    with following.told(run) as told:
        assert told.last is None


@pytest.mark.parametrize("broken", [{"kind": "step"}, {"kind": "checked", "values": 3}, {"kind": "note"}, {"kind": 5}])
def test_an_event_that_is_none_of_ours_is_passed_over(broken: dict[str, Any], studio: Studio) -> None:
    run = studio.jobs.create("gan", {"data": "nowhere"})
    write(run, step(1), broken, step(2), check(3))
    seen = studio.watch(run)
    assert [x for x, _ in seen.curves["g"]] == [1, 2] and len(seen.samples) == 1


def test_a_remedy_is_offered_asked_for_and_judged_at_the_next_check(studio: Studio) -> None:
    run = studio.jobs.create("gan", {"data": "nowhere"})

    def sure(number: int, augment: float) -> dict[str, Any]:
        event = step(number, 0.99, 0.01)
        return {**event, "losses": {**event["losses"], "augment": augment}, "memory": {"process": 512}}

    write(run, *(sure(i, 0.4) for i in range(40)), check(40))
    seen = studio.watch(run)
    assert (seen.health, seen.remedy, seen.pending, seen.memory) == ("d_wins", "augment", None, {"process": 512})
    with run.lock():
        run.write_status(Status("running", 40, 100))
        before = studio.token(run)
        studio.jobs.remedy(run, "augment")
        assert studio.token(run) != before
        assert studio.watch(run).pending == "augment"
        with pytest.raises(RunError, match="known: lower_g, lower_d, augment, best"):
            studio.jobs.remedy(run, "prayer")
        with pytest.raises(RunError, match="no best snapshot to go back to yet"):
            studio.jobs.remedy(run, "best")
        run.write_status(Status("paused", 40, 100))
        with pytest.raises(RunError, match="is paused; resume it first"):
            studio.jobs.remedy(run, "augment")
    assert run.take() == "augment" and run.take() is None
    write(run, {"kind": "note", "step": 40, "text": "stronger", "remedy": "augment", "back": False})
    write(run, *(sure(i, 1.0) for i in range(41, 80)))
    seen = studio.watch(run)
    assert (seen.health, seen.remedy, seen.pending) == ("remedied", "augment", None)
    write(run, check(80))
    seen = studio.watch(run)
    assert (seen.health, seen.remedy) == ("d_wins", "lower_d"), "more augmentation there is not"


@pytest.mark.parametrize(
    ("health", "weak", "full"),
    [
        ("d_wins", "augment", "lower_d"),
        ("g_wins", "lower_g", "lower_g"),
        ("collapsing", "best", "best"),
        ("memorising", "augment", "best"),
        ("learning", None, None),
        ("waiting", None, None),
    ],
)
def test_every_problem_has_a_remedy(health: str, weak: str | None, full: str | None) -> None:
    assert (remedy_for(health, 0.5), remedy_for(health, 1.0)) == (weak, full)


def test_the_list_of_runs(studio: Studio) -> None:
    plain, broken, refused = (studio.jobs.create("gan", {"data": "x", "arch": "dcgan", "size": 64}) for _ in range(3))
    plain.rename("  my \n run ")
    plain.write_status(Status("stopped", 25, 100))
    spec = NetworkSpec("generator", "dcgan", ("crazing",), {"nz": 8})
    write_sidecar(plain.generator_path, spec, {"metrics": {"kid": 0.25}})
    (broken.folder / "config.json").write_text("{")
    refused.write_status(Status("refused", error="no such folder"))
    rows = {row.id: row for row in studio.rows()}
    assert list(rows) == sorted([plain.id, broken.id], reverse=True)
    row = rows[plain.id]
    assert (row.name, row.state, row.share, row.kid, row.network) == ("my run", "stopped", 0.25, 0.25, "dcgan")
    assert rows[broken.id].name == broken.id and rows[broken.id].kid is None
    assert label(row).startswith("my run · ") and label(rows[broken.id]).startswith(broken.id)
    for name in ("", " ", "x" * 81):
        with pytest.raises(RunError, match="1 to 80 characters"):
            plain.rename(name)
    studio.jobs.create("gan", {"data": "x"})
    assert not refused.folder.exists(), "what holds nothing is swept away"


def test_a_run_keeps_a_copy_of_its_start(studio: Studio) -> None:
    first = studio.jobs.create("gan", {"data": "x"}, "first")
    with pytest.raises(RunError, match="first has made no generator yet"):
        studio.train(Path("x"), "crazing", "quick", {"init": first.id})
    first.generator_path.write_bytes(b"weights")
    first.generator_path.with_suffix(".json").write_text("{}")
    start = studio.jobs.start_file("first")
    second = studio.jobs.create("gan", {"data": "x", "init": start})
    studio.jobs.delete(first)
    own = Path(second.about()["config"]["init"])
    assert own.is_relative_to(second.folder) and own.read_bytes() == b"weights" and own.with_suffix(".json").is_file()
    with pytest.raises(CheckpointError, match="no model of that name"):
        studio.jobs.start_file("first")


def test_only_what_was_changed_is_asked_for(studio: Studio) -> None:
    values = form_values(GanConfig, ("images", "g_rate", "size", "masks", "loss"), (1000.0, 4e-4, "128", True, None))
    assert values == {"images": 1000, "g_rate": 4e-4, "size": 128, "masks": True}
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
