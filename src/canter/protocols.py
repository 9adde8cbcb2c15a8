"""The few seams. An adapter is one new file, held to the contract test its siblings share.

`Work` is the widest on purpose: it is all that a worker may ask of a store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from canter.model import Fault, Fields, PageState, Record, Request, Response, Task


class Transport(Protocol):
    """Sends one request. Never raises for what a server or a network does: that is a `Fault`."""

    async def send(self, request: Request) -> Response | Fault:
        """The whole answer, or why there is none. Redirects are answers."""

    def leave(self, host: str) -> None:
        """Nothing more is asked of a host key for now: what is kept open for it may be closed."""

    async def close(self) -> None:
        """Close every connection."""


@dataclass(frozen=True, slots=True)
class HostRow:
    """A host with tasks waiting. `not_before` and `down_since` are UTC seconds, 0 where unset."""

    id: int
    name: str
    pending: int
    not_before: float = 0.0
    down_since: float = 0.0
    robots: str | None = None  # JSON of the last robots.txt answers, by scheme


class Visit(NamedTuple):
    """The end of a task: its record and what the page is remembered by (None: leave as it is)."""

    task: Task
    record: Record
    request_number: int
    fetched_at: float  # UTC seconds
    page: PageState | None = None
    value: bytes | None = None  # canonical JSON of the good fields when they differ from the last
    kept: Response | None = None  # the answer, where it is to be kept


@dataclass(frozen=True, slots=True)
class Kept:
    """A page as it was kept: the end of `task` by `answer`, to request `number` at `utc` (UTC seconds).

    `task` says nothing of places in a store; `site`: the name of the site that read the page then.
    """

    task: Task
    answer: Response
    utc: float
    number: int
    site: str | None


@dataclass(frozen=True, slots=True)
class HostNote:
    """What a host's row must remember; None leaves a part as it is."""

    host: int
    not_before: float | None = None  # UTC seconds
    down_since: float | None = None  # UTC seconds, 0: well again
    robots: str | None = None


@dataclass(slots=True)
class Batch:
    """What one transaction commits. All or nothing."""

    crawl: int
    visits: list[Visit] = field(default_factory=list)
    retries: list[tuple[Task, float]] = field(default_factory=list)  # task, new due (UTC seconds)
    moves: list[tuple[Task, str]] = field(default_factory=list)  # task, name of the host it goes to
    hosts: list[HostNote] = field(default_factory=list)
    paces: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # pace key -> memory
    counts: dict[str, float] = field(default_factory=dict)  # requests, rejected, bytes, seconds
    declared: dict[str, dict[str, str]] = field(default_factory=dict)  # site -> field first seen -> type

    def __len__(self) -> int:
        return len(self.visits) + len(self.retries) + len(self.moves)


class Work(Protocol):
    """A worker's view of the store: hosts with work, their tasks, what is remembered, and commits."""

    def hosts(self, crawl: int, now: float, limit: int, skip: Iterable[int]) -> list[HostRow]:
        """This worker's hosts with tasks and `not_before` passed, the longest remaining time first,
        without `skip`."""

    def owns(self, host: int) -> bool:
        """Whether the host is one of this worker's."""

    def left(self, crawl: int) -> bool:
        """Whether anything of the crawl is still to do, by this worker or another."""

    def host(self, crawl: int, name: str) -> HostRow:
        """The row of one host, made where it is new."""

    def tasks(self, crawl: int, host: int, after: tuple[float, int], limit: int) -> list[Task]:
        """The next tasks of a host in order of (due, key), beyond `after`."""

    def memory(self, pace_key: str) -> Mapping[str, Any] | None:
        """What the pace of a host was at the end of an earlier run."""

    def last_fields(self, task: Task) -> Fields | None:
        """The last good fields of a page, from any earlier crawl."""

    def commit(self, batch: Batch) -> None:
        """Commit a batch. Raises LostLease when another worker owns a shard it touches."""


class Keeper(Protocol):
    """Keeps whole pages, so that they can be extracted again."""

    def keep(self, visits: Iterable[Visit]) -> None:
        """Keep the pages of the visits that have one. They are safe before the visits are committed."""

    def close(self) -> None:
        """Nothing more is kept."""


@dataclass(frozen=True, slots=True)
class PaceFacts:
    """How a host is asked at a moment. `limit`: requests/s; `paused_until`: UTC seconds, None: not paused."""

    in_flight: int
    limit: float | None
    paused_until: float | None = None
    pause_reason: str | None = None


class Observer(Protocol):
    """Is told what happens; must be quick and must not raise."""

    def request(self, host: str, status: int | None, seconds: float, size: int) -> None:
        """An answer, or none (status None), arrived."""

    def record(self, record: Record) -> None:
        """A page ended."""

    def event(self, name: str, **details: Any) -> None:
        """Anything else worth a log line: `host_paused`, `robots`, `retry`, ..."""
