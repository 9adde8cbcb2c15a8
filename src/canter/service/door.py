"""What every request passes before a route sees it: its id, the key, how often and how much may be asked."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

import orjson
from starlette.exceptions import HTTPException

from canter.errors import CanterError
from canter.service.access import Access, is_open
from canter.service.correlation import correlate

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_Refusal = tuple[int, str, tuple[tuple[bytes, bytes], ...]]  # status, message, headers

UNMETERED = ("/health", "/metrics")
MAX_CLIENTS = 10_000  # whose rate is remembered
MAX_REQUESTS = 200  # answered at once, beside event streams, which have a bound of their own
ENDLESS = "/api/events"
_SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
)


class Meter:
    """A token bucket a client. Pure: `now` is in seconds."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, at

    def wait(self, client: str, now: float) -> float:
        """Take a token; else the seconds until there is one."""
        tokens, at = self._clients.pop(client, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._rate)
        short = 1.0 - tokens
        self._clients[client] = (tokens if short > 0 else tokens - 1.0, now)
        if len(self._clients) > MAX_CLIENTS:
            self._clients.popitem(last=False)
        return max(0.0, short / self._rate)


class Door:
    """ASGI middleware. `begin` is called before each request and quick after the first.

    `max_body`: bytes; `rate` and `burst`: requests a client (an address).
    """

    def __init__(
        self,
        app: App,
        *,
        begin: Callable[[], None],
        access: Access,
        max_body: int,
        rate: float,
        burst: int,
    ) -> None:
        self._app = app
        self._begin = begin
        self._access = access
        self._max_body = max_body
        self._meter = Meter(rate, burst)
        self._logins = Meter(1 / 12, 5)
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the life of the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        correlation = correlate(headers)
        scope.setdefault("state", {})["correlation"] = correlation
        answer = _Answer(send, correlation.id)
        try:
            self._begin()
        except CanterError as error:
            await answer.refuse(503, str(error), ((b"retry-after", b"30"),))
            return
        refused = self._refusal(scope, headers)
        if refused:
            await answer.refuse(*refused)
            return
        counted = _path(scope) not in (*UNMETERED, ENDLESS)
        if counted and self._requests >= MAX_REQUESTS:
            await answer.refuse(503, "too many requests at once; try again", ((b"retry-after", b"1"),))
            return
        self._requests += counted
        try:
            await self._app(scope, _bounded(receive, self._max_body), answer.send)
        finally:
            self._requests -= counted

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> _Refusal | None:
        path = _path(scope)
        client = (scope.get("client") or ("", 0))[0]
        if path not in UNMETERED:
            meter = self._logins if path == "/login" and scope["method"] == "POST" else self._meter
            wait = meter.wait(client, time.monotonic())
            if wait:
                seconds = b"%d" % (int(wait) + 1)
                return 429, "too many requests; see Retry-After", ((b"retry-after", seconds),)
        if not is_open(path):
            found = self._access.refusal(scope["method"], headers, time.time())
            if found and found[0] == 401:
                return self._unknown(scope, headers, found[1])
            if found:
                return *found, ()
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._max_body:
            return 413, f"the body is over {self._max_body} bytes", ((b"connection", b"close"),)
        return None

    def _unknown(self, scope: Scope, headers: Mapping[str, str], detail: str) -> _Refusal:
        """A person at a browser is shown where to log in."""
        if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            return 303, "log in", ((b"location", f"{scope.get('root_path', '')}/login".encode()),)
        return 401, detail, ((b"www-authenticate", b"Bearer"),)


def _path(scope: Scope) -> str:
    """The path within the application, wherever it is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(root + "/") else path


def _bounded(receive: Receive, most: int) -> Receive:
    """Bodies without a length are counted as they come."""
    seen = 0

    async def bounded() -> MutableMapping[str, Any]:
        nonlocal seen
        part = await receive()
        seen += len(part.get("body", b""))
        if seen > most:
            raise HTTPException(413, f"the body is over {most} bytes")
        return part

    return bounded


class _Answer:
    """Sends an answer with the headers that all have."""

    def __init__(self, send: Send, correlation: str) -> None:
        self._send = send
        self._more = [(b"x-request-id", correlation.encode()), *_SAFE]

    async def send(self, part: MutableMapping[str, Any]) -> None:
        if part["type"] == "http.response.start":
            given = {name.lower() for name, _ in part.get("headers", ())}
            more = [header for header in self._more if header[0] not in given]
            part = {**part, "headers": [*part.get("headers", ()), *more]}
        await self._send(part)

    async def refuse(self, status: int, detail: str, headers: Iterable[tuple[bytes, bytes]]) -> None:
        body = orjson.dumps({"detail": detail})
        start = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *headers]
        await self.send({"type": "http.response.start", "status": status, "headers": start})
        await self.send({"type": "http.response.body", "body": body})
