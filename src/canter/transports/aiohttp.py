"""The only HTTP client: pool, DNS, TLS, time-outs, caps and the address guard."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import product
from typing import Any, cast

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType
from aiohttp.http_exceptions import HttpProcessingError

from canter.model import Fault, FaultKind, Limits, Request, Response, Tls
from canter.transports.addresses import AddressGuard, Network
from canter.transports.answer import Answer, readable
from canter.transports.body import Body
from canter.transports.budget import BodyBudget, Hold
from canter.transports.connection import Connection, asking
from canter.transports.decoding import OFFERED, DecodingError, decoder
from canter.transports.dns import Names
from canter.transports.faults import AddressRefused, NoAnswer, Phase, Progress, explain
from canter.transports.origin import Origin, parts_of
from canter.transports.tls import contexts

_KEEP_ALIVE = 30.0  # s an idle connection is kept
_MOST_DIALLED = 16  # addresses of a host, tried one after another until one answers
_MOST_ORIGINS = 20_000  # kept at once
_FAILURES = (
    aiohttp.ClientError, HttpProcessingError, TimeoutError, ValueError, DecodingError, MemoryError
)  # fmt: skip
_ACCEPT = "text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8"


class AiohttpTransport:
    """Requests over the network; a `canter.protocols.Transport`. Create it inside a running loop.

    `allow_networks`: special networks that may be dialled. `body_budget`: decoded bytes held by
    bodies being read. `max_connections`: with more connections open than this none is kept after
    its answer, which bounds the idle ones; requests in flight are the caller's to bound.
    `dns_servers`: name servers in place of the system's. `tls`: what requests may carry as `tls`
    beside the default. Raises ConfigError for a certificate that cannot be used.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        allow_networks: Sequence[Network] = (),
        body_budget: int = 64 * 1024 * 1024,
        max_connections: int = 512,
        dns_servers: Sequence[str] = (),
        tls: Iterable[Tls] = (),
    ) -> None:
        self.contexts = contexts((Tls(), *tls))
        self.budget = BodyBudget(body_budget)
        self._max_connections = max_connections
        self._open = 0  # connections
        self._guard = AddressGuard(allow_networks)
        self.resolver = GuardedResolver(self._guard, Names(dns_servers))
        self._connector = aiohttp.TCPConnector(
            limit=0,
            limit_per_host=0,
            resolver=self.resolver,
            use_dns_cache=False,  # the resolver's own heeds the answers' lifetimes
            socket_factory=self._socket,
        )
        # aiohttp offers no other way to a protocol of one's own.
        self._connector._factory = cast("Any", partial(Connection, asyncio.get_running_loop()))
        self._headers = {"User-Agent": user_agent, "Accept": _ACCEPT, "Accept-Encoding": OFFERED}
        self._origins: dict[tuple[str, Tls], Origin] = {}

    async def send(self, request: Request) -> Response | Fault:
        """The whole answer, or why there is none. Raises RuntimeError once the transport is closed.

        `latency` does not count the making of a connection; neither time counts waits for the budget.
        """
        return await _Exchange(self, request).run()

    async def close(self) -> None:
        """Close every connection; requests in flight end as faults."""
        await self._connector.close()
        await self.resolver.close()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._connector.closed

    def leave(self, host: str) -> None:
        """Close the idle connections to a host key; one that carries a request closes after its answer."""
        for scheme, tls in product(("http", "https"), self.contexts):
            origin = self._origins.pop((f"{scheme}://{host}", tls), None)
            if origin is not None:
                origin.leave()

    def origin(self, url: str, tls: Tls) -> Origin:
        """Where requests to an origin (scheme, host, port) go."""
        origin = self._origins.get((url, tls))
        if origin is None:
            if len(self._origins) >= _MOST_ORIGINS:
                self._forget_origins()
            origin = self._origins[url, tls] = Origin(url, self.contexts[tls], self._headers)
        return origin

    def _forget_origins(self) -> None:
        for origin in self._origins.values():
            origin.leave()
        self._origins.clear()

    async def dial(self, origin: Origin, limits: Limits) -> Connection:
        """A new connection. Raises aiohttp.ClientError; RuntimeError once this is closed."""
        if self.closed:
            raise RuntimeError("the transport is closed")
        timeout = aiohttp.ClientTimeout(total=None, connect=limits.connect_timeout)
        try:
            link = await self._connector.connect(origin.route, [], timeout)
        except TimeoutError as exc:
            raise aiohttp.ConnectionTimeoutError from exc
        connection = cast("Connection", link.protocol)
        self._open += 1
        connection.belongs_to(link, partial(self._lost, origin))
        return connection

    def kept(self, origin: Origin) -> Connection | None:
        """An idle connection, where there is one."""
        while origin.idle:
            connection = origin.idle.pop()
            if connection.usable:
                return connection
        return None

    def keep(self, connection: Connection, origin: Origin) -> None:
        """A request is over: keep its connection for the next one, or close it."""
        if connection.usable and not origin.left and self._open <= self._max_connections:
            origin.idle.append(connection)
            connection.rest(_KEEP_ALIVE)
        else:
            connection.close()

    def _lost(self, origin: Origin, connection: Connection) -> None:
        self._open -= 1
        if connection in origin.idle:
            origin.idle.remove(connection)

    def _socket(self, info: AddrInfoType) -> socket.socket:
        """A socket for an address about to be dialled: literal addresses never pass the resolver."""
        asking.get().dialling()
        family, kind, proto, _, address = info
        refusal = self._guard.verdict(str(address[0]))
        if refusal is not None:
            raise AddressRefused(refusal)
        return socket.socket(family, kind, proto)


