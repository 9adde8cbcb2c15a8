"""A server on raw loopback sockets that misbehaves by name: GET /NAME plays the steps of NAME."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import struct
import zlib
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from types import TracebackType
from typing import Self


class Step(Enum):
    """What a scenario does besides sending bytes; at its end the connection is closed."""

    RESET = auto()  # end with a TCP reset
    HANG = auto()  # say nothing until the server is closed
    DRIP = auto()  # a byte every 20 ms until the client goes
    LATER = auto()  # let what was sent arrive before what follows
    NEXT = auto()  # read the next request on the connection before going on


Scenario = Sequence[bytes | Step]


def head(*lines: str, status: str = "200 OK") -> bytes:
    """The head of an answer."""
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode()


def answer(body: bytes, *lines: str, status: str = "200 OK") -> bytes:
    """A whole answer with its true length."""
    return head(f"Content-Length: {len(body)}", *lines, status=status) + body


def raw_deflate(body: bytes) -> bytes:
    """A deflate stream without the zlib wrapper."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


TEXT = b"<h1>A page</h1>" * 400
CHUNKED = "Transfer-Encoding: chunked"
GZIP = "Content-Encoding: gzip"
PACKED = gzip.compress(TEXT)

SCENARIOS: Mapping[str, Scenario] = {
    "plain": [answer(TEXT)],
    "no_length": [head(), TEXT],
    "chunked": [head(CHUNKED), b"%x\r\n%b\r\n0\r\n\r\n" % (len(TEXT), TEXT)],
    "gzip": [answer(PACKED, GZIP)],
    "gzip_with_tail": [answer(PACKED + b"tail", GZIP)],
    "gzip_twice": [answer(gzip.compress(PACKED), "Content-Encoding: gzip, gzip")],
    "raw_deflate": [answer(raw_deflate(TEXT), "Content-Encoding: deflate")],
    "empty_gzip": [answer(b"", GZIP, "Location: /plain", status="301 Moved Permanently")],
    "redirect": [answer(b"", "Location: /plain", status="302 Found")],
    "no_content": [head(status="204 No Content")],
    "not_modified": [head('ETag: "a"', "Content-Length: 6000", GZIP, status="304 Not Modified")],
    "early_hints": [head("Link: </a.css>", status="103 Early Hints"), answer(TEXT)],
    "short_length": [head("Content-Length: 5") + b"whole and more"],
    "whole_then_reset": [answer(TEXT), Step.RESET],
    "chunks_then_reset": [head(CHUNKED), b"%x\r\n%b\r\n0\r\n\r\n" % (len(TEXT), TEXT), Step.RESET],
    "cut_before_head": [],
    "cut_within_head": [b"HTTP/1.1 200 OK\r\nContent-Ty"],
    "cut_within_body": [head("Content-Length: 6000"), TEXT[:50]],
    "cut_within_chunk": [head(CHUNKED), b"ff\r\nhalf"],
    "cut_between_chunks": [head(CHUNKED), b"4\r\nhalf\r\n"],
    "reset_before_head": [Step.RESET],
    "reset_within_body": [head("Content-Length: 6000"), TEXT[:50], Step.RESET],
    "reset_without_length": [head(), TEXT[:50], Step.RESET],
    "bad_chunk": [head(CHUNKED), b"4\r\nhalf\r\nzz\r\nhalf\r\n", Step.HANG],
    "bad_chunk_later": [head(CHUNKED), b"4\r\nhalf\r\n", Step.LATER, b"zz\r\n", Step.HANG],
    "garbage": [b"SSH-2.0-OpenSSH_9.6\r\n", Step.HANG],
    "two_lengths": [head("Content-Length: 5", "Content-Length: 6"), b"whole and more"],
    "gzip_cut": [answer(PACKED[:-12], GZIP)],
    "gzip_wrong_sum": [answer(PACKED[:-8] + b"\0" * 8, GZIP)],
    "gzip_that_is_not": [answer(TEXT, GZIP)],
    "unknown_coding": [answer(TEXT, "Content-Encoding: gzip, br")],
    "huge_length": [head("Content-Length: 10000000000"), Step.HANG],
    "bomb": [answer(gzip.compress(bytes(64 << 20)), GZIP)],
    "bomb_twice": [answer(gzip.compress(gzip.compress(bytes(64 << 20))), "Content-Encoding: gzip, gzip")],
    "endless": [head(), *[bytes(1 << 16)] * 4000],
    "long_header": [answer(TEXT, f"X-Long: {'x' * 60_000}")],
    "huge_header": [answer(TEXT, f"X-Huge: {'x' * 70_000}")],
    "many_headers": [answer(TEXT, *(f"X-{n}: y" for n in range(200)))],
    "too_many_headers": [answer(TEXT, *(f"X-{n}: y" for n in range(5000)))],
    "hang": [Step.HANG],
    "hang_after_head": [head("Content-Length: 6000"), Step.HANG],
    "drip": [head("Content-Length: 6000"), Step.DRIP],
    "drip_head": [b"HTTP/1.1 200 OK\r\nX-Drip: ", Step.DRIP],
    "keep": [answer(TEXT), Step.NEXT] * 50,
    "closed_when_asked_again": [answer(TEXT), Step.NEXT],
    "reset_when_asked_again": [answer(TEXT), Step.NEXT, Step.RESET],
    "cut_head_when_asked_again": [answer(TEXT), Step.NEXT, b"HTTP/1.1 200 OK\r\nContent-Ty"],
    "hang_when_asked_again": [answer(TEXT), Step.NEXT, Step.HANG],
    "cookie": [answer(TEXT, "Set-Cookie: id=1; Path=/"), Step.NEXT, answer(TEXT)],
    "latin1_header": [answer(TEXT).replace(b"\r\n\r\n", b'\r\nETag: "caf\xe9"\r\n\r\n', 1)],
    "utf8_header": [answer(TEXT, "Location: /caf\u00e9", status="302 Found")],
    "four_megabytes": [answer(bytes(4 << 20))],
    "garbage_when_asked_again": [answer(TEXT), Step.NEXT, b"\0\0\0\0\r\n"],
}


class FaultServer:
    """Serves SCENARIOS. `connections`, `requests` (names) and `heads` are what was seen."""

    def __init__(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        self.requests: list[str] = []
        self.heads: list[bytes] = []
        self.gone = asyncio.Event()  # set when a client has left before the end
        self._host = host
        self._tls = tls
        self._closing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self._host, 0, ssl=self._tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.close()
        await asyncio.gather(*self._tasks)

    def url(self, name: str) -> str:
        """The URL that plays the scenario."""
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{self._host}:{self.port}/{name}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._play(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone.set()
        finally:
            writer.close()

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = await self._request(reader)
        for step in SCENARIOS[name]:
            match step:
                case bytes():
                    writer.write(step)
                    await writer.drain()
                case Step.NEXT:
                    await self._request(reader)
                case Step.HANG:
                    await self._closing.wait()
                case Step.DRIP:
                    while not self._closing.is_set():
                        writer.write(b"x")
                        await writer.drain()
                        await asyncio.sleep(0.02)
                case Step.LATER:
                    await asyncio.sleep(0.02)
                case Step.RESET:
                    sock: socket.socket = writer.get_extra_info("socket")
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    writer.transport.abort()

    async def _request(self, reader: asyncio.StreamReader) -> str:
        text = await reader.readuntil(b"\r\n\r\n")
        name = text.split(b" ", 2)[1].decode().partition("?")[0].removeprefix("/")
        self.requests.append(name)
        self.heads.append(text)
        return name
