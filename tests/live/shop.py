"""A small shop on loopback for the tests that run the command as a user does."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from types import TracebackType

from aiohttp import web

SITE = """
[sites.shop]
hosts = ["127.0.0.0"]
robots = {robots}
[sites.shop.fields]
title = "h1"
price = {{ css = ".price", type = "money", currency = "USD" }}
"""


class Shop:
    """Pages `/p/N` on one address, in a thread; `prices` and `answer` may be changed while it runs."""

    def __init__(self, address: str = "127.0.0.1", delay: float = 0.0) -> None:
        self.address = address
        self.delay = delay
        self.seen: Counter[str] = Counter()
        self.price = "19.99"
        self.answer: Callable[[web.Request], Awaitable[web.StreamResponse | None]] | None = None
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._ready = threading.Event()

    @property
    def host(self) -> str:
        """The host key."""
        return f"{self.address}:{self.port}"

    def url(self, path: str) -> str:
        """The URL of a path."""
        return f"http://{self.host}{path}"

    def urls(self, number: int) -> list[str]:
        """So many page URLs."""
        return [self.url(f"/p/{n}") for n in range(number)]

    def site_file(self, *, robots: bool = False) -> str:
        """A site file that claims the shop."""
        return SITE.format(robots=str(robots).lower()).replace("127.0.0.0", self.host)

    def __enter__(self) -> Shop:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._runner.cleanup())
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.address, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.seen[request.path] += 1
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.answer and (answer := await self.answer(request)) is not None:
            return answer
        if request.path == "/robots.txt":
            return web.Response(status=404)
        number = request.path.rpartition("/")[2]
        body = f"<html><h1>Product {number}</h1><p class=price>${self.price}</p></html>"
        return web.Response(text=body, content_type="text/html")
