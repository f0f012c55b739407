"""The kiosk over HTTP: its page and its JSON, mounted at `/kiosk`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import wraps
from html import escape
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.imagefile import ImageError
from models.sidecar import CheckpointError
from steelgui.kiosk.booth import Booth, Busy
from steelgui.kiosk.gate import COOKIE
from steelgui.kiosk.lock import OPEN_FOR, Locked
from steelgui.kiosk.quiz import ROUNDS, QuizError
from steelgui.languages import LANGUAGES, table
from steelgui.settings import assets_folder

#: A frame of the page is some hundred kilobytes.
MAX_BYTES = 8_000_000
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
Handler = Callable[[Request], Awaitable[Response]]


def kiosk_routes(booth: Booth) -> list[BaseRoute]:
    """`/kiosk` and all below it."""

    async def with_slash(_: Request) -> Response:
        return RedirectResponse("/kiosk/", 307)

    return [Route("/kiosk", with_slash), Mount("/kiosk", _Headed(_application(booth)))]


def _application(booth: Booth) -> Starlette:
    page = assets_folder() / "kiosk"

    async def index(request: Request) -> Response:
        # Back in the kiosk, the way out is shut.
        booth.lock.close(request.cookies.get(COOKIE))
        return FileResponse(page / "index.html", headers={"Cache-Control": "no-cache"})

    async def start(_: Request) -> Response:
        """All that the page needs to know, once."""
        return JSONResponse(
            {
                "id": booth.start_id,
                "texts": {lang: texts(lang) for lang in LANGUAGES},
                "lang": booth.settings.lang,
                "keep": booth.settings.kiosk_keep,
                "camera": booth.camera is not None,
                "plates": [path.stem for path in booth.plates()],
                "rounds": ROUNDS,
                "door": "pin" if booth.lock.known else "shut" if booth.settings.kiosk else "open",
            }
        )

    async def alive(_: Request) -> Response:
        ready = booth.workbench.ready
        return JSONResponse({"id": booth.start_id, "ready": ready, "walk": booth.walk() is not None})

    async def walk(_: Request) -> Response:
        path = booth.walk()
        return FileResponse(path, headers={"Cache-Control": "max-age=3600"}) if path else Response(status_code=404)

    async def inspect(request: Request) -> Response:
        plate = request.query_params.get("plate")
        if plate is None:
            keep = booth.settings.kiosk_keep and "live" not in request.query_params
            return JSONResponse(await booth.run(booth.inspect, await _body(request, MAX_BYTES), keep))
        known = {path.stem: path for path in booth.plates()}
        if plate not in known:
            return _refusal(404, "there is no such plate")
        return JSONResponse(await booth.run(booth.inspect, known[plate]))

    async def camera(request: Request) -> Response:
        """A picture of the server's camera that is another than the one of this number."""
        after = request.query_params.get("after", "")
        shot = await booth.shot(int(after) if after.isdecimal() and len(after) < 16 else 0)
        if shot is None:
            return _refusal(503, "the camera gives no picture", {"Retry-After": "1"})
        return Response(shot.jpeg, media_type="image/jpeg", headers={"X-Number": str(shot.number)})

    async def new_game(_: Request) -> Response:
        game = await booth.run(booth.quiz.start)
        return JSONResponse({"game": game.id, "rounds": len(game.rounds), "data": game.material.data})

    async def picture(request: Request) -> Response:
        png = booth.quiz.picture(request.path_params["game"], request.path_params["number"])
        return Response(png, media_type="image/png")

    async def guess(request: Request) -> Response:
        said = await _json(request)
        if not isinstance(said.get("real"), bool) or not isinstance(said.get("round"), int):
            return _refusal(422, "say which round it is, and whether it is real: true or false")
        return JSONResponse(booth.quiz.guess(request.path_params["game"], said["round"], said["real"]))

    async def name(request: Request) -> Response:
        place = booth.quiz.name(request.path_params["game"], str((await _json(request)).get("name")))
        return JSONResponse({"place": place, "best": booth.quiz.best.top()})

    async def best(_: Request) -> Response:
        return JSONResponse({"best": booth.quiz.best.top()})

    async def enter(request: Request) -> Response:
        token = await booth.run(booth.lock.enter, str((await _json(request)).get("pin")))
        if token is None:
            return _refusal(403, "this is not the PIN")
        answer = JSONResponse({"to": "/"})
        # Strict: a link from elsewhere opens nothing.
        answer.set_cookie(COOKIE, token, max_age=int(OPEN_FOR), httponly=True, samesite="strict", path="/")
        return answer

    return Starlette(
        routes=[
            Route("/", index),
            Route("/start", _told(start)),
            Route("/alive", _told(alive)),
            Route("/walk.webp", _told(walk)),
            Route("/inspect", _told(inspect), methods=["POST"]),
            Route("/camera.jpg", _told(camera)),
            Route("/quiz", _told(new_game), methods=["POST"]),
            Route("/quiz/best", _told(best)),
            Route("/quiz/{game}/{number:int}.png", _told(picture)),
            Route("/quiz/{game}/guess", _told(guess), methods=["POST"]),
            Route("/quiz/{game}/name", _told(name), methods=["POST"]),
            Route("/pin", _told(enter), methods=["POST"]),
            Mount("/plates", StaticFiles(directory=assets_folder() / "samples")),
            Mount("/", StaticFiles(directory=page)),
        ]
    )


