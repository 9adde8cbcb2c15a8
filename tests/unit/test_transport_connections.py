"""How connections come about, are kept and are refused."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
import trustme

from canter.model import Fault, FaultKind, Limits, Request, Response, Tls
from canter.transports.aiohttp import AiohttpTransport
from canter.transports.connection import Connection
from tests.faultserver import FaultServer
from tests.scenarios import TEXT

LOOPBACK = [ip_network("127.0.0.0/8")]
QUICK = Limits(timeout=0.3, connect_timeout=0.2, read_timeout=0.2, max_body=1 << 20)
CALM = Limits(max_body=1 << 20)


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


async def closed(server: FaultServer) -> None:
    """Wait until the client has closed every connection."""
    async with asyncio.timeout(5):
        while server.open:
            await asyncio.sleep(0.001)


# Coming about


@contextlib.contextmanager
def full_backlog() -> Iterator[int]:
    """The port of a socket that takes no connection: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def test_no_connection_in_time(transport: AiohttpTransport) -> None:
    """A host that takes no connection is a connect fault that says how long was waited."""
    with full_backlog() as port:
        answer = await get(transport, f"http://127.0.0.1:{port}/", QUICK)
        assert isinstance(answer, Fault)
        assert (answer.kind, answer.message) == (
            FaultKind.CONNECT,
            "no connection within 0.2 s (connect_timeout)",
        )
        short = Limits(timeout=0.1, connect_timeout=10)
        answer = await get(transport, f"http://127.0.0.1:{port}/", short)
        assert isinstance(answer, Fault)
        assert (answer.kind, answer.message) == (FaultKind.CONNECT, "no connection within 0.1 s (timeout)")


@pytest.mark.parametrize(
    ("limits", "limit"),
    [
        (Limits(tls_timeout=0.1), "0.1 s (tls_timeout)"),
        (Limits(connect_timeout=0.1), "0.1 s (connect_timeout)"),
        (Limits(connect_timeout=0.1, tls_timeout=5), "0.1 s (connect_timeout)"),
        (Limits(timeout=0.1, tls_timeout=5), "0.1 s (timeout)"),
    ],
)
async def test_no_handshake_in_time(
    server: FaultServer, transport: AiohttpTransport, limits: Limits, limit: str
) -> None:
    """A server that never answers the TLS handshake is a connect fault that names the limit.

    The socket is closed.
    """
    answer = await get(transport, f"https://127.0.0.1:{server.port}/", limits)
    assert isinstance(answer, Fault)
    assert answer.kind is FaultKind.CONNECT
    assert answer.message == f"connected, and no TLS handshake within {limit}"
    await closed(server)


async def test_the_handshakes_limit_ends_with_it(tmp_path: Path) -> None:
    """What comes after the handshake may take longer."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    tls = Tls(ca_file=str(tmp_path / "ca.pem"))
    transport = AiohttpTransport(user_agent="Canter/test", allow_networks=LOOPBACK, tls=[tls])
    async with FaultServer(tls=context) as shop:
        limits = Limits(timeout=1, tls_timeout=0.5, read_timeout=5)
        answer = await transport.send(Request(shop.url("hang"), {}, limits, tls=tls))
        await transport.close()
    assert isinstance(answer, Fault)
    assert answer.message == "not whole within 1 s (timeout)"


async def test_a_closed_port_refuses(transport: AiohttpTransport) -> None:
    """Connection refused is a connect fault."""
    with socket.socket() as bound:  # bound and not listening: nobody else gets the port
        bound.bind(("127.0.0.1", 0))
        answer = await get(transport, f"http://127.0.0.1:{bound.getsockname()[1]}/")
    assert isinstance(answer, Fault)
    assert answer.kind is FaultKind.CONNECT
    assert "Connection refused" in answer.message


async def test_a_certificate_nobody_signed_is_refused(transport: AiohttpTransport) -> None:
    """The request is not sent to a server that cannot prove who it is."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(Path(__file__).with_name("self_signed.pem"))
    async with FaultServer(tls=context) as shop:
        answer = await get(transport, shop.url("plain"))
        assert isinstance(answer, Fault)
        assert answer.kind is FaultKind.TLS
        assert "certificate" in answer.message
        assert shop.requests == []


