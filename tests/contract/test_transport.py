"""What every transport promises, whether its answers come from the network or from a record."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from ipaddress import ip_network

import pytest
from aiohttp import web

from canter.model import Fault, FaultKind, Limits, Request, Response, Sink
from canter.protocols import Transport
from canter.transports.aiohttp import AiohttpTransport
from canter.transports.replay import ReplayTransport, page
from tests.nameserver import NameServer

BODY = b"<h1>Ten pounds of tea</h1>" * 100
PAGES: Mapping[str, tuple[int, dict[str, str], bytes]] = {
    "/page": (200, {"X-Shop": "Tea"}, BODY),
    "/empty": (204, {}, b""),
    "/moved": (302, {"Location": "/page"}, b""),
    "/missing": (404, {}, b"no tea"),
    "/busy": (429, {"Retry-After": "7"}, b"later"),
    "/broken": (500, {}, b"oh"),
}
SLOW = "/slow"  # answers long after any limit used here
HOST_THAT_IS_NONE = "http://nowhere.test/"

Market = tuple[Transport, str]


@contextlib.asynccontextmanager
async def on_the_network() -> AsyncIterator[Market]:
    over = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        if request.path == SLOW:
            await over.wait()
            return web.Response()
        status, headers, body = PAGES[request.path]
        return web.Response(status=status, headers=headers, body=body)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with NameServer({}) as names:
        transport = AiohttpTransport(
            user_agent="Canter/test",
            allow_networks=[ip_network("127.0.0.0/8")],
            dns_servers=[names.address],
        )
        yield transport, f"http://127.0.0.1:{port}"
        over.set()
        await transport.close()
    await runner.cleanup()


@contextlib.asynccontextmanager
async def from_a_record() -> AsyncIterator[Market]:
    origin = "http://shop.test"
    answers = {
        origin + path: [page(origin + path, body, status, headers)]
        for path, (status, headers, body) in PAGES.items()
    }
    slow = page(origin + SLOW, seconds=3600)
    transport = ReplayTransport({**answers, slow.url: [slow]})
    yield transport, origin
    await transport.close()


@pytest.fixture(params=[on_the_network, from_a_record])
async def market(request: pytest.FixtureRequest) -> AsyncIterator[Market]:
    async with request.param() as made:
        yield made


def asking(url: str, *, truncate: bool = False, sink: Sink | None = None, **limits: float) -> Request:
    cap = int(limits.pop("max_body", 1 << 20))
    return Request(url, {}, Limits(max_body=cap, **limits), truncate, sink=sink)


@pytest.mark.parametrize("path", PAGES)
async def test_an_answer_is_given_as_it_came(market: Market, path: str) -> None:
    """Any status with its headers and body is a Response under the URL that was asked."""
    transport, origin = market
    answer = await transport.send(asking(origin + path))
    assert isinstance(answer, Response)
    status, headers, body = PAGES[path]
    assert (answer.url, answer.status, answer.body) == (origin + path, status, body)
    for name, value in headers.items():
        for spelling in (name, name.lower(), name.upper()):
            assert answer.headers[spelling] == value
    assert 0 <= answer.latency <= answer.elapsed


async def test_a_body_over_the_cap_is_a_fault_with_its_head(market: Market) -> None:
    """The message names the cap; what the head said is not lost."""
    transport, origin = market
    answer = await transport.send(asking(origin + "/page", max_body=1000))
    assert isinstance(answer, Fault)
    assert (answer.kind, answer.status) == (FaultKind.TOO_LARGE, 200)
    assert answer.message == "the body is over 1,000 bytes (max_body raises the cap)"
    assert answer.headers["x-shop"] == "Tea"


async def test_truncate_cuts_at_the_cap(market: Market) -> None:
    """Where a part will do, the cap's bytes are given."""
    transport, origin = market
    answer = await transport.send(asking(origin + "/page", max_body=1000, truncate=True))
    assert isinstance(answer, Response)
    assert answer.body == BODY[:1000]


class Kept:
    """A sink."""

    def __init__(self) -> None:
        self.body = b"left by an answer before"

    def begin(self) -> None:
        self.body = b""

    def write(self, piece: bytes) -> None:
        self.body += piece


