"""The API in this process, over the bundled models and a home folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from steelgui.guard import Guard
from steelgui.kiosk.booth import Booth
from steelgui.services.workbench import Workbench
from steelgui.settings import Settings
from steelgui.web import routes

Serve = Callable[..., TestClient]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """`serve(workbench=None, login=False, host="127.0.0.1:7860", **settings)` → a client as that visitor."""
    opened = []

    def go(
        workbench: Workbench | None = None, *, login: bool = False, at: str = "127.0.0.1:7860", **settings: Any
    ) -> TestClient:
        workbench = workbench or Workbench(Settings(home=tmp_path, **settings))
        workbench.settings.prepare()
        guard = Middleware(Guard, settings=workbench.settings, logged_in=lambda _: login)
        app = Starlette(routes=routes(workbench, Booth(workbench)), middleware=[guard])
        opened.append(workbench)
        return TestClient(app, base_url=f"http://{at}", raise_server_exceptions=False)

    yield go
    for workbench in opened:
        workbench.history.close()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """Loaded models, for tests that look at one picture and mind no other rows."""
    return Workbench(Settings(home=tmp_path_factory.mktemp("api")))
