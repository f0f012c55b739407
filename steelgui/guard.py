"""Around everything that is served: other web sites stay out, and browsers are told what a page may do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from steelgui.settings import Settings

#: In a request's scope: did its sender log in on the page?
LOGGED_IN = "steelgui.logged_in"
_OURSELVES = frozenset({"127.0.0.1", "localhost", "::1"})

#: Gradio writes scripts into its page and compiles expressions, so a policy cannot forbid that; it does forbid that
#: anything is loaded from, or sent to, anywhere else.
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
}


class Guard:
    """Pure ASGI, so that streams pass through untouched.

    Args:
        logged_in: tells from a request's scope whether its sender has logged in on the page.
    """

    def __init__(self, app: ASGIApp, settings: Settings, logged_in: Callable[[Scope], bool]) -> None:
        self.app, self.settings, self.logged_in = app, settings, logged_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = refused(scope["method"], Headers(scope=scope), self.settings)
        if refusal is None:
            scope[LOGGED_IN] = self.logged_in(scope)
        answer: ASGIApp = self.app if refusal is None else _answer(scope, refusal)
        await answer(scope, receive, with_headers)


def refused(method: str, headers: Mapping[str, str], settings: Settings) -> str | None:
    """One sentence why a request is refused, None if it is not.

    A page of another site may link here, but neither send nor read anything; and a name that points to this machine
    is no way in when the page is for this machine alone.
    """
    host = headers.get("host", "")
    if settings.local and _name(host) not in _OURSELVES:
        return f"SteelGUI serves this machine alone, not {_name(host) or 'a request without Host'}; see --host."
    if (site := headers.get("sec-fetch-site")) is not None:
        # Browsers let no script set this header. A link in another page is a navigation, and only reads.
        followed = method in ("GET", "HEAD") and headers.get("sec-fetch-mode") == "navigate"
        foreign = site not in ("same-origin", "none") and not followed
    else:
        # A tunnel may write its own name into Host; only one of ours is believed to tell the visitor's.
        hosts = {host, headers.get("x-forwarded-host", host) if settings.share else host}
        origin = headers.get("origin")
        foreign = origin is not None and urlsplit(origin).netloc not in hosts
    return "Requests from other web sites are refused." if foreign else None


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _answer(scope: Scope, sentence: str) -> Response:
    if "/api/" in scope["path"]:
        from steelgui.api.problems import problem

        return problem(403, sentence)
    return PlainTextResponse(sentence, 403)
