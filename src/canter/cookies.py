"""Cookies of a site, by RFC 6265 as its revision (draft-ietf-httpbis-rfc6265bis) tightens it. Pure.

Not aiohttp's jar nor the standard library's: neither knows public suffixes nor bounds what it keeps, and
both ask the clock themselves. Stricter than the standard in one thing: a cookie without a Domain goes back
to the port that set it only (http and https on their default ports are one).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from canter.headers import header_values
from canter.model import Fault, Response
from canter.sites import Site
from canter.urls import PageUrl, host_name, is_public_suffix, parse_url

MAX_COOKIE = 4096  # bytes of name and value
MAX_ATTRIBUTE = 1024  # bytes of an attribute's value
MAX_PER_HOST = 50  # cookies of a host, or of a domain
MAX_BYTES = 16_384  # of their names, values and paths
MAX_HOSTS = 200  # hosts and domains of a site that have any
MAX_HEADER = 8192  # bytes sent with a request
MAX_AGE = 400 * 86_400.0  # s; a cookie that asks for longer gets this

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_WHITE = " \t"


@dataclass(slots=True)
class _Cookie:
    name: str
    value: str
    path: str
    secure: bool
    expires: float  # UTC seconds
    created: int  # a count, so that those of one moment keep their order


class SiteCookies:
    """The cookies of each site that asks for them, for one crawl. Sites never see each other's."""

    def __init__(self) -> None:
        self._jars: dict[str, CookieJar] = {}

    def header(self, site: Site | None, url: str, utc: float) -> str:
        """What a request for `url` carries as Cookie; "" for none."""
        jar = self._jars.get(site.name) if site and site.cookies else None
        return jar.header(url, utc) if jar else ""

    def take(self, site: Site | None, url: str, answer: Response | Fault, utc: float) -> None:
        """Keep what an answer from `url` sets."""
        if site is None or not site.cookies:
            return
        lines = header_values(answer.headers, "Set-Cookie")
        if lines:
            self._jars.setdefault(site.name, CookieJar()).take(url, lines, utc)


class CookieJar:
    """Cookies of many hosts, bounded in number and size. Times are UTC seconds; URLs are normalised."""

    def __init__(self) -> None:
        self._hosts: dict[str, dict[tuple[str, str], _Cookie]] = {}  # host key, or a dot and the domain
        self._count = 0

    def take(self, url: str, lines: Iterable[str], utc: float) -> None:
        """Keep what the Set-Cookie lines of an answer from `url` ask for, as far as they may."""
        origin = parse_url(url)
        if not isinstance(origin, PageUrl):
            return
        for line in lines:
            self._take(origin, line, utc)

    def header(self, url: str, utc: float) -> str:
        """The cookies for `url` as one header value, the longest path first, at most `MAX_HEADER` bytes."""
        origin = parse_url(url)
        if not isinstance(origin, PageUrl):
            return ""
        secure, path = url.startswith("https:"), _path(url)
        found = [
            cookie
            for place in _places(origin.host)
            for cookie in self._hosts.get(place, {}).values()
            if cookie.expires > utc and (secure or not cookie.secure) and _path_matches(path, cookie.path)
        ]
        found.sort(key=lambda cookie: (-len(cookie.path), cookie.created))
        sent, size = [], 0
        for cookie in found:
            pair = f"{cookie.name}={cookie.value}" if cookie.name else cookie.value
            size += len(pair.encode(errors="replace")) + 2
            if size > MAX_HEADER:
                break
            sent.append(pair)
        return "; ".join(sent)

    def _take(self, origin: PageUrl, line: str, utc: float) -> None:
        parsed = _parse(line)
        if parsed is None:
            return
        name, value, attributes = parsed
        place = _place(origin, attributes.get("domain", ""))
        safe = origin.href.startswith("https:")
        secure = "secure" in attributes
        if (
            place is None
            or (secure and not safe)
            or not _keeps_prefix(name or value, attributes, place, safe)
        ):
            return
        path = attributes.get("path", "")
        if not path.startswith("/"):
            path = _path(origin.href).rpartition("/")[0] or "/"
        if not safe and self._covers_secure(origin.host, name, path):
            return
        self._count += 1
        self._keep(place, _Cookie(name, value, path, secure, _expires(attributes, utc), self._count), utc)

    def _covers_secure(self, host: str, name: str, path: str) -> bool:
        """Whether a cookie set in the clear would go before one that was set over https."""
        return any(
            cookie.secure and cookie.name == name and _path_matches(path, cookie.path)
            for place in _places(host)
            for cookie in self._hosts.get(place, {}).values()
        )

    def _keep(self, place: str, cookie: _Cookie, utc: float) -> None:
        cookies = self._hosts.pop(place, {})
        known = cookies.pop((cookie.path, cookie.name), None)
        if known:
            cookie.created = known.created
        if cookie.expires > utc:
            cookies[cookie.path, cookie.name] = cookie
        _make_room(cookies, utc)
        if cookies:
            self._hosts[place] = cookies
        if len(self._hosts) > MAX_HOSTS:
            del self._hosts[next(iter(self._hosts))]


