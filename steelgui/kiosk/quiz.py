""" "Real or generated?": games, guesses, and the best of the day. What is true leaves here only after the guess."""

from __future__ import annotations

import json
import random
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from models.files import atomic_write
from steelgui.kiosk.pictures import Material, Pictures, Steel
from training.data.record import DataError

ROUNDS = 10
#: Of each kind at least; an even number would tell who counts what the last ones are.
LEAST = 3
#: Games that are remembered; the oldest, which its visitor has left, makes room.
GAMES = 32
BEST = 10
POINTS, BONUS, LONGEST_STREAK = 10, 5, 5
#: Three letters are enough to be rude, and children read along.
RUDE = frozenset(
    {"ASS", "CUM", "FAG", "FUC", "FUK", "FUQ", "FUX", "KKK", "KYS", "NIG", "PIS", "SEX", "SHT", "SUK", "TIT"}
)


class QuizError(ValueError):
    """There is no such game any more, or it is not this round's turn; `kind` is `gone` or `turn`."""

    def __init__(self, kind: str) -> None:
        super().__init__({"gone": "this game is over; start another", "turn": "this round is over"}[kind])
        self.kind = kind


@dataclass
class Game:
    """One visitor's ten rounds."""

    material: Material
    rounds: list[Steel]
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    at: int = 0
    right: int = 0
    streak: int = 0
    points: int = 0
    named: bool = False

    @property
    def over(self) -> bool:
        return self.at >= len(self.rounds)


class Best:
    """The best games of today, kept in memory, and in a file if one is named."""

    def __init__(self, path: Path | None, today: Callable[[], date] = date.today) -> None:
        self._path, self._today = path, today
        self._day = today()
        self._list = self._read()

    def top(self) -> list[dict[str, Any]]:
        """`name` and `points`, the best first."""
        if self._day != self._today():
            self._day, self._list = self._today(), []
        return list(self._list)

    def enters(self, points: int) -> bool:
        """Are so many points among the best?"""
        best = self.top()
        return points > 0 and (len(best) < BEST or points > best[-1]["points"])

    def add(self, name: str, points: int) -> int | None:
        """Enter a game; its place from 0 on, behind those with as many points; None where it is not among the best."""
        if not self.enters(points):
            return None
        place: int = sum(entry["points"] >= points for entry in self.top())
        self._list.insert(place, {"name": name, "points": points})
        del self._list[BEST:]
        if self._path is not None:
            # A full disk must not take the visitor's place on the screen away.
            with suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                atomic_write(self._path, json.dumps({"day": self._day.isoformat(), "best": self._list}))
        return place

    def _read(self) -> list[dict[str, Any]]:
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(self._path.read_text("utf-8")) if self._path else {}
            if kept["day"] == self._day.isoformat():
                return [{"name": letters(str(one["name"])), "points": int(one["points"])} for one in kept["best"]][
                    :BEST
                ]
        return []


class Quiz:
    """Any number of visitors may play at once."""

    def __init__(self, pictures: Pictures, best: Best, chance: random.Random | None = None) -> None:
        self.best = best
        self._pictures, self._chance = pictures, chance or random.SystemRandom()
        self._games: OrderedDict[str, Game] = OrderedDict()
        self._lock = threading.Lock()

    def start(self) -> Game:
        """Deal a game; CheckpointError where no generator can be used."""
        material = self._pictures.material()
        truths = deal_truths(self._chance)
        try:
            game = Game(material, self._pictures.deal(material, truths, self._chance))
        except DataError:
            material = Material(None, material.generator, ())
            game = Game(material, self._pictures.deal(material, truths, self._chance))
        with self._lock:
            self._games[game.id] = game
            while len(self._games) > GAMES:
                self._games.popitem(last=False)
        return game

    def picture(self, game_id: str, number: int) -> bytes:
        """PNG of the round whose turn it is; QuizError for any other."""
        with self._lock:
            game = self._game(game_id)
            if number != game.at or game.over:
                raise QuizError("turn")
            return game.rounds[number].png

    def guess(self, game_id: str, number: int, real: bool) -> dict[str, Any]:
        """The truth about the round whose turn it is, and the score; QuizError for any other round."""
        with self._lock:
            game = self._game(game_id)
            if number != game.at or game.over:
                raise QuizError("turn")
            steel = game.rounds[number]
            right = steel.real == real
            game.at += 1
            game.right += right
            game.streak = game.streak + 1 if right else 0
            over = game.at == len(game.rounds)
            won = POINTS + BONUS * (min(game.streak, LONGEST_STREAK) - 1) if right else 0
            game.points += won
            return {
                "right": right,
                "real": steel.real,
                "label": steel.label,
                "won": won,
                "points": game.points,
                "streak": game.streak,
                "correct": game.right,
                "over": over,
                "best": over and self.best.enters(game.points),
            }

    def name(self, game_id: str, name: str) -> int | None:
        """Enter a finished game among the best, once; its place, or None.

        Raises:
            QuizError: it is not over, or was entered already.
            ValueError: the name is not three letters.
        """
        name = letters(name)
        with self._lock:
            game = self._game(game_id)
            if not game.over or game.named:
                raise QuizError("turn")
            game.named = True
            return self.best.add(name, game.points)

    def _game(self, game_id: str) -> Game:
        if game_id not in self._games:
            raise QuizError("gone")
        return self._games[game_id]


def deal_truths(chance: random.Random) -> list[bool]:
    """Real or not for each round: by chance, but `LEAST` of each at least."""
    while True:
        truths = [chance.random() < 0.5 for _ in range(ROUNDS)]
        if LEAST <= sum(truths) <= ROUNDS - LEAST:
            return truths


def letters(name: str) -> str:
    """Three letters A to Z; ValueError for anything else, stars for what is rude."""
    name = name.upper()
    if len(name) != 3 or not all("A" <= letter <= "Z" for letter in name):
        raise ValueError("a name has three letters from A to Z")
    return "***" if name in RUDE else name
