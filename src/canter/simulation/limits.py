"""The limits that hosts hide. Time is seconds, any origin, never backwards; `scale` is today's share of it.

`admit` says what becomes of a request that arrives now: seconds that it waits in the host's queue, or
None where it is refused. `wait` is what an honest Retry-After would then say.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from random import Random
from typing import Protocol


class Limit(Protocol):
    """What a host bears: `rate` is what it bears for long, requests/s."""

    rate: float

    def admit(self, now: float, service: float, scale: float) -> float | None:
        """Seconds in the queue before `service` seconds of work begin; None: refused."""
        ...

    def wait(self, now: float) -> float | None:
        """Seconds until a request would be admitted; None where the host cannot know."""
        ...

    def headers(self, now: float) -> dict[str, str]:
        """RateLimit headers of the IETF draft; empty for kinds that have none."""
        ...


class TokenBucket:
    """nginx `limit_req`: `burst` requests beyond the rate are let through at once, or queued."""

    def __init__(self, rate: float, burst: float, *, queued: bool = False) -> None:
        self.rate = rate
        self.burst = burst
        self._queued = queued
        self._excess = 0.0
        self._at = -math.inf
        self._scaled = rate

    def admit(self, now: float, service: float, scale: float) -> float | None:  # noqa: ARG002
        """A refused request takes nothing from the bucket."""
        self._scaled = rate = self.rate * scale
        excess = max(0.0, self._excess - (now - self._at) * rate)
        self._at, self._excess = now, excess
        if excess > self.burst:
            return None
        self._excess = excess + 1.0
        return excess / rate if self._queued else 0.0

    def wait(self, now: float) -> float | None:  # noqa: ARG002
        """Until the bucket has room for one more."""
        return max(0.0, self._excess - self.burst) / self._scaled

    def headers(self, now: float) -> dict[str, str]:  # noqa: ARG002
        """None."""
        return {}


class FixedWindow:
    """`number` requests in each window of `size` seconds; windows begin at `phase` + n x `size`."""

    def __init__(self, number: int, size: float, phase: float) -> None:
        self.rate = number / size
        self._number = number
        self._size = size
        self._phase = phase
        self._window = -1
        self._used = 0

    def admit(self, now: float, service: float, scale: float) -> float | None:  # noqa: ARG002
        """A refused request does not count."""
        window = math.floor((now - self._phase) / self._size)
        if window != self._window:
            self._window, self._used = window, 0
        if self._used >= self._number * scale:
            return None
        self._used += 1
        return 0.0

    def wait(self, now: float) -> float | None:
        """Until the next window."""
        return (self._window + 1) * self._size + self._phase - now

    def headers(self, now: float) -> dict[str, str]:
        """Limit, what remains of it, seconds to the next window."""
        return {
            "RateLimit-Limit": str(self._number),
            "RateLimit-Remaining": str(max(0, self._number - self._used)),
            "RateLimit-Reset": str(math.ceil(self.wait(now) or 0.0)),
        }


class SlidingWindow:
    """`number` requests in any `size` seconds; refused ones count too, so hammering never ends."""

    def __init__(self, number: int, size: float) -> None:
        self.rate = number / size
        self._number = number
        self._size = size
        self._seen: deque[float] = deque()

    def admit(self, now: float, service: float, scale: float) -> float | None:  # noqa: ARG002
        """Requests of the last `size` seconds are counted, this one too."""
        seen = self._seen
        while seen and seen[0] <= now - self._size:
            seen.popleft()
        seen.append(now)
        return 0.0 if len(seen) <= self._number * scale else None

    def wait(self, now: float) -> float | None:
        """Until enough of those counted are old."""
        over = len(self._seen) - self._number
        return self._seen[over] + self._size - now if 0 <= over < len(self._seen) else None

    def headers(self, now: float) -> dict[str, str]:  # noqa: ARG002
        """None."""
        return {}


class ConnectionCap:
    """nginx `limit_conn`: at most `number` requests at once; `service` is their mean length, s."""

    def __init__(self, number: int, service: float) -> None:
        self.rate = number / service
        self._number = number
        self._ends: list[float] = []

    def admit(self, now: float, service: float, scale: float) -> float | None:
        """A request holds its connection until its answer is out."""
        ends = self._ends
        while ends and ends[0] <= now:
            heapq.heappop(ends)
        if len(ends) >= max(1.0, math.floor(self._number * scale)):
            return None
        heapq.heappush(ends, now + service)
        return 0.0

    def wait(self, now: float) -> float | None:  # noqa: ARG002
        """Nobody knows."""
        return None

    def headers(self, now: float) -> dict[str, str]:  # noqa: ARG002
        """None."""
        return {}


class Queue:
    """M/M/c: `servers` workers, exponential service; beyond `backlog` waiting requests it refuses.

    Its limit is the knee: where evenly spaced requests get the most throughput over latency (Kleinrock).
    """

    def __init__(self, servers: int, service: float, network: float, backlog: int) -> None:
        self.rate = knee(servers, service, network)
        self._free = [-math.inf] * servers
        self._service = service
        self._backlog = backlog
        self._starts: deque[float] = deque()

    def admit(self, now: float, service: float, scale: float) -> float | None:
        """First come, first served."""
        while self._starts and self._starts[0] <= now:
            self._starts.popleft()
        if len(self._starts) >= self._backlog:
            return None
        start = max(now, self._free[0])
        heapq.heapreplace(self._free, start + service / scale)
        self._starts.append(start)
        return start - now

    def wait(self, now: float) -> float | None:  # noqa: ARG002
        """Nobody knows."""
        return None

    def headers(self, now: float) -> dict[str, str]:  # noqa: ARG002
        """None."""
        return {}


def knee(servers: int, service: float, network: float, requests: int = 4_000) -> float:
    """The rate of evenly spaced requests with the greatest throughput over mean latency, by simulation."""
    capacity = servers / service
    shares = [0.30 + 0.05 * step for step in range(14)]
    return max(
        (capacity * share for share in shares),
        key=lambda rate: rate / (network + _queueing(servers, service, rate, requests)),
    )


def _queueing(servers: int, service: float, rate: float, requests: int) -> float:
    """Mean seconds in a queue with `servers` when requests come 1/`rate` apart."""
    draw, free, total = Random(1), [0.0] * servers, 0.0
    for number in range(requests):
        now = number / rate
        end = max(now, free[0]) + draw.expovariate(1.0 / service)
        heapq.heapreplace(free, end)
        total += end - now
    return total / requests
