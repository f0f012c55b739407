"""COCO, LabelMe and YOLO through the workspace: taken in, corrected, trained on, and what History exports."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from commandline import run
from PIL import Image
from stored import inspection, picture

from steelgui.history import History
from steelgui.services import history_export
from steelgui.services.datasets import Datasets
from steelgui.services.sources import Sources
from steelgui.settings import Settings
from training.data.record import load_masks

SIDE = 64
LAYOUTS = ("coco", "labelme", "yolo")


def scratched(folder: Path, layout: str, count: int = 16) -> Path:
    """Colour pictures, every other one with a dark bar that the layout's files mark as a scratch."""
    random = np.random.default_rng(0)
    images, annotations = [], []
    pictures = folder / ("images" if layout != "labelme" else "")
    pictures.mkdir(parents=True)
    (folder / "labels").mkdir()
    for number in range(count):
        pixels = random.normal((150, 120, 90), 12, (SIDE, SIDE, 3))
        left, top = random.integers(8, 30, 2).tolist()
        right, bottom = left + 24, top + 6
        if marked := number % 2 == 0:
            pixels[top:bottom, left:right] -= 70
        name = f"{number:02d}.png"
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(pictures / name)
        corners = [left, top, right, top, right, bottom, left, bottom]
        images.append({"id": number, "file_name": name, "width": SIDE, "height": SIDE})
        if layout == "coco" and marked:
            annotations.append({"id": number, "image_id": number, "category_id": 4, "segmentation": [corners]})
        elif layout == "labelme":
            shape = {"label": "scratch", "points": [corners[at : at + 2] for at in (0, 2, 4, 6)]}
            content = {"shapes": [shape] * marked, "imagePath": name, "imageData": None}
            (folder / name).with_suffix(".json").write_text(json.dumps(content))
        elif marked:
            line = " ".join(str(value / SIDE) for value in corners)
            (folder / "labels" / name).with_suffix(".txt").write_text(f"0 {line}\n")
    if layout == "coco":
        content = {"images": images, "annotations": annotations, "categories": [{"id": 4, "name": "scratch"}]}
        (folder / "coco.json").write_text(json.dumps(content))
    elif layout == "yolo":
        (folder / "data.yaml").write_text("names: {0: scratch}\n")
    return folder


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_zip_is_taken_in_looked_at_and_corrected(
    layout: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = shutil.make_archive(str(tmp_path / "cars"), "zip", scratched(tmp_path / layout, layout).parent, layout)
    home = ["--home", tmp_path / "home"]
    code, out, err = run(capsys, "data", "import", archive, "--json", *home)
    assert code == 0, err
    settings = Settings(home=tmp_path / "home")
    datasets, folder = Datasets(settings), Path(json.loads(out)["folder"])
    overview = datasets.overview(folder)
    assert (overview.counts, overview.masks) == ({"none": 8, "scratch": 8}, {"scratch": 8})
    code, out, _ = run(capsys, "data", "describe", folder, "--json")
    assert json.loads(out)["masks"] == {"scratch": 8}

    sample = next(one for one in datasets.dataset(folder).samples if one.labels == ("scratch",))
    (name,) = datasets.names(folder, [sample])
    before = datasets.masks(sample, SIDE, SIDE)["scratch"]
    assert before.sum() == 24 * 6
    assert (datasets.picture(sample, SIDE) != datasets.pixels(sample)).any()
    datasets.relabel(folder, name, "gouge")
    assert np.array_equal(datasets.masks(datasets.sample(folder, name), SIDE, SIDE)["gouge"], before)
    datasets.paint(folder, name, "dirt", before)
    assert list(datasets.masks(datasets.sample(folder, name), SIDE, SIDE)) == ["dirt"]
    datasets.undo(folder)
    datasets.relabel(folder, name, "none")
    assert datasets.masks(datasets.sample(folder, name), SIDE, SIDE) == {}
    datasets.split(folder, 0.25, 0.25)
    assert set(datasets.overview(folder).splits) == {"train", "validation", "test"}
    assert Sources(settings).variants(folder).classes == ("scratch",)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_segmenter_learns_from_colour_pictures_and_is_judged_in_the_dark(
    layout: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The old system's size, 128 px; a few steps are enough for bars that stand out."""
    data, out = scratched(tmp_path / "data", layout), tmp_path / "model"
    words = ["train", "segmenter", "--data", data, "--format", layout, "--out", out, "--size", 128, "--crop", 128]
    words += ["--encoder", "mobilenetv2_050", "--epochs", 2, "--batch-size", 4, "--init", "random", "--exposure", 2]
    code, told, err = run(capsys, *words, "--json")
    assert code == 0, err
    assert json.loads(told.splitlines()[0])["counts"]["scratch"] > 4
    figures = {}
    for brightness in (1, 0.25):
        code, told, err = run(
            capsys, "evaluate", out, "--data", data, "--brightness", brightness, "--json", "--home", tmp_path
        )
        assert code == 0, err
        figures[brightness] = json.loads(told)
    assert list(figures[1]["per_class"]) == ["scratch"]
    assert figures[1]["n"] == 16
    assert figures[1] != figures[0.25]


def test_brightness_is_above_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "evaluate", "neu-segmenter", "--data", tmp_path, "--brightness", 0)
    assert (code, err) == (2, "steelgui: --brightness takes a factor above 0, up to 16; 1 is as it is\n")


def test_what_history_exports_is_read_again(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    history = History(settings)
    made = [history.record(picture(seed), inspection(), name=f"강판 {seed}.jpg", source="upload") for seed in (0, 1)]
    history.correct([made[1].id], "ok")
    archive = tmp_path / "inspections.zip"
    history_export.write([*history.every()], "zip", archive)
    history.close()
    datasets = Datasets(settings)
    dataset = datasets.dataset(datasets.take_in(archive))
    assert dataset.problems == ()
    # The same names lie in overlays/ too, where something is painted over.
    assert [sample.image.parent.name for sample in dataset.samples] == ["images", "images"]
    marked, good = sorted(dataset.samples, key=lambda sample: sample.image.name)
    (defect,) = inspection().defects
    assert (marked.labels, good.labels) == ((defect.name,), ("none",))
    assert np.array_equal(load_masks(marked, [defect.name], *defect.mask.shape)[0], defect.mask)
