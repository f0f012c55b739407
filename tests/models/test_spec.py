"""Which class names mean good parts, and that a spec survives its file."""

from __future__ import annotations

import json
import unicodedata

import pytest

from models.spec import NetworkSpec, is_defect_free


@pytest.mark.parametrize(
    "name",
    [
        *("none", "clean", "free", "good", "normal", "ok", "OK", "okay", "ok_front", "OK-Back", "good parts"),
        *("defect-free", "no_defect", "No Defects", "non-defective", "passed"),
        *("정상", "양품", "합격", "이상 없음", "결함_없음", unicodedata.normalize("NFD", "양품")),
    ],
)
def test_good_parts_go_by_many_names(name: str) -> None:
    assert is_defect_free(name)


@pytest.mark.parametrize(
    "name",
    [
        *("def_front", "not_ok", "no_good", "abnormal", "ng", "front", "A", "1", "", "_", "scratches"),
        *("free_carbon", "불량", "비정상", "불합격", "불량품", "결함"),
    ],
)
def test_defects_do_not(name: str) -> None:
    assert not is_defect_free(name)


def test_a_spec_survives_its_file_and_old_files_say_nothing_of_normal() -> None:
    spec = NetworkSpec("classifier", "resnet18", ("good", "B"), normal="A")
    stored = json.loads(json.dumps(spec.to_json()))
    assert NetworkSpec.from_json(stored) == spec
    del stored["normal"]
    assert NetworkSpec.from_json(stored).normal is None
