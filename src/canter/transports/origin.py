"""A host as requests go to it: how it is dialled, its idle connections, and the head that requests share."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping

import aiohttp
import yarl

from canter.transports.connection import Connection

_URL = re.compile(r"(https?://([^/?#@\s]+))(/[!-\"$-~]*)")  # whatever could end the request line is not there
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BREAKS = re.compile(r"[\r\n\0]")


def parts_of(url: str) -> tuple[str, str, str]:
    """A normalised URL's origin, host key, and target. Raises ValueError for one that is not normalised."""
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError(f"{url[:200]!r} is no normalised http or https URL")
    return match[1], match[2], match[3]


class Origin:
    """Scheme, host, port and TLS. Made once for a host; its requests differ in target and headers.

    `route`: what aiohttp's connector dials. `host`: the name alone. `idle`: connections that wait for the
    next request, the last used last; none is kept once the host was `left`. `headers`: of every request.
    """

    __slots__ = ("_lines", "_plain", "host", "idle", "left", "route")

    def __init__(self, origin: str, tls: ssl.SSLContext | bool, headers: Mapping[str, str]) -> None:
        self.route = aiohttp.ClientRequest("GET", yarl.URL(f"{origin}/", encoded=True), ssl=tls)
        self.host = self.route.host
        self.idle: list[Connection] = []
        self.left = False
        every = {"Host": self.route.headers["Host"], **headers}
        self._lines = {name.lower(): _line(name, value) for name, value in every.items()}
        self._plain = "".join(self._lines.values()) + "\r\n"

    def leave(self) -> None:
        """Close the idle connections, and those that carry a request after its answer."""
        self.left = True
        for connection in self.idle:
            connection.close()
        self.idle.clear()

    def head(self, target: str, headers: Mapping[str, str]) -> bytes:
        """A GET as it is sent; `headers` win over those of every request. Raises ValueError for a bad one."""
        if not headers:
            return f"GET {target} HTTP/1.1\r\n{self._plain}".encode()
        lines = self._lines | {name.lower(): _line(name, value) for name, value in headers.items()}
        return f"GET {target} HTTP/1.1\r\n{''.join(lines.values())}\r\n".encode()


def _line(name: str, value: str) -> str:
    if not _NAME.fullmatch(name) or _BREAKS.search(value):
        raise ValueError(f"the header {name[:60]!r} cannot be sent: a line break or a zero byte is in it")
    return f"{name}: {value}\r\n"
