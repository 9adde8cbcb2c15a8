"""Names become addresses: what is asked, kept, told apart and bounded, against a name server of our own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from canter.transports import dns
from canter.transports.dns import LookupFailed, Names, NoSuchName
from tests.nameserver import A, Host, NameServer, Trouble

ZONE = {
    "shop.test": Host(("127.0.0.1",), ttl=300),
    "two.test": Host(("127.0.0.1", "::1")),
    "brief.test": Host(("127.0.0.1",), ttl=1),
    "lasting.test": Host(("127.0.0.1",), ttl=10**6),
    "www.test": Host(alias="cdn.test", ttl=20),
    "cdn.test": Host(alias="edge.test", ttl=300),
    "edge.test": Host(("127.0.0.7",), ttl=300),
    "bare.test": Host(),
    "dangling.test": Host(alias="gone.test"),
    "half.test": (Host(("127.0.0.1",)), Trouble.SERVFAIL),
    "slow-half.test": (Host(("127.0.0.1",)), Trouble.SILENCE),
    "uncertain.test": (Trouble.SERVFAIL, Host()),
    "servfail.test": Trouble.SERVFAIL,
    "refused.test": Trouble.REFUSED,
    "notimp.test": Trouble.NOTIMP,
    "junk.test": Trouble.JUNK,
    "strange.test": Trouble.STRANGE_ID,
    "silent.test": Trouble.SILENCE,
    "many.test": Host(tuple(f"127.0.1.{n}" for n in range(1, 60))),
}


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def server() -> AsyncIterator[NameServer]:
    async with NameServer(ZONE) as running:
        yield running


@contextlib.asynccontextmanager
async def looking_up(address: str, clock: Clock | None = None, **options: bool) -> AsyncIterator[Names]:
    made = Names([address], timeout=0.1, tries=2, now=clock, **options)
    try:
        yield made
    finally:
        made.close()


# What a name leads to


async def test_ipv4_and_ipv6_are_asked_for_together(server: NameServer) -> None:
    """Both kinds of address come, the preferred kind first; one round of questions finds them."""
    for ipv6_first, expected in ((True, ("::1", "127.0.0.1")), (False, ("127.0.0.1", "::1"))):
        async with looking_up(server.address, ipv6_first=ipv6_first) as names:
            assert await names.addresses("two.test") == expected
    assert server.questions("two.test") == 4


async def test_aliases_are_followed(server: NameServer) -> None:
    """A chain of CNAMEs leads to the addresses at its end."""
    async with looking_up(server.address) as names:
        assert await names.addresses("www.test") == ("127.0.0.7",)


async def test_many_addresses_all_come(server: NameServer) -> None:
    """A host may have dozens of addresses."""
    async with looking_up(server.address) as names:
        assert len(await names.addresses("many.test")) == 59


async def test_case_and_a_final_dot_make_no_other_name(server: NameServer) -> None:
    """They are one question."""
    async with looking_up(server.address) as names:
        for spelling in ("shop.test", "SHOP.test", "shop.test."):
            assert await names.addresses(spelling) == ("127.0.0.1",)
        assert names.asked == 1


async def test_localhost_needs_no_server(server: NameServer) -> None:
    """It is this machine, whatever a server might say."""
    server.zone["localhost"] = Host(("127.0.0.99",))
    async with looking_up(server.address) as names:
        assert "127.0.0.1" in await names.addresses("localhost")
    assert not server.asked


async def test_the_hosts_file_goes_first(server: NameServer) -> None:
    """A name of /etc/hosts has the address that stands there."""
    lines = [line.partition("#")[0].split() for line in Path("/etc/hosts").read_text().splitlines()]
    known = {name: line[0] for line in lines if line for name in line[1:] if "localhost" not in name}
    if not known:
        pytest.skip("/etc/hosts knows no name but localhost")
    name, address = next(iter(known.items()))
    async with looking_up(server.address) as names:
        assert address in await names.addresses(name)
    assert not server.asked


async def test_search_domains_are_not_tried(server: NameServer) -> None:
    """A name that is none is asked for once, as it is written."""
    async with looking_up(server.address) as names:
        with pytest.raises(NoSuchName):
            await names.addresses("nowhere.test")
        with pytest.raises(NoSuchName):
            await names.addresses("intranet")
    assert {name for name, _ in server.asked} == {"nowhere.test", "intranet"}


# What is told apart


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nowhere.test", "NXDOMAIN"),
        ("bare.test", "no address"),
        ("dangling.test", "no address"),
        ("a..b", "not a name"),
        ("x" * 64 + ".test", "not a name"),
        ("a" * 254, "not a name"),
        ("ünïcöde\udcff.test", "not a name"),
    ],
)
async def test_a_name_without_addresses_is_final(server: NameServer, name: str, says: str) -> None:
    """NXDOMAIN, no address, and what is no name: asking again would give the same."""
    async with looking_up(server.address) as names:
        with pytest.raises(NoSuchName, match=says):
            await names.addresses(name)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("servfail.test", "SERVFAIL"),
        ("refused.test", "REFUSED"),
        ("notimp.test", "not implement"),
        ("silent.test", "no answer"),
        ("strange.test", "no answer"),
        ("junk.test", "."),
        ("uncertain.test", "SERVFAIL"),
    ],
)
async def test_a_server_that_fails_may_recover(server: NameServer, name: str, says: str) -> None:
    """Failure, refusal, silence and garbage say nothing about the name, not even beside an empty answer."""
    async with looking_up(server.address) as names:
        with pytest.raises(LookupFailed, match=says):
            await names.addresses(name)


async def test_no_server_at_all_may_pass_too() -> None:
    """A closed port is a failure at once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        address = "{}:{}".format(*gone.getsockname())
    async with looking_up(address) as names:
        with pytest.raises(LookupFailed, match="cannot be reached"):
            await names.addresses("shop.test")


