"""Names and the address guard together: what is dialled is what was allowed, whatever a name server says."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_network

import pytest

from canter.model import Fault, FaultKind, Limits, Request, Response
from canter.transports.aiohttp import AiohttpTransport
from tests.faultserver import FaultServer
from tests.nameserver import A, Host, NameServer, Trouble

QUICK = Limits(timeout=5, connect_timeout=0.3, read_timeout=0.2, max_body=1 << 20)
CALM = Limits(max_body=1 << 20)
NARROW = ("127.0.0.2/32",)
ZONE = {
    "shop.test": Host(("127.0.0.2",)),
    "away.test": Host(("127.0.0.3",)),
    "inner.test": Host(("10.0.0.1", "169.254.169.254", "::1", "fd00::1")),
    "mixed.test": Host(("10.255.255.1", "127.0.0.3", "::1", "127.0.0.2")),
    "hidden.test": Host(("::ffff:127.0.0.3", "64:ff9b::7f00:3")),
    "alias.test": Host(alias="away.test"),
    "servfail.test": Trouble.SERVFAIL,
    "silent.test": Trouble.SILENCE,
}


@pytest.fixture
async def names() -> AsyncIterator[NameServer]:
    async with NameServer(ZONE) as running:
        yield running


@contextlib.asynccontextmanager
async def dialling(names: NameServer, *allowed: str) -> AsyncIterator[AiohttpTransport]:
    transport = AiohttpTransport(
        user_agent="Canter/test",
        allow_networks=[ip_network(network) for network in allowed],
        dns_servers=[names.address],
    )
    try:
        yield transport
    finally:
        await transport.close()


async def get(transport: AiohttpTransport, url: str, limits: Limits = CALM) -> Response | Fault:
    return await transport.send(Request(url, {}, limits))


async def test_a_name_is_dialled_at_its_allowed_address(names: NameServer) -> None:
    """The page comes from the address that the name server gave."""
    async with FaultServer("127.0.0.2") as shop, dialling(names, *NARROW) as transport:
        answer = await get(transport, f"http://shop.test:{shop.port}/scenario/plain")
        assert isinstance(answer, Response)
        assert f"Host: shop.test:{shop.port}".encode() in shop.heads[0]


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("away.test", "127.0.0.3"),
        ("alias.test", "127.0.0.3"),
        ("inner.test", "10.0.0.1"),
        ("hidden.test", "127.0.0.3"),
    ],
)
async def test_a_name_with_only_refused_addresses_is_refused(
    names: NameServer, host: str, address: str
) -> None:
    """Nothing is dialled, and the message names host, address and the way out."""
    async with FaultServer("127.0.0.3") as inner, dialling(names, *NARROW) as transport:
        answer = await get(transport, f"http://{host}:{inner.port}/scenario/plain")
        assert isinstance(answer, Fault)
        assert answer.kind is FaultKind.ADDRESS
        assert answer.message.startswith(f"{host} has no address that may be dialled: ")
        assert address in answer.message
        assert "--allow-network" in answer.message
        assert inner.connections == 0


async def test_of_several_addresses_only_the_allowed_are_dialled(names: NameServer) -> None:
    """One that may be dialled is enough, and the others see no connection."""
    async with FaultServer("127.0.0.2") as shop, dialling(names, *NARROW) as transport:
        with socket.create_server(("127.0.0.3", shop.port)) as inner:
            inner.setblocking(False)
            answer = await get(transport, f"http://mixed.test:{shop.port}/scenario/plain", QUICK)
            assert isinstance(answer, Response)
            with pytest.raises(BlockingIOError):
                inner.accept()


async def test_rebinding_gains_nothing(names: NameServer) -> None:
    """An answer that changes with every question is judged each time; only what was judged is dialled."""
    now = 0.0

    async with FaultServer("127.0.0.2") as shop, dialling(names, *NARROW) as transport:
        transport.resolver.names._now = lambda: now
        with socket.create_server(("127.0.0.3", shop.port)) as inner:
            inner.setblocking(False)
            for turn in range(6):
                names.zone["shop.test"] = Host((("127.0.0.2", "127.0.0.3")[turn % 2],), ttl=0)
                answer = await get(transport, f"http://shop.test:{shop.port}/scenario/plain")
                if turn % 2:
                    assert isinstance(answer, Fault)
                    assert answer.kind is FaultKind.ADDRESS
                else:
                    assert isinstance(answer, Response)
                now += 3600
            with pytest.raises(BlockingIOError):
                inner.accept()
    assert names.asked["shop.test", A] == 6


async def test_a_refusal_by_the_dialled_address_alone_is_enough(names: NameServer) -> None:
    """A resolver that lets everything through does not get past the socket."""
    async with FaultServer("127.0.0.3") as inner, dialling(names, *NARROW) as transport:
        transport.resolver._guard = type(transport.resolver._guard)([ip_network("0.0.0.0/0")])
        answer = await get(transport, f"http://away.test:{inner.port}/scenario/plain")
        assert isinstance(answer, Fault)
        assert (answer.kind, inner.connections) == (FaultKind.ADDRESS, 0)
        assert "127.0.0.3 is a loopback address" in answer.message


@pytest.mark.parametrize(
    ("host", "kind", "says"),
    [
        ("nowhere.test", FaultKind.NO_HOST, "there is no such name"),
        ("servfail.test", FaultKind.DNS, "SERVFAIL"),
        ("silent.test", FaultKind.DNS, "no answer from the resolver for silent.test within 0.3 s"),
    ],
)
async def test_a_missing_name_is_not_a_failing_resolver(
    names: NameServer, host: str, kind: FaultKind, says: str
) -> None:
    """NXDOMAIN is final; a failure or a time-out of the name server is not the host's fault."""
    async with dialling(names) as transport:
        answer = await get(transport, f"http://{host}/", QUICK)
    assert isinstance(answer, Fault)
    assert (answer.kind, answer.status) == (kind, None)
    assert host in answer.message
    assert says in answer.message


