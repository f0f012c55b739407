"""The window's own page: what is seen before the server's page stands, and when it has fallen.

A tiny server on this machine alone. Its address holds a random word, without which it answers nothing: other users and
other pages of the browser do not know it.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from steelgui.languages import preferred, table
from steelgui.settings import assets_folder

Phase = Literal["starting", "ready", "failed", "closed"]
PREFIX = "desktop."
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Story:
    """What the page shows.

    Attributes:
        address: of the server's page, once it is `ready`.
        seconds: since this start.
        sentence: what failed, in English.
        log, tail: the log's path, and its last lines.
        trainings: how many go on in processes of their own.
        painted: when the window was painted first, as the browser says it; milliseconds since 1970.
    """

    phase: Phase = "starting"
    address: str = ""
    seconds: float = 0.0
    sentence: str = ""
    log: str = ""
    tail: tuple[str, ...] = ()
    trainings: int = 0
    painted: float | None = None


class Front:
    """Serves the page from its own thread.

    Args:
        story: what to show now.
        actions: what a button, or a second start, may ask for; called in a thread of its own.
        painted: told when the page was painted, in milliseconds since 1970.
        lang: of the page; None follows the browser.
    """

    def __init__(
        self,
        story: Callable[[], Story],
        actions: Mapping[str, Callable[[], object]],
        painted: Callable[[float], None],
        lang: str | None,
    ) -> None:
        self.story, self.actions, self.painted, self.lang = story, actions, painted, lang
        self._word = secrets.token_urlsafe(12)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/{self._word}/"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, language: str | None) -> tuple[int, str, bytes]:
        """Status, kind of content, content."""
        word, _, what = path.lstrip("/").partition("/")
        what, _, query = what.partition("?")
        if not secrets.compare_digest(word.encode(), self._word.encode()):
            return 404, "text/plain", b""
        if method == "POST":
            if what == "painted":
                return self._paint(query)
            action = self.actions.get(what)
            if action is None or self.story().phase == "closed":
                return 404, "text/plain", b""
            # Quitting ends the thread that would answer.
            threading.Timer(0.1, action).start()
            return 204, "text/plain", b""
        if what == "icon.svg":
            return 200, "image/svg+xml", (assets_folder() / "icon.svg").read_bytes()
        lang = self.lang or preferred(language)
        if what == "story":
            return 200, "application/json", json.dumps(_told(self.story(), lang)).encode()
        if what in ("", "quit"):
            return 200, "text/html; charset=utf-8", page(lang, leaving=what == "quit").encode()
        return 404, "text/plain", b""

    def _paint(self, query: str) -> tuple[int, str, bytes]:
        try:
            self.painted(float(query))
        except ValueError:
            return 400, "text/plain", b""
        return 204, "text/plain", b""


def page(lang: str, leaving: bool = False) -> str:
    """One file, so that the first answer is all that the first paint needs."""
    words = {key.removeprefix(PREFIX): text for key, text in table(lang).items() if key.startswith(PREFIX)}
    told = json.dumps({"words": words, "leaving": leaving}, ensure_ascii=False).replace("<", "\\u003c")
    parts = {name: (assets_folder() / "desktop" / name).read_text("utf-8") for name in ("front.css", "front.js")}
    html = (assets_folder() / "desktop" / "front.html").read_text("utf-8")
    first = words["leave" if leaving else "starting"]
    for mark, text in (("LANG", lang), ("FIRST", first), ("STYLE", parts["front.css"])):
        html = html.replace(f"{{{mark}}}", text)
    return html.replace("{SCRIPT}", f"const steelgui = {told};\n{parts['front.js']}")


def _told(story: Story, lang: str) -> dict[str, Any]:
    from steelgui.ui.sentences import translated

    return {**story.__dict__, "sentence": translated(story.sentence, lang)}


def _handler(front: Front) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def _answer(self, method: str) -> None:
            status, kind, content = front.answer(method, self.path, self.headers.get("Accept-Language"))
            self.send_response(status)
            for name, value in {**HEADERS, "Content-Type": kind, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """A request every half second is no news, and a windowed program has no stderr."""

    return Handler
