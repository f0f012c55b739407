"""Real defects on other steel or in other light: what is kept, what varies, what is never touched, and experiments."""

from __future__ import annotations

import csv
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from commandline import run
from discs import LEVELS, add_steel, discs_folder
from madeby import finished_run
from PIL import Image

from steelgui.services.inpainting import Backgrounds
from steelgui.services.sampling import Sampling
from steelgui.services.variants import Variants
from steelgui.settings import Settings
from training.data import read_dataset
from training.data.record import DataError
from training.data.seen import digest, digests


@pytest.fixture(scope="module")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four rare discs, and clean steel of three levels beside them, one of them in the test alone."""
    return add_steel(discs_folder(tmp_path_factory.mktemp("data") / "discs", rare=4))


def test_a_defect_keeps_its_contrast_and_gets_other_steel(discs: Path) -> None:
    made = list(Variants(discs).draw(24, 0, "rare"))
    assert {picture.label for picture in made} == {"rare"} and [picture.seed for picture in made] == list(range(24))
    levels = set()
    for picture in made:
        assert picture.image.shape == (64, 64) and picture.mask is not None
        inside, around = picture.image[picture.mask].mean(), picture.image[~picture.mask].mean()
        assert inside - around == pytest.approx(LEVELS["rare"] - 120, abs=20)
        levels.add(round(around / 50) * 50)
    assert levels == {100, 150}, "the steel of the training split, and of no other"
    assert len({picture.image.tobytes() for picture in made}) == 24
    centres = np.array([np.argwhere(picture.mask).mean(0) for picture in made])
    assert (centres.std(0) > 6).all(), "the defect is moved about"


def test_a_seed_makes_the_same_picture_whatever_is_drawn_with_it(discs: Path) -> None:
    variants = Variants(discs)
    one = next(variants.draw(1, 7))
    again = list(Variants(discs).draw(4, 4))[3]
    assert one.label == again.label == variants.classes[7 % 2]
    assert np.array_equal(one.image, again.image) and one.pictures == again.pictures


def test_what_it_is_put_together_of_is_known(discs: Path) -> None:
    samples = read_dataset(discs).samples
    train = digests(one.image for one in samples if one.split == "train")
    for picture in Variants(discs).draw(16, 0):
        defect, steel = (train[key] for key in picture.pictures)
        assert defect.parent.name == picture.label and steel.parent.name == "none" and steel.name == picture.background


def test_a_defect_at_the_edge_stays_there(tmp_path: Path) -> None:
    """A scratch from edge to edge has no end to be shown."""
    for name in ("images/scratches", "images/none", "masks"):
        (tmp_path / name).mkdir(parents=True)
    mask = np.zeros((48, 80), dtype=bool)
    mask[:, 30:34] = True
    random = np.random.default_rng(0)
    for number in range(2):
        steel = random.normal(100, 8, mask.shape)
        Image.fromarray((steel + 80 * mask).clip(0, 255).astype(np.uint8)).save(
            tmp_path / f"images/scratches/{number}.png"
        )
        Image.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / f"masks/{number}.png")
        # Smaller than the picture: it is continued at its own scale.
        Image.fromarray(random.normal(90, 8, (40, 40)).clip(0, 255).astype(np.uint8)).save(
            tmp_path / f"images/none/c{number}.png"
        )
    rows = [
        (f"images/{kind}", kind.split("/")[0], "train")
        for kind in ("scratches/0.png", "scratches/1.png", "none/c0.png", "none/c1.png")
    ]
    with (tmp_path / "split.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "label", "split"), *rows])
    places = set()
    for picture in Variants(tmp_path).draw(12, 0):
        assert picture.mask is not None and picture.mask.shape == (48, 80)
        columns = np.flatnonzero(picture.mask.any(0))
        assert picture.mask[:, columns].all() and len(columns) == 4
        places.add(int(columns[0]))
    assert len(places) > 4, "across its length it is moved"


def test_without_masks_it_is_the_light_that_varies(discs: Path, tmp_path: Path) -> None:
    """One class of two without masks: its pictures are put together of training pictures only."""
    data = tmp_path / "discs"
    shutil.copytree(discs, data)
    shutil.rmtree(data / "masks" / "rare")
    variants = Variants(data)
    assert variants.classes == ("dark", "rare")
    samples = read_dataset(data).samples
    train = digests(one.image for one in samples if one.split == "train")
    made = list(variants.draw(24, 0, "rare"))
    assert len({picture.image.tobytes() for picture in made}) == 24
    lights = set()
    for picture in made:
        assert picture.mask is None and picture.image.shape == (64, 64) and picture.label == "rare"
        own, light = (train[key] for key in picture.pictures)
        assert own.parent.name == "rare" and light.name == picture.background
        lights.add(light)
    assert len(lights) > 12, "of every class"
    clean = tmp_path / "clean"
    clean.mkdir()
    Image.fromarray(np.full((50, 90), 240, np.uint8)).save(clean / "c.png")
    lit = next(variants.draw(1, 0, "rare", Backgrounds(clean)))
    assert lit.background == "c.png" and lit.image.mean() > 200
    (masked,) = variants.draw(1, 3, "dark")
    assert masked.mask is not None
    assert np.array_equal(masked.image, next(Variants(discs).draw(1, 3, "dark")).image), "as with all masks there"


def test_a_picture_of_two_classes_is_not_filed_under_one(tmp_path: Path) -> None:
    """Boxes of two classes: as a whole it shows both."""
    (tmp_path / "data.yaml").write_text("names: [scratch, dent]\n")
    for number, classes in enumerate(["0", "01", "1"]):
        image = tmp_path / "images" / f"{number}.png"
        for path in (image, labels := tmp_path / "labels" / f"{number}.txt"):
            path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.random.default_rng(number).integers(80, 160, (48, 48), np.uint8)).save(image)
        labels.write_text("".join(f"{one} 0.5 0.5 0.4 0.4\n" for one in classes))
    variants = Variants(tmp_path)
    assert variants.classes == ("dent", "scratch")
    alone = digest(tmp_path / "images" / "2.png")
    assert {picture.pictures[0] for picture in variants.draw(12, 0, "dent")} == {alone}


def test_one_sentence_where_it_cannot_be_done(discs: Path, tmp_path: Path) -> None:
    shutil.copytree(discs / "none", tmp_path / "clean" / "none")
    with pytest.raises(DataError, match="there is nothing to make more of"):
        Variants(tmp_path / "clean")
    with pytest.raises(DataError, match=r"discs has defects of dark, rare; it has none of 'none'"):
        next(Variants(discs).draw(1, 0, "none"))
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(tmp_path / "black.png")
    with pytest.raises(DataError, match="are black"):
        next(Variants(discs).draw(1, 0, backgrounds=Backgrounds(tmp_path)))
    sampling = Sampling(Settings(home=tmp_path / "home"))
    with pytest.raises(DataError, match="no such folder any more"):
        sampling.sources.find(f"data:{tmp_path / 'gone'}")


def test_a_run_goes_before_a_folder_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sample mine --out mine`, for the second time."""
    settings = Settings(home=tmp_path / "home")
    settings.prepare()
    data = add_steel(discs_folder(tmp_path / "mine", rare=4))
    run = finished_run(settings, data, name="mine")
    monkeypatch.chdir(tmp_path)
    sources = Sampling(settings).sources
    assert sources.named("mine").key == f"run:{run.id}"
    assert sources.named("./mine").key == f"data:{tmp_path / 'mine'}"
    assert sources.all(run.id)[-1].path == data, "what the run learned from is offered"
    assert not [source for source in sources.all(None) if source.kind == "data"], "it is not one of the workspace"


