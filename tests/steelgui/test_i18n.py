"""Both layers of translation read the same tables, and no text is missing from either."""

from __future__ import annotations

import json
import re
import string
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from models.imagefile import SENTENCES, ImageError, read_image
from steelgui.languages import LANGUAGES, preferred, table
from steelgui.settings import assets_folder
from steelgui.ui import i18n
from steelgui.ui.anomaly_panel import FIELDS as LEARNED
from steelgui.ui.i18n import Translator, translator, visitor_scale, visitor_zone
from steelgui.ui.retrain_tab import FIELDS as RETRAINED
from steelgui.ui.train_panel import FIELDS
from training.anomaly.config import AnomalyConfig
from training.experiment.config import ExperimentConfig
from training.gan.config import GanConfig


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_tables_have_the_same_keys_and_placeholders() -> None:
    english, korean = table("en"), table("ko")
    # What is wrong with a picture is said in English by `models.imagefile` itself.
    english = english | {f"image.{kind}": text for kind, text in SENTENCES.items()}
    # What a setting does is said in English beside the configuration's field.
    english |= {f"help.{name}": GanConfig.model_fields[name].description or "" for name in FIELDS}
    fields = ExperimentConfig.model_fields
    english |= {f"retrain.{name}_help": fields[name].description or "" for name in RETRAINED}
    fields = AnomalyConfig.model_fields
    english |= {f"detector.{name}_help": fields[name].description or "" for name in LEARNED}
    assert english.keys() == korean.keys()
    for key in english:
        assert placeholders(english[key]) == placeholders(korean[key]), key


def test_every_locale_file_is_a_language() -> None:
    assert {path.stem for path in (assets_folder() / "locales").glob("*.json")} == set(LANGUAGES)


def test_every_key_in_the_source_exists_and_none_is_left_over() -> None:
    source = "".join(path.read_text("utf-8") for path in sorted(Path(i18n.__file__).parent.glob("*.py")))
    asked_for = set(re.findall(r"""(?:\bt|\btext|i18n)\(\s*["']([^"'{}]+)["']""", source))
    assert asked_for <= set(table("en"))
    # These are put together from a prefix and a name.
    built = {
        key
        for key in table("en")
        if re.match(
            r"(arm|class|compare|sample|areas|batch|verdict|verdict_title|verdict_text|chart|curve|field|figure|health|preset|preview)\."
            r"|(change|dash|desktop|detector|history|kiosk|live|models|page|painter|rate|remedy|retrain|runs|settings|split|studio|tab)\."
            r"|(tile|toast|tour)\."
            # Gradio's own, of which it has no text in one of the languages.
            r"|(common|dataframe|image\.no_webcam_support|status)",
            key,
        )
    }
    assert set(table("en")) - built == asked_for - built


def test_no_key_is_written_twice() -> None:
    for path in sorted(assets_folder().glob("*/*.json")):
        if path.parent.name in ("locales", "sentences"):
            pairs = json.loads(path.read_text("utf-8"), object_pairs_hook=list)
            assert len(pairs) == len(dict(pairs)), path


def test_korean_is_korean() -> None:
    for key, text in table("ko").items():
        if not key.startswith(("meta.", "rate.")) and re.sub(r"\{\w+\}|\W", "", text):
            assert re.search("[가-힣]", text), key


@pytest.mark.parametrize(
    ("header", "lang"),
    [
        ("ko-KR,ko;q=0.9,en-US;q=0.8", "ko"),
        ("en-US,en;q=0.9,ko;q=0.8", "en"),
        ("de-DE,ko;q=0.5,en;q=0.7", "en"),
        ("fr", "en"),
        ("ko;q=x", "en"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_language_of_a_request(header: str | None, lang: str) -> None:
    assert preferred(header) == lang
    assert translator(None, {"accept-language": header} if header else {}).lang == lang
    assert translator("ko", {"accept-language": header}).lang == "ko"


def test_classes_and_samples() -> None:
    english, korean = Translator("en"), Translator("ko")
    assert korean.class_name("scratches") == "스크래치 (scratches)"
    assert english.class_name("pitted_surface") == "pitted surface"
    assert korean.class_name("blow_hole") == "blow hole"
    assert english.sample("09-tile-pitted-surface") == "pitted surface"
    assert english.sample("04-strip-scratches-and-patches") == "scratches + patches"
    assert english.sample("10-tile-clean-oil-stain") == "oil stain"
    assert korean.sample("11-tile-clean") == "정상"


def test_a_visitors_own_choice_lies_in_a_cookie() -> None:
    headers = {"accept-language": "en", "cookie": "other=1; steelgui_lang=ko; steelgui_mm=0.05"}
    assert translator(None, headers).lang == "ko"
    assert translator("en", headers).lang == "en"
    assert translator(None, {"cookie": "steelgui_lang=<b>"}).lang == "en"
    assert visitor_scale(headers, None) == 0.05
    assert visitor_scale({}, 0.2) == 0.2
    for nonsense in ("px", "nan", "-1", "1e9", ""):
        assert visitor_scale({"cookie": f"steelgui_mm={nonsense}"}, 0.2) is None


def test_what_is_wrong_with_a_picture_is_said_in_both_languages() -> None:
    with pytest.raises(ImageError) as caught:
        read_image(b"", "사진.png")
    assert Translator("en").problem(caught.value) == str(caught.value)
    assert Translator("ko").problem(caught.value).startswith("사진.png: 빈 파일")
    assert Translator("ko").problem(OSError("disk full")) == "disk full"


@pytest.mark.parametrize(
    ("cookie", "known"),
    [
        ("steelgui_zone=Asia%2FSeoul; steelgui_lang=ko", "Asia/Seoul"),
        ("x=1; steelgui_zone=America/New_York", "America/New_York"),
        ("steelgui_zone=", None),
        ("steelgui_zone=Mars%2FOlympus", None),
        ("steelgui_zone=..%2F..%2Fetc%2Fpasswd", None),
        ("steelgui_zone=Asia", None),
        ("steelgui_zone=%00", None),
        ("", None),
    ],
)
def test_a_browser_says_its_time_zone(cookie: str, known: str | None) -> None:
    found = visitor_zone({"cookie": cookie})
    assert found == (ZoneInfo(known) if known else None)
