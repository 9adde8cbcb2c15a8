"""Who may do what: the API key, the cookie that a dashboard gets for it, and where changes may come from.

Pure: headers and the time are arguments.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from canter.errors import ConfigError
from canter.urls import host_name

COOKIE = "canter_session"
SESSION = 12 * 3600  # seconds that a cookie holds
SHORTEST = 16  # characters of a key


class Access:
    """By a key, or open to whoever can connect (None).

    `local`: the service is asked by loopback names only, so that a page whose name was made to lead here
    (DNS rebinding) gets nothing. Raises ConfigError for a key that is short enough to be guessed, or to be
    hidden out of every word of a log.
    """

    def __init__(self, key: str | None, *, local: bool = False) -> None:
        if key and len(key) < SHORTEST:
            raise ConfigError(
                f"the API key (CANTER_API_KEY) is too short: {SHORTEST} characters are the least; "
                "`openssl rand -hex 32` makes one"
            )
        self._key = key.encode() if key else None
        self._local = local

    @property
    def open(self) -> bool:
        """Whether no key is asked for."""
        return self._key is None

    def knows(self, key: str) -> bool:
        """Whether this is the key; takes as long whatever it is."""
        return self._key is not None and hmac.compare_digest(_digest(key.encode()), _digest(self._key))

    def session(self, now: float) -> str:
        """A cookie's value that holds for SESSION seconds from `now` (UTC seconds)."""
        head = f"{int(now) + SESSION}.{secrets.token_urlsafe(9)}"
        return f"{head}.{self._sign(head)}"

    def refusal(self, method: str, headers: Mapping[str, str], now: float) -> tuple[int, str] | None:
        """Why a request may not pass, as status and message; None: it may. Header names in lower case."""
        if self._local and not is_loopback(host_name(headers.get("host", ""))):
            return 403, "without an API key the service answers to localhost and loopback addresses only"
        if not self._key:
            return self._foreign(method, headers)
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.knows(key.strip()):
            return None
        if self._holds(_cookie(headers.get("cookie", "")), now):
            return self._foreign(method, headers, strict=True)
        return 401, "send the API key: Authorization: Bearer KEY"

    def _holds(self, session: str, now: float) -> bool:
        head, _, signature = session.rpartition(".")
        until = head.partition(".")[0]
        good = hmac.compare_digest(signature.encode(), self._sign(head).encode())
        return good and until.isdecimal() and now < int(until)

    def _foreign(
        self, method: str, headers: Mapping[str, str], *, strict: bool = False
    ) -> tuple[int, str] | None:
        """A change that another site's page asks a browser for; `strict`: the Origin must be there."""
        origin = headers.get("origin")
        if method in ("GET", "HEAD", "OPTIONS") or (origin is None and not strict):
            return None
        if origin is not None and _netloc(origin) == headers.get("host"):
            return None
        return 403, "the Origin of the request is another site, or missing"

    def _sign(self, head: str) -> str:
        assert self._key is not None
        return hmac.new(self._key, b"canter session " + head.encode(), hashlib.sha256).hexdigest()


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc or None
    except ValueError:
        return None


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def is_open(path: str) -> bool:
    """Whether a path needs no key: health, and how to give one."""
    return path in ("/health", "/login") or path.startswith("/static/login.")


def is_loopback(host: str) -> bool:
    """Whether a host to listen on is this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_exposure(host: str, key: str | None, option: str = "--host") -> None:
    """Raises ConfigError where a service without a key would listen beyond loopback."""
    if not key and not is_loopback(host):
        raise ConfigError(
            f"{option} {host}: without an API key only loopback addresses are served; set CANTER_API_KEY"
        )
