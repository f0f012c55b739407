"""Live inspection over HTTP, beside the page: one picture in, what to show over the video out.

`POST /live/frame` records nothing; `POST /live/snapshot` keeps the picture in the history. Both take one JPEG, PNG or
WebP as the body, and the thresholds in the query. `GET /live/live.js` is the browser's side, a module for any page.
"""

from __future__ import annotations

import base64
import io
import logging
from datetime import datetime
from typing import Any

import numpy as np
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse
from numpy.typing import NDArray
from PIL import Image
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from models.imagefile import ImageError, read_image
from models.sidecar import CheckpointError
from steelgui.api.problems import problem
from steelgui.guard import LOGGED_IN
from steelgui.overlay import overlay_layer
from steelgui.results import Evidence, Inspection, Thresholds
from steelgui.services.live import BusyError, LiveInspection
from steelgui.services.queue import QueueFullError
from steelgui.services.workbench import Workbench
from steelgui.settings import Settings, StorageError, assets_folder
from steelgui.ui import fragments
from steelgui.ui.i18n import Translator, translator

#: A frame of 4 megapixels as a good JPEG is half of this.
MAX_BYTES = 4 * 1024 * 1024
MAX_PIXELS = 4_194_304
#: Pages of other sites cannot send these without asking first, and they are never allowed to.
TYPES = ("image/jpeg", "image/png", "image/webp")
log = logging.getLogger(__name__)

_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF")


class RefusedError(ValueError):
    """A request that is answered with a status and a sentence (a key of the page's texts)."""

    def __init__(self, status: int, key: str, **values: object) -> None:
        super().__init__(key)
        self.status, self.key, self.values = status, key, values


def live_routes(workbench: Workbench) -> Mount:
    """Everything under `/live`."""
    live, lang = LiveInspection(workbench), workbench.settings.lang

    async def frame(request: Request) -> Response:
        t = translator(lang, request.headers)
        return await _answered(request, live, t, lambda body: _look(request, live, t, body))

    async def snapshot(request: Request) -> Response:
        t = translator(lang, request.headers)
        return await _answered(request, live, t, lambda body: _keep(request, workbench, t, body))

    async def module(_: Request) -> Response:
        # Asked for anew each time, or an old page's script would meet a new server.
        return FileResponse(assets_folder() / "live.js", media_type="text/javascript", headers=_NO_CACHE)

    return Mount(
        "/live",
        routes=[
            Route("/frame", frame, methods=["POST"]),
            Route("/snapshot", snapshot, methods=["POST"]),
            Route("/live.js", module),
        ],
    )


_NO_CACHE = {"Cache-Control": "no-cache"}


def signed_in(request: Request, settings: Settings) -> bool:
    """May this visitor come in? Where the page asks for a login, it opens these doors too; see `steelgui.guard`."""
    return settings.auth is None or bool(request.scope.get(LOGGED_IN))


async def _answered(request: Request, live: LiveInspection, t: Translator, act: Any) -> Response:
    settings = live.workbench.settings
    try:
        if not signed_in(request, settings):
            raise RefusedError(401, "live.login")
        if request.headers.get("content-type", "").split(";")[0].strip().lower() not in TYPES:
            raise RefusedError(415, "live.type")
        body = await _body(request)
        with live.turn(_client(request)):
            return JSONResponse(await run_in_threadpool(act, body), headers={"Cache-Control": "no-store"})
    except RefusedError as error:
        return problem(error.status, t(error.key, **error.values))
    except BusyError as error:
        # The page sends its next frame when this one is answered, so the first never happens to it.
        return problem(429 if error.own else 503, t("live.own" if error.own else "live.busy"), {"Retry-After": "1"})
    except QueueFullError as error:
        return problem(503, t("live.busy"), {"Retry-After": str(error.retry_after)})
    except ImageError as error:
        return problem(422, t.problem(error))
    except (StorageError, CheckpointError) as error:
        # Only this machine's user reads of folders.
        log.error("%s", error)
        status = 507 if isinstance(error, StorageError) else 500
        return problem(status, t.problem(error) if settings.local else t("live.failed"))
    except ClientDisconnect:
        return Response(status_code=499)


def _client(request: Request) -> str:
    """A stream is told from another by the name that its page drew at random, and by where it comes from."""
    host = request.client.host if request.client else ""
    return f"{host} {request.query_params.get('client', '')[:64]}"


