"""What makes the page an app of its own on a phone or a tablet: the manifest and its icons."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse
from starlette.routing import BaseRoute, Route

from steelgui.settings import assets_folder

#: File → what it is for. A maskable icon fills its square, since the system cuts the shape out of it.
ICONS = {"icon-192.png": "any", "icon-512.png": "any", "icon-maskable-512.png": "maskable"}


def routes() -> list[BaseRoute]:
    """Before Gradio's own manifest, which has neither colours nor icons that can be installed."""
    return [Route("/manifest.json", _manifest), *(Route(f"/{name}", _icon) for name in ICONS)]


async def _manifest(_: Request) -> JSONResponse:
    icons = [
        {"src": f"./{name}", "sizes": "x".join(2 * [name[-7:-4]]), "type": "image/png", "purpose": purpose}
        for name, purpose in ICONS.items()
    ]
    manifest = {
        "name": "SteelGUI",
        "short_name": "SteelGUI",
        "description": "Steel surface inspection on your own machine",
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": "#121519",
        "theme_color": "#1b1f24",
        "icons": icons,
    }
    return JSONResponse(manifest, media_type="application/manifest+json")


async def _icon(request: Request) -> FileResponse:
    # The route's own name, one of three: nothing of the request becomes a path.
    name = next(name for name in ICONS if request.url.path.endswith(f"/{name}"))
    return FileResponse(assets_folder() / name, media_type="image/png", headers={"Cache-Control": "max-age=86400"})
