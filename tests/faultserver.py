"""A server on raw loopback sockets that misbehaves by name: GET /scenario/NAME plays `SCENARIOS[NAME]`.

What follows the name (`/scenario/NAME/17?size=3`) makes URLs that differ and play the same. A name such
as `cut_within_body+page` plays one at the first request for that URL, the other from then on. robots.txt
allows everything, and any other path is a 404. `python -m tests.faultserver` lists the scenarios.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from tests.scenarios import SCENARIOS, Step, Steps, answer

PREFIX = "/scenario/"
_PAUSE = 0.02  # seconds between the bytes of a drip, and before what comes LATER
_ROBOTS: Steps = [answer(b"User-agent: *\nAllow: /\n", "Content-Type: text/plain"), Step.KEEP]
_MISSING: Steps = [answer(b"no such scenario", status="404 Not Found"), Step.KEEP]


class FaultServer:
    """Plays scenarios on one port of each host. Used by `async with`.

    `hosts`: loopback addresses; `tls`: speak TLS; `answers`: raw answers by name, besides the scenarios.
    Seen so far: `connections`, those `open`, `requests` (names, or paths that have none) and `heads`.
    `gone` is set when a client has left before the end.
    """

    def __init__(
        self,
        *hosts: str,
        tls: ssl.SSLContext | None = None,
        answers: Mapping[str, Steps] | None = None,
    ) -> None:
        self.connections = 0
        self.open = 0
        self.requests: list[str] = []
        self.heads: list[bytes] = []
        self.gone = asyncio.Event()
        self.hosts: Sequence[str] = hosts or ("127.0.0.1",)
        self._steps = {name: scenario.steps for name, scenario in SCENARIOS.items()} | dict(answers or {})
        self._tls = tls
        self._asked: Counter[str] = Counter()  # requests by target, of those that play several
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []

    async def __aenter__(self) -> Self:
        self.port = 0
        for host in self.hosts:
            server = await asyncio.start_server(self._serve, host, self.port, ssl=self._tls)
            self._servers.append(server)
            self.port = server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    def url(self, name: str, host: str | None = None) -> str:
        """The URL that plays the scenario."""
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{host or self.hosts[0]}:{self.port}{PREFIX}{name}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while await self._play(self._chosen(await self._request(reader)), reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone.set()
        finally:
            self.open -= 1
            writer.close()

    def _chosen(self, name: str) -> Steps:
        return _ROBOTS if name == "/robots.txt" else self._steps.get(name, _MISSING)

    async def _play(self, steps: Steps, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Play the steps. Whether the connection is kept."""
        for step in steps:
            match step:
                case bytes():
                    writer.write(step)
                    await writer.drain()
                    await asyncio.sleep(0)  # a client in the same loop may read it by itself
                case Step.KEEP:
                    return True
                case Step.NEXT:
                    await self._request(reader)
                case Step.HANG:
                    await reader.read()
                    self.gone.set()
                case Step.DRIP:
                    while True:
                        writer.write(b"x")
                        await writer.drain()
                        await asyncio.sleep(_PAUSE)
                case Step.LATER:
                    await asyncio.sleep(_PAUSE)
                case Step.RESET:
                    sock: socket.socket = writer.get_extra_info("socket")
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    writer.transport.abort()
        return False

    async def _request(self, reader: asyncio.StreamReader) -> str:
        """The name of the scenario that is asked for, or the path where it is none."""
        text = await reader.readuntil(b"\r\n\r\n")
        target = text.split(b" ", 2)[1].decode("latin-1")
        path = target.partition("?")[0]
        name = path.removeprefix(PREFIX).partition("/")[0] if path.startswith(PREFIX) else path
        if "+" in name:
            names = name.split("+")
            name = names[min(self._asked[target], len(names) - 1)]
            self._asked[target] += 1
        self.requests.append(name)
        self.heads.append(text)
        return name


def listed() -> str:
    """The scenarios, a line each: name, error type, what the server does."""
    rows = [f"{name:26} {end.error_type or '-':10} {end.says}" for name, end in SCENARIOS.items()]
    return "\n".join(rows)


if __name__ == "__main__":
    sys.stdout.write(listed() + "\n")
