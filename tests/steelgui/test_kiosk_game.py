"""The kiosk's game by itself: what is shown, what is scored, whose names stand on the list."""

from __future__ import annotations

import io
import random
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from steelgui.kiosk.booth import Booth
from steelgui.kiosk.pictures import SHOWN, choose, past_edge, prepared
from steelgui.kiosk.quiz import BEST, LEAST, ROUNDS, Best, Quiz, QuizError, deal_truths, letters
from steelgui.services.sources import Source
from steelgui.services.workbench import Workbench
from steelgui.settings import Settings


def test_the_pair_with_most_classes_in_common_plays() -> None:
    def generator(name: str, *classes: str) -> Source:
        return Source(f"model:{name}", "model", name, Path(name), name, None, classes)

    bundled, own = generator("neu", "crazing", "scratches"), generator("own", "dent", "hole", "scratches")
    chosen = choose({Path("a"): ["dent", "hole"], Path("b"): ["crazing"], Path("c"): []}, [bundled, own])
    assert (chosen.data, chosen.generator, chosen.labels) == ("a", own, ("dent", "hole"))
    drawn = choose({Path("c"): []}, [own, bundled])
    assert (drawn.folder, drawn.generator, drawn.labels) == (None, bundled, ("crazing", "scratches"))
    with pytest.raises(ValueError, match="no generator"):
        choose({}, [])


def test_pictures_are_prepared_alike() -> None:
    chance = np.random.default_rng(0)
    for image in (chance.integers(0, 255, (200, 200, 3), np.uint8), chance.integers(0, 255, (64, 64), np.uint8)):
        picture = Image.open(io.BytesIO(prepared(image, 64)))
        assert (picture.size, picture.mode, picture.info) == ((SHOWN, SHOWN), "L", {})
        # Nothing finer than the generator could make is left.
        spectrum = np.abs(np.fft.fft2(np.asarray(picture, dtype=float)))
        assert spectrum[SHOWN // 4 : -SHOWN // 4].mean() < 0.02 * spectrum[1:32, 1:32].mean()
    steel = np.full((64, 64), 90, np.uint8)
    assert not past_edge(steel)
    steel[:, :9] = 3
    assert past_edge(steel)


def test_truths_are_by_chance_but_never_one_sided() -> None:
    dealt = [sum(deal_truths(random.Random(seed))) for seed in range(300)]
    assert min(dealt) == LEAST and max(dealt) == ROUNDS - LEAST


def test_the_best_of_the_day(tmp_path: Path) -> None:
    day = [date(2026, 11, 22)]
    best = Best(tmp_path / "best.json", lambda: day[0])
    assert best.add("LOW", 0) is None
    assert [best.add(name, points) for name, points in (("ABC", 50), ("DEF", 70), ("GHI", 50))] == [0, 0, 2]
    again = Best(tmp_path / "best.json", lambda: day[0])
    assert [entry["name"] for entry in again.top()] == ["DEF", "ABC", "GHI"]
    for _ in range(BEST):
        again.add("TOP", 99)
    assert len(again.top()) == BEST and not again.enters(99) and again.enters(100)
    day[0] += timedelta(days=1)
    assert again.top() == [] and Best(tmp_path / "best.json", lambda: day[0]).top() == []
    for rubbish in ("", "[]", '{"day": "2026-11-23", "best": [{"name": "<b>", "points": 1}]}'):
        (tmp_path / "best.json").write_text(rubbish)
        assert Best(tmp_path / "best.json", lambda: day[0]).top() == []


def test_names_are_three_letters_and_not_rude() -> None:
    assert (letters("kim"), letters("ASS")) == ("KIM", "***")
    for bad in ("", "AB", "ABCD", "A<B", "가나다", "None", "ſßx"):
        with pytest.raises(ValueError, match="three letters"):
            letters(bad)


def test_old_games_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steelgui.kiosk.quiz.GAMES", 2)
    quiz = Quiz(Booth(Workbench(Settings(home=tmp_path))).quiz._pictures, Best(None))
    first, *_ = [quiz.start().id for _ in range(3)]
    with pytest.raises(QuizError, match="over"):
        quiz.picture(first, 0)
