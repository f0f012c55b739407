"""Trainings: see, start, control, follow."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from steelgui.api import events
from steelgui.api.access import may
from steelgui.api.answers import RunRow
from steelgui.api.problems import responses
from steelgui.services.jobs import Jobs
from steelgui.services.starting import Starting
from steelgui.settings import Settings
from training.runs import Run, RunError

#: Readers of events at the same time.
READERS = 32


class NewRun(BaseModel):
    """A training to start; everything is a name, nothing a path."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["gan", "experiment", "anomaly"]
    data: str = Field(max_length=255, description="a data set of the workspace")
    class_name: str | None = Field(
        None,
        alias="class",
        max_length=100,
        description="of a GAN what it makes, all of them if null; of an anomaly detector the good parts, null where "
        "their class says so by its name",
    )
    preset: str = Field("quick", max_length=20, description="of a GAN: quick, good, full or thesis")
    synthetic: list[str] = Field([], max_length=50, description="sets of synthetic pictures for an experiment")
    settings: dict[str, bool | int | float | str | list[int | float | str] | None] = Field(
        {},
        max_length=60,
        description="as the flags of `steelgui train gan`, `steelgui experiment` or `steelgui train anomaly`, with "
        "_ for -",
    )


def router(settings: Settings) -> APIRouter:
    api = APIRouter(tags=["runs"], dependencies=[may("read")])
    jobs, starting = Jobs(settings), Starting(settings)
    readers = 0

    def found(id: str) -> Run:
        # Looked up among those that there are: an id from a request never becomes part of a path.
        for run in jobs.all():
            if run.id == id:
                return run
        raise HTTPException(404, f"There is no run {id[:100]!r}.")

    def row(run: Run) -> RunRow:
        status = run.status()
        try:
            about = run.about()
        except RunError:
            about = {"kind": "?", "name": "unreadable", "created": ""}
        error = status.error and status.error.replace(str(settings.home), "HOME")
        told = {name: str(about[name]) for name in ("kind", "name", "created")}
        return RunRow(id=run.id, state=status.state, step=status.step, steps=status.steps, error=error, **told)

    @api.get("/runs", responses=responses(401, 403, 429))
    def runs() -> list[RunRow]:
        """All trainings, the newest first."""
        return [row(run) for run in reversed(jobs.all())]

    @api.post("/runs", status_code=201, dependencies=[may("train")], responses=responses(401, 403, 409, 413, 422, 429))
    def start(asked: NewRun, response: Response) -> RunRow:
        """Start a training in a process of its own; it goes on whoever asks or leaves."""
        match asked.kind:
            case "gan":
                run = starting.gan(asked.data, asked.class_name, asked.preset, dict(asked.settings))
            case "experiment":
                run = starting.experiment(asked.data, asked.synthetic, dict(asked.settings))
            case "anomaly":
                run = starting.anomaly(asked.data, asked.class_name, dict(asked.settings))
        response.headers["Location"] = f"/api/v1/runs/{run.id}"
        return row(run)

    @api.get("/runs/{id}", responses=responses(401, 403, 404, 422, 429))
    def run(id: str) -> RunRow:
        """One training."""
        return row(found(id))

    def command(word: str, about: str) -> None:
        def act(id: str) -> RunRow:
            run = found(id)
            getattr(jobs, word)(run)
            return row(run)

        api.post(
            f"/runs/{{id}}/{word}", name=word, summary=word.title(), description=about, dependencies=[may("train")],
            responses=responses(401, 403, 404, 409, 422, 429),
        )(act)  # fmt: skip

    command("pause", "Keep everything and let others compute; 409 where nobody is at it.")
    command("resume", "Go on, also after a crash; 409 where it is running or finished.")
    command("stop", "Save and end; 409 where nobody is at it.")
    command("save", "Save its state now; 409 where it is not running.")

    fields = {name: {"type": "string"} for name in ("event", "id", "data")}
    stream: dict[str, Any] = {
        "content": {"text/event-stream": {"schema": {"type": "object", "properties": fields}}},
    }

    @api.get(
        "/runs/{id}/events",
        response_class=StreamingResponse,
        responses={
            200: {"description": "events of events.jsonl as they come, and `end`", **stream},
            204: {"description": "the run is over, and all of it was told"},
            **responses(401, 403, 404, 422, 429, 503),
        },
    )
    async def follow(id: str, request: Request, last_event_id: Annotated[str | None, Header()] = None) -> Response:
        """The run's events as server-sent events, the old ones first; `Last-Event-ID` goes on where one was cut off."""
        run, at = await run_in_threadpool(found, id), events.place(last_event_id)
        # A browser comes back for ever, unless it is told that there is nothing more.
        if last_event_id is not None and await run_in_threadpool(events.ended, run, at):
            return Response(status_code=204)
        if readers >= READERS:
            raise HTTPException(503, "Too many follow runs at present; try again in 30 s.", {"Retry-After": "30"})

        async def counted() -> Any:
            nonlocal readers
            readers += 1
            try:
                async for line in events.follow(run, at, request.is_disconnected):
                    yield line
            finally:
                readers -= 1

        # Buffering proxies would hold events back until the run is over.
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(counted(), media_type="text/event-stream", headers=headers)

    return api
