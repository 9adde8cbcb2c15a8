"""The network transport against servers that misbehave: every end of a request is a value."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest

from canter.model import Fault, FaultKind, Limits, Request, Response
from canter.transports.aiohttp import AiohttpTransport
from tests import scenarios
from tests.faultserver import FaultServer
from tests.scenarios import SCENARIOS, TEXT, Step, Steps

LOOPBACK = [ip_network("127.0.0.0/8")]
QUICK = Limits(timeout=0.3, connect_timeout=0.2, read_timeout=0.2, first_byte_timeout=0.1)
CALM = Limits(max_body=scenarios.CAP)
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


async def closed(server: FaultServer) -> None:
    """Wait until the client has closed every connection."""
    async with asyncio.timeout(5):
        while server.open:
            await asyncio.sleep(0.001)


async def get(transport: AiohttpTransport, url: str, limits: Limits = CALM) -> Response | Fault:
    return await transport.send(Request(url, {}, limits))


@pytest.mark.parametrize("name", scenarios.WHOLE)
async def test_whole_answers_come_decoded(
    server: FaultServer, transport: AiohttpTransport, name: str
) -> None:
    """However it is framed and coded, a whole page is its text."""
    answer = await get(transport, server.url(name))
    assert isinstance(answer, Response), answer
    assert (answer.status, answer.body) == (200, SCENARIOS[name].body)
    assert 0 < answer.latency <= answer.elapsed


@pytest.mark.parametrize(
    "name",
    ["no_content", "no_content_with_body", "not_modified_unasked", "not_modified_with_body", "upgraded",
     "redirect", "empty_gzip"],
)  # fmt: skip
async def test_answers_without_a_body_are_whole(
    server: FaultServer, transport: AiohttpTransport, name: str
) -> None:
    """A status that has no body needs none, whatever length or coding its head declares."""
    answer = await get(transport, server.url(name))
    assert isinstance(answer, Response)
    assert (answer.status, answer.body) == (SCENARIOS[name].status, b"")
    assert server.requests == [name]  # a redirect is an answer, nobody follows it here


@pytest.mark.parametrize("name", ["redirect_cut", "redirect_that_is_not_gzip", "redirect_too_large"])
async def test_a_redirect_with_a_broken_body_is_a_fault_with_its_head(
    server: FaultServer, transport: AiohttpTransport, name: str
) -> None:
    """What it means that the body broke is not the transport's to say; where it leads stays known."""
    answer = await get(transport, server.url(name))
    assert isinstance(answer, Fault)
    assert (answer.kind, answer.status) == (SCENARIOS[name].kind, 302)
    assert answer.headers["location"] == "/scenario/plain"


@pytest.mark.parametrize("name", scenarios.FAULTS)
async def test_every_broken_answer_is_its_fault(
    server: FaultServer, transport: AiohttpTransport, name: str
) -> None:
    """A broken answer is never a page; its fault says what broke, and the head when there was one.

    It is found out at once, not by a time-out, the request is not sent a second time, and the
    connection is closed.
    """
    scenario = SCENARIOS[name]
    answer = await asyncio.wait_for(get(transport, server.url(name)), 5)
    assert isinstance(answer, Fault), answer
    assert (answer.kind, answer.status) == (scenario.kind, scenario.status), answer
    assert scenario.words in answer.message
    assert "\n" not in answer.message
    assert server.requests == [name]
    assert transport.budget.held == 0
    await closed(server)


def in_pieces(steps: Steps) -> Steps:
    """The same bytes: 300 one by one, the others 500 at a time."""
    pieces: list[bytes | Step] = []
    for whole, run in itertools.groupby(steps, lambda step: step if isinstance(step, Step) else None):
        if whole is not None:
            pieces.append(whole)
            continue
        data = b"".join(step for step in run if isinstance(step, bytes))
        pieces += [data[at : at + 1] for at in range(min(300, len(data)))]
        pieces += [data[at : at + 500] for at in range(300, len(data), 500)]
    return pieces


SMALL = {**scenarios.WHOLE, **scenarios.NO_PAGES, **scenarios.CUT, **scenarios.GARBLED, **scenarios.CODED}


@pytest.mark.parametrize("name", SMALL)
async def test_no_end_depends_on_how_the_bytes_arrive(transport: AiohttpTransport, name: str) -> None:
    """Byte by byte an answer is the same page or the same fault as in one piece."""
    scenario = SMALL[name]
    async with FaultServer(answers={"pieces": in_pieces(scenario.steps)}) as server:
        answer = await asyncio.wait_for(get(transport, server.url("pieces")), 5)
        assert (answer.status, getattr(answer, "kind", None)) == (scenario.status, scenario.kind), answer
        if isinstance(answer, Response) and scenario.status == 200:
            assert answer.body == scenario.body


