"""The API, route by route. Thin: what a crawl is and whether it may begin is decided behind `Desk`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.security import HTTPBearer

from canter.service.access import COOKIE, SESSION, Access
from canter.service.board import Board
from canter.service.correlation import Correlation
from canter.service.events import Events, message
from canter.service.models import (
    Crawl,
    Crawls,
    CrawlsQuery,
    Health,
    History,
    Host,
    HostHistory,
    Hosts,
    HostsQuery,
    Latest,
    Login,
    NewCrawl,
    Outcome,
    Problem,
    Problems,
    RecordsQuery,
    Sources,
    State,
    Stats,
)


class HasVitals(Protocol):
    """What `/health` and `/metrics` need, of a service or of a run."""

    def health(self) -> Health:
        """Whether all is well; quick."""

    def metrics(self) -> bytes:
        """Prometheus text; quick."""


class Desk(HasVitals, Protocol):
    """What the routes need of whoever conducts the crawls."""

    board: Board
    events: Events

    def open(self) -> None:
        """Begin to work; once more does nothing. Raises CanterError."""

    def close(self) -> None:
        """Let what is in flight finish; crawls go on when it is opened again."""

    def begin(self, body: NewCrawl, correlation: Correlation) -> Crawl:
        """Begin or queue a crawl. Raises Refused."""

    def crawls(self, limit: int, state: State | None) -> list[Crawl]:
        """The latest crawls."""

    def crawl(self, crawl: int) -> Crawl:
        """One crawl. Raises Refused."""

    def cancel(self, crawl: int) -> Crawl:
        """End a crawl; what is in flight is dropped. Raises Refused."""

    def records(self, crawl: int, outcome: Outcome | None, changes: bool) -> Iterator[bytes]:
        """The records of a crawl as JSON lines, some at a time. Raises Refused at once."""

    def sources(self) -> list[str]:
        """The names of what a crawl may read; quick."""

    def stats(self) -> Stats:
        """The present; quick."""


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    reasons = {
        401: "The key or the cookie is missing or wrong.", 403: "The Origin is another site.",
        404: "There is no such thing.", 409: "It has ended already.", 413: "The body is too large.",
        429: "Too many requests.", 503: "Too much is under way; try again later.",
    }  # fmt: skip
    found: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        found[status] = {"model": Problem, "description": reasons[status]}
    found[422] = {"model": Problems, "description": "The request makes no sense; each mistake is named."}
    return found


_ALWAYS = _problems(401, 403, 413, 429, 503)
CrawlPath = Annotated[int, Path(ge=1, le=2**53 - 1, description="The crawl's number.", examples=[7])]

api = APIRouter(
    prefix="/api",
    dependencies=[Depends(HTTPBearer(auto_error=False, description="The value of CANTER_API_KEY."))],
    responses=_ALWAYS,
)
about = APIRouter()  # also of a run
session = APIRouter()


def desk_of(request: Request) -> Desk:
    """Who conducts the crawls of this application."""
    desk: Desk = request.app.state.desk
    return desk


def vitals_of(request: Request) -> HasVitals:
    """Whoever knows how this application is."""
    vitals: HasVitals = request.app.state.desk
    return vitals


TheVitals = Annotated[HasVitals, Depends(vitals_of)]
TheDesk = Annotated[Desk, Depends(desk_of)]


@api.post("/crawls", status_code=202, tags=["crawls"])
def begin_crawl(body: NewCrawl, desk: TheDesk, request: Request, response: Response) -> Crawl:
    """Begin a crawl. It is queued where enough of them run."""
    crawl = desk.begin(body, request.state.correlation)
    response.headers["Location"] = str(request.url_for("show_crawl", crawl=crawl.id).path)
    return crawl


@api.get("/crawls", tags=["crawls"])
def list_crawls(desk: TheDesk, query: Annotated[CrawlsQuery, Query()]) -> Crawls:
    """The crawls of the store, the latest first."""
    return Crawls(crawls=desk.crawls(query.limit, query.state))


@api.get("/crawls/{crawl}", tags=["crawls"], responses=_problems(404))
def show_crawl(crawl: CrawlPath, desk: TheDesk) -> Crawl:
    """One crawl and its summary so far."""
    return desk.crawl(crawl)


@api.get(
    "/crawls/{crawl}/records",
    tags=["crawls"],
    response_class=StreamingResponse,
    responses=_problems(404)
    | {
        200: {
            "description": "One record a line, as `canter export` gives them; complete once the crawl ended.",
            "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
        }
    },
)
def stream_records(
    crawl: CrawlPath, desk: TheDesk, query: Annotated[RecordsQuery, Query()]
) -> StreamingResponse:
    """The records of a crawl as JSON lines."""
    records = desk.records(crawl, query.outcome, query.changes)
    return StreamingResponse(records, media_type="application/x-ndjson")


@api.post("/crawls/{crawl}/cancel", tags=["crawls"], responses=_problems(404, 409))
def cancel_crawl(crawl: CrawlPath, desk: TheDesk) -> Crawl:
    """End a crawl; its records stay. Once more does nothing."""
    return desk.cancel(crawl)


@api.get("/sources", tags=["crawls"])
def list_sources(desk: TheDesk) -> Sources:
    """The names that a crawl's `source` may have; what they stand for is the server's."""
    return Sources(sources=desk.sources())


@api.get("/hosts", tags=["hosts"])
def list_hosts(desk: TheDesk, query: Annotated[HostsQuery, Query()]) -> Hosts:
    """The hosts asked since the service began, those asked last first."""
    return Hosts(hosts=desk.board.hosts(time.time(), query.limit))


@api.get("/hosts/{host}/history", tags=["hosts"], responses=_problems(404))
def host_history(
    host: Annotated[
        str, Path(max_length=300, description="The host, with its port.", examples=["shop.acme.example"])
    ],
    desk: TheDesk,
) -> HostHistory:
    """A host over time: its rate against its rejections."""
    found = desk.board.host_history(host, time.time())
    if found is None:
        raise HTTPException(404, "this host was not asked of late")
    return found


@api.get("/history", tags=["service"])
def history(desk: TheDesk) -> History:
    """The service over time."""
    return desk.board.history()


@api.get("/latest", tags=["service"])
def latest(desk: TheDesk) -> Latest:
    """The latest failures and changed fields."""
    return desk.board.latest()


@api.get(
    "/events",
    tags=["service"],
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events: stats, hosts, failure, change, crawl; see docs/service.md.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def events(desk: TheDesk) -> StreamingResponse:
    """What happens, as server-sent events. The first are the present: `stats` and every row of `hosts`."""
    if desk.events.full:
        raise HTTPException(503, "too many listen already; try again later")
    rows: list[Host] = desk.board.hosts(time.time())
    first = [message("stats", desk.stats()), message("hosts", rows)]
    stream: AsyncIterator[bytes] = desk.events.listen(first)
    return StreamingResponse(stream, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


@about.get(
    "/health",
    tags=["service"],
    response_model=Health,
    responses={503: {"model": Health, "description": "Unhealthy."}},
)
async def health(vitals: TheVitals) -> JSONResponse:
    """Whether the service does its work, and why not. Needs no key."""
    found = vitals.health()
    return JSONResponse(found.model_dump(), 503 if found.status == "unhealthy" else 200)


@about.get(
    "/metrics",
    tags=["service"],
    response_class=Response,
    responses=_problems(401)
    | {200: {"description": "Prometheus text.", "content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(vitals: TheVitals) -> Response:
    """The same in Prometheus' text format."""
    return Response(vitals.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")


@session.post("/login", status_code=204, tags=["service"], responses=_problems(401, 413, 429))
def login(body: Login, request: Request) -> Response:
    """Trade the API key for the dashboard's cookie."""
    access: Access = request.app.state.access
    if not access.knows(body.key):
        raise HTTPException(401, "this is not the key", {"WWW-Authenticate": "Bearer"})
    response = Response(status_code=204)
    response.set_cookie(
        COOKIE, access.session(time.time()), max_age=SESSION, path=request.scope.get("root_path") or "/",
        secure=request.url.scheme == "https", httponly=True, samesite="strict",
    )  # fmt: skip
    return response
