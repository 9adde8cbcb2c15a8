"""A simulated host: a hidden limit, its latency, and what makes hosts hard (bans, noise, strangers)."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from canter.simulation.limits import Limit, Queue

REFUSAL_TIME = 0.3  # a refusal takes this share of an ordinary answer's time
STEP = 1.0  # s; how finely a limit that changes is summed up


class Answer(NamedTuple):
    """`latency`: seconds; `noise`: a random failure, nothing to do with the limit."""

    status: int | None
    latency: float
    retry_after: float | None = None
    headers: Mapping[str, str] = {}
    noise: bool = False


@dataclass(slots=True)
class Bans:
    """fail2ban: `violations` refusals within `within` seconds shut a visitor out for `seconds`."""

    violations: int
    within: float
    status: int | None = 403
    seconds: float = 600.0
    until: float = -math.inf
    count: int = 0
    _seen: deque[float] = field(default_factory=deque)

    def violated(self, now: float) -> None:
        """A request was refused at `now`."""
        seen = self._seen
        seen.append(now)
        while seen[0] <= now - self.within:
            seen.popleft()
        if len(seen) >= self.violations:
            seen.clear()
            self.until = now + self.seconds
            self.count += 1


@dataclass(slots=True)
class Strangers:
    """Others who use `share` of the limit every other while; a while is `mean` seconds on average."""

    share: float
    mean: float
    draw: Random
    _busy: bool = False
    _turn: float = -math.inf  # when they come or go next
    _next: float = math.inf  # their next request

    def before(self, now: float, rate: float) -> list[float]:
        """The times of their requests since the last call."""
        times = []
        if self._turn == -math.inf:
            self._busy, self._turn = self.draw.random() < 0.5, now + self.draw.expovariate(1 / self.mean)
            self._next = now if self._busy else math.inf
        while min(self._next, self._turn) <= now:
            if self._next <= self._turn:
                times.append(self._next)
                self._next += self.draw.expovariate(rate * self.share)
            else:
                self._busy = not self._busy
                self._next = self._turn if self._busy else math.inf
                self._turn += self.draw.expovariate(1 / self.mean)
        return times

    def use(self) -> float:
        """Share of the limit that they use now."""
        return self.share if self._busy else 0.0


def constant(_: float) -> float:
    """A limit that does not change."""
    return 1.0


@dataclass(slots=True)
class Host:
    """One host as a crawler meets it. Times are seconds, shares from 0 to 1.

    `latency`: mean of an unloaded answer, `spread` the deviation of its logarithm (a queue's service is
    exponential instead); `schedule`: share of the limit that holds at a time.
    """

    kind: str
    limit: Limit
    latency: float
    draw: Random
    refusal: int = 429
    tells_wait: bool = False
    tells_limit: bool = False
    spread: float = 0.2
    bans: Bans | None = None
    noise: float = 0.0
    strangers: Strangers | None = None
    schedule: Callable[[float], float] = constant
    network: float = 0.0
    allowed: float = 0.0  # good answers that the limit allowed up to now
    _at: float = -math.inf

    def answer(self, now: float) -> Answer:
        """What becomes of a request sent now."""
        self.advance(now)
        draw = self.draw
        if isinstance(self.limit, Queue):
            service = draw.expovariate(1.0 / (self.latency - self.network))
        else:
            service = self.latency * math.exp(draw.gauss(0.0, self.spread))
        quick = self.network + REFUSAL_TIME * service
        if self.bans and now < self.bans.until:
            return Answer(self.bans.status, quick)
        if self.noise and draw.random() < self.noise:
            return Answer(503, quick, noise=True)
        queued = self.limit.admit(now, service, self.schedule(now))
        headers = self.limit.headers(now) if self.tells_limit else {}
        if queued is not None:
            return Answer(200, self.network + queued + service, None, headers)
        if self.bans:
            self.bans.violated(now)
        wait = self.limit.wait(now) if self.tells_wait else None
        return Answer(self.refusal, quick, None if wait is None else math.ceil(wait), headers)

    def advance(self, now: float) -> None:
        """Let time pass: strangers come, and what the limit allows adds up."""
        if self._at == -math.inf:
            self._at = now
        while self._at < now:
            step = min(STEP, now - self._at)
            self._at += step
            scale = self.schedule(self._at)
            used = 0.0
            if self.strangers:
                for at in self.strangers.before(self._at, self.limit.rate * scale):
                    self.limit.admit(at, self.latency, scale)
                used = self.strangers.use()
            self.allowed += step * self.limit.rate * scale * (1.0 - used) * (1.0 - self.noise)