@pytest.mark.parametrize("name", ["half.test", "slow-half.test"])
async def test_half_an_answer_is_enough(server: NameServer, name: str) -> None:
    """IPv4 addresses are used although the question for IPv6 ones fails or hangs."""
    async with looking_up(server.address) as names:
        assert await names.addresses(name) == ("127.0.0.1",)


async def test_a_slow_answer_of_a_quick_server_is_waited_for(server: NameServer) -> None:
    """A name that takes the server long to find is asked for again, though others came at once."""
    server.zone |= {f"n{n}.test": Host(("127.0.0.1",)) for n in range(50)}
    server.deaf["shop.test"] = 3
    names = Names([server.address], timeout=0.1)
    for n in range(50):
        await names.addresses(f"n{n}.test")
    assert await names.addresses("shop.test") == ("127.0.0.1",)
    names.close()


async def test_the_next_server_is_asked() -> None:
    """A name server that fails does not stand in the way of the second."""
    zone = {"shop.test": Trouble.SILENCE, "other.test": Trouble.SERVFAIL}
    good = {"shop.test": Host(("127.0.0.5",)), "other.test": Host(("127.0.0.6",))}
    async with NameServer(zone) as broken, NameServer(good) as sound:
        names = Names([broken.address, sound.address], timeout=0.1)
        assert await names.addresses("shop.test") == ("127.0.0.5",)
        assert await names.addresses("other.test") == ("127.0.0.6",)
        names.close()


# What is kept


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("shop.test", 300), ("www.test", 20), ("brief.test", dns.SHORTEST), ("lasting.test", dns.LONGEST)],
)
async def test_an_answer_is_kept_for_its_lifetime(server: NameServer, name: str, seconds: float) -> None:
    """The shortest lifetime on the way holds, within bounds."""
    clock = Clock()
    async with looking_up(server.address, clock) as names:
        addresses = await names.addresses(name)
        clock.now += seconds - 0.1
        assert await names.addresses(name) == addresses
        assert names.asked == 1
        clock.now += 0.2
        assert await names.addresses(name) == addresses
        assert names.asked == 2


@pytest.mark.parametrize(
    ("name", "error", "seconds"),
    [
        ("nowhere.test", NoSuchName, dns.MISSING_FOR),
        ("bare.test", NoSuchName, dns.MISSING_FOR),
        ("servfail.test", LookupFailed, dns.FAILED_FOR),
    ],
)
async def test_failures_are_kept_for_a_short_while(
    server: NameServer, name: str, error: type[OSError], seconds: float
) -> None:
    """The pages of a missing host ask once; after a while it is asked again, and may be there."""
    clock = Clock()
    async with looking_up(server.address, clock) as names:
        for _ in range(3):
            with pytest.raises(error):
                await names.addresses(name)
        assert names.asked == 1
        server.zone[name] = Host(("127.0.0.1",))
        clock.now += seconds + 60  # beyond what c-ares keeps, too
        assert await names.addresses(name) == ("127.0.0.1",)


