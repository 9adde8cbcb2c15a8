"""The FastAPI application: routes, the door before them, mistakes as clear answers, the dashboard's files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from canter import __version__
from canter.errors import CanterError
from canter.observe import Log
from canter.policy import Policy
from canter.service.access import Access
from canter.service.desk import ServiceDesk
from canter.service.door import Door
from canter.service.models import Invalid, Problems
from canter.service.plan import Plan
from canter.service.refusal import Refused
from canter.service.routes import Desk, about, api, session
from canter.sites import SiteBook
from canter.transports.tls import contexts

DASHBOARD = Path(__file__).parent / "dashboard"
MAX_MISTAKES = 20  # of one request that are told
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_ABOUT = "Refreshes product pages: known URLs, each host as fast as it allows and no faster."


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one client may ask for: bytes of a body; requests/s, and how many at once before that."""

    max_body: int = 8 * 1024**2
    rate: float = 50.0
    burst: int = 200


_BOUNDS = Bounds()


def assemble(desk: Desk, access: Access, bounds: Bounds = _BOUNDS) -> FastAPI:
    """The application in front of a desk, which is opened and closed with it.

    Mounted in another application it has no life of its own: the desk opens with the first request.
    """

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        desk.open()
        try:
            yield
        finally:
            await asyncio.to_thread(desk.close)

    app = FastAPI(
        title="Canter", version=__version__, description=_ABOUT, lifespan=life, docs_url=None,
        redoc_url=None, openapi_url="/openapi.json", redirect_slashes=False,
    )  # fmt: skip
    app.state.desk, app.state.access = desk, access
    app.include_router(about)
    app.include_router(session)
    app.include_router(api)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _told)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(CanterError, _failed)
    _add_dashboard(app)
    app.add_middleware(
        Door, begin=desk.open, access=access, max_body=bounds.max_body, rate=bounds.rate, burst=bounds.burst
    )
    return app


def _add_dashboard(app: FastAPI) -> None:
    if not DASHBOARD.is_dir():
        return

    def page(name: str) -> Callable[[], Response]:
        def send() -> Response:
            return FileResponse(DASHBOARD / name, headers=_OF_FILES)

        return send

    html: dict[str, Any] = {"response_class": HTMLResponse, "tags": ["dashboard"]}
    app.add_api_route("/", page("index.html"), description="The dashboard.", **html)
    app.add_api_route("/login", page("login.html"), description="Where the key is given.", **html)
    app.mount("/static", _Files(directory=DASHBOARD), name="static")


_OF_FILES = {"content-security-policy": CSP, "cache-control": "no-cache"}


class _Files(StaticFiles):
    """Files of the package, none of which may act for another origin."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_OF_FILES)
        return response


async def _invalid(_: Request, error: Exception) -> Response:
    """Each mistake with its place; not what was sent, which may be large or secret."""
    assert isinstance(error, RequestValidationError)
    found = [
        Invalid(loc=list(one["loc"]), msg=one["msg"].removeprefix("Value error, "), type=one["type"])
        for one in error.errors()
    ]
    return JSONResponse(Problems(detail=found[:MAX_MISTAKES]).model_dump(), 422)


async def _told(request: Request, error: Exception) -> Response:
    """A body that is no text at all is no better than one that is no JSON."""
    assert isinstance(error, HTTPException)
    if error.status_code == 400:
        mistake = Invalid(loc=["body"], msg="expected JSON in UTF-8", type="json_invalid")
        return JSONResponse(Problems(detail=[mistake]).model_dump(), 422)
    return await http_exception_handler(request, error)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    if error.status == 422:
        mistake = Invalid(loc=["body", *error.key], msg=error.detail, type="value_error")
        return JSONResponse(Problems(detail=[mistake]).model_dump(), 422)
    headers = {"retry-after": "30"} if error.status in (429, 503) else None
    return JSONResponse({"detail": error.detail}, error.status, headers)


async def _failed(_: Request, error: Exception) -> Response:
    """The store, for one, cannot be read: one line, as everywhere."""
    return JSONResponse({"detail": str(error)}, 503, {"retry-after": "30"})


def service(plan: Plan, access: Access, *, secrets: Iterable[str] = (), bounds: Bounds = _BOUNDS) -> FastAPI:
    """The whole service by a plan. Raises ConfigError where settings or certificates cannot be used."""
    settings = plan.settings
    contexts(Policy(settings, SiteBook(plan.sites)).all_tls())
    log = Log(settings.log_level, settings.log_format, secrets=secrets)
    return assemble(ServiceDesk(plan, log), access, bounds)
