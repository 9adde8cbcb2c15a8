"""One crawl of one host in virtual time, through the interface that every pace has."""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from canter.pace import Sample
from canter.simulation.host import Host

NEAR = 0.8  # share of the limit that counts as found
GAPS = 3  # so many gaps in a row


class Limiter(Protocol):
    """What is measured: `canter.pace.HostPace`, and what others do."""

    def ready_at(self, now: float) -> float:
        """When the next request may go; `math.inf`: an answer must come first."""
        ...

    def on_send(self, now: float) -> None:
        """A request goes out."""
        ...

    def on_response(self, now: float, sample: Sample) -> None:
        """An answer came."""
        ...


@dataclass(slots=True)
class Crawl:
    """What a crawl of `seconds` came to. Times from its start, s; `allowed`: what the limit allowed."""

    seconds: float = 0.0
    requests: int = 0
    good: int = 0
    refused: int = 0  # random failures are not among them
    noise: int = 0
    bans: int = 0
    allowed: float = 0.0
    found: float = math.inf  # when 0.8 of the limit was first reached
    latency: float = 0.0  # mean of good answers over the unloaded mean
    trace: list[tuple[float, bool | None]] = field(default_factory=list)  # sent at; None: random failure

    @property
    def goodput(self) -> float:
        """Good answers over what the limit allowed."""
        return self.good / self.allowed if self.allowed else 0.0


def crawl(
    pace: Limiter,
    host: Host,
    seconds: float,
    pages: float = math.inf,
    start: float = 0.0,
    *,
    trace: bool = False,
) -> Crawl:
    """Ask `host` as fast as `pace` lets us, for `seconds` or until `pages` good answers have come."""
    run = Crawl()
    flights: list[tuple[float, int, float, Sample]] = []
    now, end, latency = start, start + seconds, 0.0
    banned = host.bans.count if host.bans else 0
    recent: deque[float] = deque(maxlen=GAPS + 1)
    host.advance(start)
    host.allowed = 0.0
    while run.good < pages:
        ready = pace.ready_at(now)
        if flights and flights[0][0] < ready:
            now, _, _, sample = heapq.heappop(flights)
            if now >= end:
                break
            pace.on_response(now, sample)
            if sample.status == 200:
                run.good += 1
                latency += sample.latency
            continue
        if ready >= end:
            break
        now = ready
        answer = host.answer(now)
        pace.on_send(now)
        run.requests += 1
        good = answer.status == 200
        run.refused += not good and not answer.noise
        run.noise += answer.noise
        sample = Sample(now, answer.status, answer.latency, answer.retry_after, answer.headers)
        heapq.heappush(flights, (now + answer.latency, run.requests, now, sample))
        if trace:
            run.trace.append((now - start, None if answer.noise else good))
        if run.found == math.inf:
            recent.append(now) if good else recent.clear()
            if len(recent) > GAPS and GAPS / (now - recent[0] + 1e-9) >= NEAR * host.limit.rate:
                run.found = recent[0] - start
    now = now if run.good >= pages else end
    host.advance(now)
    run.seconds, run.allowed = now - start, host.allowed
    run.bans = (host.bans.count if host.bans else 0) - banned
    run.latency = latency / run.good / host.latency if run.good else math.inf
    return run
