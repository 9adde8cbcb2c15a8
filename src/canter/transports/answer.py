"""An answer of aiohttp, with what it leaves open about heads and ends settled."""

from __future__ import annotations

import asyncio
import time

import aiohttp
from aiohttp import connector
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import EMPTY_PAYLOAD
from multidict import CIMultiDict, CIMultiDictProxy

from canter.transports.connection import Connection, asking
from canter.transports.faults import NoAnswer


class Answer(aiohttp.ClientResponse):
    """An answer that settles what aiohttp leaves open about the end of its connection.

    `latency`: seconds from the request's going out to the head of the answer.
    """

    _closing: asyncio.Future[None] | None = None  # done when the connection is

    async def start(self, connection: connector.Connection) -> aiohttp.ClientResponse:
        """Read the head. aiohttp calls this as soon as the request is written."""
        peer = connection.protocol
        assert isinstance(peer, Connection)
        self._peer = peer
        reused = asking.get().sending(peer)
        sent_at = time.monotonic()
        try:
            await super().start(connection)
        except aiohttp.ServerDisconnectedError as exc:
            raise self._no_answer("the connection was closed", reused) from exc
        except aiohttp.ClientOSError as exc:
            raise self._no_answer(exc.strerror or "the connection was lost", reused) from exc
        self.latency = time.monotonic() - sent_at
        if not self.content.is_eof():
            self._watch(peer.closed)
        return self

    def _no_answer(self, reason: str, reused: bool) -> NoAnswer:
        if self._peer.answered:
            return NoAnswer(f"{reason} within the head of the answer", stale=False)
        return NoAnswer(f"{reason} before an answer came", stale=reused)

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
