"""Models, health and figures of the server itself."""

from __future__ import annotations

from fastapi import APIRouter, Response

from steelgui.api.access import may
from steelgui.api.answers import Health, Model
from steelgui.api.metrics import Metrics
from steelgui.api.problems import responses
from steelgui.services.workbench import Workbench
from steelgui.settings import StorageError


def health(workbench: Workbench) -> tuple[Health, int]:
    """200 once the models are loaded and the history answers; 503 with the reason until then."""
    try:
        workbench.history.latest(1)
    except StorageError as error:
        here = str(error) if workbench.settings.local else "The history cannot be used; the server's log says why."
        return Health(status="failing", reason=here), 503
    return (Health(status="ready"), 200) if workbench.ready else (Health(status="starting"), 503)


def router(workbench: Workbench, metrics: Metrics) -> APIRouter:
    api = APIRouter(tags=["system"])

    @api.get("/models", dependencies=[may("read")], responses=responses(401, 403, 429))
    def models() -> list[Model]:
        """Which models there are; the active ones inspect."""
        active = set(workbench.library.together())
        return [
            Model(
                name=entry.name,
                kind=entry.spec.kind if entry.spec else None,
                bundled=entry.bundled,
                active=entry.path in active,
                megabytes=round(entry.megabytes, 2),
                classes=list(entry.spec.classes) if entry.spec else [],
                metrics=entry.card.get("metrics") or {},
            )
            for entry in workbench.library.entries()
        ]

    @api.get("/healthz", responses={503: {"model": Health, "description": "starting or failing"}})
    def healthz(response: Response) -> Health:
        """Is it up? 200 once the models are loaded and the history answers."""
        found, response.status_code = health(workbench)
        return found

    text = {"text/plain": {"schema": {"type": "string"}}}

    @api.get(
        "/metrics",
        dependencies=[may("read")],
        response_class=Response,
        responses={200: {"description": "Prometheus' text format", "content": text}, **responses(401, 403, 429)},
    )
    def prometheus() -> Response:
        """Figures for Prometheus."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return api
