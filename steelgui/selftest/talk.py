"""Asks a server on this machine, past any proxy."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from email.message import Message
from typing import Any

#: Seconds for one answer: an inspection waits until the models are loaded.
PATIENCE = 120.0
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class RefusedError(OSError):
    """The server answered, but not what was asked for; the message is its own sentence."""


def get(url: str, timeout: float = PATIENCE) -> bytes:
    """RefusedError, or OSError where nobody answers."""
    return _ask(urllib.request.Request(url), timeout)[0]  # noqa: S310


def send(method: str, url: str) -> None:
    """A request without a body whose answer does not matter; raises as `get` does."""
    _ask(urllib.request.Request(url, method=method), PATIENCE)  # noqa: S310


def get_json(url: str) -> Any:
    return json.loads(get(url))


def post_picture(url: str, name: str, content: bytes) -> tuple[Any, str]:
    """Send a file as the form field `file`: the answer's JSON, and its `Location`."""
    mark = uuid.uuid4().hex
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = b"".join((head.encode(), content, f"\r\n--{mark}--\r\n".encode()))
    request = urllib.request.Request(url, body, {"Content-Type": f"multipart/form-data; boundary={mark}"})  # noqa: S310
    answer, headers = _ask(request, PATIENCE)
    return json.loads(answer), headers["Location"] or ""


def _ask(request: urllib.request.Request, timeout: float) -> tuple[bytes, Message]:
    try:
        with _OPENER.open(request, timeout=timeout) as answer:
            return answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        raise RefusedError(f"{request.selector} answered {error.code}: {_sentence(error.read())}") from None


def _sentence(body: bytes) -> str:
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace")[:200].strip() or "nothing more"
