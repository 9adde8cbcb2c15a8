"""Values that pass between rooms. Nothing here decides or does anything.

Times called `now`, `..._at` inside the engine are seconds of its monotonic clock; times that
leave the process (store, records) are UTC seconds and say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple, Protocol

Money = dict[str, str | None]  # {"amount": "19.99", "currency": "USD"}
Value = str | int | Money | list[Any] | None
Fields = dict[str, Any]


class Outcome(StrEnum):
    """How a page ended."""

    OK = "ok"
    NOT_MODIFIED = "not_modified"
    GONE = "gone"
    FAILED = "failed"


class ErrorType(StrEnum):
    """Why a page failed; the table in the contract says what each means."""

    EXTRACTION = "extraction"
    RATE_LIMIT = "rate_limit"
    TRANSIENT = "transient"
    PERMANENT = "permanent"
    BLOCKED = "blocked"
    MALFORMED = "malformed"
    REFUSED = "refused"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"


class FaultKind(StrEnum):
    """Ways in which a request ends without a whole answer."""

    NO_HOST = "no_host"  # NXDOMAIN
    DNS = "dns"  # the resolver timed out or failed
    CONNECT = "connect"  # refused, unreachable, or no connection in time
    TLS = "tls"  # a certificate or handshake that cannot be trusted
    TIMEOUT = "timeout"  # connected, but not answered in time
    CUT = "cut"  # reset or closed before the answer was whole
    GARBLED = "garbled"  # not HTTP, bad chunk, bad header
    ENCODING = "encoding"  # content coding unknown or broken
    ADDRESS = "address"  # the address dialled is not allowed
    TOO_LARGE = "too_large"  # body or headers over the cap
    BAD_URL = "bad_url"  # not something that can be requested


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request: seconds, and decoded bytes.

    `timeout`: the whole page. `connect_timeout`: name, connection and TLS handshake together.
    `read_timeout`: between bytes. None: `tls_timeout` is what is left of `connect_timeout`,
    `first_byte_timeout` (from request to answer) is `read_timeout`.
    """

    timeout: float = 30.0
    connect_timeout: float = 10.0
    read_timeout: float = 10.0
    max_body: int = 16 * 1024 * 1024
    tls_timeout: float | None = None
    first_byte_timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Tls:
    """How a host proves who it is, and what it is shown: PEM files. None: the system's certificates, none."""

    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None  # where it is not in `client_cert`


class Sink(Protocol):
    """Takes a body as it comes, so that memory need not. Neither method raises."""

    def begin(self) -> None:
        """A body begins; what came of an earlier answer is no part of it."""

    def write(self, piece: bytes) -> None:
        """Its next bytes, decoded."""


class Request(NamedTuple):
    """One GET. `url` is absolute and normalised; redirects are never followed by a transport.

    `truncate`: a body over the cap is cut there instead of being a fault (robots.txt). `sink`: where the
    body goes; the answer's own has its first bytes only, enough to see what it is.
    """

    url: str
    headers: Mapping[str, str]
    limits: Limits
    truncate: bool = False
    tls: Tls = Tls()
    sink: Sink | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer. `body` is decoded (no content coding left).

    `headers` looks names up in any case. `latency` is seconds from send to first byte, `elapsed`
    from send to last.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    latency: float
    elapsed: float


@dataclass(frozen=True, slots=True)
class Fault:
    """A request that ended without a whole answer. `message` is for people and names what happened.

    `status` and `headers` are there when the head of an answer arrived before it broke.
    """

    kind: FaultKind
    message: str
    elapsed: float = 0.0
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Retry(IntEnum):
    """What may be done with a task after an answer."""

    NO = 0
    BACK_OFF = 1  # counts as an attempt, waits, draws on the host's retry budget
    WHEN_ALLOWED = 2  # not an attempt: as soon as the host's pace lets it


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one answer means: `outcome` None is a page to extract (or a redirect to follow)."""

    outcome: Outcome | None
    error_type: ErrorType | None = None
    message: str | None = None
    retry: Retry = Retry.NO
    healthy: bool = True  # the host answered as a host in good health does
    retry_after: float | None = None  # seconds from the answer


@dataclass(frozen=True, slots=True)
class PageState:
    """What the store remembers of a page from earlier crawls; all None on first sight."""

    etag: str | None = None
    modified: str | None = None  # Last-Modified as the server wrote it
    rules: int | None = None  # fingerprint of the site's rules that read it last
    body: int | None = None  # fingerprint of the last body
    fields: int | None = None  # fingerprint of the last good fields


@dataclass(slots=True)
class Task:
    """One URL still to do in a crawl. `host` and `due` say where and when it stands in the store."""

    crawl: int
    host: int
    due: float  # UTC seconds; fresh tasks stand at minus their priority
    key: int  # 64-bit hash of the normalised URL
    url: str
    home: int  # the page's own host; differs from `host` after a redirect moved the task
    attempt: int = 0
    waits: int = 0  # rate-limited answers so far
    line: int | None = None
    columns: dict[str, str] | None = None  # other columns of the source line
    site: str | None = None  # named by the source's column `site`
    hops: list[str] = field(default_factory=list)  # URLs redirected to, the last is the next to fetch
    page: PageState = PageState()

    @property
    def target(self) -> str:
        """The URL to request next."""
        return self.hops[-1] if self.hops else self.url


@dataclass(slots=True)
class Record:
    """One URL of one crawl, as users see it; keys and meanings are the contract's."""

    url: str
    final_url: str | None
    redirects: list[str]
    site: str | None
    host: str | None
    crawl: int | None
    request_id: str | None
    fetched_at: str | None
    status: int | None
    outcome: str
    error_type: str | None
    error: str | None
    attempts: int
    response_time: float | None
    from_cache: bool
    changed: bool | None
    previous: Fields
    missing: list[str]
    line: int | None
    source: dict[str, str]
    fields: Fields

    @classmethod
    def of_bad_line(
        cls, crawl: int, text: str, error: str, line: int | None, columns: dict[str, str] | None, at: str
    ) -> Record:
        """The record of a source line that is no URL; `at`: ISO 8601."""
        return cls(
            url=text, final_url=None, redirects=[], site=None, host=None, crawl=crawl, request_id=None,
            fetched_at=at, status=None, outcome=Outcome.FAILED.value, error_type=ErrorType.MALFORMED.value,
            error=error, attempts=0, response_time=None, from_cache=False, changed=None, previous={},
            missing=[], line=line, source=columns or {}, fields={},
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON-able keys in the contract's order."""
        return {name: getattr(self, name) for name in self.__slots__}


RECORD_KEYS: tuple[str, ...] = tuple(Record.__slots__)


def utc_iso(seconds: float) -> str:
    """UTC seconds as ISO 8601 with milliseconds and a Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def request_id(crawl: int, number: int) -> str:
    """The id that a record and its log lines share: the crawl and the number of the request, in hex."""
    return f"{crawl:x}-{number:x}"