class GuardedResolver(AbstractResolver):
    """Keeps only the addresses of a host that may be dialled."""

    def __init__(self, guard: AddressGuard, names: Names) -> None:
        self._guard = guard
        self.names = names

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002
    ) -> list[ResolveResult]:
        """The allowed addresses. Raises AddressRefused when all are refused, OSError when there is none."""
        addresses = await self.names.addresses(host)
        refusals = [self._guard.verdict(address) for address in addresses]
        allowed = [address for address, refusal in zip(addresses, refusals, strict=True) if refusal is None]
        if not allowed:
            raise AddressRefused(f"{host} has no address that may be dialled: {refusals[0]}")
        return [_dialled(host, address, port) for address in allowed[:_MOST_DIALLED]]

    async def close(self) -> None:
        self.names.close()


def _dialled(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(
        hostname=host, host=address, port=port, family=family, proto=socket.IPPROTO_TCP, flags=numeric
    )


class _Exchange:
    """One request on its way: its answer's bytes read, decoded, counted and timed."""

    def __init__(self, transport: AiohttpTransport, request: Request) -> None:
        self._transport = transport
        self._request = request
        self._began = time.monotonic()
        self._waited = 0.0  # s spent on the body budget
        self._deadline = asyncio.get_running_loop().time() + request.limits.timeout
        self._clock: asyncio.Timeout  # while it is dialled
        self._answer: Answer | None = None
        self._host = ""
        self._phase = Phase.CONNECT
        self._bound = "timeout"  # the limit that the clock runs on

    async def run(self) -> Response | Fault:
        try:
            try:
                return await self._attempt()
            except NoAnswer as exc:
                if not exc.stale or self._transport.closed:
                    raise
                return await self._attempt(fresh=True)
        except _FAILURES as exc:
            return self._fault(*explain(exc, self._progress()))

    # ---- a connection

    async def _dial(self, origin: Origin) -> Connection:
        token = asking.set(self)
        try:
            async with asyncio.timeout_at(self._deadline) as self._clock:
                return await self._transport.dial(origin, self._request.limits)
        finally:
            asking.reset(token)

    def dialling(self) -> None:
        """A connection is about to be tried."""
        self._enter(Phase.CONNECT)

    def dialled(self) -> None:
        """There is a connection; its TLS handshake begins, where it has one."""
        self._enter(Phase.TLS)
        seconds = self._request.limits.tls_timeout
        if seconds is None or not self._request.url.startswith("https:"):
            return
        until = asyncio.get_running_loop().time() + seconds
        if until < self._deadline:
            self._bound = "tls_timeout"
            self._clock.reschedule(until)

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        if self._bound != "timeout":
            self._bound = "timeout"
            self._clock.reschedule(self._deadline)

    # ---- the answer

    async def _attempt(self, fresh: bool = False) -> Response | Fault:
        """`fresh`: over a connection of its own, whatever is kept."""
        self._phase = Phase.CONNECT
        transport, request = self._transport, self._request
        url, _, target = parts_of(request.url)
        origin = transport.origin(url, request.tls)
        self._host = origin.host
        headers = {**request.headers, "Connection": "close"} if fresh else request.headers
        head = origin.head(target, headers)
        connection = (None if fresh else transport.kept(origin)) or await self._dial(origin)
        self._phase, self._bound = Phase.ANSWER, "timeout"
        try:
            connection.ask(head, request.limits, self._deadline)
            self._answer = answer = await connection.answer()
            body = await self._read(connection, answer)
        except BaseException:
            connection.close()
            raise
        if fresh:
            connection.close()  # some servers keep it for all that
        else:
            transport.keep(connection, origin)
        if isinstance(body, Fault):
            return body
        return Response(
            request.url, answer.status, readable(answer.headers), body, answer.latency, self._elapsed()
        )

    async def _read(self, connection: Connection, answer: Answer) -> bytes | Fault:
        limit, truncate = self._request.limits.max_body, self._request.truncate
        body = Body(limit, self._request.sink)
        if not connection.has_body:
            return b""
        if answer.length is not None and answer.length > limit and not truncate:
            return self._too_large(limit)
        coding = decoder(answer.headers.getall("Content-Encoding", ()))
        with self._transport.budget.reading() as hold:
            if coding.window and not hold.take(coding.window):
                await self._wait(connection, hold, coding.window)
            while data := await connection.some():
                for piece in coding.feed(data):
                    held = body.add(piece)
                    if body.over:
                        return body.whole() if truncate else self._too_large(limit)
                    if held and not hold.take(held):
                        await self._wait(connection, hold, held)
            coding.finish()
        return body.whole()

    async def _wait(self, connection: Connection, hold: Hold, size: int) -> None:
        """Wait for the body budget with the socket at rest and no clock running."""
        began = time.monotonic()
        connection.pause()
        try:
            await hold.wait(size)
        finally:
            waited = time.monotonic() - began
            self._waited += waited
            self._deadline += waited
            connection.resume(waited)

    def _elapsed(self) -> float:
        return time.monotonic() - self._began - self._waited

    def _progress(self) -> Progress:
        resolving = self._transport.resolver.names.asking(self._host)
        return Progress(self._request.limits, self._host, self._phase, self._bound, resolving)

    def _too_large(self, limit: int) -> Fault:
        return self._fault(FaultKind.TOO_LARGE, f"the body is over {limit:,} bytes (max_body raises the cap)")

    def _fault(self, kind: FaultKind, message: str) -> Fault:
        answer = self._answer
        if answer is None:
            return Fault(kind, message, self._elapsed())
        return Fault(kind, message, self._elapsed(), answer.status, readable(answer.headers))
