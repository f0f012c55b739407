"""What is served beside the page, on the same port."""

from __future__ import annotations

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from steelgui import installable
from steelgui.kiosk.booth import Booth
from steelgui.kiosk.web import kiosk_routes
from steelgui.live import live_routes
from steelgui.services.workbench import Workbench
from steelgui.settings import StorageError


def routes(workbench: Workbench, booth: Booth) -> list[BaseRoute]:
    """In the order in which they are tried; all come before the page's own."""

    async def healthz(_: Request) -> JSONResponse:
        """200 once the models are loaded and the history answers; 503 with the reason until then."""
        try:
            await run_in_threadpool(workbench.history.latest, 1)
        except StorageError as error:
            return JSONResponse({"status": "failing", "reason": str(error)}, 503)
        ready = workbench.ready
        return JSONResponse({"status": "ready" if ready else "starting"}, 200 if ready else 503)

    # Gradio's login is asked by its own routes only: with one, the kiosk is served where it is asked for.
    kiosk = kiosk_routes(booth) if workbench.settings.kiosk or not workbench.settings.auth else []
    return [Route("/healthz", healthz), live_routes(workbench), *installable.routes(), *kiosk]
