"""Which addresses may be dialled. Pure: no name is resolved here.

Everything that is not the public Internet is refused unless its network was named: a page must not
be able to send the crawler, by a redirect or a DNS answer, to a service behind its own firewall.
The blocks are those of the IANA special-purpose address registries.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_SPECIAL = (
    ("0.0.0.0/8", "an unspecified address"),
    ("10.0.0.0/8", "a private address"),
    ("100.64.0.0/10", "a carrier-grade NAT address"),
    ("127.0.0.0/8", "a loopback address"),
    ("169.254.0.0/16", "a link-local address"),
    ("172.16.0.0/12", "a private address"),
    ("192.0.0.0/24", "a reserved address"),
    ("192.0.2.0/24", "a documentation address"),
    ("192.88.99.0/24", "a reserved address"),
    ("192.168.0.0/16", "a private address"),
    ("198.18.0.0/15", "a benchmarking address"),
    ("198.51.100.0/24", "a documentation address"),
    ("203.0.113.0/24", "a documentation address"),
    ("224.0.0.0/4", "a multicast address"),
    ("240.0.0.0/4", "a reserved address"),
    ("::/128", "an unspecified address"),
    ("::1/128", "a loopback address"),
    ("64:ff9b:1::/48", "a private address"),
    ("100::/64", "a discard-only address"),
    ("2001:db8::/32", "a documentation address"),
    ("3fff::/20", "a documentation address"),
    ("fc00::/7", "a private address"),
    ("fe80::/10", "a link-local address"),
    ("fec0::/10", "a site-local address"),
    ("ff00::/8", "a multicast address"),
)
SPECIAL: tuple[tuple[Network, str], ...] = tuple((ip_network(block), what) for block, what in _SPECIAL)

_NAT64 = IPv6Network("64:ff9b::/96")
_TEREDO = IPv6Network("2001::/32")
_PROTOCOLS = IPv6Network("2001::/23")
_GLOBAL = IPv6Network("2000::/3")


class AddressGuard:
    """Tells whether an address may be dialled. `allow`: networks that may be although they are special."""

    def __init__(self, allow: Sequence[Network] = ()) -> None:
        self._allow = tuple(allow)

    def verdict(self, text: str) -> str | None:
        """None when the address may be dialled, else a sentence that says why not and what to do."""
        try:
            address: Address = ip_address(text)
        except ValueError:
            return f"{text} is not an IP address"
        if any(address in network for network in self._allow):
            return None
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            return self.verdict(str(address.ipv4_mapped))  # the very address the kernel would dial
        found = _special(address)
        if found is None:
            return None
        network, what = found
        return f"{address} is {what}; name it with --allow-network {network}"


def _special(address: Address) -> tuple[Network, str] | None:
    for network, what in SPECIAL:
        if address in network:
            return network, what
    if isinstance(address, IPv4Address):
        return None
    for how, inner in _embedded(address):
        found = _special(inner)
        if found is not None:
            return _alone(address), f"a {how} address of {inner}, {found[1]}"
    if address not in _GLOBAL and address not in _NAT64:
        return _alone(address), "a reserved address"
    if address in _PROTOCOLS and address not in _TEREDO:
        return _alone(address), "a reserved address"
    return None


def _embedded(address: IPv6Address) -> list[tuple[str, IPv4Address]]:
    """The IPv4 addresses that a gateway would be led to by this address."""
    if address in _NAT64:
        return [("NAT64", IPv4Address(int(address) & 0xFFFFFFFF))]
    if address.sixtofour:
        return [("6to4", address.sixtofour)]
    if address.teredo:
        return [("Teredo", inner) for inner in address.teredo]
    if int(address) >> 32 & 0xFDFF_FFFF == 0x0000_5EFE:  # RFC 5214; the bit left out says global or local
        return [("ISATAP", IPv4Address(int(address) & 0xFFFFFFFF))]
    return []


def _alone(address: IPv6Address) -> IPv6Network:
    return IPv6Network(int(address))
