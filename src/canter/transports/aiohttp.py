"""The only HTTP client: pool, DNS, TLS, time-outs, caps and the address guard."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any

import aiohttp
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import AddrInfoType, Connection
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import EMPTY_PAYLOAD
from multidict import CIMultiDict, CIMultiDictProxy

from canter.model import Fault, FaultKind, Request, Response, Tls
from canter.transports.addresses import AddressGuard, Network
from canter.transports.budget import BodyBudget, Hold
from canter.transports.decoding import DecodingError, decoder
from canter.transports.dns import Names
from canter.transports.faults import MAX_HEADERS, MAX_LINE, AddressRefused, NoAnswer, Progress, explain
from canter.transports.tls import contexts

_READ_BUFFER = 256 * 1024  # wire bytes of one answer; twice as many pause its socket
_KEEP_ALIVE = 30.0  # s an idle connection is kept
_MOST_DIALLED = 16  # addresses of a host, tried one after another until one answers
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
        self._open: set[ResponseHandler] = set()  # connections that have carried a request
        self._guard = AddressGuard(allow_networks)
        self.resolver = GuardedResolver(self._guard, Names(dns_servers))
        connector = aiohttp.TCPConnector(
            limit=0,
            limit_per_host=0,
            resolver=self.resolver,
            use_dns_cache=False,  # the resolver's own heeds the answers' lifetimes
            keepalive_timeout=_KEEP_ALIVE,
            socket_factory=self._socket,
        )
        self.session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": user_agent, "Accept": _ACCEPT, "Accept-Encoding": "gzip, deflate"},
            auto_decompress=False,
            read_bufsize=_READ_BUFFER,
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
            max_headers=MAX_HEADERS,
            response_class=_Answer,
        )

    async def send(self, request: Request) -> Response | Fault:
        """The whole answer, or why there is none. Raises RuntimeError once the transport is closed.

        `latency` does not count the making of a connection; neither time counts waits for the budget.
        """
        return await _Exchange(self, request).run()

    async def close(self) -> None:
        """Close every connection; requests in flight end as faults."""
        await self.session.close()
        await self.resolver.close()

    def carry(self, peer: ResponseHandler) -> bool:
        """Count a connection about to carry a request. Whether it has carried one before."""
        known = peer in self._open
        closed = peer.closed
        if not known and closed is not None:
            self._open.add(peer)
            closed.add_done_callback(partial(self._forget, peer))
        if len(self._open) > self._max_connections:
            peer.force_close()
        return known

    def _forget(self, peer: ResponseHandler, closed: asyncio.Future[None]) -> None:
        self._open.discard(peer)
        if not closed.cancelled():
            closed.exception()  # looked at, so that asyncio does not log it

    def _socket(self, info: AddrInfoType) -> socket.socket:
        """A socket for an address about to be dialled: literal addresses never pass the resolver."""
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


_current: ContextVar[_Exchange] = ContextVar("_current")


class _Exchange:
    """One request on its way: its answer's bytes read, decoded, counted and timed."""

    def __init__(self, transport: AiohttpTransport, request: Request) -> None:
        self._transport = transport
        self._request = request
        self._began = time.monotonic()
        self._waited = 0.0  # s spent on the body budget
        self._clock: asyncio.Timeout
        self._answer: _Answer | None = None
        self._host = ""
        self._connected = False

    async def run(self) -> Response | Fault:
        token = _current.set(self)
        try:
            async with asyncio.timeout(self._request.limits.timeout) as self._clock:
                try:
                    return await self._attempt()
                except NoAnswer as exc:
                    if not exc.stale:
                        raise
                    return await self._attempt(fresh=True)
        except (aiohttp.ClientError, TimeoutError, ValueError, DecodingError) as exc:
            return self._fault(*explain(exc, self._progress()))
        finally:
            _current.reset(token)

    def sending(self, peer: ResponseHandler) -> bool:
        """The request goes out over `peer`. Whether that connection has carried one before."""
        self._connected = True
        return self._transport.carry(peer)

    async def _attempt(self, fresh: bool = False) -> Response | Fault:
        self._connected = False
        answer = self._answer = await self._open(fresh)
        try:
            body = await self._read(answer)
        finally:
            answer.close()  # of no effect on an answer that was read to its end
        if isinstance(body, Fault):
            return body
        headers = _readable(answer.headers)
        return Response(self._request.url, answer.status, headers, body, answer.latency, self._elapsed())

    async def _open(self, fresh: bool) -> _Answer:
        """Send the request and read the answer's head. `fresh`: over a connection of its own."""
        limits = self._request.limits
        headers = self._request.headers
        url = yarl.URL(self._request.url, encoded=True)
        self._host = url.raw_host or ""
        options: dict[str, Any] = {}
        if fresh:
            # The name is the one aiohttp takes anyway, but given here it takes part in the key of
            # the pool: no connection there matches.
            options["server_hostname"] = self._host
            headers = {**headers, "Connection": "close"}
        answer = await self._transport.session.get(
            url,
            headers=headers,
            timeout=aiohttp.ClientTimeout(
                total=None, connect=limits.connect_timeout, sock_read=limits.read_timeout
            ),
            allow_redirects=False,
            ssl=self._transport.contexts[self._request.tls],
            **options,
        )
        assert isinstance(answer, _Answer)
        return answer

    async def _read(self, answer: _Answer) -> bytes | Fault:
        limit = self._request.limits.max_body
        if answer.announces_more_than(limit) and not self._request.truncate:
            return self._too_large(limit)
        coding = decoder(answer.headers.getall("Content-Encoding", ()))
        pieces: list[bytes] = []
        size = 0
        with self._transport.budget.reading() as hold:
            while data := await answer.some():
                for piece in coding.feed(data):
                    size += len(piece)
                    if size > limit:
                        if not self._request.truncate:
                            return self._too_large(limit)
                        pieces.append(piece[: limit - size])
                        return b"".join(pieces)
                    pieces.append(piece)
                    if not hold.take(len(piece)):
                        await self._wait(answer, hold, len(piece))
            coding.finish()
        if answer.was_reset():
            return self._fault(FaultKind.CUT, f"the connection was reset after {size:,} bytes of body")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _wait(self, answer: _Answer, hold: Hold, size: int) -> None:
        """Wait for the body budget with the socket at rest and no clock running."""
        began = time.monotonic()
        deadline = self._clock.when()
        self._clock.reschedule(None)
        answer.pause()
        try:
            await hold.wait(size)
        finally:
            answer.resume()
            waited = time.monotonic() - began
            self._waited += waited
            self._clock.reschedule(None if deadline is None else deadline + waited)

    def _elapsed(self) -> float:
        return time.monotonic() - self._began - self._waited

    def _progress(self) -> Progress:
        resolving = self._transport.resolver.names.asking(self._host)
        return Progress(self._request.limits, self._host, resolving, self._connected)

    def _too_large(self, limit: int) -> Fault:
        return self._fault(FaultKind.TOO_LARGE, f"the body is over {limit:,} bytes")

    def _fault(self, kind: FaultKind, message: str) -> Fault:
        answer = self._answer
        if answer is None:
            return Fault(kind, message, self._elapsed())
        return Fault(kind, message, self._elapsed(), answer.status, _readable(answer.headers))