def _make_room(cookies: dict[tuple[str, str], _Cookie], utc: float) -> None:
    """Drop what has ended, then what was set longest ago, until the bounds hold."""
    size = sum(map(_size, cookies.values()))
    if len(cookies) <= MAX_PER_HOST and size <= MAX_BYTES:
        return
    for key, cookie in sorted(cookies.items(), key=lambda item: item[1].expires > utc):
        if cookie.expires > utc and len(cookies) <= MAX_PER_HOST and size <= MAX_BYTES:
            return
        size -= _size(cookie)
        del cookies[key]


def _size(cookie: _Cookie) -> int:
    return len(cookie.name) + len(cookie.value) + len(cookie.path)


def _parse(line: str) -> tuple[str, str, dict[str, str]] | None:
    """Name, value and attributes by lower-case name, the last of each; None for what is to be ignored."""
    if _CONTROL.search(line):
        return None
    pair, *rest = line.split(";")
    name, mark, value = pair.partition("=")
    if not mark:
        name, value = "", pair
    name, value = name.strip(_WHITE), value.strip(_WHITE)
    size = len(name.encode(errors="replace")) + len(value.encode(errors="replace"))
    if not 0 < size <= MAX_COOKIE:
        return None
    attributes = {}
    for part in rest:
        key, _, text = part.partition("=")
        text = text.strip(_WHITE)
        if len(text) <= MAX_ATTRIBUTE:
            attributes[key.strip(_WHITE).lower()] = text
    return name, value, attributes


def _place(origin: PageUrl, domain: str) -> str | None:
    """Where a cookie of `origin` belongs: its host key, or a dot and a domain; None where it must not."""
    domain = domain.removeprefix(".").lower()
    host = host_name(origin.host)
    if not domain:
        return origin.host
    parsed = parse_url(f"http://{domain}/")
    if not isinstance(parsed, PageUrl) or parsed.href != f"http://{parsed.host}/":
        return None
    domain = parsed.host
    if domain == host and (_is_address(host) or is_public_suffix(host)):
        return origin.host
    if _is_address(host) or is_public_suffix(domain) or not f".{host}".endswith(f".{domain}"):
        return None
    return f".{domain}"


def _places(host: str) -> Iterator[str]:
    """Where cookies for a host key may lie: its own, and those of each domain that it is in."""
    yield host
    rest = host_name(host)
    while rest:
        yield f".{rest}"
        rest = rest.partition(".")[2]


def _keeps_prefix(name: str, attributes: Mapping[str, str], place: str, safe: bool) -> bool:
    """Whether a cookie named `__Secure-...` or `__Host-...` is what its name promises."""
    name = name.lower()
    if name.startswith("__secure-"):
        return safe and "secure" in attributes
    if name.startswith("__host-"):
        whole = attributes.get("path") == "/" and not attributes.get("domain") and place[0] != "."
        return safe and "secure" in attributes and whole
    return True


def _path(url: str) -> str:
    """The path of a normalised URL."""
    return url[url.index("/", 8) :].partition("?")[0]


def _path_matches(path: str, of_cookie: str) -> bool:
    if not path.startswith(of_cookie):
        return False
    return of_cookie.endswith("/") or path[len(of_cookie) : len(of_cookie) + 1] in ("", "/")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _expires(attributes: Mapping[str, str], utc: float) -> float:
    """When a cookie ends: by Max-Age, else Expires, else with the crawl; within `MAX_AGE`."""
    longest = utc + MAX_AGE
    age = re.fullmatch("(-?)([0-9]+)", attributes.get("max-age", ""))
    if age:
        return utc if age[1] else min(utc + int(age[2][:12]), longest)
    date = cookie_date(attributes.get("expires", ""))
    return longest if date is None else min(date, longest)


_DELIMITER = re.compile(r"[\x09\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_TIME = re.compile("([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])")
_DAY = re.compile("([0-9]{1,2})(?![0-9])")
_YEAR = re.compile("([0-9]{2,4})(?![0-9])")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def cookie_date(text: str) -> float | None:
    """UTC seconds of an Expires, by the lenient algorithm of RFC 6265, section 5.1.1; None for no date."""
    found: dict[str, tuple[int, ...]] = {}
    for token in _DELIMITER.split(text):
        for kind, value in _readings(token):
            if kind not in found:
                found[kind] = value
                break
    if len(found) < 4:
        return None
    (year,), (month,), (day,), (hour, minute, second) = (
        found[part] for part in ("year", "month", "day", "time")
    )
    year += 1900 if 70 <= year <= 99 else 2000 if year <= 69 else 0
    try:
        if year <= 1600:
            return None
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return None


def _readings(token: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """What a part of a date may be, in the order in which it is tried."""
    if time := _TIME.match(token):
        yield "time", tuple(map(int, time.groups()))
    if day := _DAY.match(token):
        yield "day", (int(day[1]),)
    if token[:3].lower() in _MONTHS:
        yield "month", (_MONTHS.index(token[:3].lower()) + 1,)
    if year := _YEAR.match(token):
        yield "year", (int(year[1]),)
