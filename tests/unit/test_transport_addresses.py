"""The address guard: nothing but the public Internet, unless it was named."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis.strategies import ip_addresses

from canter.transports.addresses import SPECIAL, AddressGuard, Network

SPECIAL_ADDRESSES = [
    ("0.0.0.0", "unspecified"),
    ("10.1.2.3", "private"),
    ("100.64.0.1", "carrier-grade NAT"),
    ("127.0.0.1", "loopback"),
    ("169.254.169.254", "link-local"),
    ("172.31.255.255", "private"),
    ("192.168.1.1", "private"),
    ("198.19.0.1", "benchmarking"),
    ("203.0.113.9", "documentation"),
    ("224.0.0.1", "multicast"),
    ("255.255.255.255", "reserved"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::7f00:1", "reserved"),
    ("fd00::1", "private"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "link-local"),
    ("fec0::1", "site-local"),
    ("ff02::1", "multicast"),
    ("2001:db8::1", "documentation"),
    ("2001:2::1", "reserved"),
    ("4000::1", "reserved"),
    ("::ffff:127.0.0.1", "loopback"),
    ("::ffff:10.0.0.1", "private"),
    ("64:ff9b::7f00:1", "loopback"),
    ("64:ff9b::a9fe:a9fe", "link-local"),
    ("64:ff9b:1::1", "private"),
    ("2002:7f00:1::", "loopback"),
    ("2001:0:808:808::80ff:fefe", "loopback"),  # a Teredo client at 127.0.1.1
    ("2001:0:7f00:1::f7f7:f7f7", "loopback"),  # a Teredo server at 127.0.0.1
    ("2606:4700::5efe:10.0.0.1", "private"),  # ISATAP
    ("2606:4700::200:5efe:7f00:1", "loopback"),
    ("::ffff:0:127.0.0.1", "reserved"),  # SIIT
    ("64:ff9b:1:7f00:0:100::", "private"),
    ("192.88.99.1", "reserved"),  # a 6to4 relay
    ("5f00::1", "reserved"),
]


@pytest.mark.parametrize(("address", "what"), SPECIAL_ADDRESSES)
def test_special_addresses_are_refused(address: str, what: str) -> None:
    """Every special address is refused, also inside another, and the message says what it is."""
    verdict = AddressGuard().verdict(address)
    assert verdict is not None
    assert what in verdict
    assert "--allow-network" in verdict


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700:4700::1111",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::1",
        "2606:4700::5efe:8.8.8.8",
    ],
)
def test_public_addresses_pass(address: str) -> None:
    """The public Internet needs no permission, also through a gateway's address."""
    assert AddressGuard().verdict(address) is None


@given(ip_addresses())
def test_what_python_knows_as_not_global_is_refused(address: IPv4Address | IPv6Address) -> None:
    """A second opinion: the standard library's own tables, over both address spaces.

    Not of addresses that hold one of IPv4: those are judged by it.
    """
    holds = isinstance(address, IPv6Address) and (address.ipv4_mapped or address.sixtofour)
    if not address.is_global and not holds:
        assert AddressGuard().verdict(str(address)) is not None


@given(ip_addresses(v=4))
def test_ipv4_in_any_disguise_is_judged_as_itself(inner: IPv4Address) -> None:
    """An address inside one of IPv6 is refused exactly where it is by itself."""
    guard, number = AddressGuard(), int(inner)
    disguises = (
        0xFFFF << 32 | number,  # mapped
        0x64FF9B << 96 | number,  # NAT64
        0x2002 << 112 | number << 80 | 1,  # 6to4
        0x20010000_08080808 << 64 | number ^ 0xFFFFFFFF,  # Teredo
        0x26064700_00000000_00005EFE << 32 | number,  # ISATAP
    )
    for disguise in disguises:
        assert (guard.verdict(str(IPv6Address(disguise))) is None) == (guard.verdict(str(inner)) is None)


def test_the_message_names_the_address_and_the_way_out() -> None:
    """The text can be acted on as it stands."""
    assert AddressGuard().verdict("127.0.0.1") == (
        "127.0.0.1 is a loopback address; name it with --allow-network 127.0.0.0/8"
    )


@pytest.mark.parametrize(("address", "_"), SPECIAL_ADDRESSES)
def test_the_network_a_message_proposes_lets_the_address_pass(address: str, _: str) -> None:
    """Doing what the message says is enough."""
    verdict = AddressGuard().verdict(address)
    assert verdict is not None
    network = ip_network(verdict.rpartition(" ")[2])
    assert AddressGuard([network]).verdict(address) is None


def test_naming_one_network_opens_no_other() -> None:
    """A named network covers its own addresses only, mapped ones included."""
    guard = AddressGuard([ip_network("127.0.0.0/8")])
    assert guard.verdict("127.3.2.1") is None
    assert guard.verdict("::ffff:127.0.0.1") is None
    for other in ("10.0.0.1", "::1", "64:ff9b::7f00:1", "2002:7f00:1::"):
        assert guard.verdict(other) is not None


@pytest.mark.parametrize("network", [block for block, _ in SPECIAL])
def test_blocks_are_refused_from_edge_to_edge(network: Network) -> None:
    """The first and the last address of every special block are refused."""
    guard = AddressGuard()
    assert guard.verdict(str(network[0])) is not None
    assert guard.verdict(str(network[-1])) is not None


def test_what_is_no_address_is_refused() -> None:
    """A name that reaches the guard is never dialled."""
    assert AddressGuard().verdict("localhost") == "localhost is not an IP address"
