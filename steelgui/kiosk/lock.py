"""The kiosk's door: a PIN, kept as a hash, and who may go through for a while."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from models.files import atomic_write
from steelgui.settings import Settings, StorageError

#: Wrong tries in a row until nobody may try for `FIRST_WAIT` seconds, twice as long each time, up to `LONGEST_WAIT`.
TRIES, FIRST_WAIT, LONGEST_WAIT = 5, 60.0, 3600.0
#: Seconds for which the rest of the app stays open after its last use.
OPEN_FOR = 1800.0
WRONG_PIN = "the kiosk's PIN is 4 to 12 digits; choose another"


class Locked(Exception):  # noqa: N818  (a state, and no fault)
    """Too many wrong tries; `seconds` until the next one."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"wait {seconds:.0f} s")
        self.seconds = seconds


class Lock:
    """Checks the PIN and remembers who gave it; any number of threads may share one."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = settings.home / "kiosk-pin.json"
        self._clock = clock
        self._wrong, self._locked_until, self._wait = 0, 0.0, FIRST_WAIT
        self._open: dict[str, float] = {}
        self._mutex = threading.Lock()
        if settings.kiosk_pin is not None:
            self.keep(settings.kiosk_pin)

    @property
    def known(self) -> bool:
        """Is there a PIN? Without one, nobody gets through."""
        return _stored(self._path) is not None

    def keep(self, pin: str) -> None:
        """Let this be the PIN from now on, also after a restart.

        Raises:
            ValueError: it is no PIN.
            StorageError: the home folder cannot be written.
        """
        if not re.fullmatch(r"[0-9]{4,12}", pin):
            raise ValueError(WRONG_PIN)
        salt = secrets.token_bytes(16)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(self._path, json.dumps({"salt": salt.hex(), "hash": _hash(pin, salt).hex()}))
            self._path.chmod(0o600)
        except OSError as error:
            raise StorageError(f"The PIN cannot be kept in {self._path} ({error.strerror or error})") from error

    def enter(self, pin: str) -> str | None:
        """A token for who gave the right PIN, None for a wrong one.

        Raises:
            Locked: too many wrong tries.
        """
        # One at a time: a hundred guesses at once are a hundred tries.
        with self._mutex:
            left = self._locked_until - self._clock()
            if left > 0:
                raise Locked(left)
            kept = _stored(self._path)
            if kept is not None and hmac.compare_digest(_hash(pin[:64], kept[0]), kept[1]):
                self._wrong, self._wait = 0, FIRST_WAIT
                token = secrets.token_urlsafe(32)
                self._open[_digest(token)] = self._clock() + OPEN_FOR
                return token
            self._wrong += 1
            if self._wrong >= TRIES:
                self._wrong, self._locked_until = 0, self._clock() + self._wait
                self._wait = min(2 * self._wait, LONGEST_WAIT)
            return None

    def passes(self, token: str | None) -> bool:
        """May the owner of this token go through? Each time it may, the time begins anew."""
        with self._mutex:
            now = self._clock()
            self._open = {digest: until for digest, until in self._open.items() if until > now}
            digest = _digest(token or "")
            if digest not in self._open:
                return False
            self._open[digest] = now + OPEN_FOR
            return True

    def close(self, token: str | None) -> None:
        """Back in the kiosk, the door is shut."""
        with self._mutex:
            self._open.pop(_digest(token or ""), None)


def _stored(path: Path) -> tuple[bytes, bytes] | None:
    """Salt and hash; None where none was ever kept, or the file is damaged, which opens for nobody."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(path.read_text("utf-8"))
        return bytes.fromhex(kept["salt"]), bytes.fromhex(kept["hash"])
    return None


def _hash(pin: str, salt: bytes) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=2**14, r=8, p=1)


def _digest(token: str) -> str:
    # So that a lookup's time tells nothing of a token.
    return hashlib.sha256(token.encode()).hexdigest()
