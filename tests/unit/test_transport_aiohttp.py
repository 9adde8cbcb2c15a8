"""The network transport against servers that misbehave: every end of a request is a value."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest

from canter.model import Fault, FaultKind, Limits, Request, Response
from canter.transports.aiohttp import AiohttpTransport
from tests.faultserver import TEXT, FaultServer

LOOPBACK = [ip_network("127.0.0.0/8")]
QUICK = Limits(timeout=0.3, connect_timeout=0.2, read_timeout=0.2, max_body=1 << 20)
CALM = Limits(max_body=1 << 20)
MIB = 1 << 20


@pytest.fixture
async def server() -> AsyncIterator[FaultServer]:
    async with FaultServer() as running:
        yield running


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    made = AiohttpTransport(user_agent="Canter/test", allow_networks=LOOPBACK)
    yield made
    await made.close()


async def get(transport: AiohttpTransport, url: str, limits: Limits = CALM) -> Response | Fault:
    return await transport.send(Request(url, {}, limits))


WHOLE = [
    "plain",
    "no_length",
    "chunked",
    "gzip",
    "gzip_with_tail",
    "gzip_twice",
    "raw_deflate",
    "early_hints",
    "long_header",
    "many_headers",
    "keep",
    "whole_then_reset",
    "chunks_then_reset",
]


@pytest.mark.parametrize("name", WHOLE)
async def test_whole_answers_come_decoded(
    server: FaultServer, transport: AiohttpTransport, name: str
) -> None:
    """However it is framed and coded, a whole page is its text."""
    answer = await get(transport, server.url(name))
    assert isinstance(answer, Response)
    assert (answer.status, answer.body) == (200, TEXT)
    assert 0 < answer.latency <= answer.elapsed


@pytest.mark.parametrize(
    ("name", "status"), [("no_content", 204), ("not_modified", 304), ("redirect", 302), ("empty_gzip", 301)]
)
async def test_answers_without_a_body_are_whole(
    server: FaultServer, transport: AiohttpTransport, name: str, status: int
) -> None:
    """A status that has no body needs none, whatever length or coding its head declares."""
    answer = await get(transport, server.url(name))
    assert isinstance(answer, Response)
    assert (answer.status, answer.body) == (status, b"")
    assert server.requests == [name]  # a redirect is an answer, nobody follows it here


FAULTS = [
    ("cut_before_head", FaultKind.CUT, "closed before an answer", None),
    ("cut_within_head", FaultKind.CUT, "closed within the head", None),
    ("cut_within_body", FaultKind.CUT, "received 50 of 6000 bytes", 200),
    ("cut_within_chunk", FaultKind.CUT, "body was cut", 200),
    ("cut_between_chunks", FaultKind.CUT, "body was cut", 200),
    ("reset_before_head", FaultKind.CUT, "Connection reset by peer", None),
    ("reset_within_body", FaultKind.CUT, "body was cut", 200),
    ("reset_without_length", FaultKind.CUT, "reset after 50 bytes", 200),
    ("short_length", FaultKind.GARBLED, "whole and more", None),
    ("two_lengths", FaultKind.GARBLED, "Duplicate Content-Length", None),
    ("bad_chunk", FaultKind.GARBLED, "Invalid character in chunk size", None),
    ("bad_chunk_later", FaultKind.GARBLED, "Invalid character in chunk size", 200),
    ("garbage", FaultKind.GARBLED, "SSH-2.0", None),
    ("gzip_cut", FaultKind.ENCODING, "gzip stream ends before its end", 200),
    ("gzip_wrong_sum", FaultKind.ENCODING, "gzip stream is broken", 200),
    ("gzip_that_is_not", FaultKind.ENCODING, "gzip stream is broken", 200),
    ("unknown_coding", FaultKind.ENCODING, "'br' is unknown", 200),
    ("huge_length", FaultKind.TOO_LARGE, "over 1,048,576 bytes", 200),
    ("bomb", FaultKind.TOO_LARGE, "over 1,048,576 bytes", 200),
    ("bomb_twice", FaultKind.TOO_LARGE, "over 1,048,576 bytes", 200),
    ("endless", FaultKind.TOO_LARGE, "over 1,048,576 bytes", 200),
    ("huge_header", FaultKind.TOO_LARGE, "over 65,536 bytes", None),
    ("too_many_headers", FaultKind.TOO_LARGE, "more than 256 headers", None),
]


@pytest.mark.parametrize(("name", "kind", "words", "status"), FAULTS)
async def test_every_broken_answer_is_its_fault(
    server: FaultServer,
    transport: AiohttpTransport,
    name: str,
    kind: FaultKind,
    words: str,
    status: int | None,
) -> None:
    """A broken answer is never a page; its fault says what broke, and the head when there was one.

    It is found out at once, not by a time-out, and the request is not sent a second time.
    """
    answer = await asyncio.wait_for(get(transport, server.url(name)), 5)
    assert isinstance(answer, Fault)
    assert (answer.kind, answer.status) == (kind, status)
    assert words in answer.message
    assert "\n" not in answer.message
    assert server.requests == [name]
    assert transport.budget.held == 0


@pytest.mark.parametrize(
    ("name", "message", "status"),
    [
        ("hang", "no byte for 0.2 s", None),
        ("hang_after_head", "no byte for 0.2 s", 200),
        ("drip", "not whole within 0.3 s", 200),
        ("drip_head", "not whole within 0.3 s", None),
    ],
)
async def test_slow_servers_are_given_up(
    server: FaultServer, transport: AiohttpTransport, name: str, message: str, status: int | None
) -> None:
    """Silence ends by the time between bytes, a trickle by the time for the whole page."""
    answer = await get(transport, server.url(name), QUICK)
    assert isinstance(answer, Fault)
    assert (answer.kind, answer.message, answer.status) == (FaultKind.TIMEOUT, message, status)
    assert 0.1 < answer.elapsed < 5


@pytest.mark.parametrize(
    "url", ["http:///path", "ftp://127.0.0.1/", "http://127.0.0.1:99999/", "http://127.1/", "no url"]
)
async def test_what_cannot_be_requested_is_a_bad_url(transport: AiohttpTransport, url: str) -> None:
    """A URL that slips through as one and cannot be dialled is a value like everything else."""
    answer = await get(transport, url)
    assert isinstance(answer, Fault)
    assert answer.kind is FaultKind.BAD_URL


# What is sent and what comes back


async def test_the_request_says_who_asks_and_goes_out_as_written(
    server: FaultServer, transport: AiohttpTransport
) -> None:
    """The path is not quoted anew; the headers are ours and the site's, with no coding we cannot read."""
    path = "plain?a=%41%2f+'|&b=%E9;c"
    await transport.send(Request(server.url(path), {"Accept-Language": "de"}, CALM))
    line, *rest = server.heads[0].decode().split("\r\n")
    headers = dict(header.split(": ", 1) for header in rest if header)
    assert line == f"GET /{path} HTTP/1.1"
    assert headers["User-Agent"] == "Canter/test"
    assert headers["Accept-Encoding"] == "gzip, deflate"
    assert headers["Accept-Language"] == "de"
    assert headers["Accept"].startswith("text/html")


