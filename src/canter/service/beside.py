"""`/health` and `/metrics` of a run, answered by a thread beside it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI

from canter import __version__
from canter.errors import ConfigError
from canter.observe import Counts, News
from canter.run.member import Member
from canter.service.access import Access, check_exposure
from canter.service.app import Bounds
from canter.service.door import Door
from canter.service.ledger import Live
from canter.service.models import Health
from canter.service.routes import about
from canter.service.server import Server, config_of, listen
from canter.service.vitals import UnderWay, Vitals, states_of

EVERY = 1.0  # seconds between reports
END = 3.0  # seconds that the thread has to end


class Beside:
    """Implements `supervisor.Onlooker`. Use it in `with`; `url` is where it answers.

    Raises ConfigError for an address that cannot be used.
    """

    def __init__(self, address: str, key: str | None) -> None:
        host, port = host_and_port(address)
        check_exposure(host, key, "--http")
        self._vitals = Vitals()
        self._work = UnderWay()
        self._reported = 0.0
        self._began = time.monotonic()
        self._listening = listen(host, port)
        self._server = Server(config_of(self._app(Access(key, local=key is None))))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listening]}, name="canter-http", daemon=True
        )
        bound = self._listening.getsockname()
        self.url = f"http://{f'[{bound[0]}]' if ':' in bound[0] else bound[0]}:{bound[1]}"

    def __enter__(self) -> Beside:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(END)

    def _app(self, access: Access) -> FastAPI:
        @asynccontextmanager
        async def life(_: FastAPI) -> AsyncIterator[None]:
            watching = asyncio.create_task(self._vitals.watch())
            try:
                yield
            finally:
                watching.cancel()

        app = FastAPI(title="Canter", version=__version__, lifespan=life, openapi_url=None)
        app.state.desk = self
        app.include_router(about)
        bounds = Bounds()
        app.add_middleware(
            Door, begin=lambda: None, access=access, max_body=bounds.max_body, rate=bounds.rate,
            burst=bounds.burst,
        )  # fmt: skip
        return app

    # ---- for the routes

    def health(self) -> Health:
        """Whether all is well."""
        return self._vitals.health(self._work)

    def metrics(self) -> bytes:
        """Prometheus' text."""
        return self._vitals.metrics(self._work)

    # ---- for the supervisor

    def heard(self, news: News) -> None:
        """What a worker saw."""
        self._vitals.board.hear(news)

    def look(
        self, started: float, before: int, total: int, fed: bool, counts: Counts, members: Sequence[Member]
    ) -> None:
        """How the crawl is, as often as one likes."""
        now = time.monotonic()
        if now - self._reported < EVERY:
            return
        self._reported = now
        live = Live(started, {("ok", None): before}, counts, total, fed, 0.0, before > 0)
        self._work = UnderWay([live], busy_since=self._began, restarts=self._restarts(members, now))
        self._vitals.report(counts, states_of(members))

    def _restarts(self, members: Sequence[Member], now: float) -> list[float]:
        """When workers were started again, as far as is known: by now."""
        number = sum(member.restarts for member in members)
        known = list(self._work.restarts)
        return known + [now] * (number - len(known))


def host_and_port(address: str) -> tuple[str, int]:
    """`HOST:PORT`, `[::1]:PORT`, `:PORT` or `PORT`; the host is 127.0.0.1 by default. Raises ConfigError."""
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or int(port) > 65_535:
        raise ConfigError(f"--http {address}: expected an address such as 127.0.0.1:9464, or a port")
    return host.strip("[]") or "127.0.0.1", int(port)
