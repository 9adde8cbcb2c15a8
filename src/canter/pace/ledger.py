"""How many requests a host admitted and when, and what rate its refusals then speak for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

BINS, WIDTH = 96, 0.25  # s; twice as wide whenever they are full
BLUR = 1.0  # requests; what backlogs are uncertain by
LONGEST_BURST = 15.0  # seconds of its rate
TYPICAL_BURST = 1.0  # seconds of its rate that a limit lets through at once, when nothing is known


class Ledger:
    """Counts of admitted requests in bins of time."""

    __slots__ = ("_bins", "_width", "start")

    def __init__(self, start: float) -> None:
        self.start = start
        self._width = WIDTH
        self._bins: list[int] = []

    def add(self, at: float) -> None:
        """A request that was sent at `at` was admitted."""
        bins = self._bins
        index = int((at - self.start) / self._width)
        while index >= len(bins):
            if index >= BINS:
                bins[:] = [sum(bins[i : i + 2]) for i in range(0, len(bins), 2)]
                self._width *= 2
                index //= 2
            else:
                bins.append(0)
        bins[max(index, 0)] += 1

    def total(self) -> int:
        """Requests since the start."""
        return sum(self._bins)

    def count(self, since: float, until: float) -> float:
        """Requests sent between two times; bins that are cut count in part."""
        width, total = self._width, 0.0
        for index, number in enumerate(self._bins):
            if number:
                begin = self.start + index * width
                end = min(begin + width, max(until, begin + 1e-9))
                total += number * min(1.0, max(0.0, (end - max(begin, since)) / (end - begin)))
        return total

    def steps(self, until: float) -> Iterator[tuple[float, int]]:
        """The end of each bin and its requests, up to `until`."""
        end = self.start
        for number in self._bins:
            end = min(end + self._width, until)
            yield end, number
        if end < until:
            yield until, 0

    def backlog(self, rate: float, until: float, backlog: float = 0.0) -> float:
        """What a bucket drained at `rate` holds at `until`, having begun with `backlog` (Lindley, 1952)."""
        at, step = self.start, self._width
        for number in self._bins:
            backlog = max(0.0, backlog + number - rate * max(0.0, min(step, until - at)))
            at += step
        return max(0.0, backlog - rate * max(0.0, until - at))


class Refusals:
    """Infers a host's rate from its refusals: a bucket is as full at each of them.

    One refusal leaves rate and burst open, and a typical burst is assumed. From the second on the rate is
    what makes the backlog at both the same: at a steady rate, requests admitted over seconds between.
    """

    __slots__ = ("_before", "_burst", "ledger")

    def __init__(self, start: float) -> None:
        self.ledger = Ledger(start)
        self._before: tuple[Ledger, float] | None = None
        self._burst: float | None = None

    @property
    def none(self) -> bool:
        """Whether there was no refusal yet that counts."""
        return self._before is None and self._burst is None

    def refused(self, at: float, rate: float, known: float = math.inf) -> tuple[float, int]:
        """The rate that a refusal at `at` speaks for, at most `rate` (in use), and on how many requests.

        `known`: what an earlier run found; it is kept where a burst explains that more was admitted.
        """
        ledger, before = self.ledger, self._before
        number = ledger.total()
        least = rate / 20.0
        if self._burst is None and before is None:
            found = _root(lambda r: ledger.backlog(r, at) - max(1.0, TYPICAL_BURST * r), least, rate)
            if known < found and ledger.backlog(known, at) <= LONGEST_BURST * known + 1.0:
                found = known
            self._before = (ledger, at)
        else:
            burst = self._burst_at if self._burst is None else self._known
            simple = number / max(at - ledger.start, 1e-3)

            def above(r: float) -> float:
                """By how many requests the backlog of now is above that of the last refusal."""
                return ledger.backlog(r, at, burst(r)) - burst(r)

            found = _root(above, max(least, simple), rate)
            if found > 1.02 * simple:  # it was full in between: a ramp like the first tells nothing new
                cautious = _root(lambda r: ledger.backlog(r, at) - max(1.0, TYPICAL_BURST * r), least, rate)
                lowest = _root(lambda r: above(r) - max(BLUR, 0.05 * r), max(least, simple), found)
                found = min(found, max(cautious, simple, lowest))
            self._burst = burst(found)
            self._before = None
        self.ledger = Ledger(at)
        return found, number

    def forget(self) -> None:
        """The refusals so far were none of a limit."""
        self._before = self._burst = None

    def _burst_at(self, rate: float) -> float:
        assert self._before is not None
        ledger, at = self._before
        return ledger.backlog(rate, at)

    def _known(self, rate: float) -> float:  # noqa: ARG002
        assert self._burst is not None
        return self._burst

    def shift(self, seconds: float) -> None:
        """The clock was set by so much."""
        self.ledger.start += seconds
        if self._before:
            ledger, at = self._before
            ledger.start += seconds
            self._before = (ledger, at + seconds)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function passes 0 between two rates."""
    if low >= high or function(low) <= 0:
        return min(low, high)
    for _ in range(16):
        middle = (low * high) ** 0.5
        if function(middle) > 0:
            low = middle
        else:
            high = middle
    return low
