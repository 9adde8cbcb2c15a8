"""Server-sent events: what happens goes to every client that listens, each with a bounded queue.

A client that does not keep up is dropped; its browser connects again and begins from the present.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import orjson
from pydantic import BaseModel

MAX_CLIENTS = 100
WAITING = 64  # events that may wait for a client
HEARTBEAT = 15.0  # seconds of silence until a comment keeps the connection open


def message(name: str, value: BaseModel | Iterable[BaseModel]) -> bytes:
    """One event on the wire; a list goes under its name."""
    data = value.model_dump() if isinstance(value, BaseModel) else {name: [one.model_dump() for one in value]}
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(data))


class Events:
    """Made in the server's event loop or before it; `publish` may be called from any thread."""

    def __init__(self) -> None:
        self._clients: set[asyncio.Queue[bytes | None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._clients)

    @property
    def full(self) -> bool:
        """Whether another client is one too many."""
        return len(self._clients) >= MAX_CLIENTS

    def publish(self, data: bytes) -> None:
        """Give an event to every client."""
        if self._clients and self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._hand_out, data)

    def close(self) -> None:
        """Let every client go."""
        self._closed = True
        for queue in self._clients:
            _drop(queue)

    def close_soon(self) -> None:
        """The same from a signal handler or another thread."""
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.close)

    def _hand_out(self, data: bytes) -> None:
        for queue in list(self._clients):
            try:
                queue.put_nowait(data)
            except asyncio.QueueFull:
                self._clients.discard(queue)
                _drop(queue)

    async def listen(self, first: Iterable[bytes]) -> AsyncIterator[bytes]:
        """The events from now on, after `first`; ends when the client is dropped or the service stops."""
        self._loop = asyncio.get_running_loop()
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING)
        self._clients.add(queue)
        try:
            yield b"retry: 2000\n\n"
            for data in first:
                yield data
            while not self._closed:
                try:
                    data_or_end = await asyncio.wait_for(queue.get(), HEARTBEAT)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if data_or_end is None:
                    return
                yield data_or_end
        finally:
            self._clients.discard(queue)


def _drop(queue: asyncio.Queue[bytes | None]) -> None:
    """What waits is for nobody; the end goes first."""
    while not queue.empty():
        queue.get_nowait()
    queue.put_nowait(None)