async def test_a_changed_answer_is_seen_after_its_lifetime(server: NameServer) -> None:
    """A host that moves is found at its new address."""
    clock = Clock()
    server.zone["moving.test"] = Host(("127.0.0.1",), ttl=0)
    async with looking_up(server.address, clock) as names:
        assert await names.addresses("moving.test") == ("127.0.0.1",)
        server.zone["moving.test"] = Host(("127.0.0.2",), ttl=0)
        assert await names.addresses("moving.test") == ("127.0.0.1",)
        clock.now += dns.SHORTEST
        assert await names.addresses("moving.test") == ("127.0.0.2",)


async def test_the_cache_is_bounded(server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its size the oldest name is forgotten."""
    monkeypatch.setattr(dns, "CACHED", 10)
    server.zone |= {f"n{n}.test": Host(("127.0.0.1",)) for n in range(11)}
    async with looking_up(server.address) as names:
        for n in range(11):
            await names.addresses(f"n{n}.test")
        await names.addresses("n10.test")
        assert names.asked == 11
        await names.addresses("n0.test")
        assert names.asked == 12


# What is bounded


async def test_askers_of_one_name_share_a_question(server: NameServer) -> None:
    """A hundred pages of a host that come at once ask once; one that gives up takes nobody's answer."""
    server.held = True
    async with looking_up(server.address) as names:
        askers = [asyncio.create_task(names.addresses("shop.test")) for _ in range(100)]
        while not server.open:
            await asyncio.sleep(0)
        askers[0].cancel()
        assert names.asking("shop.test")
        server.release()
        answers = await asyncio.gather(*askers, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [("127.0.0.1",)] * 99
    assert server.asked["shop.test", A] == 1
    assert not names.asking("shop.test")


async def test_few_names_are_asked_for_at_once(server: NameServer) -> None:
    """However many hosts a crawl begins with, the name server sees two questions for each of 64."""
    everyone = [f"n{n}.test" for n in range(1000)]
    server.zone |= {name: Host(("127.0.0.1",)) for name in everyone}
    server.held = True
    async with looking_up(server.address) as names:
        asking = [asyncio.create_task(names.addresses(name)) for name in everyone]
        while len(server.open) < 2 * dns.AT_ONCE:
            await asyncio.sleep(0)
        server.release()
        assert await asyncio.gather(*asking) == [("127.0.0.1",)] * 1000
    assert server.most == 2 * dns.AT_ONCE


async def test_a_name_nobody_waits_for_any_more_is_not_asked(server: NameServer) -> None:
    """Pages that ran out of time leave no questions behind to be asked in vain."""
    server.held = True
    async with looking_up(server.address) as names:
        asking = [asyncio.create_task(names.addresses(f"n{n}.test")) for n in range(200)]
        while len(server.open) < 2 * dns.AT_ONCE:
            await asyncio.sleep(0)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        server.release()
        assert await names.addresses("shop.test") == ("127.0.0.1",)
    assert names.asked == dns.AT_ONCE + 1


async def test_neither_threads_nor_sockets_pile_up(server: NameServer) -> None:
    """Three thousand names, every tenth without an answer, leave what a few had left."""

    def used() -> tuple[int, int]:
        return len([*Path("/proc/self/task").iterdir()]), len([*Path("/proc/self/fd").iterdir()])

    everyone = [f"n{n}.test" for n in range(3000)]
    server.zone |= {name: Host(("127.0.0.1",)) for name in everyone}
    server.zone |= dict.fromkeys(everyone[::10], Trouble.SILENCE)
    async with looking_up(server.address) as names:
        await names.addresses("shop.test")
        threads, files = used()
        found = await asyncio.gather(*map(names.addresses, everyone), return_exceptions=True)
        threads_then, files_then = used()
    assert sum(isinstance(one, LookupFailed) for one in found) == 300
    assert sum(one == ("127.0.0.1",) for one in found) == 2700
    assert threads_then <= threads
    assert files_then <= files + 8


async def test_closing_ends_every_look_up(server: NameServer) -> None:
    """Those who wait, asked for or in line, are told; nothing is left running."""
    server.held = True
    names = Names([server.address])
    asking = [asyncio.create_task(names.addresses(f"n{n}.test")) for n in range(100)]
    while not server.open:
        await asyncio.sleep(0)
    names.close()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert {type(answer) for answer in answers} == {LookupFailed}
