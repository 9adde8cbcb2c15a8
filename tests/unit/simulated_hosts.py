"""Simulated hosts, and a driver that asks one in virtual time as fast as a pace lets it."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from canter.pace import HostPace, OpenPace, Sample

Answer = tuple[float, int | None, float | None]  # latency, status, Retry-After
Host = Callable[[float, int], Answer]  # now, requests in flight before this one
GOOD: Answer = (0.08, 200, None)


@dataclass
class Run:
    """What happened in a simulated run; `last` maps a status to when it last came."""

    sends: list[float] = field(default_factory=list)
    statuses: list[tuple[float, int | None]] = field(default_factory=list)

    def count(self, status: int | None, since: float = 0.0) -> int:
        return sum(1 for at, found in self.statuses if found == status and at >= since)

    def gaps(self) -> list[float]:
        return [after - before for before, after in itertools.pairwise(self.sends)]


def drive(pace: HostPace | OpenPace, host: Host, seconds: float, start: float = 0.0) -> Run:
    """Ask `host` as fast as `pace` lets us, from `start` on; what is out at the end is dropped."""
    run, flights, now, number = Run(), list[tuple[float, int, float, int | None, float | None]](), start, 0
    while True:
        ready = pace.ready_at(now)
        arrival = flights[0][0] if flights else math.inf
        if min(ready, arrival) >= start + seconds:
            for _ in flights:
                pace.on_drop(start + seconds)
            return run
        if ready <= arrival:
            now = ready
            latency, status, wait = host(now, len(flights))
            pace.on_send(now)
            run.sends.append(now)
            number += 1
            heapq.heappush(flights, (now + latency, number, now, status, wait))
        else:
            now, _, sent_at, status, wait = heapq.heappop(flights)
            pace.on_response(
                now, Sample(sent_at=sent_at, status=status, latency=now - sent_at, retry_after=wait)
            )
            run.statuses.append((now, status))


def always(status: int | None, latency: float = 0.08, wait: float | None = None) -> Host:
    return lambda now, in_flight: (latency, status, wait)


def bucket(rate: float, burst: float, status: int = 429, wait: float | None = None) -> Host:
    """A token bucket, as nginx `limit_req` is one."""
    tokens, at = burst, 0.0

    def host(now: float, in_flight: int) -> Answer:
        nonlocal tokens, at
        tokens, at = min(burst, tokens + (now - at) * rate), now
        if tokens < 1:
            return (0.02, status, wait)
        tokens -= 1
        return GOOD

    return host


def jittered(host: Host, seconds: float) -> Host:
    """The same host at the end of a network: requests arrive late by so much on average, in order."""
    draw, last = random.Random(3), 0.0

    def late(now: float, in_flight: int) -> Answer:
        nonlocal last
        last = max(last, now + draw.expovariate(1 / seconds))
        latency, status, wait = host(last, in_flight)
        return (last - now + latency, status, wait)

    return late


def window(limit: int, size: float) -> Host:
    """`limit` requests in each fixed window, and an honest Retry-After."""
    current, used = -1, 0

    def host(now: float, in_flight: int) -> Answer:
        nonlocal current, used
        if current != now // size:
            current, used = int(now // size), 0
        used += 1
        return GOOD if used <= limit else (0.02, 429, (current + 1) * size - now)

    return host


def connections(limit: int) -> Host:
    return lambda now, in_flight: (0.5, 200, None) if in_flight < limit else (0.01, 503, None)


def noisy(share: float, status: int) -> Host:
    draw = random.Random(7).random
    return lambda now, in_flight: (0.08, status, None) if draw() < share else GOOD


def every(nth: int, status: int) -> Host:
    """Each `nth` request fails: never two in a row."""
    number = itertools.count(1)
    return lambda now, in_flight: (0.08, status, None) if next(number) % nth == 0 else GOOD


def pace_of(**options: Any) -> HostPace:
    return HostPace(random=random.Random(1).random, **options)


def answer(pace: HostPace | OpenPace, now: float, status: int | None, wait: float | None = None) -> float:
    """Send when allowed from `now` on, answer 0.1 s later; when the answer came."""
    sent_at = pace.ready_at(now)
    pace.on_send(sent_at)
    pace.on_response(sent_at + 0.1, Sample(sent_at, status, 0.1, wait))
    return sent_at + 0.1
