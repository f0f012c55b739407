"""Who asks, what they may do, and how much: decided before a byte of the request's body is read."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.requests import Request as PlainRequest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from steelgui.api.problems import problem
from steelgui.guard import LOGGED_IN
from steelgui.services.keys import PERMISSIONS, Keys
from steelgui.settings import Settings, StorageError

#: Tell nothing that a visitor could not find in the public source code.
OPEN = ("/healthz", "/openapi.json", "/docs")
VISITORS = frozenset({"read", "inspect"})
#: What a request without pictures may have.
MEGABYTE = 1_000_000
#: Callers whose last requests are remembered.
REMEMBERED = 10_000


@dataclass(frozen=True)
class Caller:
    """Who asks, and which of `PERMISSIONS` they have."""

    name: str
    allow: frozenset[str]

    def may(self, permission: str) -> bool:
        return permission in self.allow


class Bucket:
    """So many requests a minute for each caller, up to a tenth of them at once; 0 is no limit."""

    def __init__(self, a_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._most, self._now = a_minute / 60, max(a_minute / 10, 1.0), now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def take(self, name: str) -> float:
        """Seconds to wait until the next request is welcome; 0 if this one is."""
        if not self._rate:
            return 0.0
        with self._lock:
            now = self._now()
            left, then = self._left.pop(name, (self._most, now))
            left = min(self._most, left + (now - then) * self._rate)
            self._left[name] = (left - 1 if left >= 1 else left, now)
            while len(self._left) > REMEMBERED:
                self._left.popitem(last=False)
        return 0.0 if left >= 1 else (1 - left) / self._rate


class Access:
    """Pure ASGI around the API: 401, 429 and 413 are answered here, and `request.state.caller` is set."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings
        self._keys = Keys(settings.keys)
        self._bucket = Bucket(0 if settings.local else settings.rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = PlainRequest(scope)
        try:
            if scope["path"].removeprefix(scope.get("root_path", "")) not in OPEN:
                request.state.caller = self._caller(request)
            pictures = request.headers.get("content-type", "").startswith("multipart/form-data")
            largest = self.settings.upload_mb * MEGABYTE if pictures else MEGABYTE
            _check_size(request.headers.get("content-length", ""), largest)
        except HTTPException as error:
            await problem(error.status_code, error.detail, error.headers)(scope, receive, send)
        except StorageError as error:
            await problem(503, str(error) if self.settings.local else "The keys cannot be read.")(scope, receive, send)
        else:
            await self.app(scope, _counted(receive, largest), send)

    def _caller(self, request: PlainRequest) -> Caller:
        secret = _secret(request)
        address = request.client.host if request.client else ""
        key = self._keys.check(secret) if secret else None
        if wait := self._bucket.take(f"key {key.name}" if key else address):
            seconds = math.ceil(wait)
            raise HTTPException(
                429,
                f"More than {self.settings.rate} requests a minute; try again in {seconds} s.",
                {"Retry-After": str(seconds)},
            )
        if key:
            return Caller(key.name, frozenset(key.allow))
        if secret:
            raise _unknown("This key is not known, or was revoked; make one with `steelgui keys create NAME`.")
        if request.scope.get(LOGGED_IN) or self._everyone_may_all():
            return Caller(address, frozenset(PERMISSIONS))
        if self.settings.demo:
            return Caller(address, VISITORS)
        raise _unknown("This needs a key (Authorization: Bearer KEY) or the page's login.")

    def _everyone_may_all(self) -> bool:
        return not self.settings.auth and (self.settings.local or self.settings.allow_all)


def _check_size(length: str, largest: int) -> None:
    if length.isascii() and length.isdigit() and int(length) > largest:
        raise _too_large(largest)


def _counted(receive: Receive, largest: int) -> Receive:
    """A body without a length is counted as it comes."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > largest:
            raise _too_large(largest)
        return message

    return counted


def _too_large(largest: int) -> HTTPException:
    return HTTPException(413, f"This request may have {largest // MEGABYTE} MB; send fewer or smaller pictures.")


def may(permission: str) -> Any:
    """A dependency: 403 for whoever may not."""

    def check(
        request: Request,
        _bearer: Annotated[Any, Security(HTTPBearer(auto_error=False, description="a key"))],
        _header: Annotated[Any, Security(APIKeyHeader(name="X-API-Key", auto_error=False, description="a key"))],
    ) -> Caller:
        caller: Caller = request.state.caller
        if not caller.may(permission):
            raise HTTPException(403, f"You may not {permission} here; it takes a key that allows {permission}.")
        return caller

    return Depends(check)


def _secret(request: PlainRequest) -> str:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return (credentials.strip() if scheme.lower() == "bearer" else "") or request.headers.get("x-api-key", "")


def _unknown(sentence: str) -> HTTPException:
    return HTTPException(401, sentence, {"WWW-Authenticate": 'Bearer realm="SteelGUI"'})
