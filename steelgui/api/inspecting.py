"""Pictures in, verdicts out."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, File, Form, HTTPException, Response, UploadFile

from models.imagefile import ImageError
from steelgui.api.access import may
from steelgui.api.answers import Batch, Inspected, Inspection, Prediction
from steelgui.api.problems import responses
from steelgui.history import HistoryRow
from steelgui.results import Thresholds
from steelgui.services.workbench import Workbench

#: Files of one request.
MOST = 64
Score = Annotated[float, Form(ge=0, le=1, description="score from which a class is found")]
Area = Annotated[int, Form(ge=0, le=100_000_000, description="smallest region, pixels")]
Gate = Annotated[float, Form(ge=1, le=1000, description="how many times that area grows where the classifier doubts")]

Rate = Annotated[
    float, Form(gt=0, lt=1, description="part of good pictures that an anomaly detector may take for strange")
]


def router(workbench: Workbench) -> APIRouter:
    api = APIRouter(tags=["inspect"], dependencies=[may("inspect")])

    def line_up(files: list[UploadFile], thresholds: Thresholds) -> list[asyncio.Future[HistoryRow]]:
        # No await between the two: nobody else can line up in between.
        workbench.queue.check(len(files))
        return [
            asyncio.wrap_future(workbench.line_up(file.file.read, thresholds, name=_name(file), origin="api"))
            for file in files
        ]

    @api.post("/inspect", responses=responses(401, 403, 413, 422, 429, 503))
    async def inspect(
        files: Annotated[list[UploadFile], File(description=f"1 to {MOST} pictures")],
        score: Score = 0.5,
        min_area: Area = 40,
        gate: Gate = 10.0,
        false_alarms: Rate = 0.01,
    ) -> Batch:
        """Inspect pictures and keep the results in the history. One that cannot be read says why in its place, and the
        rest goes on."""
        if not 0 < len(files) <= MOST:
            raise HTTPException(422, f"One request takes 1 to {MOST} files, not {len(files)}.")
        waiting = line_up(files, Thresholds(score, min_area, gate, false_alarms))
        items = []
        for file, row in zip(files, await asyncio.gather(*waiting, return_exceptions=True), strict=True):
            if isinstance(row, ImageError):
                items.append(Inspected(name=_name(file), error=str(row)))
            elif isinstance(row, BaseException):
                raise row
            else:
                items.append(Inspected(name=_name(file), inspection=Inspection.of(row)))
        failed = sum(item.inspection is None for item in items)
        return Batch(items=items, inspected=len(items) - failed, failed=failed)

    @api.post("/predict", responses=responses(401, 403, 413, 422, 429, 503))
    async def predict(
        response: Response,
        file: Annotated[UploadFile, File(description="one picture")],
        score: Score = 0.5,
        min_area: Area = 40,
        gate: Gate = 10.0,
        false_alarms: Rate = 0.01,
    ) -> Prediction:
        """Inspect one picture: the object that `steelgui inspect --json` prints. `Location` names its inspection in
        the history."""
        [waiting] = line_up([file], Thresholds(score, min_area, gate, false_alarms))
        row = await waiting
        response.headers["Location"] = f"/api/v1/inspections/{row.id}"
        return Prediction(path=_name(file), **row.result)

    return api


def _name(file: UploadFile) -> str:
    """For people; no file is ever opened by it."""
    return (file.filename or "picture").replace("\\", "/").rsplit("/", 1)[-1] or "picture"