def test_from_the_command_line_into_an_experiment(
    capsys: pytest.CaptureFixture[str], discs: Path, tmp_path: Path
) -> None:
    made, home = tmp_path / "made", ("--home", tmp_path / "home")
    code, _, err = run(capsys, "sample", discs, "--class", "rare", "--count", "8", "--scores", "--out", made, *home)
    assert code == 0, err
    rows = list(csv.DictReader((made / "manifest.csv").open()))
    assert len(rows) == 8 and {row["class"] for row in rows} == {"rare"}
    assert all(float(row["distance"]) > 0 and row["mask"] and not row["generator"] and not row["run"] for row in rows)
    words = shlex.split("--task segmenter --arms plain,synthetic --arch test_resnet --init random --size 64")
    asked = ("experiment", "--data", discs, "--synthetic", made, *words, "--epochs", "1", "--seeds", "1", *home)
    code, _, err = run(capsys, *asked)
    assert code == 0, err
    assert "no record" not in err
    # Of a picture that is held out now, nothing may be learned from.
    moved = (discs / "split.csv").read_text("utf-8")
    steel = rows[0]["background"]
    try:
        line = f"none/{steel},none,none{Path(steel).stem},"
        (discs / "split.csv").write_text(moved.replace(f"{line}train", f"{line}test"))
        code, _, err = run(capsys, *asked)
        assert code == 1 and f"holds a part of the test picture {steel}" in err
    finally:
        (discs / "split.csv").write_text(moved)
    clean, other = tmp_path / "clean", tmp_path / "other"
    clean.mkdir()
    Image.fromarray(np.random.default_rng(0).normal(200, 20, (50, 90)).clip(0, 255).astype(np.uint8)).save(
        clean / "c.png"
    )
    code, _, err = run(capsys, "sample", discs, "--count", "4", "--background", clean, "--out", other, *home)
    assert code == 0, err
    rows = list(csv.DictReader((other / "manifest.csv").open()))
    assert [row["background"] for row in rows] == ["c.png"] * 4 and {len(row["pictures"].split()) for row in rows} == {
        2
    }
    code, _, err = run(capsys, "sample", discs, "--background", tmp_path / "no", "--out", tmp_path / "none", *home)
    assert code == 1 and "no such folder" in err and not (tmp_path / "none").exists()
    code, _, err = run(capsys, "sample", discs, "--walk", tmp_path / "walk.gif", *home)
    assert code != 0 and "only between a generator's pictures" in err