async def test_no_cookie_is_kept(server: FaultServer, transport: AiohttpTransport) -> None:
    """A cookie that was set is not sent back."""
    for _ in range(2):
        await get(transport, server.url("cookie"))
    assert len(server.heads) == 2
    assert all(b"cookie:" not in head.lower() for head in server.heads)


@pytest.mark.parametrize(
    ("name", "header", "value"),
    [("latin1_header", "etag", '"caf\u00e9"'), ("utf8_header", "LOCATION", "/caf\u00e9")],
)
async def test_headers_can_be_looked_up_and_written_anywhere(
    server: FaultServer, transport: AiohttpTransport, name: str, header: str, value: str
) -> None:
    """Names are found in any case; bytes that are no UTF-8 become text that can be stored."""
    answer = await get(transport, server.url(name))
    assert isinstance(answer, Response)
    assert answer.headers[header] == value
    assert answer.headers[header].encode()


async def test_a_body_over_the_cap_is_cut_where_that_was_asked(
    server: FaultServer, transport: AiohttpTransport
) -> None:
    """`truncate` gives exactly the cap's bytes, also of a bomb and of an endless body."""
    limits = Limits(max_body=100_000)
    for name in ("bomb", "endless"):
        answer = await transport.send(Request(server.url(name), {}, limits, truncate=True))
        assert isinstance(answer, Response)
        assert answer.body == bytes(100_000)
    whole = await transport.send(Request(server.url("gzip"), {}, limits, truncate=True))
    assert isinstance(whole, Response)
    assert whole.body == TEXT


