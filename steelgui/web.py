"""What is served beside the page, on the same port."""

from __future__ import annotations

import re

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.routing import BaseRoute, Mount, Route

from steelgui import installable
from steelgui.api.app import api
from steelgui.api.system import health
from steelgui.kiosk.booth import Booth
from steelgui.kiosk.web import kiosk_routes
from steelgui.live import live_routes
from steelgui.services.workbench import Workbench
from steelgui.thumbnails import thumbnail_route


def routes(workbench: Workbench, booth: Booth) -> list[BaseRoute]:
    """In the order in which they are tried; all come before the page's own."""

    async def healthz(_: Request) -> JSONResponse:
        found, status = await run_in_threadpool(health, workbench)
        return JSONResponse(found.model_dump(exclude_none=True), status)

    # Gradio's login is asked by its own routes only: with one, the kiosk is served where it is asked for.
    kiosk = kiosk_routes(booth) if workbench.settings.kiosk or not workbench.settings.auth else []
    beside = [live_routes(workbench), thumbnail_route(workbench.settings), *installable.routes(), *kiosk]
    under = Mount("/api/v1", api(workbench))
    # Starlette's pattern ends at a line break, and an id with one would be answered by the page, in another format.
    under.path_regex = re.compile(under.path_regex.pattern, re.DOTALL)
    return [Route("/healthz", healthz), under, *beside]
