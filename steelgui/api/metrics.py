"""Figures for Prometheus."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from steelgui.services.workbench import Workbench


class Metrics:
    """Of one server."""

    def __init__(self, workbench: Workbench) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "steelgui_requests", "Requests to the API", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "steelgui_request_seconds",
            "Time from a request to the start of its answer",
            ("route",),
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=self.registry,
        )
        waiting = Gauge("steelgui_waiting_pictures", "Pictures that wait to be inspected", registry=self.registry)
        waiting.set_function(lambda: workbench.queue.waiting)
        ready = Gauge("steelgui_models_ready", "1 once the models are loaded", registry=self.registry)
        ready.set_function(lambda: workbench.ready)

    def text(self) -> bytes:
        return generate_latest(self.registry)


class Measured:
    """Pure ASGI around the API."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        since = time.perf_counter()

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Templates, not paths: else anyone could make a million series. What has none was never routed.
                route = getattr(scope.get("route"), "path", None) or "-"
                self.metrics.requests.labels(scope["method"], route, message["status"]).inc()
                self.metrics.seconds.labels(route).observe(time.perf_counter() - since)
            await send(message)

        await self.app(scope, receive, watched)