async def test_a_server_without_tls_is_no_https(transport: AiohttpTransport) -> None:
    """Plain text where a handshake was due is a TLS fault."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready when you are\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as shop:
        answer = await get(transport, f"https://127.0.0.1:{shop.sockets[0].getsockname()[1]}/")
    assert isinstance(answer, Fault)
    assert answer.kind is FaultKind.TLS


# Kept connections


async def test_connections_are_kept(server: FaultServer, transport: AiohttpTransport) -> None:
    """Ten pages of a host take one connection."""
    for _ in range(10):
        assert isinstance(await get(transport, server.url("page")), Response)
    assert (server.connections, len(server.requests)) == (1, 10)


@pytest.mark.parametrize(
    "name",
    ["chunked", "bare_line_feeds", "early_hints", "same_length_twice", "no_content", "not_modified_unasked",
     "missing"],
)  # fmt: skip
async def test_strange_answers_keep_their_connection(
    server: FaultServer, transport: AiohttpTransport, name: str
) -> None:
    """An answer whose end is known leaves the connection for the next request."""
    for asked in (name, "page", name):
        assert isinstance(await get(transport, server.url(asked)), Response)
    assert (server.connections, len(server.requests)) == (1, 3)


@pytest.mark.parametrize("truncate", [False, True])
async def test_what_was_not_taken_of_a_body_is_no_part_of_the_next(
    server: FaultServer, transport: AiohttpTransport, truncate: bool
) -> None:
    """A body over the cap may be there as a whole by then."""
    for name in ("page", "chunked", "same_length_twice"):
        await transport.send(Request(server.url(name), {}, Limits(max_body=10), truncate))
        answer = await get(transport, server.url(name))
        assert isinstance(answer, Response)
        assert answer.body == TEXT


@pytest.mark.parametrize(
    "name",
    ["longer_than_said", "longer_later", "two_answers", "no_content_with_body", "not_modified_with_body",
     "upgraded", "told_to_go_while_idle"],
)  # fmt: skip
async def test_bytes_that_nobody_asked_for_end_the_connection(
    server: FaultServer, transport: AiohttpTransport, name: str
) -> None:
    """They are never read as the answer to the next request."""
    first = await get(transport, server.url(name))
    assert isinstance(first, Response)
    await closed(server)
    second = await get(transport, server.url(name))
    assert isinstance(second, Response)
    assert (second.status, second.body) == (first.status, first.body)
    assert (server.connections, len(server.requests)) == (2, 2)


async def test_a_fault_leaves_no_cycle(server: FaultServer, transport: AiohttpTransport) -> None:
    """A connection that failed is freed at once: the collector of cycles looks seldom in a crawl."""
    gc.collect()
    gc.disable()
    try:
        for name in (
            "cut_within_body",
            "cut_within_head",
            "garbage",
            "bad_chunk",
            "gzip_cut",
            "hang_within_body",
        ):
            assert isinstance(await get(transport, server.url(name), QUICK), Fault)
        await closed(server)
        assert not [left for left in gc.get_objects() if isinstance(left, Connection)]
    finally:
        gc.enable()


async def test_beyond_the_hint_connections_are_not_kept(server: FaultServer) -> None:
    """With more connections open than the hint, the next page takes a new one."""
    transport = AiohttpTransport(user_agent="Canter/test", allow_networks=LOOPBACK, max_connections=0)
    for _ in range(3):
        assert isinstance(await get(transport, server.url("page")), Response)
    assert server.connections == 3
    await transport.close()


async def test_connections_to_a_host_that_was_left_are_closed(
    server: FaultServer, transport: AiohttpTransport
) -> None:
    """Idle ones at once, and only those of that host."""
    await asyncio.gather(*(get(transport, server.url("page")) for _ in range(3)))
    assert server.open == 3
    transport.leave(f"127.0.0.2:{server.port}")
    assert isinstance(await get(transport, server.url("page")), Response)
    assert (server.open, server.connections) == (3, 3)
    transport.leave(f"127.0.0.1:{server.port}")
    await closed(server)
    assert isinstance(await get(transport, server.url("page")), Response)
    assert server.connections == 4


async def test_a_host_that_is_left_finishes_its_answer(
    server: FaultServer, transport: AiohttpTransport
) -> None:
    """A connection that carries a request is closed after the answer, not under it."""
    asked = asyncio.create_task(get(transport, server.url("head_in_pieces"), CALM))
    while not server.requests:
        await asyncio.sleep(0)
    transport.leave(f"127.0.0.1:{server.port}")
    assert isinstance(await asked, Response)
    await closed(server)


@pytest.mark.parametrize(
    "name", ["closed_when_asked_again", "reset_when_asked_again", "garbage_when_asked_again"]
)
async def test_a_kept_connection_the_server_closed_is_no_fault(
    server: FaultServer, transport: AiohttpTransport, name: str
) -> None:
    """Where no answer begins on a kept connection the request goes out once more, on a new one."""
    for _ in range(2):
        answer = await get(transport, server.url(name))
        assert isinstance(answer, Response)
        assert answer.body == TEXT
    assert (server.connections, len(server.requests)) == (2, 3)


@pytest.mark.parametrize("name", ["closed_when_asked_again"])
async def test_the_second_try_never_takes_another_kept_connection(
    server: FaultServer, transport: AiohttpTransport, name: str
) -> None:
    """A server that dropped all its connections costs one more request, not one for each of them."""
    for answer in await asyncio.gather(*(get(transport, server.url(name)) for _ in range(5))):
        assert isinstance(answer, Response)
    assert server.connections == 5
    assert isinstance(await get(transport, server.url(name)), Response)
    assert (server.connections, len(server.requests)) == (6, 7)


async def test_a_connection_of_a_second_try_is_used_once(
    server: FaultServer, transport: AiohttpTransport
) -> None:
    """Where a server keeps it although it was told to close, no later second try takes it."""
    for _ in range(5):  # each other page finds its kept connection closed
        assert isinstance(await get(transport, server.url("closed_when_asked_again")), Response)
    assert len(server.requests) == 5 + 2


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("cut_head_when_asked_again", FaultKind.CUT),
        ("hang_when_asked_again", FaultKind.TIMEOUT),
    ],
)
async def test_nothing_else_is_sent_twice(
    server: FaultServer, transport: AiohttpTransport, name: str, kind: FaultKind
) -> None:
    """An answer that began, and silence, on a kept connection are the page's faults."""
    assert isinstance(await get(transport, server.url(name), QUICK), Response)
    answer = await get(transport, server.url(name), QUICK)
    assert isinstance(answer, Fault)
    assert answer.kind is kind
    assert len(server.requests) == 2


# The address guard


async def test_loopback_is_not_dialled_unless_named(server: FaultServer) -> None:
    """A literal address passes no resolver; it is refused before a connection is tried."""
    transport = AiohttpTransport(user_agent="Canter/test")
    for url in (server.url("plain"), f"http://[::ffff:127.0.0.1]:{server.port}/scenario/plain"):
        answer = await get(transport, url)
        assert isinstance(answer, Fault)
        assert answer.kind is FaultKind.ADDRESS
        assert "127.0.0.1 is a loopback address" in answer.message
        assert "--allow-network 127.0.0.0/8" in answer.message
    assert server.connections == 0
    await transport.close()
