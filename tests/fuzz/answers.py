"""Any bytes as a server's answer: a whole answer or a named fault, in bounded time, and nothing is left."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_network
from unittest.mock import patch

import atheris

from tests.fuzz.runner import CORPUS, run

with atheris.instrument_imports(include=["canter"]):
    from canter.asking import sample_of
    from canter.cookies import SiteCookies
    from canter.model import Fault, Limits, Request, Response, Tls, Verdict
    from canter.pace import HostPace
    from canter.rules.classify import classify
    from canter.rules.redirects import follow
    from canter.rules.robots import RobotsAnswer, from_json, sitemaps, to_json
    from canter.sites import Site
    from canter.transports import aiohttp as transports
    from canter.transports.tls import contexts

_LONGEST = 20_000  # bytes of an answer
_CAP = 64 * 1024  # decoded bytes of a body
_SILENCE = 0.05  # s that a server which says nothing more is waited for
_NOW = 1_800_000_000.0  # UTC seconds
_SITE = Site("fuzz", hosts=["*"], fields={"title": "h1"}, cookies=True)
_LIMITS = Limits(timeout=5.0, connect_timeout=5.0, read_timeout=_SILENCE, max_body=_CAP)


class _Server:
    """Answers every request with the same bytes, in pieces, then ends: close, reset or silence."""

    def __init__(self) -> None:
        self.answer = b""
        self.pieces = 1
        self.end = "close"
        self.port = 0

    async def start(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            step = len(self.answer) // self.pieces + 1
            for start in range(0, len(self.answer), step):
                writer.write(self.answer[start : start + step])
                await writer.drain()
                await asyncio.sleep(0)
            if self.end == "reset":
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            if self.end == "silence":
                await reader.read()  # until the client gives up
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()


# Loading the system's authorities takes ten times as long as an answer.
patch.object(transports, "contexts", return_value=contexts((Tls(),))).start()

_loop = asyncio.new_event_loop()
_server = _Server()
_loop.run_until_complete(_server.start())


async def _ask() -> None:
    transport = transports.AiohttpTransport(user_agent="Fuzz/1", allow_networks=[ip_network("127.0.0.0/8")])
    url = f"http://127.0.0.1:{_server.port}/p"
    try:
        for _ in range(2):  # the second time perhaps over the same connection
            answer = await transport.send(Request(url, {}, _LIMITS))
            _check(answer, url)
        assert transport.budget.held == 0
    finally:
        await transport.close()


def _check(answer: Response | Fault, url: str) -> None:
    assert isinstance(answer, Response | Fault)
    if isinstance(answer, Response):
        assert len(answer.body) <= _CAP
        follow(url, answer, [])
    else:
        assert answer.message
    verdict = classify(answer, now_utc=_NOW)
    (verdict.message or "").encode()
    _tell(answer, verdict, url)
    for name, value in answer.headers.items():
        f"{name}: {value}".encode()


def _tell(answer: Response | Fault, verdict: Verdict, url: str) -> None:
    """All that the engine does with an answer besides: the pace, cookies, robots.txt."""
    sample = sample_of(answer, verdict, 0.0, _NOW)
    pace = HostPace(clock_offset=_NOW)
    pace.on_send(0.0)
    if sample:
        pace.on_response(1.0, sample)
    assert pace.ready_at(1.0) >= 0.0
    json.dumps(pace.memory(1.0), allow_nan=False)
    cookies = SiteCookies()
    cookies.take(_SITE, url, answer, _NOW)
    cookies.header(_SITE, url, _NOW).encode("latin-1")
    robots = RobotsAnswer.of(answer, _NOW)
    rules = robots.rules()
    if rules:
        rules.allowed(url, "Fuzz")
        rules.crawl_delay("Fuzz")
    sitemaps(robots.text)
    assert from_json(to_json({"http": robots})) == {"http": robots}


def target(data: bytes) -> None:
    """One answer; its first byte chooses how it is cut and how it ends."""
    choice, _server.answer = (data[0], data[1:]) if data else (0, b"")
    _server.pieces = choice % 4 + 1
    _server.end = ("close", "close", "reset", "silence")[choice // 4 % 4]
    _loop.run_until_complete(_ask())


def seeds() -> Iterator[bytes]:
    """curl's raw answers, where the corpus is there, and a few of each framing."""
    yield b"\0HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    yield b"\x01HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n"
    yield b"\x08HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"hello", mtime=0)
    yield b"\0HTTP/1.1 301 Moved\r\nLocation: //other\xff/\r\nContent-Length: 0\r\n\r\n"
    yield b'\0HTTP/1.1 200 OK\r\nRateLimit: "a";r=5;t=3, "b";r=0\r\nRateLimit-Policy: "a";q=9;w=60\r\n\r\n'
    yield b"\0HTTP/1.1 200 OK\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1800000009\r\n\r\n"
    yield b"\0HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Max-Age=9; Path=/; Domain=127.0.0.1\r\n\r\n<p>"
    yield b"\0HTTP/1.1 200 OK\r\n\r\nUser-agent: *\nDisallow: /p*$\nCrawl-delay: 1,5\nSitemap: http://a.b/s\n"
    yield b"\0HTTP/1.1 200 OK\r\nX Y: 1\r\n z\r\nTransfer-Encoding : chunked\r\n\r\n5 \nhello\n0\n\n"
    yield b"\0HTTP/1.1 429 No\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n"
    table = CORPUS / "tables" / "http_raw_responses_curl.json"
    if table.exists():
        for case in json.loads(table.read_text("utf-8"))["cases"]:
            yield b"\0" + case["response"]["__bytes_latin1__"].encode("latin-1")


if __name__ == "__main__":
    run("answers", target, seeds(), _LONGEST)