def way_back(lang: str | None) -> str:
    """For the head of the rest of the app: a script that leads back, also by itself."""
    words = {one: escape(table(lang or one)["kiosk.leave"]) for one in LANGUAGES}
    said = " ".join(f'data-{one}="{word}"' for one, word in words.items())
    return f'<script type="module" src="/kiosk/back.js" data-kiosk {said}></script>'


def texts(lang: str) -> dict[str, str]:
    """The kiosk's own texts and the names of classes, in one language."""
    words = table(lang)
    own = {key.removeprefix("kiosk."): text for key, text in words.items() if key.startswith("kiosk.")}
    return own | {key: text.split(" (")[0] for key, text in words.items() if key.startswith("class.")}


def _told(handler: Handler) -> Handler:
    """Every refusal is one sentence in JSON."""

    @wraps(handler)
    async def answer(request: Request) -> Response:
        if request.method == "POST" and request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return _refusal(403, "another page cannot ask this")
        try:
            return await handler(request)
        except Busy:
            return _refusal(503, "others are being served; try again in a moment", {"Retry-After": "1"})
        except Locked as error:
            wait = str(int(error.seconds) + 1)
            return _refusal(429, f"too many tries; wait {wait} seconds", {"Retry-After": wait})
        except QuizError as error:
            return _refusal(410 if error.kind == "gone" else 409, str(error))
        except _TooMuchError:
            return _refusal(413, f"the picture has more than {MAX_BYTES // 1_000_000} MB")
        except (ImageError, ValueError) as error:
            broken = isinstance(error, CheckpointError)
            return _refusal(503 if broken else 422, str(error))

    return answer


class _TooMuchError(Exception):
    pass


async def _body(request: Request, most: int) -> bytes:
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > most:
            raise _TooMuchError
    return bytes(content)


async def _json(request: Request) -> dict[str, Any]:
    said = json.loads(await _body(request, 10_000) or b"{}")
    if not isinstance(said, dict):
        raise ValueError("send a JSON object")
    return said


def _refusal(status: int, why: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"why": why}, status, headers)


class _Headed:
    """Adds what keeps the page to itself; nothing is stored by browsers unless a handler says so."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                # Files carry an ETag, so "no-cache" costs one short answer.
                headers.setdefault("Cache-Control", "no-cache" if "etag" in headers else "no-store")
            await send(message)

        await self.app(scope, receive, headed)
