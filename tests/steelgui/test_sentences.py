"""What lower layers say in English is translated where it is shown, and a sentence that changes is missed here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from steelgui.services.studio import Watched
from steelgui.ui.i18n import Translator
from steelgui.ui.sentences import sentences, translated
from steelgui.ui.studio_fragments import health, progress
from training.data import read_dataset
from training.data.record import DataError
from training.gan.config import gan_config
from training.gan.patches import load_patches
from training.runs import RunError, find_run

ROOT = Path(__file__).parents[2]
#: Whoever opens the Studio may read every sentence that these raise or tell.
COMPLETE = (
    *("training/gan/patches.py", "training/gan/start.py", "training/gan/train.py", "training/gan/remedies.py"),
    *("training/runs.py", "steelgui/services/jobs.py", "steelgui/services/library.py", "models/sidecar.py"),
    *("steelgui/settings.py", "training/experiment/material.py", "training/data/synthetic.py"),
    *("training/data/workspace.py", "training/data/archive.py", "steelgui/services/datasets.py"),
    *("steelgui/ui/picture_panel.py", "training/data/__init__.py"),
    *("steelgui/services/variants.py", "steelgui/services/inpainting.py"),
    *("training/experiment/paired.py", "steelgui/services/exporting.py", "models/onnxfile.py"),
    *("steelgui/database.py", "steelgui/history/files.py"),
    *("steelgui/services/review.py", "steelgui/ui/history_query.py", "steelgui/ui/history_tab.py"),
    *("steelgui/preferences.py", "steelgui/services/corrections.py", "steelgui/services/detectors.py"),
    *("training/anomaly/material.py", "training/anomaly/memory.py", "training/anomaly/train.py"),
    *("training/comparison/material.py", "training/comparison/run.py"),
)
#: Their ValueErrors are the reasons in what a data set tells of itself.
READERS = tuple(f"training/data/{name}.py" for name in ("coco", "labelme", "yolo", "marks", "shapes", "listing"))
SPOKEN = {"ConfigError", "DataError", "RunError", "CheckpointError", "StorageError", "Note", "FloatingPointError"}
SPOKEN |= {"PreferenceError", "ReviewError"}
#: Said to whoever programs against us; the page gives nothing that could cause them.
UNSEEN = {"there is no remedy {}; known: {}", "{}: {} runs fit; give more of the id ({})"}


def text_of(node: ast.AST) -> str | None:
    """A literal, with `{}` for what is put in; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)  # type: ignore[misc]
    return None


def literals(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if (text := text_of(node)) is not None:
            yield text


def spoken(path: Path, errors: set[str] = SPOKEN) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in errors:
            yield from (text for argument in node.args if (text := text_of(argument)) and len(text) > 8)


def bare(sentence: str) -> str:
    return re.sub(r"\{\w*\}", "{}", sentence)


def test_each_stands_in_the_source_as_it_is_translated() -> None:
    source = {
        text for top in ("models", "training", "steelgui") for p in (ROOT / top).rglob("*.py") for text in literals(p)
    }
    gone = [english for english in sentences("ko") if bare(english) not in source]
    assert not gone


@pytest.mark.parametrize("module", [*COMPLETE, *READERS])
def test_none_is_missing(module: str) -> None:
    known = {bare(english) for english in sentences("ko")} | UNSEEN
    errors = SPOKEN | ({"ValueError"} if module in READERS else set())
    assert [text for text in spoken(ROOT / module, errors) if text not in known] == []


def test_translations_put_in_what_the_english_puts_in() -> None:
    for english, korean in sentences("ko").items():
        assert set(re.findall(r"\{(\w+)\}", english)) == set(re.findall(r"\{(\w+)\}", korean)), english
        assert re.search("[가-힣]", korean), english


def test_real_errors_arrive_in_korean(tmp_path: Path) -> None:
    korean, english = Translator("ko"), Translator("en")
    with pytest.raises(DataError) as no_folder:
        read_dataset(tmp_path / "강판 {1}", "auto")
    assert korean.problem(no_folder.value) == f"{tmp_path / '강판 {1}'}: 그런 폴더가 없습니다."
    assert english.problem(no_folder.value) == str(no_folder.value)
    with pytest.raises(RunError) as no_run:
        find_run(tmp_path, "x")
    assert korean.problem(no_run.value) == "x: 그런 학습이 없습니다. 있는 것: none"
    (tmp_path / "data" / "crazing").mkdir(parents=True)
    (tmp_path / "data" / "crazing" / "one.png").write_text("no picture")
    with pytest.raises(DataError) as few:
        load_patches(gan_config({"data": tmp_path / "data", "out": tmp_path, "class": "crazing"}))
    assert re.search("[가-힣]", korean.problem(few.value)), few.value


def test_a_sentence_within_a_sentence() -> None:
    note = "the samples collapsed (diversity 0.08): back to 4000 pictures seen, at 0.5 of the learning rates"
    assert (
        translated(note, "ko")
        == "샘플이 붕괴함(다양성 0.08): 4000장을 본 시점으로 돌아가 학습률의 0.5배로 이어 갑니다."
    )
    assert translated(note, "en") == note
    assert translated("nobody has translated this", "ko") == "nobody has translated this"


def test_a_run_speaks_korean() -> None:
    refused = Watched(
        "", "", "", "refused", 10, 20, "a run's name has 1 to 80 characters, this one 0", "waiting", 0, None
    )
    running = replace(refused, state="running", notes=("out of memory: the batch is now 8 pictures",))
    korean = Translator("ko")
    assert "학습 이름은 1자에서 80자까지" in health(refused, None, korean)
    assert "이제 한 번에 8장씩" in progress(running, korean)