async def test_a_body_of_just_the_cap_passes(server: FaultServer, transport: AiohttpTransport) -> None:
    """The cap itself is allowed, one byte more is not."""
    answer = await get(transport, server.url("gzip"), Limits(max_body=len(TEXT)))
    assert isinstance(answer, Response)
    answer = await get(transport, server.url("gzip"), Limits(max_body=len(TEXT) - 1))
    assert isinstance(answer, Fault)


# The body budget


async def test_a_crowd_of_large_bodies_stays_within_the_budget() -> None:
    """64 servers that send 4 MiB at once all end; what is held is the limit and one body at most."""
    transport = AiohttpTransport(user_agent="Canter/test", allow_networks=LOOPBACK, body_budget=MIB)
    async with contextlib.AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(FaultServer(f"127.0.0.{n}")) for n in range(1, 65)]
        urls = [server.url("four_megabytes") for server in servers]
        answers = await asyncio.gather(*(get(transport, url, Limits(max_body=4 * MIB)) for url in urls))
        assert [len(answer.body) for answer in answers if isinstance(answer, Response)] == [4 * MIB] * 64
    assert 4 * MIB <= transport.budget.peak <= 5 * MIB
    assert transport.budget.held == 0
    await transport.close()


@pytest.mark.parametrize("name", ["gzip", "no_length", "four_megabytes"])
async def test_waiting_for_the_budget_is_not_the_servers_time(
    server: FaultServer, transport: AiohttpTransport, name: str
) -> None:
    """A body that waits for others longer than any time-out is whole afterwards."""
    limits = Limits(timeout=0.2, read_timeout=0.1, max_body=4 * MIB)
    with transport.budget.reading() as other:
        assert other.take(transport.budget.limit)
        task = asyncio.create_task(get(transport, server.url(name), limits))
        done, _ = await asyncio.wait([task], timeout=0.3)
        assert not done
    answer = await task
    assert isinstance(answer, Response), answer
    assert answer.elapsed < 0.25


async def test_a_cancelled_request_gives_everything_back(
    server: FaultServer, transport: AiohttpTransport
) -> None:
    """Cancelling ends the permit and the connection."""
    task = asyncio.create_task(get(transport, server.url("drip")))
    while not transport.budget.held:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert transport.budget.held == 0
    await asyncio.wait_for(server.gone.wait(), 5)


async def test_closing_ends_what_is_in_flight(server: FaultServer) -> None:
    """A request that is on its way when the transport closes ends as a fault."""
    transport = AiohttpTransport(user_agent="Canter/test", allow_networks=LOOPBACK)
    task = asyncio.create_task(get(transport, server.url("drip")))
    while not transport.budget.held:
        await asyncio.sleep(0)
    await transport.close()
    answer = await asyncio.wait_for(task, 5)
    assert isinstance(answer, Fault)
    assert answer.kind is FaultKind.CUT
