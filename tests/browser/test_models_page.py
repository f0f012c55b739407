"""The Models tab: take one in, let it inspect, compare it, take it out, and go back."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from stripes import ANGLES, striped_folder

from models.checkpoint import save_checkpoint
from models.registry import build
from models.spec import NetworkSpec, Preprocess

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
expect.set_options(timeout=60_000)
Visit = Callable[..., playwright.Page]


def striper(path: Path, seed: int) -> list[Path]:
    torch.manual_seed(seed)
    spec = NetworkSpec("classifier", "test_resnet", tuple(ANGLES), preprocess=Preprocess(32))
    card = {"metrics": {"macro_f1": 0.4}, "trained_on": {"data": "stripes"}}
    return [save_checkpoint(path, build(spec), spec, card), path.with_suffix(".json")]


def choose_option(page: playwright.Page, dropdown: str, text: str) -> None:
    page.locator(f"{dropdown} input").click()
    page.locator(f"{dropdown} [role=option]", has_text=text).first.click()


def bring(page: playwright.Page, files: list[Path]) -> None:
    with page.expect_file_chooser() as asked:
        page.locator("#models-import").click()
    asked.value.set_files(files)


def test_from_a_file_to_an_inspection_and_back(visit: Visit, tmp_path: Path) -> None:
    page = visit()
    page.get_by_role("tab", name="Models").click()
    expect(page.locator('[data-model="neu-classifier"]')).to_contain_text("inspects")
    bring(page, striper(tmp_path / "lines-a.safetensors", 0)[:1])
    expect(page.get_by_test_id("toast-text").last).to_contain_text("together")
    for name in ("lines-a", "lines-b"):
        bring(page, striper(tmp_path / f"{name}.safetensors", ord(name[-1])))
        expect(page.locator(f'[data-model="{name}"]')).to_contain_text("stripes")

    choose_option(page, "#models-model", "lines-a")
    page.locator("#models-activate").click()
    header = page.locator("#header .sg-models")
    # Masks of other classes would contradict it.
    expect(header).to_contain_text(re.compile(r"^lines-a · "))
    expect(page.locator('[data-model="neu-segmenter"]')).not_to_contain_text("inspects")
    expect(page.get_by_test_id("toast-text").filter(has_text="mind: macro-F1 of lines-a is 0.400")).to_be_visible()

    choose_option(page, "#models-other", "lines-b")
    page.locator("#models-data input").fill(str(striped_folder(tmp_path / "data")))
    page.locator("#models-data input").press("Enter")
    page.locator("#models-compare").click()
    expect(page.locator("#models-compared [data-verdict]")).to_contain_text("F1 · rare")

    page.locator("#models-export").click()
    expect(page.locator("#models-files")).to_contain_text("lines-a")
    page.locator("#models-back").click()
    expect(header).to_contain_text("neu-classifier + neu-segmenter")
