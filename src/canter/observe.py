"""Events -> counts that progress shows, and structured log lines."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import MutableMapping
from typing import Any, Protocol, TextIO

import structlog

from canter.model import Record

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_LEVEL_OF = {"robots": "debug", "retry": "info", "host_paused": "warning", "host_down": "warning"}
_BUSIEST = 5


class LogStream(Protocol):
    """Where log lines go: `sys.stderr`, or a pipe to the process that owns the terminal."""

    def write(self, text: str, /) -> Any:
        """Take a text, whole lines at a time."""

    def flush(self) -> Any:
        """Nothing may wait."""


class Log:
    """Structured lines, JSON or for people, with the crawl on each."""

    def __init__(self, level: str, form: str, stream: LogStream | TextIO | None = None, **bound: Any) -> None:
        self.threshold = _LEVELS[level]
        out: Any = stream or sys.stderr
        renderer: Any = (
            structlog.processors.JSONRenderer(default=str)
            if form == "json"
            else structlog.dev.ConsoleRenderer(colors=getattr(out, "isatty", lambda: False)())
        )
        self._log = structlog.wrap_logger(
            structlog.PrintLogger(out),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                _one_line,
                renderer,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(self.threshold),
        ).bind(**bound)

    def say(self, level: str, event: str, **details: Any) -> None:
        """One line, where the level is wanted."""
        if _LEVELS[level] >= self.threshold:
            getattr(self._log, level)(event, **{name: v for name, v in details.items() if v is not None})


def _one_line(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A scraped text on a log line: no line breaks, no terminal escapes, not endless."""
    for name, value in event.items():
        if isinstance(value, str) and (len(value) > 2_000 or not value.isprintable()):
            event[name] = "".join(
                c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value[:2_000]
            )
    return event


class RunObserver:
    """Counts what happens in a worker and logs it; implements `protocols.Observer`."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._requests = 0
        self._bytes = 0
        self._rejected = 0
        self._outcomes: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._hosts: Counter[str] = Counter()

    def request(self, host: str, status: int | None, seconds: float, size: int) -> None:
        """An answer, or none (status None), arrived."""
        self._requests += 1
        self._bytes += size
        self._rejected += status in (429, 503)
        self._hosts[host] += 1
        if self._log.threshold <= logging.DEBUG:
            self._log.say("debug", "request", host=host, status=status, seconds=round(seconds, 4), bytes=size)

    def record(self, record: Record) -> None:
        """A page ended."""
        self._outcomes[record.outcome] += 1
        if record.error_type:
            self._errors[record.error_type] += 1
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

    def snapshot(self) -> dict[str, Any]:
        """The counts since the worker began, and the hosts asked most since the last snapshot."""
        busiest = [host for host, _ in self._hosts.most_common(_BUSIEST)]
        self._hosts.clear()
        return {
            "requests": self._requests, "bytes": self._bytes, "rejected": self._rejected,
            "outcomes": dict(self._outcomes), "errors": dict(self._errors), "busiest": busiest,
        }  # fmt: skip