async def test_an_address_is_not_looked_up(names: NameServer) -> None:
    """A literal address asks no name server."""
    async with FaultServer() as shop, dialling(names, "127.0.0.0/8") as transport:
        assert isinstance(await get(transport, shop.url("plain")), Response)
    assert not names.asked


async def test_closing_the_transport_ends_look_ups(names: NameServer) -> None:
    """A page whose name is being looked up ends as a fault, and nothing is left open."""
    async with dialling(names) as transport:
        asking = asyncio.create_task(get(transport, "http://silent.test/"))
        while not transport.resolver.names.asking("silent.test"):
            await asyncio.sleep(0)
    answer = await asking
    assert isinstance(answer, Fault)
    assert answer.kind is FaultKind.DNS


# Several addresses


@contextlib.contextmanager
def black_hole(port: int) -> Iterator[None]:
    """::1 takes no connection on `port`: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_INET6))
        try:
            listener.bind(("::1", port))
        except OSError:
            pytest.skip("this machine has no ::1")
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket(socket.AF_INET6))
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield


@pytest.mark.parametrize("broken", ["closed", "silent"])
async def test_broken_ipv6_does_not_stand_in_the_way(names: NameServer, broken: str) -> None:
    """Where IPv6 is tried first and leads nowhere, IPv4 has the page within the connect limit."""
    names.zone["both.test"] = Host(("::1", "127.0.0.2"))
    async with FaultServer("127.0.0.2") as shop, dialling(names, "::1/128", *NARROW) as transport:
        transport.resolver.names._ipv6_first = True
        limits = Limits(connect_timeout=5)
        with black_hole(shop.port) if broken == "silent" else contextlib.nullcontext():
            answer = await get(transport, f"http://both.test:{shop.port}/scenario/plain", limits)
    assert isinstance(answer, Response)


async def test_of_very_many_addresses_a_few_are_dialled(names: NameServer) -> None:
    """A host may not keep a request busy with hundreds of addresses."""
    names.zone["many.test"] = Host(tuple(f"127.0.0.{n}" for n in range(3, 60)))
    async with dialling(names, "127.0.0.0/8") as transport:
        found = await transport.resolver.resolve("many.test", 80)
    assert len(found) == 16
    assert {entry["port"] for entry in found} == {80}
