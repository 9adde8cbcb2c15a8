"""The local market: small shops on loopback addresses, each with its own markup, limits and faults.

`Market` runs them in this process, `MarketProcess` in one of their own.
"""

from __future__ import annotations

import asyncio
import errno
import math
import signal
import socket
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, NamedTuple, Self

from aiohttp import web

from canter.apps.policies import Failure, TokenBucket, failure
from canter.apps.shops import SHOPS, Product, Shop, repriced
from canter.errors import CanterError
from canter.model import Fields, Outcome
from canter.run.signals import held

_FIRST_ADDRESS = 11  # 127.0.0.11 is the first shop's
_REPLY_WITHIN = 30.0  # seconds


class ShopTruth(NamedTuple):
    """What a shop really bears. `host` is the host key, `rate` requests/s, None where it sets no limit."""

    name: str
    about: str
    host: str
    limit: str
    rate: float | None
    pages: int


class Expected(NamedTuple):
    """How a page must end when every retry is made, and the fields it must give (None: it has none)."""

    outcome: Outcome
    fields: Fields | None


class _Server:
    """One shop behind its socket. Bodies are made before they are asked for."""

    def __init__(self, shop: Shop, pages: int, seed: int) -> None:
        self.shop = shop
        self.host = ""
        self.day = 1
        self.answers: Counter[str] = Counter()
        self.products = {product.path: product for product in shop.products(pages, seed)}
        self._seed = seed
        self._bodies = {product.target: self._body(product) for product in self.products.values()}
        self._asked: Counter[str] = Counter()
        policy = shop.policy
        self._bucket = TokenBucket(policy.rate, policy.burst) if policy.rate else None
        self._runner: web.ServerRunner | None = None

    async def start(self, address: str) -> None:
        """Listen on a free port of `address`, or of 127.0.0.1 where the system has no other."""
        listener = _listen(address)
        self.host = "{}:{}".format(*listener.getsockname())
        self._runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    async def stop(self) -> None:
        """Close the socket and every connection."""
        if self._runner:
            await self._runner.cleanup()

    def next_day(self) -> None:
        """Change the prices of some products; failing pages fail anew."""
        self.day += 1
        self._asked.clear()
        for path, old in self.products.items():
            new = repriced(old, self._seed, self.shop.name, self.day)
            if new is not old:
                self.products[path] = new
                self._bodies[new.target] = self._body(new)

    def _body(self, product: Product) -> bytes:
        return self.shop.render(product).encode()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path == "/robots.txt":
            self.answers["robots.txt"] += 1
            text = self.shop.robots()
            return web.Response(text=text) if text is not None else web.Response(status=404)
        now = asyncio.get_running_loop().time()
        wait = self._bucket.take(now) if self._bucket else 0.0
        if wait:
            return self._reject(wait)
        policy = self.shop.policy
        self._asked[path] += 1
        trouble = failure(policy.failures, self._seed, path, self.day, self._asked[path])
        if policy.latency[1]:
            await asyncio.sleep(policy.delay(self._seed, path, self.day))
        if trouble is Failure.CUT:
            return await self._cut(request)
        response = web.Response(status=int(trouble)) if trouble else self._page(path)
        return self._count(response, "closed" if path.startswith("/members/") else "")

    def _reject(self, wait: float) -> web.Response:
        policy = self.shop.policy
        headers = {"Retry-After": str(math.ceil(wait))} if policy.retry_after else {}
        return self._count(web.Response(status=policy.reject, headers=headers, text="Slow down."))

    def _page(self, path: str) -> web.Response:
        product = self.products.get(path)
        if product and product.kind == "gone":
            return web.Response(status=404 if product.number % 2 else 410, text="Sold out for good.")
        if product and product.kind == "moved":
            return web.Response(status=301, headers={"Location": product.target})
        if path not in self._bodies:
            return web.Response(status=404, text="No such page.")
        return web.Response(body=self._bodies[path], headers={"Content-Type": self.shop.content_type})

    async def _cut(self, request: web.BaseRequest) -> web.StreamResponse:
        self.answers[Failure.CUT] += 1
        body = self._bodies.get(request.path, b"")
        response = web.StreamResponse(headers={"Content-Type": self.shop.content_type})
        response.content_length = len(body)
        with suppress(ConnectionError):
            await response.prepare(request)
            await response.write(body[: len(body) // 2])
        if request.transport:
            request.transport.close()
        return response

    def _count(self, response: web.Response, name: str = "") -> web.Response:
        self.answers[name or str(response.status)] += 1
        return response


def _listen(address: str) -> socket.socket:
    listener = socket.socket()
    try:
        listener.bind((address, 0))
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            listener.close()
            raise
        listener.bind(("127.0.0.1", 0))
    listener.setblocking(False)
    return listener


class Market:
    """The shops, as an asynchronous context manager. The same seed gives the same pages, prices and faults.

    Ports are free ones that the system picks, so that several markets run side by side.
    """

    def __init__(self, pages_per_shop: int = 200, seed: int = 1) -> None:
        self.seed = seed
        self._servers = [_Server(shop, pages_per_shop, seed) for shop in SHOPS]

    async def __aenter__(self) -> Self:
        for number, server in enumerate(self._servers, _FIRST_ADDRESS):
            await server.start(f"127.0.0.{number}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(server.stop() for server in self._servers))

    @property
    def truth(self) -> list[ShopTruth]:
        """What each shop really bears."""
        return [
            ShopTruth(
                name=server.shop.name,
                about=server.shop.about,
                host=server.host,
                limit=server.shop.policy.describe(),
                rate=server.shop.policy.sustainable,
                pages=len(server.products),
            )
            for server in self._servers
        ]

    @property
    def stats(self) -> dict[str, dict[str, int]]:
        """Answers by shop and status as the servers count them.

        Apart from the statuses: `cut` answers, `robots.txt`, and `closed` pages, which nobody should ask for.
        """
        return {server.shop.name: dict(server.answers) for server in self._servers}

    def urls(self) -> list[str]:
        """Every page of every shop, shop by shop in turn."""
        pages = [[f"http://{server.host}{path}" for path in server.products] for server in self._servers]
        return [url for row in zip(*pages, strict=True) for url in row]

    def site_file(self) -> str:
        """The site file that reads every shop."""
        return "\n".join(
            f'[sites.{server.shop.name}]\nhosts = ["{server.host}"]\n{server.shop.settings}'
            f"\n[sites.{server.shop.name}.fields]{server.shop.rules}"
            for server in self._servers
        )

    def expected(self, url: str) -> Expected:
        """How the page at `url` must end today. Raises KeyError for a URL that is not of this market."""
        host, _, path = url.removeprefix("http://").partition("/")
        server = next((server for server in self._servers if server.host == host), None)
        if server is None:
            raise KeyError(url)
        product = server.products[f"/{path}"]
        if product.kind == "gone":
            return Expected(Outcome.GONE, None)
        if product.kind == "closed":
            return Expected(Outcome.FAILED, None)
        return Expected(Outcome.OK, server.shop.fields(product))

    def next_day(self) -> None:
        """Change the prices of about three products in ten, by the seed."""
        for server in self._servers:
            server.next_day()


@dataclass(frozen=True, slots=True)
class MarketMap:
    """Where a market in another process stands: its URLs, site file and truth."""

    urls: list[str]
    site_file: str
    truth: list[ShopTruth]


def serve(pipe: Connection, pages_per_shop: int = 200, seed: int = 1) -> None:
    """Run a market until `pipe` says "stop" or its other end closes.

    Sends a `MarketMap` when the shops are open; answers "next_day" and "stats" with the market's
    stats and "expected" with a dict of URL to `Expected`.
    """
    with suppress(BrokenPipeError):  # the parent went before the shops were open
        asyncio.run(_serve(pipe, Market(pages_per_shop, seed)))


async def _serve(pipe: Connection, market: Market) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def heed() -> None:
        try:
            command = pipe.recv()
            if command == "stop":
                ended.set()
            else:
                pipe.send(_obey(market, command))
        except (EOFError, OSError):
            ended.set()

    async with market:
        pipe.send(MarketMap(market.urls(), market.site_file(), market.truth))
        loop.add_reader(pipe.fileno(), heed)
        await ended.wait()
        loop.remove_reader(pipe.fileno())


def _obey(market: Market, command: str) -> Mapping[str, Any]:
    if command == "next_day":
        market.next_day()
    if command == "expected":
        return {url: market.expected(url) for url in market.urls()}
    return market.stats


class MarketProcess:
    """A market in a process of its own, as a context manager; it ends with this process, however that ends.

    Raises CanterError when the process does not answer.
    """

    def __init__(self, pages_per_shop: int = 200, seed: int = 1) -> None:
        context = get_context("spawn")
        self._pipe, far = context.Pipe()
        self._process = context.Process(target=serve, args=(far, pages_per_shop, seed), name="market")
        resource_tracker.ensure_running()  # it would be started in the block, and let signals through
        with held(signal.SIGINT):  # Ctrl-C is the parent's; it closes the pipe
            self._process.start()
        far.close()
        self.map: MarketMap = self._receive()

    def next_day(self) -> None:
        """Change prices as `Market.next_day` does."""
        self._ask("next_day")

    def stats(self) -> dict[str, dict[str, int]]:
        """Answers by shop and status so far."""
        stats: dict[str, dict[str, int]] = self._ask("stats")
        return stats

    def expected(self) -> dict[str, Expected]:
        """How each page must end today."""
        expected: dict[str, Expected] = self._ask("expected")
        return expected

    def stop(self) -> None:
        """End the process."""
        with suppress(OSError):
            self._pipe.send("stop")
        self._pipe.close()
        self._process.join(_REPLY_WITHIN)

    def _ask(self, command: str) -> Any:
        self._pipe.send(command)
        return self._receive()

    def _receive(self) -> Any:
        try:
            if self._pipe.poll(_REPLY_WITHIN):
                return self._pipe.recv()
        except EOFError:
            pass
        self._process.kill()
        raise CanterError("the local market did not start or ended: run again with more free memory")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
