"""A connection of aiohttp that reads the heads of answers itself, and times the first byte."""

from __future__ import annotations

import asyncio
import math
import re
from contextvars import ContextVar
from typing import Protocol

from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.http_parser import RawResponseMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from canter.model import Limits
from canter.transports.chunks import LineEnds
from canter.transports.faults import MAX_HEAD, MAX_HEADERS, MAX_LINE, FirstByteTimeout, HeadTooLarge, NotHttp
from canter.transports.heads import BadHead, usable

_END = re.compile(rb"\n\r?\n")  # of a head; a line may end without CR, RFC 9112 section 2.2
_VERSION = b"HTTP/"
READ_BUFFER = 64 * 1024  # wire bytes of one answer; twice as many pause its socket


class Asking(Protocol):
    """Who asks; is told how far the request is."""

    def dialling(self) -> None:
        """A connection is about to be tried."""

    def dialled(self) -> None:
        """There is a connection; its TLS handshake begins, where it has one."""


asking: ContextVar[Asking] = ContextVar("asking")  # of the running task


class Connection(ResponseHandler):
    """One connection. Its parser is given a head only when that is whole, and apart from what follows.

    So a body that is longer than it says does not spoil the answer before it, interim answers are
    passed over, and the bytes of all heads of an answer are bounded by MAX_HEAD. Bytes that nobody
    asked for end the connection: it is not used again.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._awaits_head = False
        self._part = bytearray()  # of a head that is not whole yet
        self._head_size = 0  # bytes of the heads of this answer before the part
        self._body_begins = False  # in chunks
        self._line_ends: LineEnds | None = None
        self._due = self._armed = 0.0  # loop times: of the next byte at the latest, and of the timer
        asking.get().dialled()

    @property
    def answered(self) -> bool:
        """Whether a byte of an answer to the last request has come."""
        return not self._awaits_head or bool(self._head_size or self._part)

    def ask(self, head: bytes, limits: Limits) -> None:
        """Send a request. `read` gives the head of its answer, or raises what became of the connection."""
        self._awaits_head = True
        self._part.clear()
        self._head_size = 0
        self._body_begins, self._line_ends = False, None
        self.set_response_params(
            read_until_eof=True, auto_decompress=False, read_timeout=limits.read_timeout,
            read_bufsize=READ_BUFFER,
            max_line_size=MAX_LINE, max_field_size=MAX_LINE, max_headers=MAX_HEADERS,
        )  # fmt: skip
        if self.transport is None or self.transport.is_closing():
            return
        self.transport.write(head)
        first_byte = limits.first_byte_timeout
        self._due = self._loop.time() + (limits.read_timeout if first_byte is None else first_byte)
        self._arm()

    def _reschedule_timeout(self) -> None:
        """A byte came. The timer is left alone where it is not too late: it looks when it goes off."""
        self._due = self._loop.time() + (self.read_timeout or math.inf)
        if self._read_timeout_handle is None or self._due < self._armed:
            self._arm()

    def _arm(self) -> None:
        self._drop_timeout()
        if self._due < math.inf:
            self._armed = self._due
            self._read_timeout_handle = self._loop.call_at(self._due, self._on_read_timeout)

    def _on_read_timeout(self) -> None:
        self._read_timeout_handle = None
        if self._loop.time() < self._due:
            self._arm()
        elif self.answered:
            super()._on_read_timeout()
        else:
            self.set_exception(FirstByteTimeout())

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        if exc_cause is None:
            super().set_exception(exc)
        else:
            exc.__cause__ = exc_cause  # aiohttp chains it only where somebody waits already
            super().set_exception(exc, exc_cause)

    def data_received(self, data: bytes) -> None:
        if self._awaits_head:
            while self._awaits_head and data:
                data = self._take_head(data)
            if not data:
                return
        elif data and (self._payload is None or self._payload.is_eof()):
            self._stop()  # nobody asked for it
            return
        if self._body_begins:
            self._body_begins = False
            self._line_ends = LineEnds.needed(data)
        super().data_received(self._line_ends.feed(data) if self._line_ends else data)

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        if not self._awaits_head:
            self._stop()  # an answer more than requests
            return
        message, payload = data
        if 100 <= message.code < 200 and message.code != 101:
            return
        self._awaits_head = False
        if payload is EMPTY_PAYLOAD and self._payload is not None and not self._payload.is_eof():
            self.force_close()  # a body, with a status that has none
        super().feed_data(data, size)

    def _take_head(self, data: bytes) -> bytes:
        """Take a head, or a part of one, from the data. What follows it is returned."""
        part = self._part
        if not part:
            rest = data.lstrip(b"\r\n")  # left over by an answer before, or by a careless script
            self._head_size += len(data) - len(rest)
            data = rest
        seen = len(part)
        if seen:
            part += data
        held = part or data
        end = _END.search(held, max(seen - 2, 0))
        size = end.end() if end else len(held)
        if self._head_size + size > MAX_HEAD:
            return self._refuse(HeadTooLarge())
        if held[: len(_VERSION)] != _VERSION[: len(held)]:
            return self._refuse(NotHttp(bytes(held)))
        if end is None:
            if not seen:
                part += data
            self._reschedule_timeout()
            return b""
        whole = bytes(held[:size])
        part.clear()
        self._head_size += size
        try:
            head, self._body_begins = usable(whole)
        except BadHead as error:
            return self._refuse(BadHttpMessage(str(error)))
        super().data_received(head)
        if self.exception() is not None:
            return b""
        if self._awaits_head:
            self._reschedule_timeout()  # aiohttp takes an interim answer for the end
        return data[size - seen :]

    def _refuse(self, error: Exception) -> bytes:
        self._stop()
        self.set_exception(error)
        return b""

    def _stop(self) -> None:
        self.force_close()
        if self.transport is not None:
            self.transport.close()
