"""What others do, through the interface of `HostPace`, so that all are measured alike."""

from __future__ import annotations

import math
from collections import deque

from canter.pace import Sample

GOOD = 200
REFUSALS = frozenset({429, 503, 504})


class FixedDelay:
    """One request at a time, `delay` seconds apart."""

    def __init__(self, delay: float = 1.0) -> None:
        self._delay = delay
        self._next = -math.inf
        self._busy = False

    def ready_at(self, now: float) -> float:
        """When the delay is over and the last answer is there."""
        return math.inf if self._busy else max(now, self._next)

    def on_send(self, now: float) -> None:
        """The delay counts from here."""
        self._busy = True
        self._next = now + self._delay

    def on_response(self, now: float, sample: Sample) -> None:  # noqa: ARG002
        """Nothing is learned."""
        self._busy = False


class DoublingDelay:
    """Each of 20 workers for itself: 1 s apart, x2 at 3 of its last 10 refused, x0.95 a success."""

    LEAST, MOST = 1.0, 60.0  # s
    WORKERS, LAST, REFUSED = 20, 10, 3

    def __init__(self) -> None:
        self._delay = [self.LEAST] * self.WORKERS
        self._free = [0.0] * self.WORKERS
        self._last: list[deque[bool]] = [deque(maxlen=self.LAST) for _ in range(self.WORKERS)]
        self._out: dict[float, list[int]] = {}

    def ready_at(self, now: float) -> float:
        """When the first worker's delay is over."""
        return max(now, min(self._free))

    def on_send(self, now: float) -> None:
        """The first free worker takes it."""
        worker = min(range(self.WORKERS), key=self._free.__getitem__)
        self._free[worker] = math.inf
        self._out.setdefault(now, []).append(worker)

    def on_response(self, now: float, sample: Sample) -> None:
        """The worker that sent it goes on after its delay."""
        workers = self._out[sample.sent_at]
        worker = workers.pop()
        if not workers:
            del self._out[sample.sent_at]
        refused = sample.status in REFUSALS
        last, delay = self._last[worker], self._delay[worker]
        last.append(refused)
        if refused and sum(last) >= self.REFUSED:
            delay = min(self.MOST, 2 * delay)
        elif sample.status == GOOD:
            delay = max(self.LEAST, 0.95 * delay)
        self._delay[worker] = delay
        self._free[worker] = now + delay


class AutoThrottle:
    """Scrapy's: the delay follows latency (target concurrency 1, 8 at once); an error never lowers it."""

    LEAST, MOST, FIRST, SLOTS = 0.0, 60.0, 5.0, 8

    def __init__(self) -> None:
        self._delay = self.FIRST
        self._next = -math.inf
        self._out = 0

    def ready_at(self, now: float) -> float:
        """When the delay is over and a slot is free."""
        return math.inf if self._out >= self.SLOTS else max(now, self._next)

    def on_send(self, now: float) -> None:
        """The delay counts from here."""
        self._out += 1
        self._next = now + self._delay

    def on_response(self, now: float, sample: Sample) -> None:  # noqa: ARG002
        """Half way to the latency."""
        self._out -= 1
        delay = max(sample.latency, (self._delay + sample.latency) / 2)
        delay = min(max(delay, self.LEAST), self.MOST)
        if sample.status == GOOD or delay > self._delay:
            self._delay = delay


class Aimd:
    """1 request/s and one more each second; half at a refusal, once a second; Retry-After is obeyed."""

    def __init__(self) -> None:
        self._rate = 1.0
        self._next = self._cut = -math.inf
        self._out = 0

    def ready_at(self, now: float) -> float:
        """Evenly spaced, 64 in flight."""
        return math.inf if self._out >= 64 else max(now, self._next)

    def on_send(self, now: float) -> None:
        """No catching up."""
        self._out += 1
        self._next = max(now, self._next) + 1.0 / self._rate

    def on_response(self, now: float, sample: Sample) -> None:
        """Up a little for a good answer, down by half for a refusal; a ban is neither."""
        self._out -= 1
        if sample.status in REFUSALS:
            if now >= self._cut + 1.0:
                self._cut, self._rate = now, max(0.05, self._rate / 2)
            if sample.retry_after:
                self._next = max(self._next, now + sample.retry_after)
        elif sample.status == GOOD:
            self._rate += 1.0 / self._rate


class Cubic(Aimd):
    """The AWS SDKs' adaptive mode: CUBIC on the rate, beta 0.7, scale 0.4; a refusal cuts to 0.7."""

    BETA, SCALE = 0.7, 0.4

    def __init__(self) -> None:
        super().__init__()
        self._most = self._rate
        self._window = 0.0

    def on_response(self, now: float, sample: Sample) -> None:
        """The cubic curve around the rate of the last refusal."""
        self._out -= 1
        if sample.status in REFUSALS:
            self._most, self._cut = self._rate, now
            self._rate = max(0.05, self._rate * self.BETA)
            self._window = (self._most * (1 - self.BETA) / self.SCALE) ** (1 / 3)
            if sample.retry_after:
                self._next = max(self._next, now + sample.retry_after)
        elif sample.status == GOOD:
            since = now - self._cut if self._cut > -math.inf else 0.0
            curve = self.SCALE * (since - self._window) ** 3 + self._most
            self._rate = (
                max(0.05, min(curve, 2.0 * self._rate)) if self._cut > -math.inf else self._rate + 0.5
            )
