"""Thumbnails of the history for the page, by names that say nothing but what is in them."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from steelgui.live import signed_in
from steelgui.settings import Settings

_NAME = re.compile(r"[0-9a-f]{64}\.jpg")
#: Named by its content, it never becomes another.
_HEADERS = {"Cache-Control": "private, max-age=31536000, immutable"}


def thumbnail_route(settings: Settings) -> Route:
    """`/thumbnails/DIGEST.jpg`, for whoever may see the page."""

    async def thumbnail(request: Request) -> Response:
        name = request.path_params["name"]
        if not signed_in(request, settings):
            return Response(status_code=401)
        path = settings.thumbnails / name[:2] / name
        if not _NAME.fullmatch(name) or not path.is_file():
            return Response(status_code=404)
        return FileResponse(path, media_type="image/jpeg", headers=_HEADERS)

    return Route("/thumbnails/{name}", thumbnail)
