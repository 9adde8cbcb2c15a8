"""The FastAPI application: routes, the door before them, mistakes as clear answers, the dashboard's files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from canter import __version__
from canter.errors import CanterError
from canter.service.access import Access
from canter.service.door import Door
from canter.service.models import Invalid, Problems
from canter.service.routes import Desk, Refused, about, api

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


def assemble(desk: Desk, access: Access, bounds: Bounds = Bounds()) -> FastAPI:
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
    app.include_router(api)
    app.add_exception_handler(RequestValidationError, _invalid)
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

    app.add_api_route("/", page("index.html"), include_in_schema=False)
    app.add_api_route("/login", page("login.html"), include_in_schema=False)
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
    found = [Invalid(loc=list(one["loc"]), msg=one["msg"], type=one["type"]) for one in error.errors()]
    return JSONResponse(Problems(detail=found[:MAX_MISTAKES]).model_dump(), 422)


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
