"""The history: pages, one inspection, its pictures, figures."""

from __future__ import annotations

import base64
import io
import json
import math
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, HTTPException, Query, Response
from fastapi.responses import FileResponse
from pydantic import AwareDatetime

from steelgui.api.access import may
from steelgui.api.answers import Figures, Inspection, Page, Row
from steelgui.api.problems import responses
from steelgui.history import Cursor, Filter, HistoryRow, Order, Step
from steelgui.history.files import storable
from steelgui.overlay import draw_overlay
from steelgui.results import Inspection as Result
from steelgui.services.workbench import Workbench

TYPES = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".bmp": "image/bmp",
    ".tif": "image/tiff",
    ".webp": "image/webp",
    ".gif": "image/gif",
}
#: What was uploaded is never run: not as a script, not in a frame.
HEADERS = {"Cache-Control": "private, max-age=3600", "Content-Security-Policy": "default-src 'none'; sandbox"}
Names = Annotated[list[str], Query(max_length=100)]
Moment = Annotated[AwareDatetime | None, Query(description="with a time zone, such as 2026-03-01T06:00:00Z")]
Share = Annotated[float | None, Query(ge=0, le=1)]


def _where(
    since: Moment = None,
    until: Moment = None,
    verdict: Literal["ok", "defect"] | None = None,
    label: Names = [],  # noqa: B006  FastAPI copies it
    classifier: Names = [],  # noqa: B006
    source: Names = [],  # noqa: B006
    min_score: Share = None,
    max_score: Share = None,
    text: Annotated[str, Query(max_length=255, description="part of the file's name")] = "",
) -> Filter:
    return Filter(
        since=_utc(since),
        until=_utc(until),
        verdict=verdict,
        labels=_storable(label),
        classifiers=_storable(classifier),
        sources=_storable(source),
        min_score=min_score,
        max_score=max_score,
        text=storable(text),
    )


Where = Annotated[Filter, Depends(_where)]


def router(workbench: Workbench) -> APIRouter:
    api = APIRouter(tags=["history"], dependencies=[may("read")])
    history = workbench.history
    # A large strip's overlay takes most of a gigabyte while it is drawn.
    drawing = CapacityLimiter(2)

    def found(id: int) -> HistoryRow:
        row = history.get(id)
        if row is None or row.deleted_at is not None:
            raise HTTPException(404, f"There is no inspection {id}.")
        return row

    @api.get("/inspections", responses=responses(401, 403, 422, 429, 503))
    def inspections(
        where: Where,
        order: Order = "newest",
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: Annotated[str | None, Query(max_length=200, description="`next` of the page before")] = None,
    ) -> Page:
        """Inspections that the filter leaves. Pages stay as quick however far one goes."""
        # One more than asked for tells whether there is another page.
        rows = history.page(None if cursor is None else decode(cursor), limit + 1, where, order)
        more = len(rows) > limit
        return Page(items=[Row.of(row) for row in rows[:limit]], next=encode(rows[limit - 1].cursor) if more else None)

    @api.get("/inspections/{id}", responses=responses(401, 403, 404, 422, 429, 503))
    def inspection(id: int) -> Inspection:
        """One inspection with masks and thresholds."""
        return Inspection.of(found(id))

    @api.delete(
        "/inspections/{id}", status_code=204, dependencies=[may("delete")],
        responses=responses(401, 403, 404, 422, 429, 503),
    )  # fmt: skip
    def delete(id: int) -> None:
        """Put an inspection into the trash, from which it can be restored until it is purged."""
        history.delete([found(id).id])

    @api.post(
        "/inspections/{id}/restore", dependencies=[may("delete")], responses=responses(401, 403, 404, 422, 429, 503)
    )
    def restore(id: int) -> Inspection:
        """Bring an inspection back from the trash."""
        history.restore([id])
        return Inspection.of(found(id))

    def pictures(name: str, description: str) -> dict[str, object]:
        content: dict[str, object] = {name: {"schema": {"type": "string", "format": "binary"}}}
        return {
            "response_class": Response,
            "responses": {
                200: {"description": description, "content": content},
                **responses(401, 403, 404, 422, 429, 503),
            },
        }

    @api.get("/inspections/{id}/image", **pictures("image/*", "the picture"))  # type: ignore[arg-type]
    def image(id: int) -> Response:
        """The picture as it came, byte for byte."""
        path = found(id).original
        return _file(id, path, TYPES.get(path.suffix, "application/octet-stream"))

    @api.get("/inspections/{id}/thumbnail", **pictures("image/jpeg", "at most 256 pixels a side"))  # type: ignore[arg-type]
    def thumbnail(id: int) -> Response:
        """The overlay, at most 256 pixels a side."""
        return _file(id, found(id).thumbnail, "image/jpeg")

    @api.get("/inspections/{id}/overlay", **pictures("image/png", "the picture with its masks"))  # type: ignore[arg-type]
    async def overlay(id: int) -> Response:
        """The picture with the masks that were found on it."""
        drawn = await to_thread.run_sync(lambda: draw(found(id)), limiter=drawing)
        return Response(drawn, media_type="image/png", headers=HEADERS)

    def draw(row: HistoryRow) -> bytes:
        from PIL import Image

        from models.imagefile import read_image

        if not row.original.is_file():
            raise _gone(row.id)
        drawn = draw_overlay(read_image(row.original, row.name), Result.from_json(row.result, row.thresholds))
        out = io.BytesIO()
        Image.fromarray(drawn).save(out, "PNG", compress_level=1)
        return out.getvalue()

    @api.get("/stats", responses=responses(401, 403, 422, 429, 503))
    def stats(
        where: Where,
        step: Step = "day",
        zone: Annotated[str, Query(max_length=64, description="hours and days are those of this IANA zone")] = "UTC",
    ) -> Figures:
        """Counts, defect rate and times, by hour or day and by class."""
        if zone not in _zones():
            raise HTTPException(422, "zone: name one of the IANA database, such as Asia/Seoul.")
        return Figures.of(history.stats(where, step, ZoneInfo(zone)))

    return api


def encode(cursor: Cursor) -> str:
    values = [cursor.created_at.isoformat(), cursor.id, cursor.score]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def decode(text: str) -> Cursor:
    """HTTPException where it is none of ours."""
    try:
        moment, number, score = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        cursor = Cursor(
            datetime.fromisoformat(moment).astimezone(UTC), int(number), None if score is None else float(score)
        )
    except (ValueError, TypeError, OverflowError):
        cursor = None
    if cursor is None or not 0 < cursor.id < 2**63 or not math.isfinite(cursor.score or 0):
        raise HTTPException(422, "cursor: give `next` of the page before, as it is.")
    return cursor


def _utc(moment: datetime | None) -> datetime | None:
    try:
        return moment and moment.astimezone(UTC)
    except OverflowError:
        raise HTTPException(422, "since and until: a year from 1 to 9999, in UTC too.") from None


def _storable(values: list[str]) -> tuple[str, ...]:
    # What no database can hold, some refuse even to look for.
    return tuple(map(storable, values))


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _file(id: int, path: Path, media_type: str) -> Response:
    if not path.is_file():
        raise _gone(id)
    return FileResponse(path, media_type=media_type, headers=HEADERS)


def _gone(id: int) -> HTTPException:
    return HTTPException(404, f"The picture of inspection {id} is gone.")
