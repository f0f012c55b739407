"""Puts the API together."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import HTMLResponse

from steelgui.api import inspecting, inspections, runs, system
from steelgui.api.access import Access
from steelgui.api.metrics import Measured, Metrics
from steelgui.api.pages import POLICY, page
from steelgui.api.problems import Problem, handle_problems
from steelgui.services.workbench import Workbench

ABOUT = """Inspect steel surfaces, look up what was inspected, and train, over HTTP.

On this machine no key is needed. From elsewhere, send one as `Authorization: Bearer KEY` or `X-API-Key: KEY`; make it
with `steelgui keys create NAME`. Errors are `application/problem+json` with one sentence in `detail`."""


def api(workbench: Workbench) -> FastAPI:
    """To be mounted at `/api/v1`."""
    app = FastAPI(
        title="SteelGUI",
        version=_version(),
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        generate_unique_id_function=lambda route: route.name,
    )
    metrics = Metrics(workbench)
    for router in (
        inspecting.router(workbench),
        inspections.router(workbench),
        runs.router(workbench.settings),
        system.router(workbench, metrics),
    ):
        app.include_router(router)
    handle_problems(app, workbench.settings)
    app.add_middleware(Access, settings=workbench.settings)
    app.add_middleware(Measured, metrics=metrics)

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(
                title=app.title, version=app.version, description=app.description, routes=app.routes,
                servers=[{"url": "/api/v1"}],
            )  # fmt: skip
            found["components"]["schemas"]["Problem"] = Problem.model_json_schema()
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]

    @app.get("/docs", include_in_schema=False)
    def docs(request: Request) -> HTMLResponse:
        here = str(request.base_url).rstrip("/")
        return HTMLResponse(page(document(), here), headers={"Content-Security-Policy": POLICY})

    return app


def _version() -> str:
    try:
        return version("steelgui")
    except PackageNotFoundError:
        return "0"
