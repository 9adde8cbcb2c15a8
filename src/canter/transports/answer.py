"""One request over a connection, and its answer."""

from __future__ import annotations

import asyncio
import time

import aiohttp
from aiohttp import connector
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from multidict import CIMultiDict, CIMultiDictProxy

from canter.model import Limits
from canter.transports.connection import Connection
from canter.transports.faults import NoAnswer, NotHttp


class Answer:
    """The answer to one request, with what aiohttp leaves open about the end of its connection settled.

    `content`: its body, as it came. `latency`: seconds from the request's going out to the answer's head.
    """

    status: int
    headers: CIMultiDictProxy[str]
    content: StreamReader
    latency: float

    def __init__(self, link: connector.Connection, *, reused: bool) -> None:
        """`link`: a connection taken from the pool. `reused`: it has carried a request before."""
        peer = link.protocol
        assert isinstance(peer, Connection)
        self._link, self._peer, self._reused = link, peer, reused
        self._closing: asyncio.Future[None] | None = None  # done when the connection is

    async def begin(self, head: bytes, limits: Limits) -> None:
        """Send the request and read the answer's head. Raises aiohttp.ClientError, HttpProcessingError."""
        peer = self._peer
        sent_at = time.monotonic()
        peer.ask(head, limits)
        try:
            message, self.content = await peer.read()
        except NotHttp as exc:
            if not self._reused:
                raise
            raise NoAnswer("bytes beyond the answer before", stale=True) from exc
        except aiohttp.ServerDisconnectedError as exc:
            raise self._no_answer("the connection was closed") from exc
        except aiohttp.ClientOSError as exc:
            raise self._no_answer(exc.strerror or "the connection was lost") from exc
        self.latency = time.monotonic() - sent_at
        self.status, self.headers = message.code, message.headers
        self.content.on_eof(self._link.release)
        if not self.content.is_eof():
            self._watch(peer.closed)

    def _no_answer(self, reason: str) -> NoAnswer:
        if self._peer.answered:
            return NoAnswer(f"{reason} within the head of the answer", stale=False)
        return NoAnswer(f"{reason} before an answer came", stale=self._reused)

    def announces_more_than(self, limit: int) -> bool:
        """The head declares a body beyond the limit, and there is one."""
        return int(self.headers.get("Content-Length") or 0) > limit and not self.content.is_eof()

    async def some(self) -> bytes:
        """The next bytes of the body as they came; none at its end.

        Raises aiohttp.ClientError, HttpProcessingError.
        """
        try:
            return await self.content.readany()
        except (aiohttp.ClientPayloadError, RuntimeError) as exc:
            broken = self._peer.exception()
            if isinstance(broken, HttpProcessingError):  # the reason behind a body that just stopped
                raise broken from exc
            if isinstance(exc, RuntimeError):  # aiohttp's word for reading from a lost connection
                raise aiohttp.ClientPayloadError("the connection was lost") from exc
            raise

    def was_reset(self) -> bool:
        """A body that only the end of its connection ends was ended by an error, whole for aiohttp."""
        headers = self.headers
        framed = "Content-Length" in headers or "chunked" in headers.get("Transfer-Encoding", "")
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
        """Give the connection back, or close it where the answer was not read to its end."""
        if self._closing is not None:
            self._closing.remove_done_callback(self._lost)
        self._link.close()

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


def readable(headers: CIMultiDictProxy[str]) -> CIMultiDictProxy[str]:
    """Headers whose values can be written anywhere: bytes that are not UTF-8 are read as Latin-1.

    In a Location they become the percent escapes that they are in a URL.
    """
    if all(map(str.isascii, headers.values())):
        return headers
    return CIMultiDictProxy(CIMultiDict((name, _text(name, value)) for name, value in headers.items()))


def _text(name: str, value: str) -> str:
    raw = value.encode("utf-8", "surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        if name.lower() == "location":
            return "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in raw)
        return raw.decode("latin-1")
