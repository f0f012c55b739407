"""Shuts the rest of the app while the kiosk runs, except for who gave the PIN."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from steelgui.kiosk.lock import Lock

COOKIE = "steelgui-kiosk"
#: Gradio asks the second one itself, once, before it serves anything.
ALWAYS = ("/healthz", "/gradio_api/startup-events")


class Gate:
    """ASGI middleware: `/kiosk` is for everybody; whoever has no token is sent there from anything else."""

    def __init__(self, app: ASGIApp, lock: Lock) -> None:
        self.app, self.lock = app, lock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or self._may(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["method"] in ("GET", "HEAD") and "text/html" in Headers(scope=scope).get("accept", "text/html"):
            await RedirectResponse("/kiosk/", 303)(scope, receive, send)
        else:
            await PlainTextResponse("The kiosk is running; its PIN opens the rest.", 401)(scope, receive, send)

    def _may(self, scope: Scope) -> bool:
        path = scope["path"]
        if path in ALWAYS or path == "/kiosk" or path.startswith("/kiosk/"):
            return True
        return self.lock.passes(HTTPConnection(scope).cookies.get(COOKIE))
