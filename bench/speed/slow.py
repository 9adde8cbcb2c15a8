"""A web server that waits before each answer: `python -m bench.speed.slow ROOT PORT SECONDS`.

It answers from memory, compressed, over kept connections; a file's name is its path, anything else is a 404.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import cast

import uvloop

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
_NONE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Slow(asyncio.Protocol):
    """One connection: requests have no body and come one after another."""

    def __init__(self, answers: dict[bytes, bytes], delay: float) -> None:
        self._answers = answers
        self._delay = delay
        self._request = b""
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        self._request += data
        if not self._request.endswith(b"\r\n\r\n"):
            return
        path = self._request.split(b" ", 2)[1].partition(b"?")[0]
        self._request = b""
        answer = self._answers.get(path, _NONE)
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._transport.write, answer)
        else:
            self._transport.write(answer)


def load(root: Path) -> dict[bytes, bytes]:
    """The answer to each path."""
    answers = {}
    for file in root.glob("*.gz"):
        body = file.read_bytes()
        answers[b"/" + file.stem.encode()] = _HEAD % len(body) + body
    return answers


async def serve(answers: dict[bytes, bytes], port: int, delay: float) -> None:
    """Until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Slow(answers, delay), "127.0.0.1", port, backlog=4096)
    print("listening", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(load(Path(sys.argv[1])), int(sys.argv[2]), float(sys.argv[3])))