async def _body(request: Request) -> bytes:
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > MAX_BYTES:
            raise RefusedError(413, "live.too_large", megabytes=MAX_BYTES // 1024**2, megapixels=MAX_PIXELS // 1024**2)
    if content and not content.startswith(_MAGIC):
        raise RefusedError(415, "live.type")
    return bytes(content)


def _number(request: Request, name: str, default: float, top: float) -> float:
    given = request.query_params.get(name)
    try:
        value = default if given is None else float(given)
    except ValueError:
        value = -1.0
    if not 0 <= value <= top:  # nan is outside too
        raise RefusedError(422, "live.number", name=name, top=f"{top:g}")
    return value


def _thresholds(request: Request, settings: Settings) -> Thresholds:
    default = settings.preferences.thresholds
    return Thresholds(
        score=_number(request, "score", default.score, 1.0),
        min_area=int(_number(request, "min_area", default.min_area, MAX_PIXELS)),
        gate=default.gate,
        # As every other, a number from 0 up; at neither end would it mean anything.
        false_alarms=min(max(_number(request, "false_alarms", default.false_alarms, 1.0), 1e-6), 1 - 1e-6),
    )


def _look(request: Request, live: LiveInspection, t: Translator, body: bytes) -> dict[str, Any]:
    thresholds = _thresholds(request, live.workbench.settings)
    opacity = _number(request, "opacity", 0.45, 1.0)
    _check_pixels(body)
    image = read_image(body, t("live.frame"))
    evidence, seen, shown = live.look(_client(request), image, thresholds)
    asked = request.query_params
    visible = [defect.name for defect in shown.defects if defect.name not in asked.getlist("hide")]
    answer = {
        **_told(shown),
        "scores": {name: round(score, 4) for name, score in shown.scores.items()},
        # Without the masks' run lengths: the overlay shows them.
        "defects": [
            {"class": one.name, "area_px": one.area_px, "area_pct": round(one.area_pct, 4), "regions": one.regions}
            for one in shown.defects
        ],
        "width": seen.width,
        "height": seen.height,
        "ms": round(seen.ms, 1),
        "frame": _told(seen),
        "anomaly": seen.anomaly and seen.anomaly.to_json(),
        "overlay": _overlay(shown, visible, opacity, heat_of(evidence, thresholds, asked.get("heat"))),
    }
    if asked.get("panels") == "1":
        answer["panels"] = {
            "verdict": fragments.verdict(shown, t),
            "scores": fragments.scores(shown, t),
            "areas": fragments.areas(shown, t),
        }
    return answer


def _told(inspection: Inspection) -> dict[str, Any]:
    score = inspection.scores.get(inspection.label)
    return {
        "verdict": inspection.verdict,
        "label": inspection.label,
        "score": None if score is None else round(score, 4),
    }


def _check_pixels(body: bytes) -> None:
    try:
        with Image.open(io.BytesIO(body)) as opened:
            width, height = opened.size
    except Exception:  # whatever it is, `read_image` says it in a sentence
        return
    if width * height > MAX_PIXELS:
        raise RefusedError(413, "live.too_large", megabytes=MAX_BYTES // 1024**2, megapixels=MAX_PIXELS // 1024**2)


def heat_of(evidence: Evidence, thresholds: Thresholds, wanted: str | None) -> NDArray[np.uint8] | None:
    """What glows: `1` where the classifier looked, `anomaly` where the picture is strange; None for neither."""
    if wanted == "anomaly" and evidence.strangeness:
        return evidence.strangeness.at(thresholds.false_alarms)
    return evidence.heat if wanted == "1" else None


def _overlay(shown: Inspection, visible: list[str], opacity: float, heat: NDArray[np.uint8] | None) -> str | None:
    """A PNG as it stands in a page, of the frame's size; None where there is nothing to draw."""
    if not visible and heat is None:
        return None
    layer, palette = overlay_layer(shown, shown=visible, opacity=opacity, heat=heat)
    image = Image.fromarray(layer)
    image.putpalette(palette[:, :3].tobytes())
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=1, transparency=palette[:, 3].tobytes())
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def _keep(request: Request, workbench: Workbench, t: Translator, body: bytes) -> dict[str, Any]:
    source = request.query_params.get("source", "camera")
    if source not in ("camera", "video"):
        raise RefusedError(422, "live.origin")
    name = request.query_params.get("name") or f"{source}-{datetime.now():%Y%m%d-%H%M%S}"
    _check_pixels(body)
    looked = workbench.look(body, _thresholds(request, workbench.settings), name=name, origin=source)
    found = looked.inspection
    verdict = t("verdict.ok") if found.verdict == "ok" else f"{t('verdict.defect')} – {t.short(found.label)}"
    return {"name": looked.name, **_told(found), "said": t("live.kept", verdict=verdict)}
