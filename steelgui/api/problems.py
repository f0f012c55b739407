"""What went wrong, as RFC 9457 has it: `application/problem+json` with one clear sentence in `detail`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from models.imagefile import ImageError
from models.sidecar import CheckpointError
from steelgui.services.queue import QueueFullError
from steelgui.settings import Settings, StorageError
from training.config import ConfigError
from training.data.record import DataError
from training.runs import RunError

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
UNREADABLE = "The body cannot be read ({}): send JSON in UTF-8, or files as multipart/form-data."


class Problem(BaseModel):
    """RFC 9457."""

    type: str = "about:blank"
    title: str = Field(description="what the status means")
    status: int
    detail: str = Field(description="what was wrong, in one sentence")


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    content = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail).model_dump()
    return JSONResponse(content, status, dict(headers or {}), media_type=MEDIA_TYPE)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI document: which problems an operation may answer."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: schema}} for status in statuses}


def handle_problems(app: FastAPI, settings: Settings) -> None:
    """Turn everything that a request may raise into a problem. Only this machine's user reads of folders."""

    def answer(_: Request, error: Exception) -> JSONResponse:
        match error:
            case RequestValidationError():
                return problem(422, _sentence(error))
            case HTTPException(status_code=400):  # of FastAPI and Starlette alone, where bytes cannot be parsed
                return problem(422, UNREADABLE.format(str(error.detail).rstrip(".")))
            case HTTPException():
                return problem(error.status_code, str(error.detail), error.headers)
            case QueueFullError():
                return problem(503, str(error), {"Retry-After": str(error.retry_after)})
            case StorageError() | CheckpointError():
                log.error("%s", error)
                here = str(error) if settings.local else "The server cannot do this at present; its log says why."
                return problem(503, here, {"Retry-After": "10"})
            case ImageError() | ConfigError() | DataError():
                return problem(422, str(error))
            case RunError():
                return problem(409, str(error))
        log.error("the API failed", exc_info=error)
        return problem(500, f"Something unexpected went wrong ({type(error).__name__}); the server's log has more.")

    kinds = (RequestValidationError, HTTPException, QueueFullError, StorageError, CheckpointError)
    for kind in (*kinds, ImageError, ConfigError, DataError, RunError, Exception):
        app.add_exception_handler(kind, answer)


def _sentence(error: RequestValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path")) or "the request"
    return f"{place}: {first['msg'].removeprefix('Value error, ')}"
