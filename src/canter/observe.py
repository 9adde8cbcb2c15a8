"""Events -> counts that progress shows, and structured log lines."""

from __future__ import annotations

import logging
import sys
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import cached_property
from heapq import nlargest
from typing import Any, Protocol, TextIO

from canter.model import Record
from canter.protocols import PaceFacts
from canter.redaction import redact_value

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_LEVEL_OF = {"robots": "debug", "host_down": "warning", "pace_memory": "warning"}  # the others: info
_BUSIEST = 5
_MOST_ROWS = 300  # hosts in one report of news
_MOST_FRESH = 10_000  # hosts that may wait for a report
_LATEST = 50  # failures, and changes, in one report
_LONG, _MANY = 500, 20  # characters and items of a changed value
_FAILURE = ("crawl", "url", "host", "error_type", "error", "request_id")

LATENCY = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # s: bounds of the histogram


Traced = Callable[[str, int | None, float, int], None]


class LogStream(Protocol):
    """Where log lines go: `sys.stderr`, or a pipe to the process that owns the terminal."""

    def write(self, text: str, /) -> Any:
        """Take a text, whole lines at a time."""

    def flush(self) -> Any:
        """Nothing may wait."""


class Log:
    """Structured lines, JSON or for people, with what is bound (the crawl, for one) on each.

    Secrets are hidden: by what they look like, and `secrets` by their value.
    """

    def __init__(
        self,
        level: str,
        form: str,
        stream: LogStream | TextIO | None = None,
        *,
        secrets: Iterable[str] = (),
        **bound: Any,
    ) -> None:
        self.threshold = _LEVELS[level]
        self._form = form
        self._out: Any = stream or sys.stderr
        self._secrets = tuple(secrets)
        self._bound = bound

    @cached_property
    def _log(self) -> Any:
        """Made with the first line: many a process says nothing, and structlog takes its time to load."""
        import structlog

        renderer: Any = (
            structlog.processors.JSONRenderer(default=str)
            if self._form == "json"
            else structlog.dev.ConsoleRenderer(colors=getattr(self._out, "isatty", lambda: False)())
        )
        return structlog.wrap_logger(
            structlog.PrintLogger(self._out),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                self._redact,
                _one_line,
                renderer,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(self.threshold),
        ).bind(**self._bound)

    def say(self, level: str, event: str, **details: Any) -> None:
        """One line, where the level is wanted."""
        if _LEVELS[level] >= self.threshold:
            getattr(self._log, level)(event, **{name: v for name, v in details.items() if v is not None})

    def _redact(self, _: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for name, value in event.items():
            event[name] = redact_value(name, _plain(value), self._secrets)
        return event


def _plain(value: Any) -> Any:
    """What a line will show of a value that is no text or number."""
    return str(value) if isinstance(value, BaseException) else value


def _one_line(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A scraped text on a log line: no line breaks, no terminal escapes, not endless."""
    for name, value in event.items():
        if isinstance(value, str) and (len(value) > 2_000 or not value.isprintable()):
            event[name] = "".join(
                c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value[:2_000]
            )
    return event


@dataclass(slots=True)
class Counts:
    """What happened in a crawl, in one process or in several.

    `requests`, of them `refused` (no answer, or status 400 and up) and `rejected` (429 and 503); their
    `seconds`, `bytes` and `latency` (how many within each of LATENCY, and beyond); `outcomes`, `errors` and
    `attempts` of pages; `last_page`: when the last one ended (UTC, ISO 8601); `hosts`: requests of late by
    host, the busiest only.
    """

    requests: int = 0
    refused: int = 0
    rejected: int = 0
    bytes: int = 0
    seconds: float = 0.0
    latency: list[int] = field(default_factory=lambda: [0] * (len(LATENCY) + 1))
    outcomes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    last_page: str | None = None
    hosts: Counter[str] = field(default_factory=Counter)

    def merge(self, other: Counts) -> None:
        """Add what happened elsewhere."""
        for name in ("requests", "refused", "rejected", "bytes", "seconds", "attempts"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.latency = [a + b for a, b in zip(self.latency, other.latency, strict=True)]
        for name in ("outcomes", "errors", "hosts"):
            getattr(self, name).update(getattr(other, name))
        self.last_page = max(filter(None, (self.last_page, other.last_page)), default=None)

    @property
    def busiest(self) -> list[str]:
        """The hosts that were asked most of late."""
        return [host for host, _ in self.hosts.most_common(_BUSIEST)]


@dataclass(frozen=True, slots=True)
class HostNews:
    """What a worker saw of a host since its last report, and how it is asked."""

    host: str
    requests: int
    rejections: int
    failures: int
    pace: PaceFacts | None


@dataclass(frozen=True, slots=True)
class News:
    """What a worker saw since its last report: hosts that were asked, some failures and changed fields.

    `failures` have the keys crawl, url, host, error_type, error, request_id and at; `changes` crawl, url,
    field, old, new and at.
    """

    hosts: list[HostNews]
    failures: list[dict[str, Any]]
    changes: list[dict[str, Any]]

    def __bool__(self) -> bool:
        return bool(self.hosts or self.failures or self.changes)


class RunObserver:
    """Counts what happens in a crawl and logs it; implements `protocols.Observer`."""

    def __init__(self, log: Log, traced: Traced | None = None) -> None:
        """`traced` is told of each request, too."""
        self._log = log
        self._traced = traced
        self._counts = Counts()
        self._fresh: dict[str, list[int]] = {}  # host -> requests, rejections, failures not yet reported
        self._failures: deque[dict[str, Any]] = deque(maxlen=_LATEST)
        self._changes: deque[dict[str, Any]] = deque(maxlen=_LATEST)

    def request(self, host: str, status: int | None, seconds: float, size: int) -> None:
        """An answer, or none (status None), arrived."""
        counts, rejected = self._counts, status in (429, 503)
        counts.requests += 1
        counts.refused += status is None or status >= 400
        counts.rejected += rejected
        counts.bytes += size
        counts.seconds += seconds
        counts.latency[bisect_left(LATENCY, seconds)] += 1
        counts.hosts[host] += 1
        fresh = self._fresh_of(host)
        fresh[0] += 1
        fresh[1] += rejected
        if self._traced:
            self._traced(host, status, seconds, size)
        if self._log.threshold <= logging.DEBUG:
            self._log.say("debug", "request", host=host, status=status, seconds=round(seconds, 4), bytes=size)

    def record(self, record: Record) -> None:
        """A page ended."""
        counts = self._counts
        counts.outcomes[record.outcome] += 1
        counts.attempts += record.attempts
        counts.last_page = record.fetched_at
        if record.error_type:
            counts.errors[record.error_type] += 1
        if record.outcome == "failed":
            self._fresh_of(record.host or "")[2] += 1
            self._failures.append({key: getattr(record, key) for key in _FAILURE} | {"at": record.fetched_at})
        elif record.changed:
            self._changes.extend(_changes(record))
        level = "info" if record.outcome == "failed" else "debug"
        if self._log.threshold <= _LEVELS[level]:
            self._log.say(
                level, "page", url=record.url, host=record.host, outcome=record.outcome,
                error_type=record.error_type, error=record.error, status=record.status,
                request_id=record.request_id, attempts=record.attempts,
            )  # fmt: skip

    def event(self, name: str, **details: Any) -> None:
        """Anything else worth a log line."""
        level = _LEVEL_OF.get(name, "info")
        if self._log.threshold <= _LEVELS[level]:
            self._log.say(level, name, **details)

    def _fresh_of(self, host: str) -> list[int]:
        fresh = self._fresh.get(host)
        if fresh is None:
            if len(self._fresh) >= _MOST_FRESH:
                self._fresh.clear()  # nobody asks for news
            fresh = self._fresh[host] = [0, 0, 0]
        return fresh

    def snapshot(self) -> Counts:
        """The counts since it began; of hosts the few that were asked most since the last snapshot."""
        counts = self._counts
        counts.hosts = Counter(dict(counts.hosts.most_common(_BUSIEST)))
        taken = Counts()
        taken.merge(counts)
        counts.hosts = Counter()
        return taken

    def news(self, paces: Callable[[Iterable[str]], Mapping[str, PaceFacts]]) -> News:
        """What was seen since the last call; `paces` tells how hosts are asked.

        Of very many hosts the busiest come first, the others with a later call.
        """
        names = nlargest(_MOST_ROWS, self._fresh, key=lambda host: self._fresh[host][0])
        known = paces(names)
        hosts = []
        for name in names:
            requests, rejections, failures = self._fresh.pop(name)
            hosts.append(HostNews(name, requests, rejections, failures, known.get(name)))
        news = News(hosts, list(self._failures), list(self._changes))
        self._failures.clear()
        self._changes.clear()
        return news


def _changes(record: Record) -> Iterator[dict[str, Any]]:
    for name, old in record.previous.items():
        yield {
            "crawl": record.crawl, "url": record.url, "field": name, "old": _short(old),
            "new": _short(record.fields.get(name)), "at": record.fetched_at,
        }  # fmt: skip


def _short(value: Any) -> Any:
    """A value to be looked at: long texts and lists are cut."""
    if isinstance(value, str):
        return value if len(value) <= _LONG else value[: _LONG - 1] + "…"
    if isinstance(value, list):
        return [_short(item) for item in value[:_MANY]]
    if isinstance(value, dict):
        return {_short(name): _short(item) for name, item in list(value.items())[:_MANY]}
    return value
