"""URLs as browsers read them (WHATWG, by ada-url), and the keys derived from them."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import ada_url
from publicsuffixlist import PublicSuffixList

SHARDS = 256
MAX_URL = 16 * 1024  # characters; longer ones are refused before they are parsed


_PARTS = ("protocol", "username", "password", "href", "host")


class BadUrl(NamedTuple):
    """Why a text is not a URL that can be fetched."""

    reason: str


class PageUrl(NamedTuple):
    """A normalised URL. `host` is the host key: the name, and the port where it is not the default."""

    href: str
    host: str
    key: int


def parse_url(text: str, base: str | None = None) -> PageUrl | BadUrl:
    """Normalise `text`: WHATWG parsing, fragment dropped, http and https only."""
    if len(text) > MAX_URL:
        return BadUrl(f"the URL is {len(text):,} characters long; the most is {MAX_URL:,}")
    try:
        url = ada_url.parse_url(ada_url.join_url(base, text) if base else text, attributes=_PARTS)
    except (ValueError, UnicodeError):
        return BadUrl("not a URL")
    if url["protocol"] not in ("http:", "https:"):
        return BadUrl(f"the scheme {url['protocol']} is not http: or https:")
    if url["username"] or url["password"]:
        return BadUrl("the URL carries a user name or password; send credentials with the site's headers")
    href = url["href"].partition("#")[0]
    return PageUrl(href, url["host"], url_key(href))


def url_key(href: str) -> int:
    """The 64-bit key of a normalised URL, signed so that SQLite keeps it as an integer.

    A cryptographic hash, so that no site can make two of its URLs collide on purpose.
    """
    return int.from_bytes(blake2b(href.encode(), digest_size=8).digest(), "big", signed=True)


def host_name(host: str) -> str:
    """The host key without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@lru_cache(maxsize=65_536)
def shard_of(host: str) -> int:
    """The shard (0 to 255) of a host key or pace key: by registrable domain, an address by itself.

    `www.shop.example` and `shop.example` share a shard, so one worker sees both.
    """
    name = host_name(host)
    try:
        ipaddress.ip_address(name.strip("[]"))
        domain = name
    except ValueError:
        domain = _suffixes().privatesuffix(name) or name
    return blake2b(domain.encode(), digest_size=1).digest()[0]
