"""Drawing from runs, snapshots and models: pictures, scores, walks, sets, archives."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from commandline import run as command
from madeby import CLASSES, class_folder, finished_run, random_generator
from PIL import Image

from models.sidecar import CheckpointError
from steelgui.overlay import outlined
from steelgui.services import synthetic_sets
from steelgui.services.animation import check_animation
from steelgui.services.sampled import COLUMNS, Sampled, Synthetic
from steelgui.services.sampled import class_folder as as_folder
from steelgui.services.sampling import Draw, Sampling
from steelgui.services.scoring import Scorer
from steelgui.services.sources import Source
from steelgui.services.synthesis import Synthesiser, slerp
from steelgui.settings import Settings, weights_folder
from steelgui.ui import curate_fragments
from steelgui.ui.i18n import Translator
from training.config import ConfigError
from training.gan.config import gan_config
from training.runs import RunError


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "home")
    settings.prepare()
    return settings


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return class_folder(tmp_path / "data")


def drawn(sampling: Sampling, key: str, count: int = 6) -> Draw:
    return sampling.draw(sampling.sources.find(key), count, 3, None, 1.0)


def score(sampling: Sampling, draw: Draw) -> list[str]:
    return [told.stage for told in sampling.score(draw)]


def test_sources_of_a_run_and_of_the_models(settings: Settings, data: Path) -> None:
    sampling = Sampling(settings)
    run = finished_run(settings, data)
    random_generator(settings.models / "steel.safetensors", CLASSES, None, 5, 5)
    own = [source for source in sampling.sources.all(run.id) if source.key != "model:neu-generator"]
    assert [(source.kind, source.seen) for source in own] == [
        ("best", None), ("snapshot", 2000), ("snapshot", 1000), ("model", None), ("data", None),
    ]  # fmt: skip
    assert {source.tag for source in own} == {run.id, "steel", f"variants-{data.name}"}
    assert own[-2].classes == CLASSES and own[-1].path == data
    # Neither a classifier nor a run without a check is a source; the data that it learns from is.
    waiting = sampling.sources.jobs.create("gan", {"data": str(data)}, "waiting")
    assert {source.kind for source in sampling.sources.all(waiting.id)} == {"model", "data"}
    with pytest.raises(RunError, match="has made no generator yet"):
        sampling.sources.find(f"run:{waiting.id}")
    with pytest.raises(CheckpointError, match="no such generator any more"):
        sampling.sources.find(f"run:{run.id}@1500")
    assert sampling.sources.named("mine", 1000) == sampling.sources.find(f"run:{run.id}@1000")
    with pytest.raises(RunError, match="no snapshot at 1500 pictures; there are 1000, 2000"):
        sampling.sources.named("mine", 1500)


def test_snapshots_differ_and_a_seed_does_not(settings: Settings, data: Path) -> None:
    sampling = Sampling(settings)
    run = finished_run(settings, data, label=None)
    best, early = drawn(sampling, f"run:{run.id}"), drawn(sampling, f"run:{run.id}@1000")
    assert best.seen == 2000 and early.seen == 1000
    assert not np.array_equal(best.pictures[0].image, early.pictures[0].image)
    # A picture belongs to its seed: alone, among others, and from the snapshot that is the best.
    (alone,) = sampling.draw(sampling.sources.find(f"run:{run.id}@2000"), 1, 5, None, 1.0).pictures
    among = best.pictures[2]
    assert (alone.seed, alone.label) == (among.seed, among.label)
    assert np.abs(alone.image.astype(int) - among.image).max() <= 1
    assert {picture.label for picture in best.pictures} == set(CLASSES)
    chosen = sampling.draw(sampling.sources.find(f"run:{run.id}"), 4, 0, "scratches", 1.0)
    assert {picture.label for picture in chosen.pictures} == {"scratches"}
    for count, seed, says in ((0, 0, "count is 0"), (4, -1, "seed is -1"), (4, 2**40, "seed is")):
        with pytest.raises(ConfigError, match=says):
            sampling.draw(sampling.sources.find(f"run:{run.id}"), count, seed, None, 1.0)


def test_scores_tell_copies_from_inventions(settings: Settings, data: Path) -> None:
    config = gan_config({"class_name": "scratches", "size": 64, "data": data, "out": settings.runs}).model_dump()
    scorer = Scorer(weights_folder() / "neu-classifier.safetensors")
    copied = np.array(Image.open(sorted((data / "scratches").glob("*.png"))[0]))
    noise = np.random.default_rng(1).integers(0, 255, (64, 64), dtype=np.uint8)
    pictures = [Synthetic(copied, "scratches", 0), Synthetic(noise, "scratches", 1)]
    told = list(scorer.score(pictures, config))
    scores, gaps = told[-1]  # type: ignore[misc]
    assert not gaps
    assert [type(step).__name__ for step in told[:-1]] == ["Progress"] * (len(told) - 1)
    # The first picture may be one of those that are held out: then it is no copy of a training picture.
    assert scores[0].distance < 1.5 < scores[1].distance
    assert scores[0].nearest.shape == (64, 64)
    assert all(0 <= score.confidence <= 1 for score in scores)
    again = [step.stage for step in scorer.score(pictures, config) if not isinstance(step, tuple)]
    assert "training_pictures" not in again, "the real pictures are looked at once"


def test_every_training_picture_is_a_copy_of_itself(settings: Settings, data: Path) -> None:
    from training.gan.patches import load_patches

    config = gan_config({"class_name": "patches", "size": 64, "data": data, "out": settings.runs})
    real = load_patches(config).images[:5, 0].numpy()
    *_, (scores, _) = Scorer(None).score([Synthetic(image, "patches", 0) for image in real], config.model_dump())
    assert max(score.distance for score in scores) < 0.1
    assert all(np.array_equal(score.nearest, image) for score, image in zip(scores, real, strict=True))
    assert {score.confidence for score in scores} == {None}


def test_what_cannot_be_scored_says_so(settings: Settings, data: Path) -> None:
    sampling = Sampling(settings)
    random_generator(settings.models / "gouges.safetensors", ("gouge",), None, 5, 5)
    draw = drawn(sampling, "model:gouges")
    score(sampling, draw)
    assert (draw.gaps[0].kind, draw.gaps[0].why) == ("classes", "gouge")
    assert [gap.kind for gap in draw.gaps] == ["classes", "card"]
    assert {(found.confidence, found.distance) for found in draw.scores} == {(None, None)}

    run = finished_run(settings, data)
    shutil.rmtree(data)
    gone = drawn(sampling, f"run:{run.id}")
    score(sampling, gone)
    assert [(gap.kind, gap.why) for gap in gone.gaps] == [("gone", str(data))]
    assert all(found.confidence is not None and found.distance is None for found in gone.scores)


def test_kept_once_and_taken_back(settings: Settings, data: Path) -> None:
    sampling = Sampling(settings)
    run = finished_run(settings, data)
    best, early = drawn(sampling, f"run:{run.id}"), drawn(sampling, f"run:{run.id}@1000")
    score(sampling, best)
    first = sampling.keep(best, [0, 2])
    again = sampling.keep(best, [0, 2, 4])
    last = sampling.keep(early, [0])
    other = last.added
    assert (best.kept, again.indices) == ({0, 2, 4}, (4,))
    assert (len(first.added.files), len(again.added.files), len(other.files)) == (2, 1, 1)
    assert other.total == 4 and other.folder == settings.synthetic / run.id
    rows = synthetic_sets.manifest(other.folder)
    assert tuple(rows[0]) == COLUMNS
    assert [row["generator"] for row in rows].count(run.id) == 3
    assert {row["run"] for row in rows} == {run.id}
    assert sum(bool(row["confidence"] and row["distance"]) for row in rows) == 3
    assert all((other.folder / row["file"]).is_file() for row in rows)
    assert sampling.undo(last) == 3 and sampling.undo(last) == 3
    assert sampling.undo(again) == 2 and best.kept == {0, 2}
    assert sampling.undo(first) == 0 and not best.kept
    assert not list(other.folder.rglob("*.png")) and not (other.folder / "scratches").exists()

    random_generator(settings.models / "steel.safetensors", CLASSES, None, 5, 5)
    kept = sampling.keep(drawn(sampling, "model:steel"), [1]).added
    (row,) = synthetic_sets.manifest(kept.folder)
    assert (kept.folder.name, row["run"], row["generator"]) == ("steel", "", "steel")


def test_a_set_of_an_older_version_is_gone_on_with(settings: Settings, data: Path) -> None:
    folder = settings.synthetic / "old"
    folder.mkdir(parents=True)
    (folder / "manifest.csv").write_text("file,mask,class,run,seed\nscratches/0.png,,scratches,old,0\n")
    picture = Synthetic(np.zeros((8, 8), np.uint8), "scratches", 1, np.ones((8, 8), bool))
    added = synthetic_sets.add(settings, "old", [Sampled(picture, "old", "old", None, 0.8)])
    assert added.total == 2
    old, new = synthetic_sets.manifest(folder)
    assert new["seed"] == "1" and new["truncation"] == "0.8"
    assert (folder / new["mask"]).is_file()
    assert old["run"] == "old" and not old["confidence"]
    synthetic_sets.remove(added)
    assert not list(folder.rglob("*.png"))
    assert as_folder("../../etc") == "_.._etc" and as_folder("rolled-in_scale") == "rolled-in_scale"


def test_archive(settings: Settings, strips_folder: Path) -> None:
    sampling = Sampling(settings)
    run = finished_run(settings, strips_folder, masks=True)
    draw = sampling.draw(sampling.sources.find(f"run:{run.id}@1000"), 3, 7, None, 0.7)
    score(sampling, draw)
    archive = zipfile.ZipFile(sampling.export(draw, [0, 2]))
    rows = list(csv.DictReader(io.StringIO(archive.read("manifest.csv").decode("utf-8-sig"))))
    assert tuple(rows[0]) == COLUMNS
    assert [(row["seed"], row["truncation"]) for row in rows] == [("7", "0.7"), ("9", "0.7")]
    assert sorted(archive.namelist()) == sorted(["manifest.csv", *(row[k] for row in rows for k in ("file", "mask"))])
    assert Image.open(io.BytesIO(archive.read(rows[0]["file"]))).size == (32, 32)
    assert set(np.unique(np.asarray(Image.open(io.BytesIO(archive.read(rows[1]["mask"])))))) <= {0, 255}
    assert float(rows[0]["distance"]) > 0


def test_the_large_view_outlines_the_mask_that_was_made_along() -> None:
    picture = Synthetic(np.full((32, 32), 90, np.uint8), "scratches", 0, np.zeros((32, 32), bool))
    assert picture.mask is not None
    picture.mask[8:16, 8:16] = True
    drawn = outlined(picture.image, picture.mask, picture.label)
    inner = np.s_[9:15, 9:15]
    assert (drawn[inner] == 90).all() and (drawn[~picture.mask] == 90).all()
    assert (drawn[8, 8:16] == (0xD5, 0x5E, 0x00)).all()
    source = Source("", "model", "m", Path("m"), "m", None, ("scratches",))
    draw = Draw(source, "m", None, 1.0, None, (picture, replace(picture, mask=None)))
    shown = curate_fragments.pictures(draw, Translator("en"))
    with_mask, without = shown["items"]
    assert with_mask["large"] not in ("", with_mask["src"]) and without["large"] == ""


def test_slerp_keeps_the_length_that_a_straight_line_loses() -> None:
    start, end = torch.randn(2, 512, generator=torch.Generator().manual_seed(0))
    middle = slerp(start, end, 0.5)
    assert middle.norm() == pytest.approx(float(start.norm() + end.norm()) / 2, rel=0.02)
    assert torch.lerp(start, end, 0.5).norm() < 0.8 * middle.norm()
    assert torch.allclose(slerp(start, end, 0.0), start, atol=1e-5)
    assert torch.allclose(slerp(start, end, 1.0), end, atol=1e-5)
    assert torch.equal(slerp(start, start, 0.3), start)


def test_a_walk_passes_its_seeds_and_closes(settings: Settings, data: Path, tmp_path: Path) -> None:
    run = finished_run(settings, data, label=None)
    sampling = Sampling(settings)
    synthesiser = Synthesiser(run.generator)
    walked = list(synthesiser.walk([4, 9, 2], [0, 1, 1.5, 2, 3], "patches"))
    for index, seed in ((0, 4), (1, 9), (3, 2), (4, 4)):
        (drawn_at,) = synthesiser.draw(1, seed, "patches")
        assert np.abs(walked[index].image.astype(int) - drawn_at.image).max() <= 1
    assert np.abs(walked[2].image.astype(int) - walked[1].image).max() > 1
    source = sampling.sources.find(f"run:{run.id}")
    for suffix in (".gif", ".webp"):
        path = sampling.walk(source, [4, 9], 10, "patches", 1.0, tmp_path / f"walk{suffix}")
        with Image.open(path) as moving:
            assert (moving.n_frames, moving.size, moving.info["loop"]) == (10, (256, 256), 0)
    with pytest.raises(ConfigError, match="two or more"):
        sampling.walk(source, [4], 10, None, 1.0, tmp_path / "walk.gif")
    with pytest.raises(ConfigError, match=r"\.gif or \.webp"):
        check_animation(tmp_path / "walk.mp4", 10)
    with pytest.raises(ConfigError, match="frames is 1"):
        check_animation(tmp_path / "walk.gif", 1)


def test_command(capsys: pytest.CaptureFixture[str], settings: Settings, data: Path, tmp_path: Path) -> None:
    run = finished_run(settings, data)
    home = ("--home", settings.home)
    out, walk = tmp_path / "out", tmp_path / "walk.webp"
    code, said, err = command(
        capsys, "sample", "mine", "--at", 1000, "--count", 3, "--scores", "--out", out,
        "--walk", walk, "--frames", 6, "--seeds", 1, 2, 3, "--json", *home,
    )  # fmt: skip
    assert code == 0, err
    assert len(said.splitlines()) == 4 and "walk.webp" in said.splitlines()[-1]
    rows = list(csv.DictReader((out / "manifest.csv").open()))
    assert [(row["run"], row["generator"]) for row in rows] == [(run.id, "generator-0000001000")] * 3
    assert all(float(row["distance"]) > 0 and 0 <= float(row["confidence"]) <= 1 for row in rows)
    with Image.open(walk) as moving:
        assert moving.n_frames == 6
    for words, says in (
        ([], "give --out DIR for pictures, --walk FILE.gif"),
        (["--walk", tmp_path / "w.mp4"], "written as .gif or .webp"),
        (["--out", out, "--at", 7], "no snapshot at 7 pictures"),
        (["--out", out, "--count", 0], "count is 0"),
        (["--walk", walk, "--seeds", 3], "two or more"),
    ):
        code, said, err = command(capsys, "sample", "mine", *words, *home)
        assert code in (1, 2) and says in err.splitlines()[-1] and not said
