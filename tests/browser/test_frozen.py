"""A frozen program as a visitor uses it: `STEELGUI_FROZEN=dist/SteelGUI/SteelGUI pytest tests/browser/test_frozen.py`.

Started with an empty environment, from an empty folder that cannot be written, with a home folder of an awkward name.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import serving

from steelgui.settings import assets_folder

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "build"))

import manifest

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
expect.set_options(timeout=60_000)
Visit = Callable[..., playwright.Page]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(900),
    pytest.mark.skipif("STEELGUI_FROZEN" not in os.environ, reason="STEELGUI_FROZEN names no frozen program"),
]


@pytest.fixture(scope="module")
def program() -> Path:
    return Path(os.environ["STEELGUI_FROZEN"]).resolve()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("frozen") / "강판 검사 home"


@pytest.fixture(scope="module")
def address(program: Path, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """In place of the program from source: `visit` takes this one here."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    elsewhere.chmod(0o555)
    with serving(home, program=[str(program)], cwd=elsewhere, env={}) as (url, _):
        yield url
    assert list(elsewhere.iterdir()) == []
    if (program.parent / manifest.MANIFEST).is_file():
        assert manifest.differences(program.parent) == [], "it wrote beside its own files"


def answer(program: Path, home: Path, *words: str) -> Any:
    """What a command of the frozen program prints with --json."""
    command = [str(program), *words, "--json", "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, env={}, cwd="/", check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_inspect_a_gan_run_and_history(visit: Visit, program: Path, home: Path, tmp_path: Path) -> None:
    page = visit()
    page.locator("#samples .thumbnail-item").first.click()
    expect(page.locator("#verdict .sg-verdict")).to_have_attribute("data-verdict", "defect", timeout=60_000)
    expect(page.locator("#slider img")).to_have_count(2)
    page.screenshot(path=tmp_path / "inspect.png")

    page.get_by_role("tab", name="GAN Studio").click()
    page.locator("#studio-demo").click()
    expect(page.locator("#studio-class input").first).to_be_attached(timeout=180_000)
    page.locator("#studio-class").get_by_text("scratches").click()
    page.locator("#studio-settings").get_by_text("Settings").click()
    for name, value in (("images", "1280"), ("checks", "2")):
        field = page.locator(f"#field-{name} input")
        field.fill(value)
        field.press("Tab")
    expect(page.locator("#studio-command")).to_contain_text("--images 1280 --checks 2")
    page.locator("#studio-train").click()
    expect(page.locator("#studio-samples img")).to_be_visible(timeout=300_000)
    expect(page.locator("#studio-health .sg-health")).to_have_attribute(
        "data-health", re.compile("finished"), timeout=300_000
    )
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=tmp_path / "studio.png")

    page.get_by_role("tab", name="History").click()
    expect(page.locator("#history .sg-card")).to_have_count(1)
    page.screenshot(path=tmp_path / "history.png")

    runs = answer(program, home, "runs", "list")
    assert [(run["kind"], run["state"]) for run in runs] == [("gan", "finished")]
    assert answer(program, home, "history", "list")["name"] == "01-strip-scratches.jpg"
    sample = assets_folder() / "samples" / "01-strip-scratches.jpg"
    assert answer(program, home, "inspect", str(sample))["label"] == "scratches"


def test_korean_in_the_dark(visit: Visit, tmp_path: Path) -> None:
    page = visit(locale="ko-KR", color_scheme="dark", size=(820, 1180))
    page.locator("#samples .thumbnail-item").nth(1).click()
    expect(page.locator("#verdict .sg-verdict")).to_have_attribute("data-verdict", re.compile("ok|defect"))
    page.screenshot(path=tmp_path / "korean.png")