async def test_a_sink_gets_the_body(market: Market) -> None:
    """All of it or up to the cap, and of the last answer only; that answer says what it is by itself."""
    transport, origin = market
    sink = Kept()
    for path, cap, body in (("/page", 1 << 20, BODY), ("/page", 1000, BODY[:1000]), ("/empty", 9, b"")):
        request = asking(origin + path, max_body=cap, truncate=True, sink=sink)
        answer = await transport.send(request)
        assert isinstance(answer, Response)
        assert (sink.body, answer.body) == (body, body)
    broken = await transport.send(asking(HOST_THAT_IS_NONE, sink=sink))
    assert isinstance(broken, Fault)


async def test_a_page_that_is_not_whole_in_time_is_a_fault(market: Market) -> None:
    """The message names the time."""
    transport, origin = market
    answer = await transport.send(asking(origin + SLOW, timeout=0.1))
    assert isinstance(answer, Fault)
    assert (answer.kind, answer.message) == (FaultKind.TIMEOUT, "not whole within 0.1 s (timeout)")


async def test_a_host_that_is_none_is_a_fault(market: Market) -> None:
    """No name, no answer, no exception."""
    transport, _ = market
    answer = await transport.send(asking(HOST_THAT_IS_NONE))
    assert isinstance(answer, Fault)
    assert answer.kind is FaultKind.NO_HOST


async def test_requests_do_not_wait_for_each_other(market: Market) -> None:
    """Pages come while another is slow, and cancelling that one is clean."""
    transport, origin = market
    slow = asyncio.create_task(transport.send(asking(origin + SLOW)))
    answers = await asyncio.gather(*(transport.send(asking(origin + "/page")) for _ in range(50)))
    assert [answer.body for answer in answers if isinstance(answer, Response)] == [BODY] * 50
    assert not slow.done()
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow


# The replay's own promises


async def test_a_host_that_was_left_may_be_asked_again(market: Market) -> None:
    """Leaving a host, also one that was never asked, takes nothing from later requests."""
    transport, base = market
    transport.leave("never.test")
    for _ in range(3):
        answer = await transport.send(asking(f"{base}/page"))
        assert isinstance(answer, Response)
        assert answer.body == BODY
        transport.leave(base.partition("//")[2])


async def test_a_replay_gives_the_answers_of_a_url_in_turn() -> None:
    """The last answer stays; functions are asked with the request and its number."""

    def third(request: Request, number: int) -> Response:
        return page(request.url, f"{number}".encode())

    async def later(request: Request, number: int) -> Fault:
        await asyncio.sleep(0)
        return Fault(FaultKind.CUT, f"cut {number}")

    busy = page("u", status=503)
    transport = ReplayTransport({"u": [busy, Fault(FaultKind.CONNECT, "refused"), third, later]})
    seen = [await transport.send(asking("u")) for _ in range(5)]
    assert [(a.status, a.message if isinstance(a, Fault) else a.body) for a in seen] == [
        (503, b""),
        (None, "refused"),
        (200, b"2"),
        (None, "cut 3"),
        (None, "cut 4"),
    ]


Answering = Callable[[Request, int], Response | Awaitable[Response]]


async def test_a_replay_may_be_one_function() -> None:
    """Every URL is asked of it, numbered by itself."""
    answer: Answering = lambda request, number: page(request.url, b"%d" % number)  # noqa: E731
    transport = ReplayTransport(answer)
    bodies = [await transport.send(asking(url)) for url in ("a", "b", "a")]
    assert [a.body for a in bodies if isinstance(a, Response)] == [b"0", b"0", b"1"]


async def test_a_replay_remembers_who_asked_and_when() -> None:
    """Requests stand in order with the loop's time; those in flight are counted."""
    transport = ReplayTransport(lambda request, _: page(request.url, seconds=0.01))
    before = asyncio.get_running_loop().time()
    await asyncio.gather(*(transport.send(asking(url)) for url in "abc"))
    await transport.send(asking("a"))
    assert [(sent.request.url, sent.number) for sent in transport.sent] == [
        ("a", 0),
        ("b", 0),
        ("c", 0),
        ("a", 1),
    ]
    assert (transport.in_flight, transport.most_in_flight) == (0, 3)
    times = [sent.at - before for sent in transport.sent]
    assert times == sorted(times)
    assert times[3] >= 0.009  # after the latency of the first three


async def test_a_closed_replay_is_not_used_by_mistake() -> None:
    """Sending after close is an error of the program."""
    transport = ReplayTransport({})
    await transport.close()
    with pytest.raises(RuntimeError, match="closed"):
        await transport.send(asking("u"))