@pytest.mark.parametrize("name", scenarios.SLOW)
async def test_slow_servers_are_given_up(server: FaultServer, transport: AiohttpTransport, name: str) -> None:
    """Silence ends by the time to the first byte or between bytes, a trickle by that for the whole page.

    The message names limit and setting, and the socket is closed.
    """
    scenario = SCENARIOS[name]
    limits = {"hang": "0.1 s (first_byte_timeout)", "drip": "0.3 s (timeout)", "drip_head": "0.3 s (timeout)"}
    answer = await get(transport, server.url(name), QUICK)
    assert isinstance(answer, Fault)
    assert (answer.kind, answer.status) == (FaultKind.TIMEOUT, scenario.status)
    assert answer.message == f"{scenario.words} {limits.get(name, '0.2 s (read_timeout)')}"
    assert 0.1 <= answer.elapsed < 5
    await closed(server)


async def test_the_first_byte_may_take_as_long_as_any_other(
    server: FaultServer, transport: AiohttpTransport
) -> None:
    """Without a limit of its own it has the one between bytes; one of its own may be longer, too."""
    answer = await get(transport, server.url("hang"), Limits(timeout=5, read_timeout=0.1))
    assert isinstance(answer, Fault)
    assert answer.message == "no answer began within 0.1 s (read_timeout)"
    answer = await get(
        transport, server.url("hang"), Limits(timeout=0.2, read_timeout=0.1, first_byte_timeout=5)
    )
    assert isinstance(answer, Fault)
    assert answer.message == "not whole within 0.2 s (timeout)"


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
    path = "plain/%7e?a=%41%2f+'|&b=%E9;c"
    await transport.send(Request(server.url(path), {"Accept-Language": "de"}, CALM))
    line, *rest = server.heads[0].decode().split("\r\n")
    headers = dict(header.split(": ", 1) for header in rest if header)
    assert line == f"GET /scenario/{path} HTTP/1.1"
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
    for name in ("gzip_bomb", "br_bomb", "zstd_bomb", "endless"):
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
    """64 hosts that send 4 MiB at once all end; what is held is the limit and one body at most."""
    transport = AiohttpTransport(user_agent="Canter/test", allow_networks=LOOPBACK, body_budget=MIB)
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(FaultServer(*(f"127.0.0.{n}" for n in range(1, 65))))
        urls = [server.url("four_megabytes", host) for host in server.hosts]
        answers = await asyncio.gather(*(get(transport, url, Limits(max_body=4 * MIB)) for url in urls))
        assert [len(answer.body) for answer in answers if isinstance(answer, Response)] == [4 * MIB] * 64
    assert 4 * MIB <= transport.budget.peak <= 5 * MIB
    assert transport.budget.held == 0
    await transport.close()


async def test_the_windows_of_codecs_are_part_of_the_budget() -> None:
    """brotli's 16 MiB are held beside the body: of a crowd one at a time goes beyond a small budget."""
    transport = AiohttpTransport(user_agent="Canter/test", allow_networks=LOOPBACK, body_budget=MIB)
    async with FaultServer() as server:
        answers = await asyncio.gather(*(get(transport, server.url(f"br/{n}")) for n in range(20)))
    assert [answer.body for answer in answers if isinstance(answer, Response)] == [TEXT] * 20
    assert 16 * MIB < transport.budget.peak < 17 * MIB + MIB
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


async def test_closing_ends_a_request_over_a_kept_connection(
    server: FaultServer, transport: AiohttpTransport
) -> None:
    """It ends as a fault, too, and is not sent again."""
    name = "hang_when_asked_again"
    assert isinstance(await get(transport, server.url(name)), Response)
    asked = asyncio.create_task(get(transport, server.url(name)))
    while len(server.heads) < 2:
        await asyncio.sleep(0)
    await transport.close()
    answer = await asked
    assert isinstance(answer, Fault)
    assert answer.kind is FaultKind.CUT
    assert server.connections == 1


async def test_late_bytes_of_the_answer_before(transport: AiohttpTransport) -> None:
    """What comes on a kept connection and begins no answer is not this page's: it is asked for once more.

    On a connection of its own it is what the server says.
    """
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        for beginning in (b"", b" and more"):  # before the second answer: late bytes of the first
            with contextlib.suppress(asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(beginning + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    for asked_over in (1, 2):
        answer = await get(transport, url)
        assert isinstance(answer, Response), answer
        assert (answer.body, connections) == (b"whole", asked_over)
    server.close()
