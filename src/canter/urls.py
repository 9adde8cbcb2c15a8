"""URLs as browsers read them (WHATWG, by ada-url), and the keys derived from them."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import ada_url
from publicsuffixlist import PublicSuffixList

SHARDS = 256
MAX_URL = 16 * 1024  # characters; longer ones are refused before they are parsed

_PARTS = ("protocol", "username", "password", "href", "host")
_SCHEME = re.compile(r"[\x00-\x20]*([A-Za-z][A-Za-z0-9+.\-]*):")
_NO_HOST = re.compile(r"[/\\\s]*(?:[?#]|\Z)")


class BadUrl(NamedTuple):
    """Why a text is not a URL that can be fetched."""

    reason: str


class PageUrl(NamedTuple):
    """A normalised URL. `host` is the host key: the name, and the port where it is not the default."""

    href: str
    host: str
    key: int


def parse_url(text: str, base: str | None = None, *, drop_credentials: bool = False) -> PageUrl | BadUrl:
    """Normalise `text`: WHATWG parsing, fragment dropped, http and https only, `MAX_URL` at most.

    A user name or password makes it a BadUrl, or is left out with `drop_credentials`. What comes out
    comes out as it is when it is normalised again.
    """
    if len(text) > MAX_URL:
        return _too_long(len(text))
    try:
        text = _scalar(text)
        url = ada_url.parse_url(ada_url.join_url(base, text) if base else text, attributes=_PARTS)
    except (ValueError, UnicodeError):
        return BadUrl(_why(text, relative=base is not None))
    if url["protocol"] not in ("http:", "https:"):
        return BadUrl(f"the scheme {url['protocol'][:100]} is not http: or https:")
    href = url["href"]
    if url["username"] or url["password"]:
        if not drop_credentials:
            return BadUrl("the URL carries a user name or password; send credentials with the site's headers")
        href = ada_url.replace_url(href, username="", password="")
    href = href.partition("#")[0]
    if len(href) > MAX_URL:
        return _too_long(len(href))
    return PageUrl(href, url["host"], url_key(href))


def _scalar(text: str) -> str:
    """The text with U+FFFD for lone surrogates, as JavaScript hands it to a browser's parser."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _too_long(length: int) -> BadUrl:
    return BadUrl(f"the URL is {length:,} characters long; the most is {MAX_URL:,}")


def _why(text: str, *, relative: bool) -> str:
    """What a text that is not a URL lacks."""
    scheme = _SCHEME.match(text)
    if scheme is None and not relative:
        return "not a URL: it does not begin with https:// or http://"
    if scheme and _NO_HOST.match(text, scheme.end()):
        return "not a URL: it names no host"
    return "not a URL: its host or port cannot be one"


def host_of(href: str) -> str:
    """The host key of a URL that was normalised, without parsing it again; "" for a text that never was."""
    parts = href.split("/", 3)
    return parts[2] if len(parts) == 4 else ""


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


def is_public_suffix(name: str) -> bool:
    """Whether anybody may register names under this one: `com`, `co.uk`, `github.io`."""
    return _suffixes().privatesuffix(name) is None


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