class _Answer(aiohttp.ClientResponse):
    """An answer that settles what aiohttp leaves open about the end of its connection.

    `latency`: seconds from the request's going out to the head of the answer.
    """

    _closing: asyncio.Future[None] | None = None  # done when the connection is

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Read the head. aiohttp calls this as soon as the request is written."""
        peer = connection.protocol
        assert peer is not None
        self._peer = peer
        reused = _current.get().sending(peer)
        sent_at = time.monotonic()
        try:
            await super().start(connection)
        except aiohttp.ServerDisconnectedError as exc:
            if not isinstance(exc.message, str):
                raise NoAnswer("the connection was closed within the head of the answer", False) from exc
            raise NoAnswer("the connection was closed before an answer came", reused) from exc
        except aiohttp.ClientOSError as exc:
            raise NoAnswer(f"no answer came: {exc.strerror or 'connection lost'}", reused) from exc
        self.latency = time.monotonic() - sent_at
        if not self.content.is_eof():
            self._watch(peer.closed)
        return self

    def announces_more_than(self, limit: int) -> bool:
        """The head declares a body beyond the limit, and there is one."""
        return (self.content_length or 0) > limit and not self.content.is_eof()

    async def some(self) -> bytes:
        """The next bytes of the body as they came; none at its end. Raises aiohttp.ClientError."""
        try:
            return await self.content.readany()
        except (aiohttp.ClientPayloadError, RuntimeError) as exc:
            broken = self._peer.exception()
            if isinstance(broken, HttpProcessingError):  # the reason behind a body that just stopped
                raise aiohttp.ClientResponseError(self.request_info, ()) from broken
            if isinstance(exc, RuntimeError):  # aiohttp's word for reading from a lost connection
                raise aiohttp.ClientPayloadError("the connection was lost") from exc
            raise

    def was_reset(self) -> bool:
        """A body that only the end of its connection ends was ended by an error, whole for aiohttp."""
        framed = self.content_length is not None or "chunked" in self.headers.get("Transfer-Encoding", "")
        if framed or self.content is EMPTY_PAYLOAD:
            return False
        return isinstance(self._peer.exception(), aiohttp.ClientOSError)

    def pause(self) -> None:
        """Stop receiving; what the server sends waits in the kernel."""
        if self._peer.is_connected() and not self.content.is_eof():
            self._peer.pause_reading()

    def resume(self) -> None:
        """Receive again."""
        if self._peer.is_connected() and not self.content.is_eof():
            self._peer.resume_reading()

    def close(self) -> None:
        if self._closing is not None:
            self._closing.remove_done_callback(self._lost)
        super().close()

    def _watch(self, closing: asyncio.Future[None] | None) -> None:
        """Be told when the connection ends: after a bad chunk aiohttp lets the reader wait for ever."""
        if closing is None:
            self._give_up()
            return
        self._closing = closing
        closing.add_done_callback(self._lost)

    def _lost(self, _: asyncio.Future[None]) -> None:
        self._give_up()

    def _give_up(self) -> None:
        if not self.content.is_eof() and self.content.exception() is None:
            self.content.set_exception(aiohttp.ClientPayloadError("the connection was lost"))


def _readable(headers: CIMultiDictProxy[str]) -> CIMultiDictProxy[str]:
    """Headers whose values can be written anywhere: bytes that are not UTF-8 are read as Latin-1."""
    if all(map(str.isascii, headers.values())):
        return headers
    return CIMultiDictProxy(CIMultiDict((name, _text(value)) for name, value in headers.items()))


def _text(value: str) -> str:
    raw = value.encode("utf-8", "surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
