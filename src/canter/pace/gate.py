"""What every pace of a host shares: spacing, floors, pauses, permits; and the pace that is off."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from random import random as _random
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

MIN_RATE = 0.05  # requests/s
JITTER = 0.01  # share of the spacing
MAX_PAUSE = 365 * 86_400.0  # s
BACKWARD = 1.0  # s; a clock this far behind its last reading has been set back

_REFUSALS = frozenset({420, 429, 503, 504})
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Sample(NamedTuple):
    """One answer. `status` None: none came.

    `latency`: seconds from send to first byte, nan where that is not known; `retry_after`: seconds from now.
    """

    sent_at: float
    status: int | None
    latency: float
    retry_after: float | None = None
    headers: Mapping[str, str] = _NO_HEADERS


class Gate:
    """Spacing, floors, pauses and permits; what answers mean is its children's to decide.

    For reports: `rate` (requests/s), `rejections`, `in_flight`, `paused_until` (-inf: never paused),
    `pause_reason` (None: not paused), `warning` (why a memory was not used).
    """

    _start_rate: ClassVar[float] = math.inf  # until something is learned
    _memory_version: ClassVar[int] = 2

    __slots__ = (
        "_canary",
        "_ceiling",
        "_floor",
        "_interval",
        "_last_send",
        "_max_in_flight",
        "_next",
        "_offset",
        "_random",
        "_seen",
        "in_flight",
        "pause_reason",
        "paused_until",
        "rate",
        "rejections",
        "warning",
    )

    def __init__(
        self,
        max_in_flight: int = 64,
        max_rate: float | None = None,
        memory: Mapping[str, Any] | None = None,
        clock_offset: float = 0.0,
        random: Callable[[], float] = _random,
    ) -> None:
        """`max_rate`: requests/s, None for no ceiling; `memory`: what an earlier run's `memory()` gave.

        `clock_offset` + now = UTC seconds; `random` draws the jitter, in [0, 1).
        Raises ValueError for a limit that is not above 0.
        """
        if max_in_flight < 1 or (max_rate is not None and not max_rate > 0):
            raise ValueError("max_in_flight and max_rate must be above 0 (max_rate None: no ceiling)")
        self._max_in_flight = max_in_flight
        self._ceiling = math.inf if max_rate is None else float(max_rate)
        self._floor = 0.0
        self._offset = clock_offset
        self._random = random
        self._seen = self._last_send = self._next = self.paused_until = -math.inf
        self._canary = False
        self.in_flight = 0
        self.rejections = 0
        self.pause_reason: str | None = None
        self.warning: str | None = None
        self._set_rate(self._start_rate)
        if memory is not None:
            self._recall(memory)

    def set_floor(self, min_interval: float) -> None:
        """Leave at least `min_interval` seconds between two requests (crawl-delay); 0 lifts it."""
        if not 0 <= min_interval < math.inf:
            raise ValueError(f"min_interval is {min_interval}; it must be 0 or more seconds")
        self._floor = min_interval
        self._next = max(self._next, self._last_send + min_interval)
        self._set_rate(self.rate)

    def ready_at(self, now: float) -> float:
        """Absolute time at which the next request may go; `math.inf` while an answer must come first."""
        if now >= self._seen:
            self._seen = now
        elif self._seen - now > BACKWARD:
            self._set_back(now)
        in_flight = self.in_flight
        if in_flight and (self._canary or in_flight >= self._max_in_flight):
            return math.inf
        ready = max(self.paused_until, self._next)
        return max(now, ready)

    def on_send(self, now: float) -> None:
        """A request goes out now; its permit ends with `on_response` or `on_drop`."""
        self.in_flight += 1
        self._last_send = now
        # Counted from now when late: a request that was not sent in time is no credit for a burst.
        start = max(self._next, now)
        self._next = start + self._interval * (1.0 + JITTER * self._random())

    def on_drop(self, now: float) -> None:
        """A request was cancelled: its permit ends without an answer."""
        self._end(now)

    def memory(self, now: float) -> dict[str, Any]:
        """What a later run may start from, JSON-able; times are UTC seconds."""
        paused = self.paused_until > now
        return {
            "version": self._memory_version,
            "at": now + self._offset,
            "rate": None,
            "paused_until": self.paused_until + self._offset if paused else None,
            "pause_reason": self.pause_reason if paused else None,
        }

    def _end(self, now: float) -> None:
        if self.in_flight:
            self.in_flight -= 1
        if now >= self._seen:
            self._seen = now
        elif self._seen - now > BACKWARD:
            self._set_back(now)

    def _set_rate(self, rate: float) -> None:
        self.rate = min(max(rate, MIN_RATE), self._ceiling)
        self._interval = max((1.0 - JITTER / 2) / self.rate, 1.0 / self._ceiling, self._floor)

    def _pause(self, now: float, seconds: float, reason: str) -> None:
        until = now + min(seconds, MAX_PAUSE)
        if until > self.paused_until:
            self.paused_until = until
            self.pause_reason = reason

    def _set_back(self, now: float) -> None:
        """The clock was set back: what was so far ahead, or ago, still is."""
        self._shift(now - self._seen)
        self._seen = now

    def _shift(self, seconds: float) -> None:
        self._next += seconds
        self._last_send += seconds
        self.paused_until += seconds

    def _recall(self, memory: Mapping[str, Any]) -> None:
        """Start from an earlier run's memory, or afresh with a warning where it cannot be read."""
        version, rate = memory.get("version"), memory.get("rate", 0)
        if version != self._memory_version:
            self.warning = (
                f"the pace memory is of version {version!r}, not {self._memory_version}: starting afresh"
            )
        elif rate is not None and positive(rate) is None:
            self.warning = "the pace memory cannot be read: starting afresh"
        else:
            until, at = positive(memory.get("paused_until")), positive(memory.get("at"))
            if until is not None and at is not None:
                self.paused_until = min(until, at + MAX_PAUSE) - self._offset
                self.pause_reason = str(memory.get("pause_reason") or "paused by an earlier run")


class OpenPace(Gate):
    """Pace off, for servers of one's own: no rate but `max_rate`; Retry-After and floors still hold.

    A refusal that names no time pauses for a second, so that a page's retries are not spent at once.
    """

    __slots__ = ()

    def on_response(self, now: float, sample: Sample) -> None:
        """The answer to a request: its permit ends."""
        self._end(now)
        if is_refusal(sample):
            self.rejections += 1
            self._pause(now, asked_wait(sample) or 1.0, reason_of(sample))
        elif self.paused_until <= now:
            self.pause_reason = None


def is_refusal(sample: Sample) -> bool:
    """Whether the answer asks for less: by its status, or a failing one by Retry-After."""
    status = sample.status
    return status is not None and (status in _REFUSALS or (status >= 400 and bool(asked_wait(sample))))


def asked_wait(sample: Sample) -> float | None:
    """Seconds that the answer asks to wait; None where it does not say, or nothing that can be read."""
    wait = sample.retry_after
    return wait if wait is not None and wait >= 0 else None


def is_bare(sample: Sample) -> bool:
    """Whether a refusal is a 503 or its like that names no time: a limit's, or a failing host's."""
    return sample.status not in (420, 429) and asked_wait(sample) is None


def reason_of(sample: Sample) -> str:
    if sample.status is None:
        return "no answer"
    wait = asked_wait(sample)
    return str(sample.status) if wait is None else f"{sample.status}, Retry-After {wait:.0f} s"


def positive(value: object) -> float | None:
    """`value` when it is a finite number above 0."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf:
        return float(value)
    return None
