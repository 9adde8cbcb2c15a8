"""One connection: a request goes out, its answer is read, and so on until either side ends it.

aiohttp dials, and its parser reads the heads of answers; where a body ends is settled here.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol, cast

import aiohttp
from aiohttp import connector
from aiohttp.http_exceptions import BadHttpMessage, HttpProcessingError
from aiohttp.http_parser import HttpResponseParser, RawResponseMessage

from canter.model import Limits
from canter.transports.answer import Answer
from canter.transports.chunks import BadChunk, Chunks
from canter.transports.faults import (
    MAX_HEADERS,
    MAX_LINE,
    BodyCut,
    FirstByteTimeout,
    NoAnswer,
    NotHttp,
)
from canter.transports.heads import BadHead, Heads

READ_BUFFER = 128 * 1024  # bytes of a body that wait to be taken; with more the socket is not read
_NO_BODY = (101, 204, 304)


class Asking(Protocol):
    """Who has a connection dialled; is told how far that is."""

    def dialling(self) -> None:
        """A connection is about to be tried."""

    def dialled(self) -> None:
        """There is a connection; its TLS handshake begins, where it has one."""


asking: ContextVar[Asking] = ContextVar("asking")  # of the running task


class Connection(asyncio.Protocol):
    """A request at a time: `ask`, then `answer`, then `some` of its body until there is no more.

    The parser is given a head only when that is whole, and apart from what follows. So a body that is
    longer than it says does not spoil the answer before it, interim answers are passed over, and the
    bytes of all heads of an answer are bounded by MAX_HEAD. Bytes that nobody asked for end the
    connection: it is not used again.

    One timer looks after everything that may take too long: a byte sets a time only.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._parser = HttpResponseParser(
            None, loop, READ_BUFFER, response_with_body=False, auto_decompress=False,
            max_line_size=MAX_LINE, max_field_size=MAX_LINE, max_headers=MAX_HEADERS,
        )  # fmt: skip
        self.transport: asyncio.Transport | None = None
        self.closed: asyncio.Future[None] = loop.create_future()  # aiohttp waits for it
        self.should_close = True  # where aiohttp asks: its own pool never has it
        self._lost: Callable[[Connection], None] | None = None
        self._link: connector.Connection | None = None
        self._requests = 0
        # of the request under way
        self._quiet = self._deadline = math.inf  # seconds between bytes; loop time of its end at the latest
        self._sent_at = 0.0
        self._answer: Answer | None = None
        self._over = True  # the answer is whole, or nobody asked
        self._reusable = False
        self._fault: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._heads = Heads()
        # of its body
        self._chunks: Chunks | None = None
        self._left: int | None = None  # bytes to come; None: as many as come
        self._pieces: list[bytes] = []
        self._held = 0  # bytes in them
        self._received = 0  # bytes of one whose end is the connection's
        self._paused = False
        # of the timer
        self._due = self._armed = math.inf  # loop times: when something is too late; when it goes off
        self._timer: asyncio.TimerHandle | None = None
        asking.get().dialled()

    # ---- as a request goes

    def belongs_to(self, link: connector.Connection, lost: Callable[[Connection], None]) -> None:
        """`link`: what aiohttp's connector gave for it; `lost` is called when it has ended."""
        self._link, self._lost = link, lost
        if self.closed.done():
            self._tell_lost()

    @property
    def usable(self) -> bool:
        """Whether another request may go out: the last answer was taken whole and both sides hold on."""
        return (
            not self.has_body
            and self._reusable
            and self.transport is not None
            and not self.transport.is_closing()
        )

    def ask(self, head: bytes, limits: Limits, deadline: float) -> None:
        """Send a request whose answer has to be whole at `deadline` (loop time)."""
        self._requests += 1
        self._quiet, self._deadline = limits.read_timeout, deadline
        self._answer = self._fault = None
        self._over = self._reusable = False
        self._heads = Heads()
        self._chunks, self._left, self._received = None, 0, 0
        self._sent_at = time.monotonic()
        if self.transport is None or self.transport.is_closing():
            self._fail(self._no_answer("the connection was closed"))
            return
        self.transport.write(head)
        first_byte = limits.first_byte_timeout
        self._expect(limits.read_timeout if first_byte is None else first_byte)

    async def answer(self) -> Answer:
        """The head of the answer. Raises NoAnswer, HttpProcessingError, TimeoutError."""
        while self._answer is None:
            self._raise_fault()
            await self._news()
        return self._answer

    @property
    def has_body(self) -> bool:
        """Whether some of the body is still to be taken."""
        return not self._over or bool(self._pieces) or self._fault is not None

    async def some(self) -> bytes:
        """The next bytes of the body, chunks undone; none at its end.

        Raises BodyCut, HttpProcessingError, TimeoutError.
        """
        while True:
            self._raise_fault()
            if self._pieces:
                return self._take()
            if self._over:
                return b""
            await self._news()

    def rest(self, seconds: float) -> None:
        """Stay open for the next request, so long at most."""
        self._deadline = math.inf
        self._expect(seconds)

    def pause(self) -> None:
        """Stop receiving and stop the clock; what the server sends waits in the kernel."""
        self._due = math.inf
        self._hold_on()

    def resume(self, waited: float) -> None:
        """Receive again, after so many seconds that do not count."""
        self._deadline += waited
        self._let_on()
        if not self._over:
            self._expect(self._quiet)

    def close(self) -> None:
        """End it; nothing more is sent or read."""
        self._reusable = False
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """End it at once, without a last word."""
        self._reusable = False
        if self.transport is not None:
            self.transport.abort()

    def _raise_fault(self) -> None:
        """Once, and without holding it: it holds the frames that it is raised through, and they this."""
        fault, self._fault = self._fault, None
        try:
            if fault is not None:
                raise fault
        finally:
            del fault

    # ---- waiting

    async def _news(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _expect(self, seconds: float) -> None:
        """Something has to come within so many seconds, and before the deadline."""
        self._due = due = min(self._loop.time() + seconds, self._deadline)
        if due < self._armed:
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed = self._due
        self._timer = self._loop.call_at(self._due, self._look) if self._due < math.inf else None

    def _look(self) -> None:
        """Whether it is too late by now; bytes came meanwhile, most often."""
        self._timer, self._armed = None, math.inf
        now = self._loop.time()
        if now < self._due:
            self._arm()
        elif self._over:
            self.close()  # it has rested long enough
        elif now >= self._deadline:
            self._fail(TimeoutError())
        elif self._answered:
            self._fail(aiohttp.SocketTimeoutError())
        else:
            self._fail(FirstByteTimeout())

    # ---- what comes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._over:
            self.close()  # nobody asked for it
            return
        if not self._paused:
            self._expect(self._quiet)
        while data and self._answer is None:
            data = self._take_head(data)
        if data:
            self._take_body(data)
            self._wake()

    def _take_body(self, data: bytes) -> None:
        if self._over:
            self.close()  # the head left nothing to come
        elif self._chunks is not None:
            self._take_chunks(self._chunks, data)
        elif self._left is not None:
            self._take_counted(data, self._left)
        else:
            self._received += len(data)
            self._add(data)

    def _take_counted(self, data: bytes, left: int) -> None:
        if len(data) > left:
            self.close()
            data = data[:left]
        self._add(data)
        self._left = left - len(data)
        if not self._left:
            self._end()

    def _take_chunks(self, chunks: Chunks, data: bytes) -> None:
        try:
            piece = chunks.feed(data)
        except BadChunk as error:
            self._refuse(BadHttpMessage(str(error)))
            return
        if piece:
            self._add(piece)
        if chunks.over:
            self._end()
            if chunks.beyond:
                self.close()

    def _add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held > READ_BUFFER:
            self._hold_on()

    def _take(self) -> bytes:
        pieces, self._pieces, self._held = self._pieces, [], 0
        if self._paused:
            self._let_on()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _hold_on(self) -> None:
        if not (self._paused or self._over or self.transport is None or self.transport.is_closing()):
            self._paused = True
            self.transport.pause_reading()

    def _let_on(self) -> None:
        if self._paused and self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()
        self._paused = False

    def _take_head(self, data: bytes) -> bytes:
        """Take a head, or a part of one, from the data. What follows it is returned."""
        try:
            head, rest = self._heads.feed(data)
            if head is not None:
                messages, _, _ = self._parser.feed_data(head.data)
                self._begin(messages[0][0], head.chunked)
        except BadHead as error:
            return self._refuse(BadHttpMessage(str(error)))
        except NotHttp as error:
            return self._refuse(error if self._requests == 1 else _late(error))
        except HttpProcessingError as error:
            return self._refuse(error)
        return rest

    def _begin(self, message: RawResponseMessage, chunked: bool) -> None:
        """There is a head: what of the answer is to come? RFC 9112 section 6.3."""
        status = message.code
        if 100 <= status < 200 and status != 101:
            return  # an interim answer
        declared = message.headers.get("Content-Length")
        length = None if declared is None else int(declared)
        self._answer = Answer(status, message.headers, time.monotonic() - self._sent_at, length)
        self._reusable = not message.should_close and status != 101
        if status in _NO_BODY or length == 0:
            self._end()
        elif chunked:
            self._chunks = Chunks()
        else:
            self._left = length
        self._wake()

    def _end(self) -> None:
        self._over = True
        self._due = math.inf

    # ---- how it ends

    @property
    def _answered(self) -> bool:
        """Whether a byte of an answer to the last request has come."""
        return self._answer is not None or self._heads.begun

    def _no_answer(self, reason: str) -> NoAnswer:
        if self._answered:
            return NoAnswer(f"{reason} within the head of the answer", stale=False)
        return NoAnswer(f"{reason} before an answer came", stale=self._requests > 1)

    def _refuse(self, error: Exception) -> bytes:
        self.close()
        self._fail(error)
        return b""

    def _fail(self, error: Exception) -> None:
        """The answer will not be whole."""
        if not self._over and self._fault is None:
            self._fault = error
            self._due = math.inf
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._over:
            self._cut(exc)
        self.transport = None
        if not self.closed.done():
            self.closed.set_result(None)
        self._tell_lost()

    def _tell_lost(self) -> None:
        if self._link is not None and self._lost is not None:
            self._link.close()
            self._lost(self)

    def _cut(self, exc: Exception | None) -> None:
        """The connection ended before the answer did, unless its end is the answer's."""
        error: Exception
        if self._answer is None:
            reason = "the connection was closed" if exc is None else "the connection was lost"
            error = self._no_answer(getattr(exc, "strerror", None) or reason)
        elif self._chunks is not None:
            error = BodyCut("the last chunk did not come")
        elif self._left is not None:
            whole = self._answer.length or 0
            error = BodyCut(f"received {whole - self._left} of {whole} bytes")
        elif exc is None:
            self._end()
            self._wake()
            return
        else:
            error = BodyCut(f"the connection was reset after {self._received:,} bytes")
        error.__cause__ = exc
        self._fail(error)


def _late(error: NotHttp) -> NoAnswer:
    """Bytes that begin no answer, on a connection that has carried one."""
    late = NoAnswer("bytes beyond the answer before", stale=True)
    late.__cause__ = error
    return late
